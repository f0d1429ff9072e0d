"""Commit statuses and check runs."""

from typing import Any

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import CheckRun, Status, now
from .commits import resolve
from .repositories import HOME

STATES = ("error", "failure", "pending", "success")
LONGEST = 140
MOST = 1000  # statuses of one context on one commit


@route(f"POST {HOME}/statuses/{{sha}}", "statuses: write")
def create_status(request: Request, sha: str) -> Answer:
    fields, repository = request.json(), request.repository
    context, description = fields.get("context", "default"), fields.get("description")
    if repository.bare.attempt("cat-file", "-e", f"{sha}^{{commit}}").returncode or len(sha) != 40:
        raise invalid(f"No commit found for SHA: {sha}")
    if fields.get("state") not in STATES:
        raise invalid("Validation Failed", resource="Status", field="state", code="custom")
    if description and len(description) > LONGEST:
        message = f"description is too long (maximum is {LONGEST} characters)"
        raise invalid("Validation Failed", resource="Status", code="custom", message=message)
    if sum(s.sha == sha and s.context == context for s in repository.statuses) >= MOST:
        raise invalid("This SHA and context has reached the maximum number of statuses.")
    status = Status(
        id=request.github.number(),
        sha=sha,
        context=context,
        state=fields["state"],
        description=description,
        target_url=fields.get("target_url"),
        creator=request.caller.actor,
        app=request.caller.app,
    )
    repository.statuses.append(status)
    return Answer(shapes.status(request.github, repository, status), 201)


def of_commit(request: Request, sha: str) -> list[Status]:
    """Every status of a commit, newest first."""
    return [status for status in reversed(request.repository.statuses) if status.sha == sha]


@route(f"GET {HOME}/commits/{{name:path}}/statuses", "statuses: read")
def statuses(request: Request, name: str) -> Answer:
    found = of_commit(request, resolve(request, name))
    return page(request, found, lambda s: shapes.status(request.github, request.repository, s))


@route(f"GET {HOME}/commits/{{name:path}}/status", "statuses: read")
def combined(request: Request, name: str) -> Answer:
    """The newest status of each context, and what they say together; not who set them."""
    sha = resolve(request, name)
    latest: dict[str, Status] = {}
    for status in of_commit(request, sha):
        latest.setdefault(status.context, status)
    states = {status.state for status in latest.values()}
    together = "success"
    if states & {"error", "failure"}:
        together = "failure"
    elif not states or "pending" in states:
        together = "pending"
    shown = [shapes.status(request.github, request.repository, s) for s in latest.values()]
    for each in shown:
        del each["creator"]
    content = {"state": together, "sha": sha, "total_count": len(shown), "statuses": shown}
    home = shapes.repository(request.github, request.repository)
    return Answer({**content, "repository": home})


@route(f"GET {HOME}/commits/{{name:path}}/check-runs", "checks: read")
def check_runs(request: Request, name: str) -> Answer:
    """By default the newest of each name."""
    sha, named = resolve(request, name), request.query.get("check_name")
    found = [
        check
        for check in reversed(request.repository.checks)
        if check.sha == sha and named in (None, check.name)
    ]
    if request.query.get("filter", "latest") == "latest":
        found = list({(check.name, check.app): check for check in reversed(found)}.values())
    return page(request, found, lambda check: shape(request, check), "check_runs")


def shape(request: Request, check: CheckRun) -> dict[str, Any]:
    return shapes.check(request.github, request.repository, check)


@route(f"POST {HOME}/check-runs", "checks: write")
def create_check(request: Request) -> Answer:
    """Only apps, of which Actions is one, make checks."""
    if request.caller.app is None:
        raise Refused(403, "You must authenticate via a GitHub App.")
    sha = request.text("head_sha")
    if request.repository.bare.resolve(sha) is None:
        raise invalid(f"No commit found for SHA: {sha}")
    check = CheckRun(
        id=request.github.number(), name=request.text("name"), sha=sha, app=request.caller.app
    )
    request.repository.checks.append(check)
    change(check, request.json())
    return Answer(shape(request, check), 201)


@route(f"PATCH {HOME}/check-runs/{{number}}", "checks: write")
def change_check(request: Request, number: str) -> Answer:
    check = find(request, number)
    if check.app != request.caller.app:
        raise Refused(403, "Invalid app_id - check run can only be modified by its app.")
    change(check, request.json())
    return Answer(shape(request, check))


@route(f"GET {HOME}/check-runs/{{number}}", "checks: read")
def show_check(request: Request, number: str) -> Answer:
    return Answer(shape(request, find(request, number)))


def find(request: Request, number: str) -> CheckRun:
    for check in request.repository.checks:
        if str(check.id) == number:
            return check
    raise Refused(404)


def change(check: CheckRun, fields: dict[str, Any]) -> None:
    """Set what was sent; a conclusion completes it."""
    for name in ("status", "conclusion", "details_url", "external_id", "output"):
        if name in fields:
            setattr(check, name, fields[name])
    if check.conclusion:
        check.status, check.completed_at = "completed", now()
