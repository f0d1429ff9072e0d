"""A request as it came, and as it is recorded."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from .answers import Refused
from .state import Repository
from .tokens import Token

if TYPE_CHECKING:
    from .service import GitHub

PREFIXES = ("/api/v3", "/api/uploads")


@dataclass
class Request:
    """What a client asks; header names are in lower case."""

    github: "GitHub"
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    address: str  # as it was asked for, with the query
    token: Token | None = None
    known_repository: Repository | None = field(default=None)

    @classmethod
    def read(
        cls, github: "GitHub", method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> "Request":
        parts = urlsplit(target)
        path = parts.path
        for prefix in PREFIXES:
            path = path.removeprefix(prefix)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        host = headers.get("host", "")
        return cls(github, method, path, query, headers, body, f"http://{host}{target}")

    @property
    def repository(self) -> Repository:
        assert self.known_repository is not None
        return self.known_repository

    @property
    def caller(self) -> Token:
        """Who asks, where it has to be somebody."""
        if self.token is None:
            raise Refused(401, "Requires authentication")
        return self.token

    def secret(self) -> str | None:
        """The token's text, in whichever way it was sent."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            return b64decode(value).decode().partition(":")[2]
        return value or None

    def json(self) -> dict[str, Any]:
        """The body; an empty one is an empty object."""
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused(400, "Problems parsing JSON") from None
        if not isinstance(content, dict):
            raise Refused(400, "Body should be a JSON object")
        return content

    def text(self, key: str, default: str | None = None) -> str:
        """A field of the body that must be a text."""
        value = self.json().get(key, default)
        if not isinstance(value, str):
            raise Refused(422, f'Invalid request.\n\n"{key}" wasn\'t supplied.')
        return value


@dataclass
class Sent:
    """A request that was answered."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    actor: str | None
    token: Token | None
    status: int = 0
    unknown: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None
