"""Git over HTTP, by Git's own server program."""

import os
import re
import subprocess
import zlib

from . import rules, tokens
from .answers import Answer, Refused
from .bare import ZERO
from .pushes import moving, shown
from .requests import Request
from .state import Repository
from .tokens import Token

ADDRESS = re.compile(
    r"/([^/]+)/([^/]+?)(?:\.git)?/(HEAD|info/refs|git-upload-pack|git-receive-pack)"
)
PUSH = "git-receive-pack"


def serve(request: Request, address: re.Match[str]) -> Answer:
    """Let who may read fetch, and who may write push."""
    owner, name, service = address.groups()
    repository = request.github.repositories.get(f"{owner}/{name}")
    asked = request.query.get("service", service)
    try:
        if repository is None:
            raise Refused(404)
        if request.token is None and repository.private:
            raise Refused(401, "Repository not found.")
        tokens.demand(
            request.token, repository, f"contents: {'write' if asked == PUSH else 'read'}"
        )
    except Refused as refused:
        return refusal(refused, request, f"{owner}/{name}")
    if service != PUSH:
        return run(request, repository, service, {})
    with request.github.lock, moving(request.github, repository, request.caller):
        return run(request, repository, service, limits(repository, request.caller, request.body))


def refusal(refused: Refused, request: Request, name: str) -> Answer:
    """Git shows a text; a 401 must say that a password is wanted."""
    text, headers = str(refused), {"Content-Type": "text/plain"}
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
    elif refused.status == 403 and request.token:
        text = f"Permission to {name}.git denied to {request.token.actor.login}."
    return Answer(text.encode(), refused.status, headers)


def commands(body: bytes) -> list[tuple[str, str, str]]:
    """The old object, new object and reference of each line of a push."""
    found, place = [], 0
    while (size := int(body[place : place + 4] or b"0", 16)) > 0:
        line = body[place + 4 : place + size].split(b"\0")[0].decode().strip()
        if len(parts := line.split(" ", 2)) == 3 and len(parts[0]) == 40:
            found.append((parts[0], parts[1], parts[2]))
        place += size
    return found


def limits(repository: Repository, token: Token, body: bytes) -> dict[str, str]:
    """What the repository's hook is to refuse in this push."""
    refused, forward = [], []
    before = shown(repository)
    for _, new, name in commands(body):
        if rules.refused(repository, token, name, before.get(name), None if new == ZERO else new):
            refused.append(name)
        if rules.forward_only(repository, token, name):
            forward.append(name)
    writes_workflows = token.permissions is None or token.allows("workflows", "write")
    return {
        "REFUSED_REFERENCES": " ".join(refused),
        "FORWARD_REFERENCES": " ".join(forward),
        "WORKFLOWS_REFUSED": "" if writes_workflows else "yes",
    }


def run(
    request: Request, repository: Repository, service: str, variables: dict[str, str]
) -> Answer:
    """Run `git http-backend` as a web server runs a program, and read what it says."""
    body, headers = request.body, request.headers
    if headers.get("content-encoding") == "gzip":
        body = zlib.decompress(body, wbits=31)
    environment = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(repository.bare.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.bare.path.name}/{service}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": "&".join(f"{name}={value}" for name, value in request.query.items()),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": request.token.actor.login if request.token else "",
        "REMOTE_ADDR": "127.0.0.1",
        **variables,
    }
    done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    said = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return Answer(content, int(said.pop("Status", "200").split()[0]), said)
