"""What a card is made of: what people state, the settings, what the pipeline reports of itself.

Anybody can have written the reports: `claims` checks them.
"""

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from champion.judge import claims
from champion.judge.champion import read_yaml
from champion.judge.changes import flat, versions
from champion.judge.events import Event
from champion.judge.policy import CARD as NAME
from champion.judge.policy import says
from champion.settings import GATE, PARAMS, Settings, build
from champion.settings import read_yaml as read_settings

CARD = Path(NAME)
LOCK = Path("requirements.txt")
POINTER = Path("data/raw.dvc")
REPORTS = ("cv", "data", "explanation", "folds", "holdout")
FILES = (CARD, GATE, PARAMS, LOCK, POINTER, *(Path(f"reports/{name}.json") for name in REPORTS))


@dataclass
class Stated:
    """What people say of the model, in card.yaml; None: not stated."""

    name: str | None = None
    purpose: str | None = None
    users: str | None = None
    out_of_scope: str | None = None
    limits: str | None = None
    ethics: str | None = None
    data_source: str | None = None
    data_licence: str | None = None
    licence: str | None = None
    contact: str | None = None

    @classmethod
    def read(cls, path: Path) -> "Stated":
        """Read card.yaml.

        Raises
        ------
        Refusal : not YAML, an unknown key or something else than text.
        """
        stated: Stated = build(cls, read_settings(path), str(CARD))
        for each in fields(cls):
            if not says(getattr(stated, each.name)):
                setattr(stated, each.name, None)
        return stated


@dataclass(frozen=True)
class Promoted:
    """What only the ledger knows of a version.

    Parameters
    ----------
    how : by which event it goes live.
    verdict : by which it was promoted; `override`: the word of a person against it.
    people : who approved and merged it, see `ci.people`; None: GitHub did not say.
    events : all that happened before the card is written.
    """

    version: str
    commit: str
    how: str
    verdict: Event
    override: Event | None
    people: list[dict[str, Any]] | None
    events: list[Event]


@dataclass
class Parts:
    """All parts of one card.

    Parameters
    ----------
    model : the md5 of its file.
    data : the hash of the raw data in DVC; empty where they are not tracked.
    figures : relative to the card.
    """

    stated: Stated
    settings: Settings
    params: dict[str, Any]
    model: str
    data: str
    packages: dict[str, str]
    lock: str
    reports: dict[str, dict[str, Any]]
    figures: list[Path] = field(default_factory=list)
    promoted: Promoted | None = None

    @property
    def unstated(self) -> list[str]:
        """The keys of card.yaml that nobody filled in."""
        return [it.name for it in fields(Stated) if getattr(self.stated, it.name) is None]


def gather(root: Path, model: str) -> Parts:
    """Read what the pipeline left in a folder.

    Raises
    ------
    Refusal : a file of settings, or card.yaml, is not what it should be.
    """
    settings = Settings.of_gate(root / GATE)
    lock = text(root / LOCK)
    return Parts(
        stated=Stated.read(root / CARD),
        settings=settings,
        params=flat(read_settings(root / PARAMS)),
        model=model,
        data=pointed(text(root / POINTER)),
        packages=versions(lock),
        lock=hashlib.sha256(lock.encode()).hexdigest() if lock else "",
        reports={name: claims.read(root / f"reports/{name}.json") for name in REPORTS},
    )


def text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def pointed(pointer: str) -> str:
    """The hash that data/raw.dvc names; empty if none."""
    content = read_yaml(pointer)
    outs = content.get("outs") if isinstance(content, dict) else None
    first = outs[0] if isinstance(outs, list) and outs else None
    return (claims.name(first.get("md5")) or "") if isinstance(first, dict) else ""
