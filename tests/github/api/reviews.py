"""Reviews of pull requests."""

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import Review
from .pulls import READ, WRITE, find_pull
from .repositories import HOME

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
REVIEWS = f"{HOME}/pulls/{{number}}/reviews"


@route(f"GET {REVIEWS}", READ)
def listed(request: Request, number: str) -> Answer:
    """Oldest first."""
    pull, where = find_pull(request, number), (request.github, request.repository)
    return page(request, pull.reviews, lambda each: shapes.review(*where, each, pull.number))


@route(f"POST {REVIEWS}", WRITE, role="read")
def submit(request: Request, number: str) -> Answer:
    """Say what one thinks of a commit, the head unless another is named."""
    pull, fields, actor = find_pull(request, number), request.json(), request.caller.actor
    state, body = STATES.get(request.text("event")), request.text("body", "")
    if state is None or (state != "APPROVED" and not body.strip()):
        raise invalid("Validation Failed", resource="PullRequestReview", code="missing")
    if state != "COMMENTED" and actor is pull.author:
        words = {"APPROVED": "approve", "CHANGES_REQUESTED": "request changes on"}
        raise Refused(422, f"Can not {words[state]} your own pull request")
    if request.caller.workflow and not request.repository.actions_may_open_pulls:
        message = "GitHub Actions is not permitted to create or approve pull requests."
        raise Refused(403, message)
    review = Review(
        id=request.github.number(),
        author=actor,
        state=state,
        body=body,
        commit=fields.get("commit_id") or pull.head_sha,
    )
    pull.reviews.append(review)
    return Answer(shapes.review(request.github, request.repository, review, pull.number))
