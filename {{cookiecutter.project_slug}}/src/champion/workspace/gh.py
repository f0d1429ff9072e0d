"""GitHub's API through the GitHub CLI, which knows who asks: `gh api`."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from champion.errors import Refusal, shown
from champion.workspace import readers
from champion.workspace.git import git, has_remote, reason


@dataclass(frozen=True)
class Answer:
    """What GitHub answered: the HTTP status, the content, and its message where it refused."""

    status: int
    content: Any
    message: str = ""

    @property
    def good(self) -> bool:
        return self.status < 300


@dataclass(frozen=True)
class Hub:
    """The repository of origin at its GitHub."""

    program: str
    host: str
    name: str  # owner/name

    def ask(self, request: str, body: Any = None) -> Answer:
        """Send `METHOD path`, below the repository.

        Raises
        ------
        Refusal : no answer came.
        """
        method, path = request.split(" ")
        command = [self.program, "api", "--hostname", self.host, "--method", method]
        command += ["--input", "-"] if body is not None else []
        address = "/".join(filter(None, ("repos", self.name, path)))
        text = json.dumps(body) if body is not None else ""
        done = called([*command, address], text)
        if not done.returncode:
            return Answer(200, json.loads(done.stdout) if done.stdout.strip() else None)
        found = re.search(r"\(HTTP (\d{3})\)", done.stderr)
        if not found:
            raise Refusal(f"gh cannot ask {self.host}: {reason(done.stderr)}", code=1)
        try:
            content = json.loads(done.stdout)
        except ValueError:
            content = None
        return Answer(int(found[1]), content, complaint(content))

    def get(self, path: str = "") -> Any:
        """Read something that has to be there.

        Raises
        ------
        Refusal : it is not, or may not be read.
        """
        answer = self.ask(f"GET {path}")
        if not answer.good:
            what = f"{self.name}/{path}".strip("/")
            raise Refusal(
                f"{self.host} does not show {what} ({answer.message or answer.status}): "
                "check that gh is logged in as somebody who may see it.",
                code=1,
            )
        return answer.content

    def token(self) -> str:
        """What gh is logged in with."""
        return called([self.program, "auth", "token", "--hostname", self.host]).stdout.strip()


def complaint(content: Any) -> str:
    """GitHub's own words on what it refuses, on one line."""
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors") or []
    said = [e if isinstance(e, str) else str(e.get("message", "")) for e in errors]
    words = [str(content.get("message", "")).rstrip(".:"), *said]
    return shown(": ".join(word.strip() for word in words if word.strip()))


def connect(purpose: str) -> Hub:
    """The GitHub that origin is at.

    Parameters
    ----------
    purpose : what cannot be done without it, for the sentence that says so.

    Raises
    ------
    Refusal : origin is not at a GitHub that gh is logged in to.
    """
    url = git("remote", "get-url", "--push", "origin") if has_remote() else ""
    where = readers.address(url)
    if not where or where.path.count("/") != 1:
        raise Refusal(f"origin is no repository at GitHub: {purpose} by its host's own means.")
    program = shutil.which("gh")
    if not program:
        raise Refusal(
            f"gh, the GitHub CLI, is not installed: install it and run `gh auth login`, "
            f"or {purpose} on the pages of {where.host}."
        )
    if called([program, "auth", "token", "--hostname", where.host]).returncode:
        cure = f"run `gh auth login --hostname {where.host}`"
        if "github" not in where.host:
            cure = f"if it is a GitHub, {cure}; else {purpose} by its own means"
        raise Refusal(f"gh is not logged in to {where.host}: {cure}.")
    return Hub(program, where.host, where.path)


def called(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", errors="replace"
    )


def quoted(part: str) -> str:
    """A name as one part of a path."""
    return quote(part, safe="")
