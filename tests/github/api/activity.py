"""Who moved which branch."""

from .. import shapes
from ..answers import Answer
from ..pages import number
from ..requests import Request
from ..routing import route
from .repositories import HOME


@route(f"GET {HOME}/activity", "contents: read")
def listed(request: Request) -> Answer:
    """Newest first; further pages are asked for by a cursor, which nothing here does."""
    ref, actor = request.query.get("ref"), request.query.get("actor")
    found = [
        shapes.activity(request.github, each)
        for each in reversed(request.repository.activity)
        if ref in (None, each.ref, each.ref.removeprefix("refs/heads/"))
        and actor in (None, each.actor.login)
    ]
    return Answer(found[: min(number(request, "per_page", 30), 100)])
