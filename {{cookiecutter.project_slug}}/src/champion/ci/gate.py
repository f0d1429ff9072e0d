"""The status `gate`, the one that a merge needs. Standard library only.

A verdict's status says the verdict; every other one begins with NOT_JUDGED, so that it can be told
from a verdict, which nothing but another verdict replaces.
"""

import os
from dataclasses import dataclass

from champion.ci.api import Api

CONTEXT = "gate"
NOT_JUDGED = "Not judged: "
LONGEST = 140


@dataclass(frozen=True)
class Status:
    """As a commit has it: state is pending, success or failure."""

    state: str
    text: str

    @property
    def verdict(self) -> bool:
        return self.state in ("success", "failure") and not self.text.startswith(NOT_JUDGED)


def statuses(api: Api, sha: str) -> list[Status]:
    """All that a commit was given, the newest first."""
    found = api.pages(f"commits/{sha}/statuses")
    return [
        Status(it["state"], it["description"] or "") for it in found if it["context"] == CONTEXT
    ]


def post(api: Api, sha: str, state: str, text: str) -> None:
    """Give a commit its status."""
    print(f"{CONTEXT} {state} on {sha[:10]}: {text}")
    body = {"state": state, "context": CONTEXT, "description": cut(text), "target_url": here()}
    api.post(f"statuses/{sha}", body)


def post_reason(api: Api, sha: str, state: str, why: str) -> bool:
    """Say why a commit is not judged (yet); False if it has a verdict, which stays."""
    given = statuses(api, sha)
    verdict = next((it for it in given if it.verdict), None)
    if not verdict:
        post(api, sha, state, f"{NOT_JUDGED}{why}")
    elif given[0] != verdict:
        post(api, sha, verdict.state, verdict.text)
    return not verdict


def settle(api: Api, sha: str, why: str) -> None:
    """Leave no commit pending for ever."""
    given = statuses(api, sha)
    if not given or given[0].state == "pending":
        post_reason(api, sha, "failure", why)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def here() -> str:
    """The page of this run."""
    return (
        "/".join(os.environ[name] for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
        + f"/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    )
