"""Events that are asked for."""

import re

from ..answers import Answer, Refused, invalid
from ..events import fire
from ..requests import Request
from ..routing import route
from .repositories import HOME
from .runs import ACTIONS, find_workflow

MOST_INPUTS, MOST_KEYS, LONGEST = 25, 10, 100
TRIGGER = re.compile(r"^\s*(on:.*\b|- |)workflow_dispatch\b", re.M)


@route(f"POST {ACTIONS}/workflows/{{workflow}}/dispatches", "actions: write")
def run_workflow(request: Request, workflow: str) -> Answer:
    """Run the workflow as it is on `ref`; it must be on the default branch too."""
    path = find_workflow(request, workflow)
    repository, inputs = request.repository, request.json().get("inputs", {})
    name = request.text("ref").removeprefix("refs/heads/").removeprefix("refs/tags/")
    sha = repository.bare.resolve(name)
    if sha is None:
        raise invalid(f"No ref found for: {name}")
    content = repository.bare.attempt("show", f"{sha}:{path}").stdout.decode()
    if not TRIGGER.search(content):
        raise invalid("Workflow does not have 'workflow_dispatch' trigger")
    if len(inputs) > MOST_INPUTS:
        raise invalid(f"Too many inputs, the maximum is {MOST_INPUTS}")
    kind = "heads" if f"refs/heads/{name}" in repository.bare.references("refs/heads") else "tags"
    reference = f"refs/{kind}/{name}"
    fire(
        request.github,
        repository,
        request.caller,
        "workflow_dispatch",
        None,
        (reference, sha),
        inputs=inputs,
        ref=reference,
        workflow=path,
    )
    return Answer(status=204)


@route(f"POST {HOME}/dispatches", "contents: write")
def dispatch(request: Request) -> Answer:
    """A `repository_dispatch`, whose workflows run on the default branch."""
    repository, content = request.repository, request.json().get("client_payload", {})
    kind, branch = request.text("event_type"), repository.default_branch
    if len(kind) > LONGEST or len(content) > MOST_KEYS:
        raise invalid("Invalid request.\n\nNo more than 10 properties are allowed.")
    sha = repository.bare.resolve(f"refs/heads/{branch}")
    if sha is None:
        raise Refused(404)
    fire(
        request.github,
        repository,
        request.caller,
        "repository_dispatch",
        kind,
        (f"refs/heads/{branch}", sha),
        client_payload=content,
        branch=branch,
    )
    return Answer(status=204)
