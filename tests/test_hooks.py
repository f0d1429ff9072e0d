"""What the hooks refuse, in which words, and that nothing is left behind."""

import ast
import gzip
import importlib.util
import json
import os
import re
import shutil
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from ruamel.yaml import YAML

from conftest import PROJECT, TEMPLATE, Bake, TryBake

HOOKS = TEMPLATE / "hooks"
CSV = "Name;Survived;Fare, €\nAda;yes;1,5\nBob;no;2\n"


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pre_gen = hook("pre_gen_project")
post_gen = hook("post_gen_project")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is typed; the hook's own folder is out/project."""
    (tmp_path / "typed").mkdir()
    (tmp_path / "out" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "project")
    monkeypatch.setenv("PWD", str(tmp_path / "typed"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "typed"


def answers(**changed: str) -> dict[str, str]:
    given = {
        "project_name": "Survival",
        "project_slug": "survival",
        "data_file": "",
        "target": "late",
        "author": "Ada",
        "storage": "",
        "license": "none",
        "__package": "survival",
    }
    return {**given, **changed}


def refusal(**changed: str) -> str:
    with pytest.raises(pre_gen.Refusal) as raised:
        pre_gen.main(answers(**changed))
    assert list(Path().iterdir()) == []
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


@pytest.mark.parametrize("name", ["pre_gen_project", "post_gen_project"])
def test_a_hook_is_python_of_the_standard_library_with_one_line_of_jinja(name: str) -> None:
    source = (HOOKS / f"{name}.py").read_text(encoding="utf-8")
    jinja = [line for line in source.splitlines() if any("{" + mark in line for mark in "{%#")]
    assert len(jinja) == 1
    assert "{{ cookiecutter | tojson }}" in jinja[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("name", ["pre_gen_project", "post_gen_project"])
@given(answer=st.text())
@settings(max_examples=50, deadline=None)
def test_any_answer_reaches_a_hook_unchanged(name: str, answer: str) -> None:
    source = (HOOKS / f"{name}.py").read_text(encoding="utf-8")
    found = re.search(r'json\.loads\((r""".*""")\)', source)
    assert found
    rendered = Environment().from_string(found[1]).render(cookiecutter={"author": answer})
    assert json.loads(ast.literal_eval(rendered)) == {"author": answer}


@pytest.mark.parametrize("question", ["target", "author"])
@given(answer=st.text())
@settings(max_examples=100, deadline=None)
def test_any_answer_that_is_let_in_can_be_quoted(question: str, answer: str) -> None:
    try:
        pre_gen.check_answers({question: answer})
    except pre_gen.Refusal:
        return
    asked = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    quoted = Environment().from_string(asked[f"__{question}"])
    line = quoted.render(cookiecutter={question: answer})
    assert tomllib.loads(f'key = "{line}"') == {"key": answer}
    assert YAML(typ="safe").load(f'key: "{line}"') == {"key": answer}


# names


@pytest.mark.parametrize(
    ("slug", "package", "words"),
    [
        pytest.param("-", "", "starts with a letter", id="no letter at all"),
        pytest.param("2013-flights", "2013_flights", "starts with a letter", id="digit first"),
        pytest.param("a/b", "a_b", "letters, digits", id="two folders"),
        pytest.param("../up", "up", "letters, digits", id="another folder"),
        pytest.param("my model", "my_model", "letters, digits", id="blank"),
        pytest.param("champion", "champion", "champion-model", id="the engine"),
        pytest.param("Champion", "champion", "champion-model", id="the engine, capital"),
        pytest.param("import", "import", "taken", id="keyword"),
        pytest.param("pandas", "pandas", "pandas-model", id="library"),
        pytest.param("test", "test", "taken", id="standard library"),
        pytest.param("tests", "tests", "taken", id="folder of the project"),
        pytest.param("nul", "nul", "taken", id="no file name on Windows"),
    ],
)
def test_names_that_make_no_package(folder: Path, slug: str, package: str, words: str) -> None:
    assert words in refusal(project_slug=slug, __package=package)


def test_no_library_of_the_lock_can_be_hidden() -> None:
    locked: set[str] = set()
    trackers = (".trackers/mlflow.txt", ".trackers/wandb.txt")
    for lock in ("requirements.txt", "requirements-dev.txt", *trackers):
        lines = (PROJECT / lock).read_text(encoding="utf-8").splitlines()
        locked |= {line.split("==")[0].lower() for line in lines if line[:1].isalnum()}
    modules = {
        module.lower()
        for module, names in packages_distributions().items()
        if locked & {name.lower().replace("_", "-").replace(".", "-") for name in names}
        and module.isidentifier()
        and not module.startswith("_")
    }
    assert "pandas" in modules
    assert modules - pre_gen.TAKEN - sys.stdlib_module_names == set()


@pytest.mark.parametrize("question", ["author", "project_name", "target", "storage"])
@pytest.mark.parametrize("answer", ["two\nlines", "tab\tinside", "\x00", "\u2028", "half \ud83d"])
def test_answers_are_one_line_of_text(folder: Path, question: str, answer: str) -> None:
    assert refusal(**{question: answer}).startswith(f"{question}: ")


def test_template_code_is_no_answer(folder: Path) -> None:
    assert "template code" in refusal(author="a {" + "{ 7 * 7 }} b")


# the data file


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"Name": ["Ada", "Bob"], "Survived": [True, False]}), path)
    return path


