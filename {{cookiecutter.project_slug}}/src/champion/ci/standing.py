"""Which models were judged, promoted, withdrawn: what the ledger says, and whether to believe it.

Everybody who can push can write the ledger. What it says counts once the API confirms that a run of
the workflow that may say it, of the default branch, said it.
"""

from dataclasses import dataclass
from typing import Any

from champion.ci.api import Api, NotFound
from champion.judge.ledger import Event, Ledger

JUDGE = ".github/workflows/judge.yml"
PROMOTE = ".github/workflows/promote.yml"
ARTIFACT = "judged"


@dataclass(frozen=True)
class Proof:
    """Why a model may be promoted: its verdict, and the override where that is needed."""

    verdict: Event
    override: Event | None

    @property
    def bump(self) -> str:
        """The part of the version that goes up."""
        body = self.verdict.body
        owned = (body.get("changes") or {}).get("owner_paths") or []
        if "gate.yaml" in owned or any(path.endswith("/schema.py") for path in owned):
            return "major"
        return "minor" if body["verdict"] == "better" else "patch"


def proofs(ledger: Ledger, model: str, data: str) -> list[Proof]:
    """What lets a model through, the newest first; nothing from before it was withdrawn."""
    overrides = {it.body.get("verdict"): it for it in ledger.events if it.kind == "override"}
    since = withdrawn(ledger, model)
    found = []
    for event in reversed(ledger.events):
        said = event.body.get("challenger") or {} if event.kind == "verdict" else {}
        its = (said.get("model") or {}).get("md5")
        if event.number > since and its == model and said.get("data") == data:
            override = overrides.get(event.number)
            if event.body["merge"] or override:
                found.append(Proof(event, override))
    return found


def withdrawn(ledger: Ledger, model: str) -> int:
    """The number of the last event that put another version in a model's place; 0 if none did."""
    current, last = "", 0
    models = {it.body["version"]: it.body.get("model") for it in promotions(ledger)}
    for event in ledger.events:
        if event.kind == "promotion":
            current = event.body["version"]
        elif event.kind == "rollback":
            if models.get(current) == model:
                last = event.number
            current = event.body["version"]
    return last


def promotions(ledger: Ledger) -> list[Event]:
    return [event for event in ledger.events if event.kind == "promotion"]


def champion_of(ledger: Ledger) -> str:
    """The version in production; empty before the first one."""
    reigning = [it for it in ledger.events if it.kind in ("promotion", "rollback")]
    return str(reigning[-1].body["version"]) if reigning else ""


def next_version(ledger: Ledger, bump: str) -> str:
    """The version after the highest one that was promoted."""
    known = [numbers(it.body["version"]) for it in promotions(ledger)]
    if not known:
        return "v1.0.0"
    major, minor, patch = max(known)
    after = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return "v" + ".".join(map(str, after[bump]))


def numbers(version: str) -> tuple[int, int, int]:
    """(1, 2, 3) of v1.2.3"""
    major, minor, patch = map(int, version.removeprefix("v").split("."))
    return major, minor, patch


def doubt(api: Api, event: Event, base: str) -> str:
    """Why an event cannot be believed; empty if the API confirms it."""
    said: dict[str, Any] = event.body.get("run") or {}
    if not said.get("id"):
        return "it names no run"
    try:
        run = api.get(f"actions/runs/{said['id']}")
    except NotFound:
        return f"there is no run {said['id']}"
    wanted = {"verdict": (JUDGE, PROMOTE), "override": (JUDGE,)}.get(event.kind, (PROMOTE,))
    if run["path"].partition("@")[0] not in wanted or run["head_branch"] != base:
        return f"run {said['id']} is none of {wanted[0]} on {base}"
    if run["event"] not in ("workflow_run", "workflow_dispatch", "push"):
        return f"run {said['id']} was started by {run['event']}"
    if event.kind == "verdict" and run["path"].partition("@")[0] == JUDGE:
        listed = api.pages(f"actions/runs/{said['id']}/artifacts", "artifacts")
        digests = {(it.get("digest") or "").removeprefix("sha256:") for it in listed
                   if it["name"] == ARTIFACT}  # fmt: skip
        if (said.get("artifact") or "").removeprefix("sha256:") not in digests - {""}:
            return f"run {said['id']} left another verdict"
    return ""
