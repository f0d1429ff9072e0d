"""`bake(**answers)` makes a project; equal bakes are made once and copied."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import fork_server
from actions.runner import STOOD_IN

TEMPLATE = Path(__file__).resolve().parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
ENGINE = PROJECT / "src"

sys.path.insert(0, str(ENGINE))

Done = subprocess.CompletedProcess[str]


@dataclass
class BakedProject:
    """A generated repository."""

    path: Path
    answers: dict[str, str]
    said: str  # what the hooks printed

    @property
    def package(self) -> Path:
        """The folder of the user's package."""
        (found,) = [
            p.parent for p in self.path.glob("src/*/__init__.py") if p.parts[-2] != "champion"
        ]
        return found

    def run(self, *command: str, check: bool = True, **variables: str) -> Done:
        """Run a command in the project, with this environment's programs and nothing installed."""
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(fork_server.python().parent), os.environ["PATH"]]),
            "PYTHONPATH": "src",
            "CHAMPION_VENV": str(fork_server.environment()),
            **variables,
        }
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, encoding="utf-8"
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def champion(self, *arguments: str, check: bool = True, **variables: str) -> Done:
        """Run a verb."""
        return self.run(
            str(fork_server.python()), "-m", "champion", *arguments, check=check, **variables
        )

    def git(self, *arguments: str) -> str:
        """Run Git; return what it printed."""
        return self.run("git", *arguments).stdout.strip()

    def files(self) -> list[Path]:
        """Every file of the commit, by its full path."""
        return [self.path / name for name in self.git("ls-files", "-z").split("\0") if name]


@dataclass
class Attempt:
    """What `cookiecutter` did on the command line."""

    code: int
    stdout: str
    stderr: str
    left: list[Path]  # what it left in the output folder


Bake = Callable[..., BakedProject]
TryBake = Callable[..., Attempt]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells what did not run for real."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["stood_in"] = sorted(STOOD_IN)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    STOOD_IN.update(getattr(node, "workeroutput", {}).get("stood_in", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if STOOD_IN:
        terminalreporter.section("ran on stand-ins, not for real")
        terminalreporter.line(", ".join(sorted(STOOD_IN)))


@pytest.fixture(scope="session", autouse=True)
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same Git identity and settings on every machine."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "gitconfig").write_text(
        "[user]\n\tname = Ada Tester\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n'
    )
    settings = {
        "cookiecutters_dir": str(folder / "cookiecutters"),
        "replay_dir": str(folder / "replay"),
    }
    (folder / "cookiecutter.yaml").write_text(json.dumps(settings))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("COOKIECUTTER_CONFIG", str(folder / "cookiecutter.yaml"))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        yield folder


def cookiecutter(folder: Path, answers: dict[str, str], **variables: str) -> Attempt:
    """Run `cookiecutter --no-input` as typed in `folder`."""
    before = set(folder.iterdir())
    command = [
        sys.executable,
        "-m",
        "cookiecutter",
        "--no-input",
        variables.pop("template", str(TEMPLATE)),
    ]
    done = subprocess.run(
        [*command, *(f"{question}={answer}" for question, answer in answers.items())],
        cwd=folder,
        env={**os.environ, "PWD": str(folder), **variables},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return Attempt(
        done.returncode, done.stdout, done.stderr, sorted(set(folder.iterdir()) - before)
    )


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Bake:
    """A bake that is shared: read it, do not change it."""
    made: dict[str, BakedProject] = {}

    def bake(**answers: str) -> BakedProject:
        path = Path(answers.get("data_file", ""))
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        key = json.dumps([answers, content], sort_keys=True)
        if key not in made:
            folder = tmp_path_factory.mktemp("bake")
            attempt = cookiecutter(folder, answers)
            assert attempt.code == 0, attempt.stderr + attempt.stdout
            made[key] = BakedProject(attempt.left[0], answers, attempt.stdout)
        return made[key]

    return bake


@pytest.fixture
def bake(baked: Bake, tmp_path: Path) -> Bake:
    """Make a project of one's own: `bake(project_name=..., data_file=..., target=...)`."""

    def copy(**answers: str) -> BakedProject:
        original = baked(**answers)
        folder = tmp_path / f"baked{len(list(tmp_path.glob('baked*')))}"
        shutil.copytree(original.path, folder / original.path.name, symlinks=True)
        return BakedProject(folder / original.path.name, original.answers, original.said)

    return copy


@pytest.fixture
def try_bake(tmp_path: Path, outside: Path) -> TryBake:
    """Run the command in an empty folder and report: `try_bake(project_name="pandas")`."""

    def attempt(variables: dict[str, str] | None = None, **answers: str) -> Attempt:
        folder = tmp_path / f"typed{len(list(tmp_path.glob('typed*')))}"
        folder.mkdir()
        return cookiecutter(folder, answers, **(variables or {}))

    return attempt