def workbook(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return path


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("people.csv", CSV)
    return path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("people.csv", b"", "is empty", id="empty"),
        pytest.param("people.csv", b"\n \n", "is empty", id="blank lines only"),
        pytest.param("people.csv", b"Name,Survived\n", "no rows", id="header only"),
        pytest.param("people.csv", b"Survived\nyes\nno\n", "one column", id="one column"),
        pytest.param("photo.png", b"\x89PNG\r\n\x1a\n", "PNG image", id="image"),
        pytest.param("people.csv", b"\xff\xd8\xff\xe0JFIF", "JPEG image", id="image called CSV"),
        pytest.param("song.wav", b"RIFF\x00\x00\x00\x00WAVE", "sound", id="sound"),
        pytest.param("people.xls", b"\xd0\xcf\x11\xe0\xa1", "Excel workbook", id="old Excel"),
        pytest.param("people.csv.gz", gzip.compress(CSV.encode()), "unpack it", id="gzip"),
        pytest.param("people.json", b'[{"Survived": 1}]', "neither CSV nor Parquet", id="JSON"),
        pytest.param("people.csv", b'{"Survived": 1}', "neither CSV nor Parquet", id="JSON inside"),
        pytest.param("people.csv", b"<!DOCTYPE html>", "neither CSV nor Parquet", id="web page"),
        pytest.param("people.csv", b"a,b\0\n1,2\n", "neither CSV nor Parquet", id="binary"),
        pytest.param("people.pkl", b"\x80\x04.", "neither CSV nor Parquet", id="pickle"),
        pytest.param("people", CSV.encode(), "neither CSV nor Parquet", id="no ending"),
        pytest.param("people.parquet", CSV.encode(), "neither CSV nor", id="CSV called Parquet"),
        pytest.param("people.parquet", b"PAR1 cut off here", "cut off", id="half a Parquet file"),
    ],
)
def test_files_that_are_no_table(folder: Path, name: str, content: bytes, words: str) -> None:
    write(folder / name, content)
    sentence = refusal(data_file=name, target="Survived")
    assert sentence.startswith(f"data_file: {folder / name} ")
    assert words in sentence


def test_an_excel_workbook_a_zip_archive_and_a_wrong_ending_are_named(folder: Path) -> None:
    workbook(folder / "people.xlsx")
    assert "an Excel workbook: save it as CSV" in refusal(data_file="people.xlsx")
    archive(folder / "people.zip")
    assert "a zip archive: unpack it" in refusal(data_file="people.zip")
    parquet(folder / "people.csv")
    assert "holds Parquet: rename it to people.parquet" in refusal(data_file="people.csv")


