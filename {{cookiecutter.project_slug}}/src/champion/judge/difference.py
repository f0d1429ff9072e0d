"""By how much one model is better than another on the same rows, and how sure that is.

A paired z-test of influence values: δ = M(challenger) - M(champion), with the standard error of the
rows' differences (`metrics.standard_error`). Oriented so that higher is better.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from champion.judge.metrics import Groups, Metric, estimate, standard_error, summed
from champion.settings import share

Array = NDArray[np.float64]


@dataclass
class Case:
    """What a verdict is about: the rows of one holdout and what two models say of them.

    Parameters
    ----------
    y : (n,) 0 or 1; the class's index; or the number.
    champion, challenger, anchor : (n,) or (n, classes), as `metrics.measure` takes them. Without a
        champion a constant takes its place, without an anchor the champion does.
    groups : (n,) the number of the group of rows that depend on each other.
    slices : (n, slice columns) values as text.
    """

    task: str
    y: Array
    challenger: Array
    champion: Array | None = None
    anchor: Array | None = None
    groups: Groups | None = None
    slices: pd.DataFrame = field(default_factory=pd.DataFrame)

    def only(self, rows: NDArray[np.bool_]) -> "Case":
        """Some of the rows; `rows` has shape (n,)."""
        if rows.all():
            return self
        groups = None
        if self.groups is not None:
            groups = np.unique(self.groups[rows], return_inverse=True)[1]
        champion, anchor = (m if m is None else m[rows] for m in (self.champion, self.anchor))
        slices = self.slices[rows] if len(self.slices) else self.slices
        return Case(
            self.task, self.y[rows], self.challenger[rows], champion, anchor, groups, slices
        )


@dataclass(frozen=True)
class Difference:
    """The difference of two models in one metric."""

    metric: Metric
    champion: float
    challenger: float
    se: float
    freedom: float  # degrees of freedom of the standard error

    @property
    def delta(self) -> float:
        sign = 1 if self.metric.higher_is_better else -1
        return sign * (self.challenger - self.champion)

    @property
    def known(self) -> bool:
        return math.isfinite(self.delta) and math.isfinite(self.se)

    def reach(self, alpha: float) -> float:
        """Half the width of an interval beyond which δ lies, on either side, by `alpha`."""
        return -float(stdtrit(self.freedom, alpha)) * self.se if self.se else 0.0

    def p_above(self, bound: float) -> float:
        """The one-sided p-value of "δ is above the bound"."""
        if not self.se:
            return 0.0 if self.delta > bound else 1.0
        return float(stdtr(self.freedom, -(self.delta - bound) / self.se))

    def as_json(self, alpha: float) -> dict[str, Any]:
        reach = self.reach(alpha)
        return {
            "name": self.metric.name,
            "label": self.metric.label,
            "method": "jackknife" if self.metric.users else "influence values",
            "higher_is_better": self.metric.higher_is_better,
            "champion": self.champion,
            "challenger": self.challenger,
            "delta": self.delta,
            "se": self.se,
            "lower": self.delta - reach,
            "upper": self.delta + reach,
        }


def difference(
    metric: Metric, y: Array, champion: Array, challenger: Array, groups: Groups | None = None
) -> Difference:
    """Compare two models in a metric."""
    old, before, _ = estimate(metric, y, champion, groups)
    new, after, blocks = estimate(metric, y, challenger, groups)
    change = after - before
    error = standard_error(change, blocks)
    return Difference(metric, old, new, error, freedom(summed(change, blocks)))


def freedom(sums: Array) -> float:
    """Degrees of freedom of a standard error, by the kurtosis of what it is made of.

    2G / (κ - 1), at most G - 1 (Satterthwaite 1946). Where a handful of rows carries the whole
    difference this is about twice their number, however large the holdout: the interval then widens
    as Student's t says, and five lucky rows of ten thousand prove nothing.

    Parameters
    ----------
    sums : (G,) the influences' differences, summed by group.
    """
    most = max(len(sums) - 1.0, 1.0)
    largest = float(np.abs(sums).max(initial=0.0))
    if not 0 < largest < math.inf:
        return most
    squares = np.square(sums / largest)
    kurtosis = len(sums) * float(np.square(squares).sum()) / float(squares.sum()) ** 2
    return most if kurtosis <= 1 else min(max(2 * len(sums) / (kurtosis - 1), 1.0), most)


def constant(case: Case, metric: Metric) -> Array:
    """The dummy: what a model says best that looks at nothing, the prior, mean or median."""
    if case.task == "multiclass":
        classes = case.challenger.shape[1]
        prior = np.bincount(case.y.astype(int), minlength=classes) / len(case.y)
        return np.tile(prior, (len(case.y), 1))
    median = metric.name in ("mae", "mape", "pinball")
    return np.full(len(case.y), np.median(case.y) if median else case.y.mean())


def gain_over_dummy(case: Case, metric: Metric, value: float) -> float:
    """By how much a model with this value is better than the dummy; 0 where that is not defined."""
    known = estimate(metric, case.y, constant(case, metric), case.groups)[0]
    gain = value - known if metric.higher_is_better else known - value
    return gain if math.isfinite(gain) else 0.0


def width(margin: str | float, gain: float) -> float:
    """A margin in the metric's own units: 0.01, or "5 %" of the champion's gain over the dummy."""
    return share(margin) * max(gain, 0.0) if isinstance(margin, str) else margin


def same(case: Case, champion: Array, within: float) -> bool:
    """Whether two models say the same of every row, up to rounding.

    A number is compared in its own size or the usual one, as it may be in any unit.
    """
    scale: float | Array = 1.0
    if case.task == "regression":
        sizes = np.abs(champion)
        scale = np.maximum(sizes, np.median(sizes))
    return bool((np.abs(champion - case.challenger) <= within * scale).all())
