"""Lists come in pages, with links to the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from .answers import Answer
from .requests import Request

PER_PAGE, MOST = 30, 100
Item = TypeVar("Item")


def page(
    request: Request,
    items: Sequence[Item],
    shape: Callable[[Item], object],
    key: str | None = None,
) -> Answer:
    """The page that was asked for; with a key, an object that holds it and the total."""
    size = min(number(request, "per_page", PER_PAGE), MOST)
    last = max(1, -(-len(items) // size))
    current = number(request, "page", 1)
    found = [shape(item) for item in items[(current - 1) * size : current * size]]
    links: dict[str, int] = {}
    if current > 1:
        links |= {"prev": min(current - 1, last), "first": 1}
    if current < last:
        links |= {"next": current + 1, "last": last}
    header = ", ".join(f'<{address(request, to)}>; rel="{name}"' for name, to in links.items())
    content = {"total_count": len(items), key: found} if key else found
    return Answer(content, headers={"Link": header} if header else {})


def number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return max(1, int(text)) if text.isdecimal() else default


def address(request: Request, to: int) -> str:
    """The same request, for another page."""
    query = urlencode({**request.query, "page": str(to)})
    return urlsplit(request.address)._replace(query=query).geturl()