def test_missing_files_folders_and_addresses(folder: Path) -> None:
    missing = refusal(data_file="people.csv")
    assert "there is no" in missing
    assert str(folder / "people.csv") in missing
    (folder / "tables").mkdir()
    assert "is a folder" in refusal(data_file="tables")
    assert "download it" in refusal(data_file="https://example.org/people.csv")
    assert "there is no" in refusal(data_file="~nobody-of-that-name/people.csv")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param("", "name the column", id="empty"),
        pytest.param("survived", "did you mean 'Survived'?", id="case"),
        pytest.param("Suvrived", "did you mean 'Survived'?", id="slip"),
        pytest.param("Fare", "did you mean 'Fare, €'?", id="separator inside a name"),
    ],
)
def test_targets_that_are_no_column(folder: Path, target: str, words: str) -> None:
    write(folder / "people.csv", CSV)
    assert words in refusal(data_file="people.csv", target=target)


def test_a_target_that_a_parquet_file_does_not_have(folder: Path) -> None:
    parquet(folder / "people.parquet")
    assert "no column 'survived'" in refusal(data_file="people.parquet", target="survived")


def test_the_sample_has_one_target(folder: Path) -> None:
    assert "'late'" in refusal(target="origin")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CSV.encode(), id="semicolons"),
        pytest.param(b"\xef\xbb\xbfSurvived,Name\nyes,Ada\n", id="byte-order mark"),
        pytest.param(b"Name\tSurvived\r\nAda\tyes\r\n", id="tabs and CRLF"),
        pytest.param(b"Name|Survived\nAda|yes\n", id="bars"),
        pytest.param(b'"Name, first"," Survived "\nAda,yes\n', id="quotes and blanks"),
        pytest.param("Prénom,Survived\nZoë,yes\n".encode("cp1252"), id="western Windows"),
        pytest.param("Name,Survived\nAda,yes\n".encode("utf-16"), id="UTF-16"),
        pytest.param(b"sep=;\nName;Survived\nAda;yes\n", id="Excel's separator line"),
        pytest.param(b"\n\nName,Survived\nAda,yes\n", id="blank lines first"),
    ],
)
def test_headers_as_they_come(folder: Path, content: bytes) -> None:
    path = write(folder / "people.csv", content)
    pre_gen.main(answers(data_file="people.csv", target="Survived"))
    assert json.loads(Path(".answers.json").read_text())["data"] == str(path)


def test_a_relative_file_is_where_the_command_was_typed_or_in_the_output_folder(
    folder: Path,
) -> None:
    typed = write(folder / "people.csv", CSV)
    assert pre_gen.find_data("people.csv") == typed
    output = write(Path.cwd().parent / "people.csv", CSV)
    assert pre_gen.find_data("people.csv") == typed  # the same content
    write(output, CSV + "Eve;no;3\n")
    assert "differ: give the full path" in refusal(data_file="people.csv", target="Survived")
    typed.unlink()
    assert pre_gen.find_data("people.csv") == output
    home = write(Path(os.environ["HOME"]) / "people.csv", CSV)
    assert pre_gen.find_data("~/people.csv") == home


# storage


@pytest.mark.parametrize(
    "storage",
    [
        "https://example.org/x",
        "http://x",
        "s3:bucket",
        "s3://",
        "S3://x",
        "ftp://host/x",
        "gs://a b",
    ],
)
def test_storage_that_dvc_cannot_write_to(folder: Path, storage: str) -> None:
    assert "s3://BUCKET" in refusal(storage=storage)


@pytest.mark.parametrize(
    "storage", ["s3://bucket/folder", "gs://b", "azure://c/x", "ssh://me@host/x"]
)
def test_storage_that_it_can(folder: Path, storage: str) -> None:
    assert pre_gen.find_storage(storage) == storage


def test_storage_in_a_folder(folder: Path) -> None:
    assert pre_gen.find_storage("store") == str(folder / "store")
    assert pre_gen.find_storage("~/store") == str(Path(os.environ["HOME"]) / "store")
    write(folder / "file", "x")
    assert "is a file" in refusal(storage="file")
    assert "lacks a colon" in refusal(storage="s3//bucket")
    assert "quote" in refusal(storage="it's")


