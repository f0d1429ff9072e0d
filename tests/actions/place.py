"""Where a job runs: its folders, variables, contexts and clock."""

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import contexts, processes
from .errors import Lost
from .language import Tree, language
from .repository import Machine, Repository
from .result import Job, Run

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Scope:
    """Where steps see each other: a job, or a composite action in it."""

    contexts: dict[str, Any] = field(default_factory=dict)  # beside the job's, or instead
    env: dict[str, str] = field(default_factory=dict)  # of the step that uses the action
    defaults: dict[str, str] = field(default_factory=dict)  # shell, working-directory
    steps: dict[str, Any] = field(default_factory=dict)  # the `steps` context
    status: str = "success"
    deadline: float = math.inf


@dataclass
class Place:
    """A job while it runs.

    Parameters
    ----------
    contexts : all but env, steps and job, which change.
    env : the workflow's and the job's variables, and what steps set for those after them.
    path : folders that steps have added; the last first.
    """

    run: Run
    job: Job
    folder: Path
    contexts: dict[str, Any]
    deadline: float
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    stopped: bool = False
    lost: bool = False

    def __post_init__(self) -> None:
        for folder in (self.workspace, self.temp, self.home):
            folder.mkdir(parents=True)

    @property
    def repository(self) -> Repository:
        return self.run.repository

    @property
    def machine(self) -> Machine:
        return self.run.machine

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def lose(self) -> None:
        """Take the runner away, with whatever runs on it; from any thread."""
        self.lost = True
        for group in self.groups:
            processes.end(group)

    def interrupted(self) -> bool:
        """Whether the job is to stop; true once, as what runs afterwards is to clean up.

        Raises
        ------
        Lost : there is nothing left to clean up on.
        """
        self.machine.watch(self.run)
        if self.lost:
            raise Lost
        late = time.monotonic() > self.deadline
        cancelled = self.run.cancelled.is_set() and not self.job.keeps_on
        if self.stopped or not (late or cancelled):
            return False
        self.stopped = True
        return True

    def status(self, scope: Scope) -> str:
        return "cancelled" if self.stopped else scope.status

    def evaluate(self, tree: Tree, scope: Scope, env: dict[str, str] | None = None) -> Tree:
        """Replace the expressions of a step; `env` is what it sets itself."""
        known = {
            **self.contexts,
            "env": {**self.env, **scope.env, **(env or {})},
            "steps": scope.steps,
            "job": {"status": self.status(scope)},
            **scope.contexts,
        }
        return language().evaluate(tree, known, self.status(scope), str(self.workspace))

    def variables(self, scope: Scope, env: dict[str, str]) -> dict[str, str]:
        """What a step's process sees; GitHub's own cannot be overwritten."""
        own = {**self.machine.variables, **self.env, **scope.env, **env}
        github = {**self.contexts["github"], **scope.contexts.get("github", {})}
        named = [*contexts.VARIABLES, *(["action_path"] if "action_path" in github else [])]
        path = [*self.path, *map(str, self.machine.path), own.get("PATH", SYSTEM)]
        return {
            "CI": "true",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **own,
            "PATH": os.pathsep.join(path),
            "GITHUB_ACTIONS": "true",
            **{f"GITHUB_{name.upper()}": str(github[name]) for name in named},
            **{f"RUNNER_{name.upper()}": said for name, said in self.contexts["runner"].items()},
        }
