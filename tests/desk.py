"""Somebody at a terminal with the GitHub CLI, a double, and a repository at the tests' GitHub."""

import importlib.machinery
import importlib.util
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from champion.cli import main
from champion.workspace import gh
from github import GitHub, Repository

DOUBLES = Path(__file__).parent / "doubles"
Double = Callable[[list[str], str], tuple[int, str, str]]


def double() -> Double:
    """What the program `gh` of the doubles does, without a process for each call."""
    loader = importlib.machinery.SourceFileLoader("double_of_gh", str(DOUBLES / "gh"))
    spec = importlib.util.spec_from_loader("double_of_gh", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    run: Double = module.main
    return run


@dataclass
class Desk:
    """Runs verbs in the current folder; `said` is what the last one printed, errors too."""

    host: GitHub
    repository: Repository
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    said: str = ""

    def __post_init__(self) -> None:
        self.called, answer = gh.called, double()

        def call(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(command, *answer(command[1:], text))

        self.patch.setattr(gh, "called", call)
        self.patch.setenv("GITHUB_API_URL", self.host.api)
        self.patch.setenv("PATH", os.pathsep.join([str(DOUBLES), os.environ["PATH"]]))

    def whole(self) -> None:
        """Start the double as a program from now on."""
        self.patch.setattr(gh, "called", self.called)

    def log_in(self, login: str) -> None:
        self.patch.setenv("GH_TOKEN", self.host.token(login).secret)

    def run(self, *arguments: str) -> int:
        """Run a verb; return its exit code. Nothing that gh asked was unknown."""
        code = main(list(arguments))
        printed = self.capsys.readouterr()
        self.said = printed.out + printed.err
        assert not self.host.unknown()
        return code
