"""By how much the counts of a column have moved, and how sure that is.

Rows of a day are alike: the weather is the same for all its flights. Taken as independent, they would
make any week significantly different from any other. So everything here counts with the number of
independent rows that say as much (Rao and Scott 1981).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri

from champion.monitor.columns import FEWEST_DAYS

Array = NDArray[np.float64]
LEVEL = 0.95  # of the intervals that are shown
HALF = 0.5  # added to each bin, as Jeffreys has it: an empty one is no infinite change
REACH = float(ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Shift:
    """How far some data are from those before.

    Parameters
    ----------
    value, lower, upper : the size of the change, and its interval.
    p : how likely one at least as large is without any change.
    before, after : the share, where the change is that of a share; else 0.
    """

    value: float
    lower: float
    upper: float
    p: float
    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True)
class Likeness:
    """How alike the rows of a day are.

    Parameters
    ----------
    alike : their intraclass correlation; 0 where they are independent, or nobody can tell.
    free : the share of a table's degrees of freedom that this leaves, as bins move together.
    """

    alike: float = 0.0
    free: float = 1.0


def likeness(days: Array) -> Likeness | None:
    """How alike the rows of a day are in what `days` counts, (days, bins); None: they do not tell."""
    days = days[days.sum(axis=1) > 0]
    days = days[:, days.sum(axis=0) > 0]
    count, bins = days.shape
    total = days.sum()
    if count < FEWEST_DAYS or bins < 2 or total <= count:
        return None
    expected = np.outer(days.sum(axis=1), days.sum(axis=0) / total)
    apart = (days - expected) / np.sqrt(days.sum(axis=0))
    effects = apart.T @ apart * count / (count - 1)
    effect = float(np.trace(effects)) / (bins - 1)
    if effect <= 1:
        return Likeness()
    alike = min((effect - 1) / (size_of_day(days) - 1), 1.0)
    return Likeness(alike, effect**2 * (bins - 1) / float(np.square(effects).sum()))


def size_of_day(days: Array) -> float:
    """Rows of the day of an average row."""
    rows = days.sum(axis=1)
    return float(np.square(rows).sum() / max(rows.sum(), 1))


def worth(days: Array, alike: float) -> float:
    """How many independent rows say as much as these."""
    return float(days.sum()) / (1 + alike * max(size_of_day(days) - 1, 0))


def worths(before: Array, after: Array) -> tuple[float, float, float]:
    """The worth of both and the degrees of freedom left, by the days before, else by those after."""
    told = likeness(before) or likeness(after) or Likeness()
    return worth(before, told.alike), worth(after, told.alike), told.free


def stability(before: Array, after: Array) -> Shift:
    """The population stability index less what chance makes of it, and Pearson's test.

    Σ (q - p) ln(q / p) - (bins - 1) (1 / m + 1 / n), for shares p and q of m and n rows; the interval
    is by the delta method.

    Parameters
    ----------
    before, after : (days, bins) counts.
    """
    m, n, free = worths(before, after)
    old, new = before.sum(axis=0), after.sum(axis=0)
    held = old + new > 0
    bins = int(held.sum())
    if bins < 2 or not m or not n:
        return Shift(0.0, 0.0, 0.0, 1.0)
    old, new = old[held] * m / old.sum(), new[held] * n / new.sum()
    both = (old + new) / (m + n)
    square = float((np.square(new / n - old / m) / both).sum()) / (1 / m + 1 / n)
    p, q = (old + HALF) / (m + HALF * bins), (new + HALF) / (n + HALF * bins)
    ratio = np.log(q / p)
    chance = (bins - 1) * (1 / m + 1 / n)
    value = float(((q - p) * ratio).sum()) - chance
    spread = variance(q, ratio + 1 - p / q) / n + variance(p, 1 - ratio - q / p) / m
    half = REACH * math.sqrt(spread + 2 * chance**2 / (bins - 1))
    return Shift(
        max(value, 0.0), max(value - half, 0.0), max(value + half, 0.0),
        float(chdtrc(free * (bins - 1), free * square)),
    )  # fmt: skip


def variance(shares: Array, values: Array) -> float:
    """Of values that are drawn with these shares."""
    mean = float((shares * values).sum())
    return float((shares * np.square(values - mean)).sum())


def rise(before: Array, after: Array, expected: float | None = None) -> Shift:
    """The change of a share; `expected` instead of that before, which then only may rise.

    Parameters
    ----------
    before, after : (days, 2) counts of those that count and the others.
    """
    m, n, _ = worths(before, after)
    old, new = (float(c[:, 0].sum()) / max(float(c.sum()), 1) for c in (before, after))
    if expected is not None:
        old = expected
    if not m or not n:
        return Shift(0.0, 0.0, 0.0, 1.0, old, new)
    pooled = (m * old + n * new) / (m + n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    z = (new - old) / error if error else 0.0
    p = float(ndtr(-z)) if expected is not None else 2 * float(ndtr(-abs(z)))
    low, high = between(new, n)
    return Shift(new - old, low - old, high - old, p, old, new)


def between(share: float, rows: float) -> tuple[float, float]:
    """An interval of a share (Wilson 1927)."""
    square = REACH**2 / rows
    middle = share + square / 2
    half = REACH * math.sqrt(share * (1 - share) / rows + square / rows / 4)
    return (middle - half) / (1 + square), (middle + half) / (1 + square)