def test_git_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert "git is not installed" in refusal()


# as typed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"project_name": "pandas"}, "package pandas", id="name"),
        pytest.param({"project_name": "🛫"}, "starts with a letter", id="name of no letters"),
        pytest.param({"data_file": "gone.csv", "target": "y"}, "there is no", id="data"),
        pytest.param({"data_file": "gone.csv"}, "there is no", id="data, no target"),
        pytest.param({"storage": "https://example.org"}, "leave it empty", id="storage"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(
    try_bake: TryBake, given: dict[str, str], words: str
) -> None:
    attempt = try_bake(**given)
    assert attempt.code == 1
    assert attempt.left == []
    assert attempt.stderr.startswith("Not generated. ")
    assert attempt.stderr.count("\n") == 1
    assert words in attempt.stderr


def test_a_failure_of_git_leaves_nothing(try_bake: TryBake, tmp_path: Path) -> None:
    fake = write(tmp_path / "bin" / "git", "#!/bin/sh\necho 'disk full' >&2\nexit 1\n")
    fake.chmod(0o755)
    attempt = try_bake({"PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"})
    assert (attempt.code, attempt.left) == (1, [])
    assert attempt.stderr == "Not generated. git could not make the repository: disk full\n"


def test_own_data_take_the_place_of_the_sample(bake: Bake, tmp_path: Path) -> None:
    source = write(tmp_path / "Élèves 2013 (v2).CSV", CSV)
    project = bake(data_file=str(source), target="Survived")
    assert [p.name for p in (project.path / "data/raw").iterdir()] == ["Eleves-2013-v2.csv"]
    assert (project.path / "data/raw/Eleves-2013-v2.csv").read_bytes() == source.read_bytes()
    there = sorted(p.name for p in (project.path / "data").iterdir())
    assert there == [".gitignore", "incoming", "raw"]
    assert "flights" not in " ".join(map(str, project.files()))
    gate = YAML(typ="safe").load((project.path / "gate.yaml").read_text(encoding="utf-8"))
    assert gate["data"] == {"target": "Survived"}
    assert gate["report"]["show_values"] is False


def test_a_relative_file_end_to_end(try_bake: TryBake, tmp_path: Path) -> None:
    write(tmp_path / "typed0" / "sub" / "people.csv", CSV)
    shutil.move(tmp_path / "typed0", tmp_path / "kept")
    attempt = try_bake(
        {"PWD": str(tmp_path / "kept")}, data_file="sub/people.csv", target="Survived"
    )
    assert attempt.code == 0, attempt.stderr
    assert (attempt.left[0] / "data/raw/people.csv").read_text(encoding="utf-8") == CSV


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("people.csv", "people.csv"),
        ("People 1 (new).CSV", "People-1-new.csv"),
        ("people.pq", "people.parquet"),
        ("數據.csv", "data.csv"),
        (".csv.csv", "csv.csv"),
        ("con.tsv", "data-con.tsv"),
        ("com1.x.csv", "data-com1.x.csv"),
    ],
)
def test_the_file_gets_a_name_that_every_system_takes(name: str, safe: str) -> None:
    assert post_gen.safe_name(Path(name)) == safe


