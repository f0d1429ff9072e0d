"""Set-up: the environment, the hooks, the first commit, and again without harm."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from champion.errors import Refusal
from champion.workspace import environment, hooks, setup
from champion.workspace.environment import Environment
from champion.workspace.git import identity
from small_project import SmallProject, make


def wheel(folder: Path, name: str = "tiny", needs: str = "") -> str:
    """Make a package of one number; return its line in a lock."""
    folder.mkdir()
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    about += f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": b"answer = 42\n",
        f"{name}-1.0.dist-info/METADATA": about.encode(),
        f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for inside, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{inside},sha256={digest},{len(content)}\n"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)
        listed = f"{name}-1.0.dist-info/RECORD"
        archive.writestr(listed, f"{record}{listed},,\n")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a lock of one package, which is installed from this machine."""
    lock = wheel(tmp_path / "wheels")
    for installer in ("PIP", "UV"):
        monkeypatch.setenv(f"{installer}_NO_INDEX", "1")
        monkeypatch.setenv(f"{installer}_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.delenv("CHAMPION_VENV", raising=False)
    folder = tmp_path / "my project"
    (folder / "src/small").mkdir(parents=True)
    (folder / "src/small/__init__.py").write_text("")
    (folder / "requirements.txt").write_text(lock)
    monkeypatch.chdir(folder)
    return folder


def uv_folder() -> str:
    found = shutil.which(
        "uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert found
    return str(Path(found).parent)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_environment_is_made_from_the_lock_and_sees_src(
    offline: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    installer: str,
) -> None:
    path = [uv_folder()] if installer == "uv" else []
    monkeypatch.setenv("PATH", os.pathsep.join([*path, "/usr/bin", "/bin"]))
    env = environment.make()
    assert installer in capfd.readouterr().out
    code = "import tiny, small; print(tiny.answer)"
    assert env.capture("-c", code).stdout.strip() == "42"

    environment.make()
    assert "".join(capfd.readouterr()) == ""  # nothing changed, nothing said


def test_environment_moves_with_its_folder_and_checks_hashes(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([uv_folder(), "/usr/bin", "/bin"]))
    lock = Path("requirements.txt")
    right = lock.read_text()
    lock.write_text(right.replace("sha256:", "sha256:00")[:-3] + "\n")
    with pytest.raises(Refusal, match=r"requirements\.txt could not be installed"):
        environment.make()
    lock.write_text(right)
    environment.make()
    moved = offline.with_name("moved")
    offline.rename(moved)
    monkeypatch.chdir(moved)
    code = "import tiny, small; print(tiny.answer)"
    assert environment.make().capture("-c", code).stdout.strip() == "42"


def test_environment_with_a_dead_python_is_made_anew(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([uv_folder(), "/usr/bin", "/bin"]))
    env = environment.make()
    env.python.unlink()
    env.python.symlink_to("/nowhere/python3")
    assert environment.make().capture("-c", "import tiny").returncode == 0


def test_stages_may_write_bytecode_and_find_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GIT_INDEX_FILE", "elsewhere")
    env = Environment(Path(sys.prefix))
    variables = env.variables()
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert "GIT_INDEX_FILE" not in variables
    assert variables["PATH"].split(os.pathsep)[0] == str(env.bin)


def test_named_environment_is_used_and_left_alone(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAMPION_VENV", sys.prefix)
    env = environment.make()
    assert env.folder == Path(sys.prefix)
    assert not Path(".venv").exists()
    assert env.capture("-c", "import small").returncode == 0
    assert env.capture("-c", "import tiny").returncode == 1
    monkeypatch.setenv("CHAMPION_VENV", "/nowhere")
    with pytest.raises(Refusal, match="CHAMPION_VENV"):
        environment.make()


def test_without_an_environment_verbs_name_set_up(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refusal, match="setup"):
        environment.find()


def test_old_python_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 4, "final", 0))
    with pytest.raises(Refusal, match=r"Python 3\.11 or newer is needed, this is 3\.10"):
        setup.run(setup.argparse.Namespace())


def test_set_up_describes_once_commits_and_names_the_next_command(tmp_path: Path) -> None:
    project = make(tmp_path / "my project")
    project.write(".cruft.json", "{}\n")
    project.write("notes.txt", "mine, not to be committed\n")
    said = project.champion("setup").stdout
    assert "described" in said
    assert said.splitlines()[-1].startswith("Next: ")
    assert "repro" in said.splitlines()[-1]
    committed = set(project.git("show", "--format=%s", "--name-only").split("\n"))
    assert committed == {
        "Describe the data",
        "",
        ".cruft.json",
        "data/raw.dvc",
        "src/small/schema.py",
    }
    assert project.git("status", "--porcelain") == "?? notes.txt"
    again = project.champion("setup").stdout
    assert len(again.splitlines()) == 1
    assert project.git("rev-list", "--count", "HEAD") == "2"


def test_set_up_killed_before_its_commit_is_made_good(tmp_path: Path) -> None:
    project = make(tmp_path / "killed")
    project.champion("setup")
    project.git("reset", "--quiet", "--soft", "HEAD~1")
    assert "described" in project.champion("setup").stdout
    assert project.git("log", "-1", "--format=%s") == "Describe the data"


def test_set_up_brings_back_data_that_are_gone(tmp_path: Path) -> None:
    project = make(tmp_path / "gone")
    project.champion("setup")
    (project.path / "data/raw/a.csv").unlink()
    assert "Pulling" not in project.champion("setup").stdout  # a person may have removed it
    project.write(".dvc/tmp/champion-pulling", "")  # of a pull that was killed half way
    assert "Pulling" in project.champion("setup").stdout
    assert (project.path / "data/raw/a.csv").exists()
    shutil.rmtree(project.path / "data/raw")
    shutil.rmtree(project.path / ".dvc/cache")
    done = project.champion("setup", check=False)
    assert done.returncode == 1
    assert "cannot be pulled" in done.stderr
    assert "Traceback" not in done.stderr


def test_set_up_without_an_identity_says_so_and_commits(tmp_path: Path) -> None:
    project = make(tmp_path / "nobody")
    project.git("config", "user.useConfigOnly", "true")
    said = project.champion("setup", GIT_CONFIG_GLOBAL=os.devnull).stdout
    identity.cache_clear()
    assert "Git does not know who you are" in said
    assert project.git("log", "-1", "--format=%s %ae").startswith("Describe the data ")
    assert project.git("log", "-1", "--format=%ae").endswith("@localhost")


def test_set_up_without_a_network_goes_on(tmp_path: Path) -> None:
    project = make(tmp_path / "offline")
    project.git("remote", "add", "origin", "/nowhere/server.git")
    assert "origin was not asked" in project.champion("setup").stdout
    assert project.git("branch", "--list", "dvc-storage")


def test_folder_without_git_is_refused(tmp_path: Path) -> None:
    project = make(tmp_path / "plain")
    shutil.rmtree(project.path / ".git")
    done = project.champion("setup", check=False, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.returncode == 2
    assert "git init" in done.stderr


def test_hooks_check_a_commit_without_an_active_environment(tmp_path: Path) -> None:
    project = make(tmp_path / "it's hooked")
    project.champion("setup")
    system = os.pathsep.join(["/usr/bin", "/bin"])
    project.write("src/small/model.py", "import os\nx  =  1\n")
    project.write("big.bin", "0" * 1_100_000)
    notebook = '{"cells": [{"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {},'
    notebook += '"outputs": [{"name": "stdout", "output_type": "stream", "text": ["secret"]}],'
    notebook += '"source": ["1"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
    path = project.write("notebooks/explore.ipynb", notebook)
    project.git("add", "--all")
    done = project.run(*("git", "commit", "-m", "Bad"), check=False, PATH=system, CHAMPION_VENV="")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "ruff format" in said
    assert "F401" in said
    assert "big.bin" in said
    assert "secret" not in path.read_text()
    assert (project.path / "src/small/model.py").read_text().endswith("x = 1\n")
    project.write("src/small/model.py", "x = 1\n")
    project.git("rm", "--quiet", "--cached", "--force", "big.bin")
    project.git("add", "src", "notebooks")
    project.run("git", "commit", "-m", "Good", PATH=system, CHAMPION_VENV="")


def test_hooks_of_a_persons_own_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = SmallProject(tmp_path)
    project.git("init", "--quiet")
    monkeypatch.chdir(tmp_path)
    mine = project.write(".git/hooks/post-merge", "#!/bin/sh\necho mine\n")
    project.git("config", "core.hooksPath", "my-hooks")
    env = Environment(Path(sys.prefix))
    hooks.install(env)
    assert "my-hooks" in capsys.readouterr().out
    assert not (tmp_path / ".git/hooks/pre-push").exists()
    project.git("config", "--unset", "core.hooksPath")
    hooks.install(env)
    assert (tmp_path / ".git/hooks/pre-push").exists()
    assert mine.read_text() == "#!/bin/sh\necho mine\n"


def test_workspace_needs_nothing_but_the_standard_library() -> None:
    """Set-up runs before anything is installed."""
    code = "import sys; sys.path.insert(0, 'src'); import champion.workspace.setup, champion.cli"
    source = Path(setup.__file__).parents[3]
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], cwd=source, check=True)
