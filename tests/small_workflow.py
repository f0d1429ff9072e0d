"""A repository whose workflows run, for tests of the executor."""

import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.events import Event
from actions.repository import Machine, Repository
from actions.result import Run
from actions.runner import execute, prepare

PATH = ".github/workflows/w.yml"
PIN = "0" * 40
CHECKOUT = f"actions/checkout@{PIN}"
FORK = {
    "pull_request": {
        "head": {"ref": "mine", "sha": "f" * 40, "repo": {"full_name": "eve/flights"}},
        "base": {"ref": "main", "repo": {"full_name": "ada/flights"}},
    }
}


@dataclass
class World:
    """A repository whose workflows run."""

    repository: Repository
    machine: Machine = field(default_factory=Machine)

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.repository.folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        for name, content in files.items():
            path = self.repository.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def prepare(self, workflow: str, files: dict[str, str] | None = None, **event: Any) -> Run:
        event = {"name": "push", **event}
        text = textwrap.dedent(workflow).lstrip("\n")
        if not text.startswith("on:"):
            text = f"on: {event['name']}\n{text}"
        sha = self.commit({PATH: text, **(files or {})})
        return prepare(self.repository, PATH, Event(sha=sha, **event), self.machine)

    def run(self, workflow: str, files: dict[str, str] | None = None, **event: Any) -> Run:
        return execute(self.prepare(workflow, files, **event))

    def steps(self, steps: str, files: dict[str, str] | None = None, **event: Any) -> Run:
        """Run one job, `job`, of these steps."""
        return self.run(job(steps), files, **event)


def job(steps: str) -> str:
    """A workflow's jobs: one, `job`, of these steps."""
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "      ")
    return f"jobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n{body}\n"


def new_world(folder: Path) -> World:
    made = World(Repository("ada/flights", folder / "repository", folder / "scratch"))
    made.repository.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    return made


def conclusions(run: Run) -> dict[str, str]:
    return {job.name: job.conclusion for job in run.jobs}
