"""What is asked of the live data, and when an answer is an alert.

An alert is a change that is large enough to matter and that chance does not explain. Each family of
checks may be wrong with its part of `monitor.alpha`, its checks by Holm's correction (1979).
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

FAMILIES = ("performance", "slices", "quality", "predictions", "inputs")  # what costs most first
STATES = OK, ALERT, UNKNOWN = ("ok", "alert", "unknown")


@dataclass
class Check:
    """One question.

    Parameters
    ----------
    family : performance, slices, quality, predictions or inputs.
    check : drift, missing, new, target; a metric; or what schema.py asks.
    column : what it is about; None: all of it.
    part : the value of `column`, a slice, that it is about; None: all rows.
    measure : what `value` is: PSI, share, or the metric's label, of which it is the loss.
    value, lower, upper : the size of the change, and its interval of 95 %; None: not known.
    threshold : from where on it matters.
    p : how likely so large a change is by chance; None: chance plays no part.
    before, after : the share, or the metric, in training or on the holdout, and now.
    rows : live rows that tell.
    why : of what is unknown.
    """

    family: str
    check: str
    column: str | None = None
    part: str | None = None
    measure: str = "share"
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    threshold: float | None = None
    p: float | None = None
    before: float | None = None
    after: float | None = None
    rows: int = 0
    state: str = OK
    why: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about, the same in every window."""
        return self.family, self.check, self.column or "", self.part or ""

    def as_json(self) -> dict[str, Any]:
        """With null for what is no finite number."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


def unknown(family: str, check: str, column: str | None, why: str, rows: int = 0) -> Check:
    return Check(family, check, column, rows=rows, state=UNKNOWN, why=why)


def decide(checks: Iterable[Check], alpha: float) -> None:
    """Set the state of each check that has an answer."""
    asked = [it for it in checks if it.state != UNKNOWN]
    for family in FAMILIES:
        own = sorted((it for it in asked if it.family == family), key=lambda it: it.p or 0.0)
        tests = sum(it.p is not None for it in own)
        certain = True
        for it in own:
            if it.p is not None:
                certain = certain and it.p * tests <= alpha / len(FAMILIES)
                tests -= 1
            large = it.value is not None and it.threshold is not None and it.value >= it.threshold
            it.state = ALERT if large and (it.p is None or certain) else OK
