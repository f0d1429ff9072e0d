"""The repository that workflows run for, and the machine that they run on."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .artifacts import Artifacts
from .caches import Caches
from .errors import Failed, Refused
from .filters import matches
from .permissions import Token


@dataclass
class Environment:
    """What an `environment:` gives to a job, and the branches it gives it to."""

    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    branches: tuple[str, ...] = ()  # patterns; none is any branch


@dataclass
class Repository:
    """What GitHub knows of a repository.

    Parameters
    ----------
    name : `owner/name`.
    folder : its Git repository: workflows are read from it.
    scratch : where runs, artifacts and caches are kept.
    url : what checkout clones; the folder unless given.
    others : the URLs of other repositories, a fork's for example, by name.
    default_permissions : "read" or "write": of tokens of workflows that say nothing.
    tokens : every token that was given out, by its value: a server asks here what one may do.
    """

    name: str
    folder: Path
    scratch: Path
    url: str = ""
    others: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    default_permissions: str = "read"
    server_url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    tokens: dict[str, Token] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    def __post_init__(self) -> None:
        self.artifacts = Artifacts(self.scratch / "artifacts")
        self.caches = Caches(self.scratch / "caches")

    @property
    def owner(self) -> str:
        return self.name.split("/")[0]

    def clone_url(self, name: str) -> str:
        """Where a repository is cloned from; a folder as a URL, for which Git heeds a depth."""
        urls = {self.name: self.url or str(self.folder), **self.others}
        if name not in urls:
            raise Refused(f"Nobody said where the repository {name} is.")
        return urls[name] if "://" in urls[name] else f"file://{urls[name]}"

    def git(self, *arguments: str) -> bytes:
        """Ask the repository itself."""
        done = subprocess.run(["git", "-C", self.folder, *arguments], capture_output=True)
        if done.returncode:
            raise Refused(done.stderr.decode().strip())
        return done.stdout

    def show(self, commit: str, path: str) -> str:
        """A file as it is in a commit."""
        return self.git("show", f"{commit}:{path}").decode()

    def environment(self, name: str, ref: str) -> Environment:
        """What a job on `ref` gets of an environment; GitHub makes one that nobody made.

        Raises
        ------
        Failed : it is not for this branch.
        """
        found = self.environments.get(name, Environment())
        if found.branches and not matches(found.branches, ref.removeprefix("refs/heads/")):
            raise Failed(f"{ref} is not allowed to deploy to {name}.")
        return found


@dataclass
class Machine:
    """The runner.

    Parameters
    ----------
    path : folders of programs that come before the system's.
    variables : of every step, beside GitHub's own.
    minute : seconds that a minute of `timeout-minutes` lasts.
    stand_ins : actions by name, beside or instead of those of `stand_ins.py`.
    before : told of a job's place and a step that is next.
    watch : told of a run again and again while its steps run.
    """

    path: tuple[Path, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    minute: float = 60
    stand_ins: dict[str, Callable[..., Any]] = field(default_factory=dict)
    before: Callable[..., None] = lambda place, step: None
    watch: Callable[..., None] = lambda run: None
