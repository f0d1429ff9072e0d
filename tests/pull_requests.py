"""The project that whole pull requests run on, its host, and the people who work on it.

A story reads:

    with new_host(tmp_path, published(tmp_path_factory, baked)) as host:
        ada = host.clone("ada")
        ada.edit("params.yaml", model={"kind": "boosted"})
        pull = ada.open("better")
        host.settle()
        assert host.gate(pull).state == "success"
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fork_server
from actions.repository import Machine
from conftest import Bake, BakedProject
from flow import Host
from github import GitHub, PullRequest, Repository, rules
from github.bare import Bare
from github.state import Status
from whole_projects import change, copied, made_once

NAME = "ada/members"
ROWS = 600


def members(start: int = 0, rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Who renews? Visits count both ways from the middle, which no straight line can follow."""
    random = np.random.default_rng(seed)
    visits, age = random.normal(size=rows), random.normal(size=rows)
    chance = 1 / (1 + np.exp(-(4 * np.abs(visits) - 3 + 0.8 * age)))
    return pd.DataFrame(
        {
            "member": np.arange(start, start + rows),
            "visits": visits.round(3),
            "age": age.round(3),
            "club": random.choice(["north", "south", "west"], rows),
            "renewed": np.where(random.random(rows) < chance, "yes", "no"),
        }
    )


def published(factory: pytest.TempPathFactory, baked: Bake) -> BakedProject:
    """Ada's clone, made once, after its first push to the host: copy it."""

    def make(path: Path) -> BakedProject:
        table = path.parent / "members.csv"
        members().to_csv(table, index=False)
        project = copied(
            baked(project_name="Members", data_file=str(table), target="renewed", deploy="none"),
            path,
        )
        change(project, "gate.yaml", data={"id": "member", "slices": ["club"]})
        change(project, "params.yaml", model={"kind": "linear", "boosted": {"max_iter": 30}})
        change(project, "params.yaml", cv={"folds": 2}, explain={"rows": 50})
        project.champion("setup")
        with GitHub(path.parent / "github") as github:
            home = github.create(NAME)
            project.git("remote", "add", "origin", github.remote(home, github.token("ada")))
            project.champion("publish", "--confirm", "public")
        return project

    return made_once("published", factory, make)


def machine(*path: Path, **variables: str) -> Machine:
    """A runner that has this environment's programs, so that nothing is installed."""
    kept = {
        "CHAMPION_VENV": str(fork_server.environment()),
        "CHAMPION_PATIENCE": "0",
        "DVC_NO_ANALYTICS": "1",
        "MYPY_CACHE_DIR": f"{fork_server.kept().name}/mypy",  # the libraries' types are checked once
    }
    return Machine(path=(*path, fork_server.python().parent), variables={**kept, **variables})


def new_host(
    folder: Path, published: BakedProject, machine: Machine | None = None
) -> "ProjectHost":
    """A host that has what was published, and no run yet; a context manager."""
    return ProjectHost(folder, published, machine)


