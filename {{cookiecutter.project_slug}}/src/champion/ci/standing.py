"""Which models were judged, promoted, withdrawn: what the ledger says.

Everybody who can push can write the ledger: see `confirm.py` for whether to believe it.
"""

from collections.abc import Callable, Iterator
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


def proofs(ledger: Ledger, model: str, data: str, since: int = 0) -> Iterator[Proof]:
    """What would let a model through, the newest first, after the event `since`."""
    for event in reversed(ledger.events[since:]):
        if event.kind == "verdict" and judged(event) == (model, data):
            if event.body["merge"]:
                yield Proof(event, None)
                continue
            for other in ledger.events:
                if other.kind == "override" and other.body.get("verdict") == event.number:
                    yield Proof(event, other)


def judged(verdict: Event) -> tuple[str | None, str | None]:
    """The model and the data that a verdict is about, by their hashes."""
    said = verdict.body["challenger"] or {}
    return (said.get("model") or {}).get("md5"), said.get("data")


def withdrawn(ledger: Ledger, model: str, believed: Callable[[Event], bool]) -> int:
    """The number of the rollback that put another version in a model's place; 0 if none did.

    Parameters
    ----------
    believed : whether an event happened; asked only from when the model was promoted.
    """
    current, last = "", 0
    its: set[str] = set()  # versions
    for event in reigns(ledger):
        promoted = event.kind == "promotion" and event.body.get("model") == model
        if not (promoted or its) or not believed(event):
            continue
        version = event.body["version"]
        if promoted:
            its.add(version)
        elif event.kind == "rollback" and version in its:
            last = 0
        elif event.kind == "rollback" and current in its:
            last = event.number
        current = version
    return last


def promotions(ledger: Ledger) -> list[Event]:
    return [event for event in ledger.events if event.kind == "promotion"]


def reigns(ledger: Ledger) -> list[Event]:
    """Every event that made a version the champion."""
    return [event for event in ledger.events if event.kind in ("promotion", "rollback")]


def next_version(champion: str | None, bump: str, taken: Callable[[str], bool]) -> str:
    """The first version after the champion's that is free."""
    version = after(champion, bump) if champion else "v1.0.0"
    while taken(version):
        version = after(version, bump)
    return version


def after(version: str, bump: str) -> str:
    """The version in which a part is one higher, and those behind it are 0."""
    major, minor, patch = numbers(version)
    higher = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return "v" + ".".join(map(str, higher[bump]))


def numbers(version: str) -> tuple[int, int, int]:
    """(1, 2, 3) of v1.2.3"""
    major, minor, patch = map(int, version.removeprefix("v").split("."))
    return major, minor, patch


def in_order(ledger: Ledger) -> list[str]:
    """The versions that were promoted, the highest last."""
    return sorted({it.body["version"] for it in promotions(ledger)}, key=numbers)
