"""Which models were judged, promoted, withdrawn: what the ledger says.

Everybody who can push can write the ledger: see `confirm.py` for whether to believe it.
"""

from dataclasses import dataclass

from champion.judge.ledger import Event, Ledger


@dataclass(frozen=True)
class Proof:
    """Why a model may be promoted: its verdict, and the override where that is needed."""

    verdict: Event
    override: Event | None

    @property
    def better(self) -> bool:
        """Whether later models are measured against this one, too: see `champion.anchor`."""
        return self.override is not None or self.verdict.body["verdict"] == "better"


def proofs(ledger: Ledger, model: str, data: str) -> list[Proof]:
    """What lets a model through, the newest first; nothing from before it was withdrawn."""
    overrides = {it.body.get("verdict"): it for it in ledger.events if it.kind == "override"}
    since = withdrawn(ledger, model)
    found = []
    for event in reversed(ledger.events):
        said = event.body.get("challenger") or {} if event.kind == "verdict" else {}
        model_of = said.get("model")
        its = model_of.get("md5") if isinstance(model_of, dict) else None
        if event.number > since and its == model and said.get("data") == data:
            override = None if event.body["merge"] else overrides.get(event.number)
            if event.body["merge"] or override:
                found.append(Proof(event, override))
    return found


def withdrawn(ledger: Ledger, model: str) -> int:
    """The number of the rollback that put another version in a model's place; 0 if none did."""
    current, last = "", 0
    models = {it.body["version"]: it.body.get("model") for it in promotions(ledger)}
    for event in reigns(ledger):
        if event.kind == "rollback" and models.get(event.body["version"]) == model:
            last = 0
        elif event.kind == "rollback" and models.get(current) == model:
            last = event.number
        current = event.body["version"]
    return last


def promotions(ledger: Ledger) -> list[Event]:
    return [event for event in ledger.events if event.kind == "promotion"]


def reigns(ledger: Ledger) -> list[Event]:
    """Every event that made a version the champion."""
    return [event for event in ledger.events if event.kind in ("promotion", "rollback")]


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


def in_order(ledger: Ledger) -> list[str]:
    """The versions that were promoted, the highest last."""
    return sorted({it.body["version"] for it in promotions(ledger)}, key=numbers)