HOSTILE = {
    "quotes": 'it\'s "quoted" \'\'\' and """ too',
    "backslashes": r"C:\new\table \\ \" \u0041 \N{DASH}",
    "braces": "{a} }} %} #} {'b': [1]}",
    "emoji": "tables 🛫 and 👩‍🔬, naïve £ 数",
    "markup": "<b>&amp; # - : > | * ! % @ `",
    "shell": "$(touch x) `id` ; rm && | > $HOME",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_answers_arrive_as_they_were_given(try_bake: TryBake, tmp_path: Path, answer: str) -> None:
    source = tmp_path / "table.csv"
    header = ",".join('"' + name.replace('"', '""') + '"' for name in ("x", answer))
    write(source, f"{header}\n1,2\n3,4\n")
    attempt = try_bake(data_file=str(source), target=answer, author=answer, license="MIT")
    assert attempt.code == 0, attempt.stderr
    (path,) = attempt.left
    metadata = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["description"] == f"Predicts {answer}"
    assert metadata["authors"] == [{"name": answer}]
    gate = YAML(typ="safe").load((path / "gate.yaml").read_text(encoding="utf-8"))
    assert gate["data"]["target"] == answer
    pipeline = YAML(typ="safe").load((path / "dvc.yaml").read_text(encoding="utf-8"))
    assert pipeline["artifacts"]["model"]["desc"] == f"Predicts {answer}"
    assert f"Copyright (c) {answer}\n" in (path / "LICENSE").read_text(encoding="utf-8")
    assert f"\nPredicts {answer}\n" in (path / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in (path / "data/raw").iterdir()] == ["table.csv"]


# Git


GIT_SETTINGS = {
    "no identity": "[user]\n\tuseConfigOnly = true\n",
    "another default branch": "[init]\n\tdefaultBranch = trunk\n",
    "signing": "[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n",
    "hooks": "[core]\n\thooksPath = {outside}/hooks\n",
    "a template": "[init]\n\ttemplateDir = {outside}/template\n",
    "an ignore file": "[core]\n\texcludesFile = {outside}/ignored\n",
    "Windows line ends": "[core]\n\tautocrlf = true\n\tsafecrlf = true\n",
}


@pytest.mark.parametrize("told", GIT_SETTINGS.values(), ids=GIT_SETTINGS)
def test_one_commit_whatever_git_is_told(try_bake: TryBake, tmp_path: Path, told: str) -> None:
    outside = tmp_path / "outside"
    for kind in ("hooks", "template/hooks"):
        for name in ("pre-commit", "prepare-commit-msg"):
            write(outside / kind / name, "#!/bin/sh\nexit 1\n").chmod(0o755)
    write(outside / "ignored", "*.toml\nMakefile\n")
    config = write(outside / "gitconfig", told.format(outside=outside))
    variables = {"GIT_CONFIG_GLOBAL": str(config), "HOME": str(outside), "EMAIL": ""}
    attempt = try_bake(variables, author="Grace Hopper")
    assert attempt.code == 0, attempt.stderr
    (path,) = attempt.left
    log = post_gen.git("-C", str(path), "log", "--format=%an|%ae|%s|%D")
    assert log == "Grace Hopper|flight_delays@localhost|Generate the project|HEAD -> main"
    assert post_gen.git("-C", str(path), "status", "--porcelain") == ""
    assert "Makefile" in post_gen.git("-C", str(path), "ls-files").splitlines()


@pytest.mark.parametrize(
    ("author", "name", "email"),
    [
        ("Grace Hopper <grace@example.org>", "Grace Hopper", "grace@example.org"),
        ("<>", "flight_delays", "flight_delays@localhost"),
    ],
)
def test_the_author_is_the_identity_that_git_lacks(
    try_bake: TryBake, tmp_path: Path, author: str, name: str, email: str
) -> None:
    variables = {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(tmp_path)}
    attempt = try_bake(variables, author=author)
    assert attempt.code == 0, attempt.stderr
    log = post_gen.git("-C", str(attempt.left[0]), "log", "--format=%an|%ae|%cn|%ce")
    assert log == f"{name}|{email}|{name}|{email}"


def test_variables_of_a_surrounding_git_do_not_reach_the_project(
    try_bake: TryBake, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    attempt = try_bake({"GIT_DIR": str(elsewhere), "GIT_INDEX_FILE": str(elsewhere / "index")})
    assert attempt.code == 0, attempt.stderr
    assert (attempt.left[0] / ".git/HEAD").is_file()
    assert not elsewhere.exists()


def test_it_says_in_three_lines_where_it_is_and_what_to_type(try_bake: TryBake) -> None:
    attempt = try_bake()
    (path,) = attempt.left
    assert attempt.stdout.splitlines() == [
        f"Generated {path}",
        "Next:  cd flight-delays && make setup",
        "Then:  make repro",
    ]
