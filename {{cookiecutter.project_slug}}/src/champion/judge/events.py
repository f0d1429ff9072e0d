"""What the ledger holds: events under a strict schema, for anybody who can push can write them."""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from champion.judge.wording import SHOWN

if TYPE_CHECKING:
    from champion.judge.budget import Look

HASH = re.compile(r"[0-9a-f]{32,64}(\.dir)?")
LINE = re.compile(r"(?s).{1,500}")
NUMBER = (int, float, None)
VERSION = re.compile(r"v[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}")
METRIC = {
    "label": LINE, "higher_is_better": bool, "champion": NUMBER, "challenger": NUMBER,
    "se": NUMBER, "lower": NUMBER, "upper": NUMBER,
}  # fmt: skip
BUDGET = {
    "spent": bool, "holdout": (HASH, None), "look": int, "max_looks": int, "merges": int,
}  # fmt: skip
CHALLENGER = {
    "data": (HASH, None), "commit?": (HASH, None), "predictions_sha256?": (HASH, None),
    "model?": ({"md5?": (HASH, None)}, None),
}  # fmt: skip
PERSON = {"by": (LINE, None), "what": LINE, "pull": int}
RUN = {"run?": ({"id": int}, None)}  # of a workflow, that made the event
BODIES: dict[str, dict[str, Any]] = {  # what must be there, or may with a ?; more may
    "verdict": {
        "verdict": re.compile("|".join(SHOWN)), "merge": bool, "metric": (METRIC, None),
        "budget": (BUDGET, None), "challenger": (CHALLENGER, None),
        "champion?": ({"commit?": (HASH, None)}, None), **RUN,
    },
    "promotion": {
        "version": VERSION, "commit": HASH, "verdict": int,  # the verdict's number
        "model?": HASH, "data?": HASH, "people?": ([PERSON], None), **RUN,
    },
    "rollback": {"version": VERSION, "reason": LINE, "commit?": HASH, **RUN},
    "override": {"commit": HASH, "reason": LINE, "verdict?": int, **RUN},
    "monitor": {"summary": LINE, **RUN},
}  # fmt: skip
EVENT = {
    "number": int,
    "kind": re.compile("|".join(BODIES)),
    "time": re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"),
    "key": re.compile(r"[A-Za-z0-9_.:/@#+-]{1,200}"),
    "by": (LINE, None),
    "body": dict,
}


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Parameters
    ----------
    number : from 1, without gaps.
    kind : verdict, promotion, rollback, override or monitor.
    time : 2026-11-25T09:30:00Z, never before that of the event before it.
    key : what has the same key is recorded once.
    by : who asked for it, if a person did.
    body : of a verdict the verdict file; of the other kinds as in BODIES.
    """

    number: int
    kind: str
    time: str
    key: str
    by: str | None
    body: dict[str, Any]

    @property
    def spent(self) -> bool:
        """Whether it is a verdict that counts as a look at its holdout."""
        return self.kind == "verdict" and bool(self.body["budget"] and self.body["budget"]["spent"])


@dataclass
class Ledger:
    """What one commit of the ledger holds; `holdouts` are sketches by the holdout's sha256."""

    events: list[Event] = field(default_factory=list)
    holdouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, Event] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)  # that were promoted

    def looks(self) -> "list[Look]":
        """The looks that were spent, in order: for `budget.count`."""
        from champion.judge.budget import Look  # more than the standard library

        spent = [event.body for event in self.events if event.spent]
        return [Look(self.holdouts[body["budget"]["holdout"]], body["merge"]) for body in spent]

    def add(self, content: Any) -> str:
        """Take the next event, or say why it cannot be that."""
        if problem := misshapen(content):
            return problem
        event = Event(**content)
        if event.number != len(self.events) + 1:
            return f"its number is {event.number}"
        if event.key in self.keys:
            return f"event {self.keys[event.key].number} has its key"
        if self.events and event.time < self.events[-1].time:
            return "it is older than the one before"
        if event.spent and event.body["budget"]["holdout"] not in self.holdouts:
            return "the sketch of its holdout is missing"
        if event.kind == "promotion":
            verdict = event.body["verdict"]
            if not 0 < verdict < event.number or self.events[verdict - 1].kind != "verdict":
                return f"event {verdict} is no verdict"
            self.versions.add(event.body["version"])
        if event.kind == "rollback" and event.body["version"] not in self.versions:
            return f"{event.body['version']} was never promoted"
        self.events.append(event)
        self.keys[event.key] = event
        return ""


def misshapen(content: Any) -> str:
    """Why something has not the form of an event; empty if it has."""
    if not isinstance(content, dict) or set(content) != set(EVENT):
        return "it is no event"
    name = unfit(content, EVENT) or unfit(content["body"], BODIES[content["kind"]])
    return f"{name} is missing or not what it should be" if name else ""


def unfit(content: dict[str, Any], schema: dict[str, Any]) -> str:
    """The first name of a schema whose value is missing or does not fit; empty if all do."""
    for name, wanted in schema.items():
        bare = name.removesuffix("?")
        if bare not in content and bare != name:
            continue
        if bare not in content or not fits(content[bare], wanted):
            return bare
    return ""


def fits(value: Any, schema: Any) -> bool:
    """Whether a value is of a type or a pattern, has the names of a dictionary, or is one of many.

    Of a list each item has to fit.
    """
    if isinstance(schema, tuple):
        return any(fits(value, one) for one in schema)
    if isinstance(schema, list):
        return isinstance(value, list) and all(fits(one, schema[0]) for one in value)
    if isinstance(schema, dict):
        return isinstance(value, dict) and not unfit(value, schema)
    if isinstance(schema, re.Pattern):
        return isinstance(value, str) and schema.fullmatch(value) is not None
    if schema in (int, float):
        return type(value) is schema and abs(value) < 1e100
    return value is None if schema is None else isinstance(value, schema)


def parsed(content: bytes) -> Any:
    """JSON with no number and no letter that cannot be written again.

    Raises
    ------
    ValueError, RecursionError : it is none.
    """
    value = json.loads(content.decode())
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def written(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
