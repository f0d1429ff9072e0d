"""What is generated: complete, legal everywhere, in good form, the same each time."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from conftest import PROJECT, TEMPLATE, Bake, BakedProject, TryBake

ASKED: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))

SUPPORTED = [
    pytest.param({}, id="sample"),
    pytest.param({"data_file": "csv", "target": "Survived"}, id="own CSV"),
    pytest.param({"data_file": "parquet", "target": "Survived"}, id="own Parquet"),
    pytest.param({"storage": "s3://bucket/folder", "license": "MIT"}, id="S3, MIT"),
    pytest.param({"storage": "gs://bucket", "license": "BSD-3-Clause"}, id="Google, BSD"),
    pytest.param({"storage": "azure://container/x", "license": "Apache-2.0"}, id="Azure, Apache"),
    pytest.param({"storage": "ssh://me@host/srv", "tracking": "mlflow"}, id="SSH, MLflow"),
    pytest.param({"storage": "/srv/store", "project_name": "Ärger & Söhne 3"}, id="folder, name"),
]
UNSUPPORTED = [
    pytest.param({"target": "origin"}, "bundled sample", id="sample, another target"),
    pytest.param({"data_file": "csv"}, "name the column", id="own CSV, no target"),
    pytest.param({"data_file": "csv", "target": "late"}, "no column 'late'", id="own CSV, late"),
    pytest.param({"storage": "gdrive://x"}, "s3://BUCKET", id="Google Drive"),
    pytest.param({"storage": "git@host:x.git"}, "s3://BUCKET", id="Git as storage"),
    pytest.param({"project_name": "Champion"}, "champion", id="named as the engine"),
]
RENDERED = {
    ".dvc/config",
    ".github/CODEOWNERS",
    ".licenses/Apache-2.0.txt",
    ".licenses/BSD-3-Clause.txt",
    ".licenses/MIT.txt",
    "README.md",
    "card.yaml",
    "dvc.yaml",
    "gate.yaml",
    "pyproject.toml",
}


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "people.csv").write_text("Name;Survived\nAda;yes\nBob;no\n")
    table = pa.table({"Name": ["Ada", "Bob"], "Survived": [True, False]})
    pq.write_table(table, folder / "people.parquet")
    return {kind: str(folder / f"people.{kind}") for kind in ("csv", "parquet")}


def located(answers: dict[str, str], tables: dict[str, str]) -> dict[str, str]:
    if "data_file" not in answers:
        return answers
    return {**answers, "data_file": tables[answers["data_file"]]}


@pytest.fixture(scope="session", params=SUPPORTED)
def project(request: pytest.FixtureRequest, baked: Bake, tables: dict[str, str]) -> BakedProject:
    return baked(**located(request.param, tables))


@pytest.mark.parametrize(("answers", "words"), UNSUPPORTED)
def test_unsupported_combinations_are_refused(
    try_bake: TryBake, tables: dict[str, str], answers: dict[str, str], words: str
) -> None:
    attempt = try_bake(**located(answers, tables))
    assert (attempt.code, attempt.left) == (1, [])
    assert words in attempt.stderr


# the questions


def questions() -> list[str]:
    return [question for question in ASKED if not question.startswith("_")]


def test_at_most_nine_questions_each_with_a_label() -> None:
    labels = ASKED["__prompts__"]
    assert len(questions()) <= 9
    assert list(labels) == questions()
    for question in questions():
        if isinstance(ASKED[question], list):
            assert set(labels[question]) == {"__prompt__", *ASKED[question]}


def test_the_questions_as_a_person_sees_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "-o", str(tmp_path)]
    done = subprocess.run(
        command, input="\n" * 20, capture_output=True, encoding="utf-8", errors="replace"
    )
    assert done.returncode == 0, done.stderr
    for number in range(1, len(questions()) + 1):
        assert f"[{number}/{len(questions())}]" in done.stdout
    assert (tmp_path / "flight-delays" / "gate.yaml").is_file()


# every file of every combination


def text_files(project: BakedProject) -> dict[str, str]:
    found = {}
    for path in project.files():
        if path.suffix not in (".parquet", ".png"):
            found[path.relative_to(project.path).as_posix()] = path.read_bytes().decode("utf-8")
    return found


def test_nothing_is_left_unrendered(project: BakedProject) -> None:
    for name, text in text_files(project).items():
        assert "cookiecutter." not in name + text, name
        if name in RENDERED | {"LICENSE"}:
            assert not re.search(r"\{\{|\}\}|\{%|%\}|\{#|#\}", text), name
    assert not list(project.path.glob(".l*")), "files of options not chosen"
    assert not (project.path / ".answers.json").exists()


def test_line_ends_and_last_lines(project: BakedProject) -> None:
    for name, text in text_files(project).items():
        assert "\r" not in text, name
        assert not text or text.endswith("\n"), name


def test_yaml_toml_and_json_can_be_read(project: BakedProject) -> None:
    for name, text in text_files(project).items():
        suffix = Path(name).suffix
        if suffix in (".yaml", ".yml"):
            YAML(typ="safe").load(text)
        elif suffix == ".toml":
            tomllib.loads(text)
        elif suffix in (".json", ".ipynb"):
            json.loads(text)


def test_file_names_are_legal_on_windows(project: BakedProject) -> None:
    names = [path.relative_to(project.path) for path in project.files()]
    names += [p.relative_to(project.path) for p in (project.path / "data").rglob("*")]
    for name in names:
        assert len(str(name)) < 120
        for part in name.parts:
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part), name
            assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part), name
    assert len({str(name).casefold() for name in names}) == len(set(names))


def test_one_commit_and_a_clean_tree_without_the_data(project: BakedProject) -> None:
    assert project.git("log", "--format=%s|%D") == "Generate the project|HEAD -> main"
    assert project.git("status", "--porcelain") == ""
    assert not [p for p in project.files() if p.suffix in (".csv", ".parquet")]
    assert list((project.path / "data/raw").iterdir())


def test_form_and_lint_find_nothing(project: BakedProject) -> None:
    project.run("ruff", "format", "--check", "--no-cache", ".")
    project.run("ruff", "check", "--no-cache", ".")
    assert project.git("status", "--porcelain") == ""


def test_types_find_nothing(bake: Bake) -> None:
    bake(project_name="Another name").run("mypy")


def test_equal_answers_give_equal_bytes(try_bake: TryBake, baked: Bake) -> None:
    first, (second,) = baked(), try_bake().left
    trees = [
        {
            path.relative_to(root): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.relative_to(root).parts[0] != ".git"
        }
        for root in (first.path, second)
    ]
    assert trees[0] == trees[1]


# what differs


def test_the_licence_is_the_one_chosen(baked: Bake) -> None:
    assert not (baked().path / "LICENSE").exists()
    for name, start in {
        "MIT": "MIT License\n\nCopyright (c) Ada\n",
        "BSD-3-Clause": "BSD 3-Clause License\n\nCopyright (c) Ada\n",
        "Apache-2.0": "\n                                 Apache License\n",
    }.items():
        text = (baked(license=name, author="Ada").path / "LICENSE").read_text(encoding="utf-8")
        assert text.startswith(start)


def test_the_owner_reviews_how_models_are_judged(baked: Bake) -> None:
    """Once `make publish` has named the owner."""
    lines = (baked().path / ".github/CODEOWNERS").read_text().splitlines()
    free = "/src/flight_delays/*.py"
    assert all(line.startswith("#") or line == free for line in lines)
    assert [line[2:].removesuffix(" @OWNER") for line in lines if line.endswith(" @OWNER")] == [
        "/gate.yaml",
        "/src/",
        "/src/flight_delays/__init__.py",
        "/src/flight_delays/schema.py",
        "/.github/",
        "/Makefile",
        "/.dvc/",
        "/requirements*.txt",
        "/pyproject.toml",
        "/GNUmakefile",
        "/makefile",
        "/uv.toml",
        "/.venv/",
        "/deploy/",
    ]


def test_no_module_is_taken_from_the_top_folder(baked: Bake, tmp_path: Path) -> None:
    """Nobody owns a json.py there, and it would run with the rights of every workflow."""
    folder = tmp_path / "copy"
    shutil.copytree(baked().path, folder)
    (folder / "json.py").write_text("raise SystemExit('this one ran')\n")
    done = subprocess.run(
        ["make", "ci-settle"],
        cwd=folder,
        env={**os.environ, "CHAMPION_VENV": sys.prefix},
        capture_output=True,
        text=True,
    )
    assert "this one ran" not in done.stdout + done.stderr
    assert "GITHUB_API_URL is not set: this is a step of a workflow" in done.stderr


def test_the_remote_is_the_one_given(baked: Bake) -> None:
    config = (baked(storage="s3://bucket/folder", license="MIT").path / ".dvc/config").read_text()
    assert re.findall(r"url *= *(.*)", config) == ["s3://bucket/folder"]
    assert "verify = true" in config
    default = (baked().path / ".dvc/config").read_text()
    assert re.findall(r"url *= *(.*)", default) != ["s3://bucket/folder"]


def test_a_cloud_remote_brings_its_lock(baked: Bake) -> None:
    assert not (baked().path / "requirements-storage.txt").exists()
    for scheme, extra in {"s3": "s3fs", "gs": "gcsfs", "azure": "adlfs", "ssh": "sshfs"}.items():
        project = baked(storage=f"{scheme}://place/x")
        assert extra in (project.path / "requirements-storage.txt").read_text(encoding="utf-8")


def test_a_tracker_brings_its_lock_and_its_page(baked: Bake) -> None:
    names = ("src/tracker.py", "requirements-tracking.txt", "docs/tracking.md", "README.md")
    *absent, readme = (baked().path / name for name in names)
    assert not any(path.exists() for path in absent)
    assert names[2] not in readme.read_text(encoding="utf-8")
    for tracker, package, title in (
        ("mlflow", "mlflow-skinny", "MLflow"),
        ("wandb", "wandb", "Weights & Biases"),
    ):
        folder = baked(tracking=tracker).path
        script, lock, page, said = ((folder / it).read_text(encoding="utf-8") for it in names)
        assert f"import {tracker}" in script
        assert f"\n{package}==" in lock
        assert f"tells {title}" in page
        assert f"({names[2]})" in said


# the template itself


def template_files() -> list[str]:
    skipped = {"__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache"}
    files = (p for p in PROJECT.rglob("*") if p.is_file() and not skipped & set(p.parts))
    return [p.relative_to(PROJECT).as_posix() for p in files]


def test_only_a_few_files_are_rendered_and_the_others_hold_no_variable() -> None:
    literal = ASKED["_copy_without_render"]
    rendered = {n for n in template_files() if not any(fnmatch(n, p) for p in literal)}
    binary = {n for n in rendered if n.endswith((".parquet", ".png"))}
    assert {n for n in rendered - binary if not n.startswith("data/")} <= RENDERED
    for name in set(template_files()) - rendered:
        if not name.endswith((".parquet", ".png")):
            text = (PROJECT / name).read_text(encoding="utf-8")
            assert "{" + "{ cookiecutter" not in text, name
            assert "{" + "{cookiecutter" not in text, name


def test_each_out_is_kept_by_dvc_or_by_git_and_nothing_by_both(bake: Bake) -> None:
    project = bake()
    stages = YAML(typ="safe").load((project.path / "dvc.yaml").read_text())["stages"].values()
    outs = [
        out
        for stage in stages
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    for out in outs:
        name, cached = (out, True) if isinstance(out, str) else (next(iter(out)), True)
        if isinstance(out, dict):
            cached = out[name].get("cache", True)
        (project.path / name).parent.mkdir(exist_ok=True)
        ignored = project.run("git", "check-ignore", "--quiet", name, check=False).returncode == 0
        assert ignored == cached, name
    for name in ("data/raw", "data/later", ".venv/x", "src/champion/__pycache__/x.pyc"):
        assert project.run("git", "check-ignore", "--quiet", name, check=False).returncode == 0


# make


def spoken(project: BakedProject, tmp_path: Path, *arguments: str) -> list[str]:
    """What `make` passes to Python."""
    program = tmp_path / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PYTHONPATH" "$@"\n')
    program.chmod(0o755)
    variables = {"CHAMPION_VENV": str(tmp_path / "venv"), "MAKEFLAGS": "", "MAKELEVEL": "0"}
    said = project.run("make", *arguments, **variables).stdout
    path, *passed = said.splitlines()
    assert path == "src"
    return passed


def test_make_passes_its_arguments_on(bake: Bake, tmp_path: Path) -> None:
    project = bake()
    assert spoken(project, tmp_path, "repro") == ["-m", "champion", "repro"]
    data = ["-m", "champion", "data"]
    name = 'it\'s "my" file (2).csv'
    assert spoken(project, tmp_path, "data", f"FILE={name}") == [*data, name]
    replace = spoken(project, tmp_path, "data", f"FILE={name}", "MODE=replace")
    assert replace == [*data, name, "--mode", "replace"]
    moved = spoken(project, tmp_path, "storage", "URL=s3://bucket/a b")
    assert moved == ["-m", "champion", "storage", "s3://bucket/a b"]
    assert spoken(project, tmp_path, "protect") == ["-m", "champion", "protect"]
    protect = spoken(project, tmp_path, "protect", "TEAM=1", "QUEUE=1")
    assert protect == ["-m", "champion", "protect", "--team", "--queue"]
    audit = spoken(project, tmp_path, "audit", "ONLINE=1", "OUT=a b.html")
    assert audit == ["-m", "champion", "audit", "--online", "--out", "a b.html"]
    adopt = spoken(project, tmp_path, "adopt", "PR=7", "CONFIRM=yes")
    assert adopt == ["-m", "champion", "adopt", "7", "--confirm", "yes"]


def test_make_alone_lists_every_verb_that_people_type(bake: Bake) -> None:
    project = bake()
    listed = re.findall(r"^make (\S+) +\S", project.run("make").stdout, re.MULTILINE)
    targets = re.findall(r"^([a-z-]+):", (project.path / "Makefile").read_text(), re.MULTILINE)
    assert listed == [target for target in targets if target != "help"]
    verbs = project.run(sys.executable, "-m", "champion", "--help").stdout
    for verb in listed:
        assert re.search(rf"^  {verb} ", verbs, re.MULTILINE), verb


def test_make_finds_a_python_before_set_up(bake: Bake, tmp_path: Path) -> None:
    project = bake()
    for name in ("sh", "make", "awk", "git"):
        found = subprocess.run(
            ["which", name], capture_output=True, encoding="utf-8"
        ).stdout.strip()
        (tmp_path / name).symlink_to(found)
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")  # too old
    (tmp_path / "python").write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$@"\n')
    for name in ("python", "python3"):
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path), "HOME": os.environ["HOME"]}
    done = subprocess.run(
        ["make", "setup"], cwd=project.path, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.stdout == "-m champion setup\n", done.stderr


def test_the_readme_is_one_screen_and_names_what_exists(baked: Bake) -> None:
    project = baked()
    readme = (project.path / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 60
    for word in ("champion", "challenger", "holdout"):
        assert f"**{word}**" in readme
    targets = re.findall(r"^([a-z-]+):", (project.path / "Makefile").read_text(), re.MULTILINE)
    for verb in re.findall(r"`make ([a-z -]+)", readme):
        assert set(verb.split()) <= set(targets)
    for name in re.findall(r"`((?:src|tests|notebooks|data)/[\w./]*|\w+\.yaml)`", readme):
        if not name.startswith(("reports/", "notebooks/")):
            assert (project.path / name).exists(), name
