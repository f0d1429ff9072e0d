"""What goes back to a client, and what is refused."""

import json
from dataclasses import dataclass, field
from typing import Any

MESSAGES = {401: "Bad credentials", 404: "Not Found", 410: "Gone", 422: "Validation Failed"}


@dataclass
class Answer:
    """A response; `content` is sent as it is where it is bytes, else as JSON."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The bytes to send."""
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.content is None else json.dumps(self.content).encode()


class Refused(Exception):
    """A request that GitHub would not serve."""

    def __init__(self, status: int, message: str | None = None, *errors: Any) -> None:
        super().__init__(message or MESSAGES[status])
        self.status = status
        self.errors = errors

    def answer(self) -> Answer:
        """The response in GitHub's shape."""
        content: dict[str, Any] = {
            "message": str(self),
            "documentation_url": "https://docs.github.com/rest",
            "status": str(self.status),
        }
        if self.errors:
            content["errors"] = list(self.errors)
        return Answer(content, self.status)


def invalid(text: str, /, **error: str) -> Refused:
    """A request that is understood and cannot be done."""
    return Refused(422, text, *([error] if error else []))
