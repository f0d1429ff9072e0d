"""Issues of the workflows' own: one of a kind is open, and says what is so now."""

from typing import Any

from champion.ci.api import Api

Issue = dict[str, Any]


def tell(api: Api, title: str, body: str) -> int:
    """One open issue of a title: made, or said again; return its number."""
    for issue in api.pages("issues", state="open"):
        if issue["title"] == title and "pull_request" not in issue:
            return say(api, issue, title, body)
    return int(api.post("issues", {"title": title, "body": body})["number"])


def say(api: Api, issue: Issue, title: str, body: str) -> int:
    """Let an issue say this."""
    if (issue["title"], issue["body"]) != (title, body):
        api.patch(f"issues/{issue['number']}", {"title": title, "body": body})
    return int(issue["number"])


def own(api: Api, label: str) -> Issue | None:
    """The newest issue with a label that a workflow opened; who can open one cannot be that."""
    found = api.pages("issues", state="all", labels=label)
    return next((it for it in found if (it["user"] or {}).get("type") == "Bot"), None)


def close(api: Api, issue: Issue, why: str) -> None:
    """Say why it is over, and close it."""
    api.post(f"issues/{issue['number']}/comments", {"body": why})
    api.patch(f"issues/{issue['number']}", {"state": "closed", "state_reason": "completed"})
