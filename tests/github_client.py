"""A client of the tests' GitHub: one HTTP request at a time, and Git."""

import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from github import GitHub, Repository, Token

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@dataclass
class Reply:
    """What came back; redirects are not followed."""

    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def ask(
    host: GitHub,
    request: str,
    token: Token | None = None,
    body: object = None,
    **headers: str,
) -> Reply:
    """Send `METHOD /path`; a body that is not bytes is sent as JSON."""
    method, path = request.split(" ")
    parts = urlsplit(path if path.startswith("http") else host.api + path)
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
    if token:
        headers = {"Authorization": f"Bearer {token.secret}", **headers}
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", content, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@dataclass
class Clone:
    """A folder that was cloned with somebody's token."""

    path: Path

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run Git there; return what it printed, or what it complained about."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *AUTHOR, *arguments],
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
        )
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}\n{done.stderr}")
        return (done.stdout if check else done.stdout + done.stderr).strip()

    def commit(self, name: str, text: str, message: str = "Change") -> str:
        """Write a file and commit it; return the commit."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git("add", name)
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, reference: str, *options: str) -> None:
        self.git("push", "--quiet", *options, "origin", reference)

    def refused(self, reference: str, *options: str) -> str:
        """Push, and expect a refusal; return its text."""
        said = self.git("push", *options, "origin", reference, check=False)
        assert "rejected" in said or "fatal" in said, said
        return said


def clone(host: GitHub, repository: Repository, folder: Path, token: Token | None = None) -> Clone:
    """Clone with a token."""
    address = host.remote(repository, token)
    subprocess.run(
        ["git", "clone", "--quiet", address, str(folder)], check=True, capture_output=True
    )
    return Clone(folder)
