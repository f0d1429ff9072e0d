"""Pull requests."""

from .. import merging, pulls, shapes
from ..answers import Answer, Refused, invalid
from ..bare import Commit
from ..pages import page
from ..pushes import moving
from ..requests import Request
from ..routing import route
from ..state import PullRequest, now
from .issues import find
from .repositories import HOME

READ, WRITE = "pull-requests: read", "pull-requests: write"


def find_pull(request: Request, number: str) -> PullRequest:
    found = find(request, number)
    if not isinstance(found, PullRequest):
        raise Refused(404)
    return found


def single(request: Request, pull: PullRequest, status: int = 200) -> Answer:
    return Answer(shapes.pull(request.github, request.repository, pull, single=True), status)


@route(f"GET {HOME}/pulls", READ)
def listed(request: Request) -> Answer:
    """Newest first; by default the open ones."""
    state, base = request.query.get("state", "open"), request.query.get("base")
    head = request.query.get("head")
    found = [
        pull
        for pull in reversed(request.repository.pulls)
        if state in ("all", pull.state)
        and base in (None, pull.base_branch)
        and head in (None, f"{pull.head_repository.owner.login}:{pull.head_branch}")
    ]
    if request.query.get("direction") == "asc":
        found.reverse()
    return page(request, found, lambda pull: shapes.pull(request.github, request.repository, pull))


@route(f"POST {HOME}/pulls", WRITE, role="read")
def create(request: Request) -> Answer:
    """Open one; workflows may only where the repository allows it."""
    if request.caller.workflow and not request.repository.actions_may_open_pulls:
        message = "GitHub Actions is not permitted to create or approve pull requests."
        raise Refused(403, message)
    fields = request.json()
    pull = pulls.open_pull(
        request.github,
        request.repository,
        request.caller,
        request.text("head"),
        request.text("base"),
        request.text("title"),
        fields.get("body"),
        bool(fields.get("draft", False)),
    )
    return single(request, pull, 201)


@route(f"GET {HOME}/pulls/{{number}}", READ)
def show(request: Request, number: str) -> Answer:
    return single(request, find_pull(request, number))


@route(f"PATCH {HOME}/pulls/{{number}}", WRITE)
def change(request: Request, number: str) -> Answer:
    """Title, body, state and base; a draft cannot be changed here."""
    pull, fields = find_pull(request, number), request.json()
    pull.title, pull.body = fields.get("title", pull.title), fields.get("body", pull.body)
    pull.updated_at = now()
    if "base" in fields:
        if pulls.tip(request.repository, fields["base"]) is None:
            raise invalid("Validation Failed", field="base", code="invalid")
        pull.base_branch = fields["base"]
        pulls.refresh(request.repository, pull)
    move = {"closed": pulls.close, "open": pulls.reopen}.get(fields.get("state", ""))
    if move and fields["state"] != pull.state:
        move(request.github, request.repository, request.caller, pull)
    return single(request, pull)


@route(f"PUT {HOME}/pulls/{{number}}/merge", "contents: write")
def merge(request: Request, number: str) -> Answer:
    method, expected = request.text("merge_method", "merge"), request.json().get("sha")
    if method not in merging.METHODS:
        raise Refused(405, f"{method.title()} merges are not allowed on this repository.")
    sha = merging.merge(
        request.github,
        request.repository,
        request.caller,
        find_pull(request, number),
        method,
        expected,
    )
    return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


@route(f"GET {HOME}/pulls/{{number}}/merge", READ)
def is_merged(request: Request, number: str) -> Answer:
    if find_pull(request, number).merged_at is None:
        raise Refused(404)
    return Answer(status=204)


@route(f"PUT {HOME}/pulls/{{number}}/update-branch", WRITE)
def update_branch(request: Request, number: str) -> Answer:
    """Merge the base into the head."""
    pull = find_pull(request, number)
    base, source = pulls.tip(request.repository, pull.base_branch), pull.head_repository
    if not pull.mergeable or base is None or pull.state == "closed":
        raise invalid("merge conflict between base and head")
    with moving(request.github, source, request.caller):
        source.bare.fetch(request.repository.bare, base)
        tree = source.bare.merged_tree(pull.head_sha, base)
        assert tree is not None
        message = f"Merge branch '{pull.base_branch}' into {pull.head_branch}"
        sha = source.bare.commit_tree(tree, [pull.head_sha, base], message)
        source.bare.point(f"refs/heads/{pull.head_branch}", sha)
    return Answer({"message": "Updating pull request branch.", "url": ""}, 202)


@route(f"GET {HOME}/pulls/{{number}}/commits", READ)
def commits(request: Request, number: str) -> Answer:
    pull, bare = find_pull(request, number), request.repository.bare
    found = [bare.commit(sha) for sha in bare.between(pull.base_sha, pull.head_sha, "--reverse")]

    def shape(commit: Commit) -> shapes.Shape:
        return shapes.commit(request.github, request.repository, commit)

    return page(request, found, shape)


@route(f"GET {HOME}/pulls/{{number}}/files", READ)
def files(request: Request, number: str) -> Answer:
    pull, bare = find_pull(request, number), request.repository.bare
    base = bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    return page(request, bare.changed(base, pull.head_sha), dict)


@route(f"GET {HOME}/commits/{{sha}}/pulls", READ)
def of_commit(request: Request, sha: str) -> Answer:
    """The pull requests that brought a commit, or have it at their head."""
    bare = request.repository.bare
    found = [
        pull
        for pull in request.repository.pulls
        if sha in (pull.head_sha, pull.merge_commit_sha)
        or sha in bare.between(pull.base_sha, pull.head_sha)
    ]
    return page(request, found, lambda pull: shapes.pull(request.github, request.repository, pull))
