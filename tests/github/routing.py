"""Finds the function that answers a request, and asks whether the client may."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from . import tokens
from .answers import Answer, Refused
from .requests import Request, Sent

Handler = Callable[..., Answer]
STORAGE = "/storage/"


@dataclass(frozen=True)
class Route:
    """A method and a path, what they need, and who answers."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    needs: str | None
    role: str | None
    public: bool
    rank: int  # the letters that are not a name's: of two that fit, the more literal one answers


ROUTES: list[Route] = []


def route(
    request: str, needs: str | None = None, role: str | None = None, public: bool = True
) -> Callable[[Handler], Handler]:
    """Let a function answer `METHOD /path/{name}`; `{name:path}` may hold slashes.

    A path below `/repos` is of a repository, and `needs`, `role` and `public` are those of
    `tokens.demand`. The function is called with the request and the named parts.
    """
    method, path = request.split(" ")
    pattern = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.+)", re.escape(path))
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)

    def register(handler: Handler) -> Handler:
        rank = len(re.sub(r"{.*?}", "", path))
        ROUTES.append(Route(method, re.compile(pattern), handler, needs, role, public, rank))
        return handler

    return register


def is_storage(request: Request) -> bool:
    """Whether it goes to where artifacts lie, which is not the API and takes none of its tokens."""
    return request.path.startswith(STORAGE)


def serve(request: Request, sent: Sent) -> Answer:
    """Answer by the route that fits best; a path that none knows is noted."""
    method = "GET" if request.method == "HEAD" else request.method
    fitting = [
        (known, found)
        for known in ROUTES
        if known.method == method and (found := known.pattern.fullmatch(request.path))
    ]
    if not fitting:
        sent.unknown = True
        raise Refused(404)
    best, found = max(fitting, key=lambda pair: pair[0].rank)
    parts = {name: unquote(text) for name, text in found.groupdict().items()}
    if "owner" in parts:
        name = f"{parts.pop('owner')}/{parts.pop('repository')}"
        request.known_repository = request.github.repositories.get(name)
        if request.known_repository is None:
            raise Refused(404)
        if best.needs:
            tokens.demand(request.token, request.repository, best.needs, best.role, best.public)
    return best.handler(request, **parts)
