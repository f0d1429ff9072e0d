"""GitHub's REST API, as far as the workflows need it. Standard library only."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from champion.errors import Refusal

TRIES = 5
LONGEST_WAIT = 60.0  # seconds, for a limit of requests to be over
TIMEOUT = 60
PAGE = 100
MOST_PAGES = 100


class NotFound(Refusal):
    """There is no such thing, or this token may not see it."""


class Unsure(Refusal):
    """No answer came: what was asked for may have been done."""


class Moved(Refusal):
    """What was asked for is at another address."""

    def __init__(self, asked: str, address: str) -> None:
        super().__init__(f"GitHub says that {asked} is elsewhere.", code=1)
        self.address = address


class Stay(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the token must not travel to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: HTTPMessage, newurl: str,
    ) -> None:  # fmt: skip
        return None


@dataclass(frozen=True)
class Api:
    """One repository through the API.

    Parameters
    ----------
    root : the API's address.
    name : OWNER/NAME.
    token : of the job.
    """

    root: str
    name: str
    token: str

    @classmethod
    def of_job(cls) -> "Api":
        """As the workflow's environment says.

        Raises
        ------
        Refusal : this is no workflow.
        """
        try:
            names = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")
            return cls(*(os.environ[name] for name in names))
        except KeyError as error:
            raise Refusal(f"{error.args[0]} is not set: this is a step of a workflow.") from error

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def get(self, path: str, **query: Any) -> Any:
        """What is there.

        Parameters
        ----------
        path : below the repository, as `pulls/7`; with a slash before it below the API's root.

        Raises
        ------
        NotFound, Refusal : it is not to be had.
        """
        return self.ask("GET", path, query)

    def post(self, path: str, body: dict[str, Any], again: bool = True) -> Any:
        """Add something.

        Parameters
        ----------
        again : send it again where no answer came; else it is for the caller to look.

        Raises
        ------
        Unsure, Refusal : it may have been added, or it was not.
        """
        return self.ask("POST", path, {}, body, again)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self.ask("PUT", path, {}, body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self.ask("PATCH", path, {}, body)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path, {})

    def upload(self, address: str, file: Path) -> None:
        """Add a file to a release, at the address that the release names."""
        headers = {**self.headers(), "Content-Type": "application/octet-stream"}
        place = f"{address.partition('{')[0]}?{urlencode({'name': file.name})}"
        self.send("POST", place, file.read_bytes(), headers).close()

    def pages(self, path: str, key: str = "", **query: Any) -> Iterator[Any]:
        """The items of all pages; `key` is where an answer that is no list holds them."""
        for page in range(1, MOST_PAGES + 1):
            found = self.get(path, **query, per_page=PAGE, page=page)
            items = found[key] if key else found
            yield from items
            if len(items) < PAGE:
                return

    def ask(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        body: dict[str, Any] | None = None,
        again: bool = True,
    ) -> Any:
        below = path if path.startswith("/") else f"/repos/{self.name}/{path}"
        address = f"{self.root}{below}" + (f"?{urlencode(query)}" if query else "")
        content = json.dumps(body).encode() if body is not None else None
        with self.send(method, address, content, self.headers(), again) as answer:
            try:
                text = answer.read()
                return json.loads(text) if text else None
            except (OSError, HTTPException, ValueError) as error:
                said = f"GitHub's answer to {method} {place(address)} was cut off."
                raise Unsure(said, code=1) from error

    def headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "champion",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def open(self, path: str) -> IO[bytes]:
        """What is downloaded from another host, to which the token is not sent."""
        address = f"{self.root}/repos/{self.name}/{path}"
        try:
            return self.send("GET", address, None, self.headers())
        except Moved as moved:
            return self.send("GET", moved.address, None, {"User-Agent": "champion"})

    def send(
        self,
        method: str,
        address: str,
        content: bytes | None,
        headers: dict[str, str],
        again: bool = True,
    ) -> IO[bytes]:
        """One request, again after a fault of the network, the server or the limit of requests."""
        request = urllib.request.Request(address, content, headers, method=method)
        opener = urllib.request.build_opener(Stay)
        said = ""
        for attempt in range(TRIES):
            try:
                return opener.open(request, timeout=TIMEOUT)
            except urllib.error.HTTPError as error:
                said = reason(error)
                if error.code in (301, 302, 303, 307, 308):
                    raise Moved(place(address), error.headers["Location"] or "") from None
                if error.code in (404, 410):
                    raise NotFound(f"GitHub has no {place(address)}: {said}.", code=1) from None
                wait, unsure = pause(error, attempt), error.code >= 500
            except (OSError, HTTPException) as error:
                said, wait, unsure = str(error) or type(error).__name__, 2.0**attempt, True
            if unsure and not again:
                raise Unsure(f"GitHub did not answer {method} {place(address)}: {said}.", code=1)
            if wait is None:
                break
            if attempt + 1 < TRIES:
                time.sleep(wait)
        raise Refusal(f"GitHub refused {method} {place(address)}: {said}.", code=1)


def pause(error: urllib.error.HTTPError, attempt: int) -> float | None:
    """Seconds until the same request may succeed; None if it will not."""
    after = error.headers.get("Retry-After", "")
    limited = error.code == 429 or error.headers.get("X-RateLimit-Remaining") == "0" or after
    if error.code in (403, 429) and limited:
        reset = error.headers.get("X-RateLimit-Reset", "")
        left = float(after) if after.isdigit() else float(reset or 0) - time.time()
        return max(left, 1.0) if left <= LONGEST_WAIT else None
    return 2.0**attempt if error.code >= 500 else None


def reason(error: urllib.error.HTTPError) -> str:
    """The answer's code and its message."""
    try:
        said = str(json.loads(error.read(10_000)).get("message", ""))
    except (ValueError, AttributeError, OSError, HTTPException):
        said = ""
    return f"{error.code} {said}".strip().rstrip(".")


def place(address: str) -> str:
    """An address without its host and its query."""
    return "/" + address.partition("//")[2].partition("/")[2].partition("?")[0]
