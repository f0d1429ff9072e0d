"""Issues, comments and labels; a pull request is an issue too."""

from typing import Any

from .. import shapes, tokens
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import Comment, Issue, Label, PullRequest, now
from .repositories import HOME

READ = "issues: read | pull-requests: read"
WRITE = "issues: write | pull-requests: write"
LONGEST = 65536
ANY_COLOR = "ededed"


def find(request: Request, number: str) -> Issue:
    found = request.repository.issues.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise Refused(404)
    return found


def writable(request: Request, number: str, role: str) -> Issue:
    """One to write to: a plain issue is not among what `pull-requests` grants."""
    found = find(request, number)
    if not isinstance(found, PullRequest):
        tokens.demand(request.token, request.repository, "issues: write", role)
    return found


def checked(body: str) -> str:
    if not body.strip():
        raise invalid("Validation Failed", resource="IssueComment", code="missing", field="body")
    if len(body) > LONGEST:
        raise invalid(
            "Validation Failed", message=f"Body is too long (maximum is {LONGEST} characters)"
        )
    return body


def shape(request: Request, issue: Issue) -> dict[str, Any]:
    return shapes.issue(request.github, request.repository, issue)


@route(f"GET {HOME}/issues", READ)
def listed(request: Request) -> Answer:
    """Newest first; by default the open ones. Pull requests are among them."""
    query = request.query
    wanted = set(filter(None, query.get("labels", "").split(",")))
    state, creator = query.get("state", "open"), query.get("creator")
    found = [
        issue
        for issue in reversed(request.repository.issues.values())
        if state in ("all", issue.state)
        and wanted <= set(issue.labels)
        and creator in (None, issue.author.login)
    ]
    return page(request, found, lambda issue: shape(request, issue))


@route(f"POST {HOME}/issues", "issues: write", role="read")
def create(request: Request) -> Answer:
    repository = request.repository
    issue = Issue(
        id=request.github.number(),
        number=len(repository.issues) + 1,
        title=request.text("title"),
        body=request.json().get("body"),
        author=request.caller.actor,
    )
    repository.issues[issue.number] = issue
    label(request, issue, request.json().get("labels", []))
    return Answer(shape(request, issue), 201)


@route(f"GET {HOME}/issues/{{number}}", READ)
def show(request: Request, number: str) -> Answer:
    return Answer(shape(request, find(request, number)))


@route(f"PATCH {HOME}/issues/{{number}}", WRITE, role="triage")
def change(request: Request, number: str) -> Answer:
    issue, fields = writable(request, number, "triage"), request.json()
    issue.title, issue.body = fields.get("title", issue.title), fields.get("body", issue.body)
    issue.state, issue.updated_at = fields.get("state", issue.state), now()
    issue.closed_at = now() if issue.state == "closed" else None
    if "labels" in fields:
        issue.labels = []
        label(request, issue, fields["labels"])
    return Answer(shape(request, issue))


@route(f"GET {HOME}/issues/{{number}}/comments", READ)
def comments(request: Request, number: str) -> Answer:
    issue = find(request, number)
    return page(request, issue.comments, lambda comment: comment_shape(request, issue, comment))


def comment_shape(request: Request, issue: Issue, comment: Comment) -> dict[str, Any]:
    return shapes.comment(request.github, request.repository, comment, issue.number)


@route(f"POST {HOME}/issues/{{number}}/comments", WRITE, role="read")
def add_comment(request: Request, number: str) -> Answer:
    issue = writable(request, number, "read")
    body = checked(request.text("body"))
    comment = Comment(id=request.github.number(), author=request.caller.actor, body=body)
    issue.comments.append(comment)
    return Answer(comment_shape(request, issue, comment), 201)


def find_comment(request: Request, number: str) -> tuple[Issue, Comment]:
    for issue in request.repository.issues.values():
        for comment in issue.comments:
            if str(comment.id) == number:
                return issue, comment
    raise Refused(404)


@route(f"GET {HOME}/issues/comments/{{comment}}", READ)
def show_comment(request: Request, comment: str) -> Answer:
    return Answer(comment_shape(request, *find_comment(request, comment)))


def own_comment(request: Request, number: str) -> tuple[Issue, Comment]:
    """A comment to change: a person's own, or anybody's for who may write."""
    issue, comment = find_comment(request, number)
    writable(request, str(issue.number), "read")
    if comment.author is not request.caller.actor:
        tokens.demand(request.token, request.repository, WRITE, "write")
    return issue, comment


@route(f"PATCH {HOME}/issues/comments/{{comment}}", WRITE, role="read")
def change_comment(request: Request, comment: str) -> Answer:
    issue, found = own_comment(request, comment)
    found.body, found.updated_at = checked(request.text("body")), now()
    return Answer(comment_shape(request, issue, found))


@route(f"DELETE {HOME}/issues/comments/{{comment}}", WRITE, role="read")
def delete_comment(request: Request, comment: str) -> Answer:
    issue, found = own_comment(request, comment)
    issue.comments.remove(found)
    return Answer(status=204)


def label(request: Request, issue: Issue, names: list[str]) -> None:
    """Put labels on it; one that the repository has not is made."""
    known = request.repository.labels
    for name in names:
        if name not in known:
            known[name] = Label(id=request.github.number(), name=name, color=ANY_COLOR)
        if name not in issue.labels:
            issue.labels.append(name)
