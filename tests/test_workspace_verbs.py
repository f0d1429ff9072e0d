"""The verbs over DVC, pytest, ruff, mypy and Jupyter."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from champion.errors import Refusal
from champion.workspace import repro
from small_project import SmallProject, clone, copied, make, published, trained


@pytest.fixture
def project(
    tmp_path_factory: pytest.TempPathFactory, outside: Path, tmp_path: Path
) -> SmallProject:
    """A project that is set up and trained."""
    ready = trained(tmp_path_factory.getbasetemp() / "trained")
    return copied(ready, tmp_path / "my project")


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A colleague gave main more data while a branch with results of its own is under way."""
    folder = tmp_path_factory.mktemp("diverged")
    project = published(trained(tmp_path_factory.getbasetemp() / "trained"), folder)
    colleague = clone(folder / "server.git", folder / "colleague")
    colleague.champion("setup")
    colleague.add_data("b.csv", "x,y\n9,1\n9,2\n")
    colleague.champion("repro")
    colleague.git("commit", "--quiet", "--no-verify", "-am", "More data")
    colleague.git("push", "--quiet", "origin", "main")
    project.git("checkout", "--quiet", "-b", "idea")
    project.write("train.py", (project.path / "train.py").read_text() + "# mine\n")
    project.champion("repro")
    project.git("commit", "--quiet", "--no-verify", "-am", "An idea")
    return folder


@pytest.fixture
def idea(diverged: Path, tmp_path: Path) -> SmallProject:
    """The branch that is behind, with a server and a colleague of its own."""
    shutil.copytree(diverged, tmp_path / "team", symlinks=True)
    for name in ("my project", "colleague"):
        repository = SmallProject(tmp_path / "team" / name)
        repository.git("remote", "set-url", "origin", str(tmp_path / "team/server.git"))
    return SmallProject(tmp_path / "team/my project")


def test_repro_passes_options_and_exit_codes_on(project: SmallProject) -> None:
    path = os.pathsep.join(["/usr/bin", "/bin"])  # no environment is active
    done = project.champion("repro", "--force", "--single-item", "train", PATH=path)
    assert "Running stage 'train'" in done.stdout
    failed = project.champion("repro", "no-such-stage", check=False)
    assert failed.returncode == 255
    assert "champion repro" not in failed.stderr


def test_repro_explains_conflict_markers(project: SmallProject) -> None:
    project.write("dvc.lock", "<<<<<<< HEAD\nschema: '2.0'\n=======\nstages: {}\n>>>>>>> x\n")
    done = project.champion("repro", check=False)
    assert done.returncode == 2
    assert "git checkout --theirs dvc.lock" in done.stderr


def test_repro_names_the_process_that_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert repro.busy() == ""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        held = {"/x": {"write": {"pid": process.pid, "cmd": "dvc repro"}, "read": []}}
        (tmp_path / ".dvc/tmp/rwlock").write_text(json.dumps(held))
        assert repro.busy() == str(process.pid)
        process.communicate(b"\n")
    assert repro.busy() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are told apart on Linux")
def test_a_killed_process_that_nobody_waited_for_is_in_nobodys_way() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert repro.alive(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not repro.alive(process.pid)


def test_check_runs_everything_and_changes_nothing(project: SmallProject) -> None:
    project.write("pyproject.toml", '[tool.mypy]\nfiles = ["small"]\n')
    shutil.rmtree(project.path / "src/champion/tables")
    bad = project.write("small/bad.py", "import os\nx : int = 'text'\n")
    done = project.champion("check", check=False)
    assert done.returncode == 1
    assert "small/bad.py" in done.stdout.partition("--- ruff check")[0]
    assert "F401" in done.stdout
    assert "Incompatible types" in done.stdout
    assert bad.read_text() == "import os\nx : int = 'text'\n"


def test_check_of_clean_code_passes(tmp_path: Path) -> None:
    project = SmallProject(tmp_path)
    project.write("pyproject.toml", '[tool.mypy]\nfiles = ["good.py"]\n')
    project.write("good.py", "x: int = 1\n")
    engine = Path(repro.__file__).parents[2]
    project.write("gate.yaml", "")
    done = project.run(sys.executable, "-m", "champion", "check", PYTHONPATH=str(engine))
    assert "All checks passed" in done.stdout


def test_test_passes_options_to_pytest(project: SmallProject) -> None:
    project.write("tests/test_small.py", "def test_a(): pass\ndef test_b(): assert False\n")
    assert project.champion("test", "-q", "-k", "test_a").returncode == 0
    assert project.champion("test", "-q", check=False).returncode == 1


def test_update_merges_takes_their_results_and_reproduces(idea: SmallProject) -> None:
    said = idea.champion("update").stdout
    assert "Merged main" in said
    assert json.loads((idea.path / "reports/cv.json").read_text()) == {"rows": 5}
    assert idea.git("status", "--porcelain") == ""
    assert idea.dvc("status") == "Data and pipelines are up to date."
    merge = idea.git("log", "--merges", "-1", "--format=%H")
    assert idea.git("diff", merge, "origin/main", "--", "dvc.lock", "reports") == ""
    assert idea.git("log", "-1", "--format=%s") == "Reproduce on main"
    assert "# mine" in (idea.path / "train.py").read_text()
    before = idea.git("rev-parse", "HEAD")
    idea.champion("update")
    assert idea.git("rev-parse", "HEAD") == before


def test_update_leaves_other_conflicts_to_people(idea: SmallProject) -> None:
    colleague = SmallProject(idea.path.parent / "colleague")
    for side in (idea, colleague):
        side.write("notes.txt", f"of {side.path.name}\n")
        side.git("add", "notes.txt")
        side.git("commit", "--quiet", "--no-verify", "-m", "Notes")
    colleague.git("push", "--quiet", "--no-verify", "origin", "main")
    done = idea.champion("update", check=False)
    assert done.returncode == 1
    assert "notes.txt changed here and on main" in done.stderr
    assert "<<<<<<<" in (idea.path / "notes.txt").read_text()
    assert "<<<<<<<" not in (idea.path / "dvc.lock").read_text()
    again = idea.champion("update", check=False)
    assert again.returncode == 2
    assert "a merge is under way" in again.stderr


def test_update_on_the_default_branch_brings_its_data(idea: SmallProject) -> None:
    idea.git("checkout", "--quiet", "main")
    idea.champion("update")
    assert (idea.path / "data/raw/b.csv").exists()
    assert idea.git("rev-parse", "main") == idea.git("rev-parse", "origin/main")


def test_update_refuses_uncommitted_changes(project: SmallProject) -> None:
    project.git("remote", "add", "origin", "/nowhere")
    project.write("train.py", "# half way\n")
    done = project.champion("update", check=False)
    assert done.returncode == 2
    assert "commit them" in done.stderr


def test_notebook_runs_without_a_window_fails_with_its_cell_and_is_not_changed(
    tmp_path: Path,
) -> None:
    import nbformat

    project = make(tmp_path / "my project")
    cells = ["from pathlib import Path; Path('ran').write_text('yes')", "1 / 0"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    text = nbformat.writes(notebook)
    path = project.write("notebooks/explore.ipynb", text)
    done = project.champion("notebook", "--execute", check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert (project.path / "notebooks/ran").exists()
    assert path.read_text() == text


def test_missing_notebook_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from champion.workspace import notebook

    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal, match=r"explore\.ipynb"):
        notebook.run(notebook.argparse.Namespace(execute=True))
