"""cruft: create, check, diff, and updates that never touch what is the user's."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from conftest import TEMPLATE, Done

CSV = "Name,Survived,Age\nAda,yes,36\nBob,no,41\n"
# What the user edits, and what the template changes in the same files.
YOURS = (
    "src/survival/data.py",
    "src/survival/model.py",
    "src/survival/schema.py",
    "tests/test_data.py",
    "tests/test_model.py",
    "README.md",
    "LICENSE",
    "gate.yaml",
    "params.yaml",
    ".dvc/config",
    ".github/CODEOWNERS",
)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


def cruft(folder: Path, *arguments: str, check: bool = True) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "cruft", *arguments],
        cwd=folder,
        env={**os.environ, "PWD": str(folder)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all", "--force", ".")
    git(folder, "commit", "--quiet", "--no-verify", "-m", message)


@pytest.fixture
def template(tmp_path: Path, outside: Path) -> Path:
    """The template as a repository of its own, one commit."""
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "tests", "dist")
    copy = tmp_path / "template"
    shutil.copytree(TEMPLATE, copy, ignore=ignored)
    tests = "{{cookiecutter.project_slug}}/tests"
    shutil.copytree(TEMPLATE / tests, copy / tests, ignore=ignored)
    git(tmp_path, "init", "--quiet", "template")
    commit(copy, "First version")
    return copy


@pytest.fixture
def created(template: Path, tmp_path: Path) -> Path:
    """A project by `cruft create`, with its one extra file committed."""
    (tmp_path / "people.csv").write_text(CSV)
    answers = {"project_name": "Survival", "data_file": "people.csv", "target": "Survived"}
    arguments = [f'"{key}": "{value}"' for key, value in {**answers, "license": "MIT"}.items()]
    context = "{" + ", ".join(arguments) + "}"
    cruft(tmp_path, "create", str(template), "--no-input", "--extra-context", context)
    project = tmp_path / "survival"
    assert git(project, "status", "--porcelain") == "?? .cruft.json"
    commit(project, "Follow the template")
    return project


def inside(template: Path, name: str) -> Path:
    root = template / "{{cookiecutter.project_slug}}"
    name = name.replace("src/survival", "src/{{cookiecutter.__package}}")
    return root / name.replace("LICENSE", ".licenses/MIT.txt")


def append(path: Path, text: str) -> None:
    path.write_bytes(path.read_bytes() + text.encode())


def test_an_update_changes_the_engine_and_nothing_that_is_yours(
    template: Path, created: Path, tmp_path: Path
) -> None:
    for name in YOURS:
        append(created / name, "# mine\n")
    (created / "src/survival/features.py").write_text("# mine\n")
    (created / "data/raw.dvc").write_text("outs: []\n")
    commit(created, "Our work")
    mine = {name: (created / name).read_bytes() for name in (*YOURS, "data/raw/people.csv")}

    for name in YOURS:
        append(inside(template, name), "# theirs\n")
    append(inside(template, "src/champion/errors.py"), "# theirs\n")
    append(inside(template, "Makefile"), "# theirs\n")
    inside(template, "src/champion/tables/new.py").write_text('"""New."""\n')
    (inside(template, "data/later") / "flights-2014-01.parquet").write_bytes(b"PAR1 more PAR1")
    commit(template, "Second version")
    (tmp_path / "people.csv").unlink()

    assert cruft(created, "check", check=False).returncode == 1
    said = cruft(created, "update", "--skip-apply-ask")
    assert "Not generated" not in said.stderr
    assert cruft(created, "check").returncode == 0

    assert {name: (created / name).read_bytes() for name in mine} == mine
    git(created, "add", "--all")
    assert set(git(created, "diff", "--cached", "--name-only").splitlines()) == {
        ".cruft.json",
        "Makefile",
        "src/champion/errors.py",
        "src/champion/tables/new.py",
    }
    assert (created / "src/champion/errors.py").read_text().endswith("# theirs\n")


def test_an_update_keeps_what_was_deleted_and_edited_lines_of_shared_files(
    template: Path, created: Path
) -> None:
    project = created / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace("dependencies = [\n", 'dependencies = [\n    "lightgbm",\n'))
    assert project.read_text() != text
    (created / ".github/dependabot.yml").unlink()
    commit(created, "Our dependency")
    append(inside(template, "pyproject.toml"), "# theirs\n")
    append(inside(template, ".github/dependabot.yml"), "# theirs\n")
    commit(template, "Second version")
    cruft(created, "update", "--skip-apply-ask")
    assert '"lightgbm"' in project.read_text()
    assert project.read_text().endswith("# theirs\n")
    assert not (created / ".github/dependabot.yml").exists()


def test_a_new_project_does_not_differ_from_its_template(created: Path, tmp_path: Path) -> None:
    (tmp_path / "people.csv").unlink()
    assert cruft(created, "check").returncode == 0
    assert cruft(created, "diff", "--exit-code").stdout == ""


def test_the_sample_project_can_be_updated(template: Path, tmp_path: Path) -> None:
    cruft(tmp_path, "create", str(template), "--no-input")
    project = tmp_path / "flight-delays"
    commit(project, "Follow the template")
    append(inside(template, "Makefile"), "# theirs\n")
    commit(template, "Second version")
    data = {path: path.read_bytes() for path in (project / "data").rglob("*.parquet")}
    assert len(data) == 12
    cruft(project, "update", "--skip-apply-ask")
    assert {path: path.read_bytes() for path in (project / "data").rglob("*.parquet")} == data
    assert (project / "Makefile").read_text().endswith("# theirs\n")


@pytest.mark.parametrize("temporary", [False, True], ids=["a folder", "a nameless one"])
def test_create_refuses_a_missing_file(template: Path, tmp_path: Path, temporary: bool) -> None:
    with tempfile.TemporaryDirectory() as nameless:
        folder = Path(nameless) if temporary else tmp_path / "typed"
        folder.mkdir(exist_ok=True)
        context = '{"data_file": "gone.csv", "target": "y"}'
        done = cruft(
            folder, "create", str(template), "--no-input", "--extra-context", context, check=False
        )
        assert done.returncode == 1
        assert "there is no" in done.stderr.splitlines()[0]
        assert list(folder.iterdir()) == []


def test_create_in_a_nameless_temporary_folder_makes_a_whole_project(template: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cruft(Path(folder), "create", str(template), "--no-input")
        assert git(Path(folder) / "flight-delays", "log", "--format=%s") == "Generate the project"


def test_the_list_of_what_is_yours_is_complete(created: Path) -> None:
    settings = tomllib.loads((created / "pyproject.toml").read_text())
    skipped = settings["tool"]["cruft"]["skip"]
    for name in (*YOURS, "dvc.lock", "data/raw.dvc", "notebooks/explore.ipynb", "reports/cv.json"):
        assert any(name == skip or name.startswith(f"{skip}/") for skip in skipped), name