@dataclass
class Person(BakedProject):
    """Somebody's clone of the repository, or of their fork of it."""

    host: "ProjectHost"
    login: str
    home: Repository  # what `origin` is

    def edit(self, file: str, **sections: Any) -> None:
        """Set keys of sections of a YAML file."""
        change(self, file, **sections)

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def main(self) -> None:
        """Go back to the newest `main`, with nothing changed."""
        self.git("fetch", "--quiet", "origin")
        self.git("switch", "--quiet", "--discard-changes", "main")
        self.git("reset", "--quiet", "--hard", "origin/main")

    def commit(self, message: str = "Change") -> str:
        """Commit everything; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *options: str) -> None:
        """Push the current branch, without the hook that sends large files: see `send`."""
        self.git("push", "--quiet", "--no-verify", *options, "origin", "HEAD")

    def send(self) -> None:
        """Push the current branch as people do: what it needs at the remote goes first."""
        self.git("push", "--quiet", "origin", "HEAD")

    def audit(self) -> list[str]:
        """The lines of an audit that asks the host for every run."""
        token, api = self.host.token(self.login).secret, self.host.github.api
        names = {"GITHUB_API_URL": api, "GITHUB_REPOSITORY": NAME, "GITHUB_TOKEN": token}
        return self.champion("audit", "--online", check=False, **names).stdout.splitlines()

    def open(self, branch: str, draft: bool = False, base: str = "main") -> PullRequest:
        """Commit everything on a new branch, push it and ask to merge it."""
        self.git("switch", "--quiet", "--create", branch)
        if self.git("status", "--porcelain"):
            self.commit(branch)
        self.push()
        return self.request_pull(branch, draft, base)

    def request_pull(self, branch: str, draft: bool = False, base: str = "main") -> PullRequest:
        """Ask to merge a branch that is pushed."""
        head = branch if self.home is self.host.home else f"{self.login}:{branch}"
        return self.host.request_pull(head, self.login, base, draft=draft)


class ProjectHost(Host):
    """A host of one generated project; Ada owns it."""

    def __init__(self, folder: Path, published: BakedProject, on: Machine | None = None) -> None:
        super().__init__(folder, NAME, on or machine())
        self.folder, self.published = folder, published
        source = Bare(published.path.parent / "github" / f"{NAME}.git")
        shutil.rmtree(self.home.bare.path / "objects")
        shutil.copytree(source.path / "objects", self.home.bare.path / "objects")
        for name, sha in source.references("refs/heads").items():
            self.home.bare.point(name, sha)

    def clone(self, login: str = "ada") -> Person:
        """The clone of somebody with write access."""
        if self.home.role(login) != "admin":
            self.github.grant(self.home, login, "write")
        return self._clone(login, self.home)

    def fork(self, login: str) -> Person:
        """The clone of a stranger's own fork."""
        return self._clone(login, self.github.fork(self.home, login))

    def _clone(self, login: str, home: Repository) -> Person:
        """A copy of what was published; `origin` is where it comes from."""
        folder = self.folder / f"clone-{login}"
        shutil.copytree(self.published.path, folder, symlinks=True)
        person = Person(folder, self.published.answers, self.published.said, self, login, home)
        url = self.github.remote(home, self.token(login))
        person.git("config", "remote.origin.url", url)
        person.git("config", "champion.public", url)
        person.git("config", "user.name", login)
        return person

    def gate(self, of: PullRequest | str) -> Status | None:
        """The status `gate` of a pull request's head, or of a commit, as it stands."""
        return next(reversed(self.gates(of)), None)

    def gates(self, of: PullRequest | str) -> list[Status]:
        """Every status `gate` that it has had, oldest first."""
        sha = of if isinstance(of, str) else of.head_sha
        return [one for one in self.home.statuses if one.sha == sha and one.context == "gate"]

    def comments(self, pull: PullRequest) -> list[str]:
        return [comment.body for comment in pull.comments]

    def button(self, pull: PullRequest) -> str:
        """What the merge button says: clean, blocked, behind, dirty, draft."""
        return rules.merge_state(self.home, pull)

    def branches(self) -> set[str]:
        names = self.home.bare.references("refs/heads")
        return {name.removeprefix("refs/heads/") for name in names}

    def files(self, branch: str) -> set[str]:
        """The paths of a branch's files, or of a commit's."""
        return set(self.home.bare.git("ls-tree", "-r", "--name-only", branch).splitlines())

    def show(self, branch: str, path: str) -> str:
        return self.home.bare.git("show", f"{branch}:{path}")

    def ledger(self) -> list[dict[str, Any]]:
        """The events on the branch `ledger`, oldest first."""
        if "ledger" not in self.branches():
            return []
        names = sorted(name for name in self.files("ledger") if name.startswith("events/"))
        return [json.loads(self.show("ledger", name)) for name in names]
