"""Commits, branches, tags and what differs between two of them."""

from typing import Any

from .. import rules, shapes
from ..answers import Answer, Refused, invalid
from ..bare import EMPTY_TREE
from ..pages import page
from ..requests import Request
from ..routing import route
from .repositories import HOME

READ = "contents: read"


def resolve(request: Request, name: str) -> str:
    """The commit of a branch, a tag or a SHA."""
    sha = request.repository.bare.resolve(name)
    if sha is None:
        raise invalid(f"No commit found for SHA: {name}")
    return sha


def shape(request: Request, sha: str) -> dict[str, Any]:
    commit = request.repository.bare.commit(sha)
    return shapes.commit(request.github, request.repository, commit)


@route(f"GET {HOME}/commits", READ)
def listed(request: Request) -> Answer:
    """Newest first."""
    start = resolve(request, request.query.get("sha", request.repository.default_branch))
    path = request.query.get("path")
    found = request.repository.bare.git("rev-list", start, "--", *([path] if path else []))
    return page(request, found.split(), lambda sha: shape(request, sha))


@route(f"GET {HOME}/git/commits/{{sha}}", READ)
def git_commit(request: Request, sha: str) -> Answer:
    commit = request.repository.bare.commit(resolve(request, sha))
    return Answer(shapes.git_commit(request.github, request.repository, commit))


@route(f"GET {HOME}/branches", READ)
def branches(request: Request) -> Answer:
    found = list(request.repository.bare.references("refs/heads").items())
    return page(request, found, lambda item: branch_shape(request, item[0][11:], item[1]))


def branch_shape(request: Request, name: str, sha: str) -> dict[str, Any]:
    repository = request.repository
    protected = bool(rules.active(repository, f"refs/heads/{name}"))
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{shapes.home(request.github, repository)}/commits/{sha}"},
        "protected": protected or name in repository.protection,
    }


@route(f"GET {HOME}/tags", READ)
def tags(request: Request) -> Answer:
    bare = request.repository.bare
    names = [name.removeprefix("refs/tags/") for name in bare.references("refs/tags")]

    def shape_of(name: str) -> dict[str, Any]:
        return {"name": name, "commit": {"sha": bare.resolve(name)}}

    return page(request, names[::-1], shape_of)


@route(f"GET {HOME}/compare/{{basehead:path}}", READ)
def compare(request: Request, basehead: str) -> Answer:
    """`BASE...HEAD`; of a fork, `OWNER:BRANCH`."""
    bare = request.repository.bare
    names = basehead.split("...")
    if len(names) != 2:
        raise Refused(404)
    base, head = (side(request, name) for name in names)
    ahead, behind = bare.between(base, head, "--reverse"), bare.between(head, base)
    state = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    middle = bare.merge_base(base, head)
    if middle is None:
        raise Refused(404, f"No common ancestor between {names[0]} and {names[1]}.")
    return Answer(
        {
            "status": state.get((bool(ahead), bool(behind)), "identical"),
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "base_commit": shape(request, base),
            "merge_base_commit": shape(request, middle),
            "commits": [shape(request, sha) for sha in ahead],
            "files": bare.changed(middle, head),
        }
    )


def side(request: Request, name: str) -> str:
    """The commit of one side; a fork's is copied here first, as forks share their objects."""
    owner, _, branch = name.rpartition(":")
    for repository in request.github.repositories.values():
        if repository.parent is request.repository and repository.owner.login == owner:
            sha = repository.bare.resolve(branch)
            if sha:
                request.repository.bare.fetch(repository.bare, sha)
                return sha
    sha = request.repository.bare.resolve(branch)
    if sha is None:
        raise Refused(404)
    return sha


@route(f"GET {HOME}/branches/{{name:path}}", READ)
def branch(request: Request, name: str) -> Answer:
    sha = request.repository.bare.references(f"refs/heads/{name}").get(f"refs/heads/{name}")
    if sha is None:
        raise Refused(404, "Branch not found")
    return Answer(branch_shape(request, name, sha) | {"commit": shape(request, sha)})


@route(f"GET {HOME}/commits/{{name:path}}", READ)
def show(request: Request, name: str) -> Answer:
    """A commit and the files that it changed."""
    sha, bare = resolve(request, name), request.repository.bare
    parents = bare.commit(sha).parents
    files = bare.changed(parents[0] if parents else EMPTY_TREE, sha)
    return Answer(shape(request, sha) | {"files": files})
