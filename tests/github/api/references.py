"""References as Git has them: made, moved and deleted by who may."""

from .. import rules, shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..pushes import moving
from ..requests import Request
from ..routing import route
from .repositories import HOME

READ, WRITE = "contents: read", "contents: write"


@route(f"GET {HOME}/git/ref/{{name:path}}", READ)
def show(request: Request, name: str) -> Answer:
    return Answer(shape(request, f"refs/{name}", current(request, f"refs/{name}")))


@route(f"GET {HOME}/git/matching-refs/{{name:path}}", READ)
def matching(request: Request, name: str) -> Answer:
    """Those whose names start so."""
    everything = request.repository.bare.references()
    found = [item for item in everything.items() if item[0].startswith(f"refs/{name}")]
    return page(request, found, lambda item: shape(request, *item))


def shape(request: Request, name: str, sha: str) -> shapes.Shape:
    return shapes.reference(request.github, request.repository, name, sha)


def current(request: Request, name: str) -> str:
    sha = request.repository.bare.references(name).get(name)
    if sha is None:
        raise Refused(404)
    return sha


def move(request: Request, name: str, old: str | None, new: str | None) -> None:
    """Move a reference where the rules let it."""
    if rules.refused(request.repository, request.caller, name, old, new):
        raise invalid("Repository rule violations found")
    with moving(request.github, request.repository, request.caller):
        request.repository.bare.point(name, new)


@route(f"POST {HOME}/git/refs", WRITE)
def create(request: Request) -> Answer:
    name, sha, bare = request.text("ref"), request.text("sha"), request.repository.bare
    if not name.startswith(("refs/heads/", "refs/tags/")):
        raise invalid("Reference name must start with 'refs/' and have two slashes.")
    if bare.attempt("cat-file", "-e", sha).returncode:
        raise invalid("Object does not exist")
    if name in bare.references(name):
        raise invalid("Reference already exists")
    move(request, name, None, sha)
    return Answer(shape(request, name, sha), 201)


@route(f"PATCH {HOME}/git/refs/{{name:path}}", WRITE)
def change(request: Request, name: str) -> Answer:
    name, sha, bare = f"refs/{name}", request.text("sha"), request.repository.bare
    old = current(request, name)
    if bare.attempt("cat-file", "-e", sha).returncode:
        raise invalid("Object does not exist")
    forced = request.json().get("force", False)
    held = rules.forward_only(request.repository, request.caller, name)
    if (held or not forced) and not bare.contains(old, sha):
        raise invalid("Update is not a fast forward")
    move(request, name, old, sha)
    return Answer(shape(request, name, sha))


@route(f"DELETE {HOME}/git/refs/{{name:path}}", WRITE)
def delete(request: Request, name: str) -> Answer:
    name = f"refs/{name}"
    move(request, name, current(request, name), None)
    return Answer(status=204)
