"""What the look left, read as from a stranger: the champion's code ran on what users sent."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from champion.ci.fresh import Fresh
from champion.errors import Refusal
from champion.judge.events import LINE, NUMBER, parsed, unfit
from champion.monitor.checks import FAMILIES, STATES

MOST_BYTES = 20_000_000
MOST_LINES = 100
TEXT = re.compile(r"(?s).{0,1000}")
TIME = (re.compile(r"[0-9T:Z-]{10,30}"), None)
STATE = re.compile("|".join(STATES))
CHECK = {
    "family": re.compile("|".join(FAMILIES)), "check": TEXT, "column": (TEXT, None),
    "part": (TEXT, None), "measure": TEXT, "value": NUMBER, "lower": NUMBER, "upper": NUMBER,
    "threshold": NUMBER, "p": NUMBER, "before": NUMBER, "after": NUMBER, "rows": int,
    "state": STATE, "why": TEXT, "since": TIME,
}  # fmt: skip
LOOK = {
    "state": STATE, "headline": TEXT, "reasons": list, "findings": list, "time": TIME,
    "window": {"from": TIME, "to": TIME}, "rows": int, "metric": (LINE, None),
    "champion": ({"version": (LINE, None), "commit": LINE}, None), "checks": list, "columns": list,
}  # fmt: skip


@dataclass(frozen=True)
class Watched:
    """The look as `monitor.watch` has it, None where there was none; and the new data."""

    look: dict[str, Any] | None
    fresh: Fresh


def read(path: Path) -> Watched:
    """Read what the step `watch` left.

    Raises
    ------
    Refusal : it is not what that writes.
    """
    try:
        with path.open("rb") as file:
            content = parsed(file.read(MOST_BYTES))
        fresh = Fresh(**content["fresh"])
        wrong = not all(isinstance(it, str) for it in (*fresh.taken, *fresh.refused.values()))
        look = content["look"]
        if wrong or (look is not None and unlike(look)):
            raise ValueError("fresh" if wrong else unlike(look))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refusal(f"the look left nothing that can be read: {error}.", code=1) from error
    return Watched(look, fresh)


def unlike(look: Any) -> str:
    """The name of what is not as it should be in a look; empty if all is."""
    if not isinstance(look, dict):
        return "look"
    if name := unfit(look, LOOK):
        return name
    said = [*look["reasons"], *look["findings"]]
    if len(said) > MOST_LINES or not all(isinstance(it, str) for it in said):
        return "reasons or findings"
    return next((unfit(it, CHECK) for it in look["checks"] if unfit(it, CHECK)), "")
