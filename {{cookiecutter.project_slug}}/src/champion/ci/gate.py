"""The status `gate`, the one that a merge needs. Standard library only.

A verdict's status says the verdict; every other one begins with NOT_JUDGED. Anybody who can push
can post either: a status that says a verdict is one if the ledger holds such a verdict of its
commit, and nothing but another verdict replaces that.
"""

import os
from dataclasses import dataclass

from champion.ci import recorded
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
        """Whether it says that it is one."""
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


def keep(api: Api, sha: str) -> bool:
    """Whether a commit has a verdict, which stays: it is posted again where it is not the newest."""
    given = statuses(api, sha)
    told = [it for it in given if it.verdict]
    found = recorded.events(recorded.judged_as(api, sha)) if told else []
    merges = any(it.kind == "override" or it.body["merge"] for it in found)
    verdict = next((it for it in told if found and (merges or it.state == "failure")), None)
    if verdict and verdict != given[0]:
        post(api, sha, verdict.state, verdict.text)
    return verdict is not None


def post_reason(api: Api, sha: str, state: str, why: str) -> bool:
    """Say why a commit is not judged (yet); False if it has a verdict."""
    if keep(api, sha):
        return False
    post(api, sha, state, f"{NOT_JUDGED}{why}")
    return not keep(api, sha)  # another run may have judged it meanwhile


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
