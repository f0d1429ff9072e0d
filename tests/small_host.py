"""A local GitHub with tiny workflows, for tests of the flow between them."""

import json
import sys
from pathlib import Path
from typing import Any

from actions.repository import Machine
from flow import Host
from github import PullRequest
from github_client import Clone, ask, clone

FOLDER = ".github/workflows"
API = f"""#!{sys.executable} -IS
import os, sys, urllib.error, urllib.request
method, path, *bodies = sys.argv[1:]
for body in bodies or [""]:
    request = urllib.request.Request(
        os.environ["GITHUB_API_URL"] + "/repos/" + os.environ["GITHUB_REPOSITORY"] + path,
        body.encode() or None,
        {{"Authorization": "Bearer " + os.environ["TOKEN"]}},
        method=method,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            print(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        print(error.code)
"""


class SmallHost(Host):
    """Ada owns the repository; her steps call the API with `api METHOD /path [JSON…]`."""

    def __init__(self, folder: Path) -> None:
        tools = folder / "tools"
        tools.mkdir()
        (tools / "api").write_text(API)
        (tools / "api").chmod(0o755)
        super().__init__(folder, machine=Machine(path=(tools,)))
        self.folder = folder

    def begin(self, **workflows: dict[str, Any]) -> Clone:
        """Push `main` with these workflows; nothing has run yet."""
        work = Clone(self.folder / "ada")
        work.path.mkdir()
        work.git("init", "--quiet")
        work.git("remote", "add", "origin", self.github.remote(self.home, self.token("ada")))
        for name, content in workflows.items():
            work.commit(f"{FOLDER}/{name}.yml", written(name, content))
        work.push("main")
        self.settle()
        return work

    def open(self, work: Clone, branch: str, file: str = "model", text: str = "2\n") -> PullRequest:
        """Push a branch of one commit from `main`, and ask to merge it."""
        work.git("fetch", "--quiet", "origin")
        work.git("switch", "--quiet", "-c", branch, "origin/main")
        work.commit(file, text)
        work.push(branch)
        return self.request_pull(branch)

    def fork(self, login: str) -> Clone:
        """The clone of somebody's fork."""
        made = self.github.fork(self.home, login)
        return clone(self.github, made, self.folder / login, self.token(login))

    def status(self, request: str, secret: str) -> int:
        """The status that a request with a token's text is answered with."""
        method, path = request.split(" ")
        place = f"{method} /repos/{self.home.full_name}{path}"
        return ask(self.github, place, Authorization=f"Bearer {secret}").status

    def story(self) -> list[tuple[str, str, str]]:
        """Every run that there was: workflow, what started it, how it ended."""
        return [
            (run.name, run.event.payload.get("action", run.event.name), run.conclusion)
            for run in self.runs
        ]


def workflow(on: Any, *jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"on": on, **more, "jobs": {name: about for job in jobs for name, about in job.items()}}


def job(name: str, *steps: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    """A job; a step that is a text runs it. Its token has no permission, unless it asks for them."""
    return {
        name: {
            "runs-on": "ubuntu-latest",
            "permissions": {},
            "env": {"TOKEN": "${{ github.token }}"},
            "steps": [{"run": step} if isinstance(step, str) else step for step in steps],
            **more,
        }
    }


def written(name: str, content: dict[str, Any]) -> str:
    """A workflow's file."""
    return "".join(f"{key}: {json.dumps(it)}\n" for key, it in {"name": name, **content}.items())
