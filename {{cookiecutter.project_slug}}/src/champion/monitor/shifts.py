"""By how much the counts of a column have moved, and how sure that is.

Rows of a day are alike: the weather is the same for all its flights. Taken as independent, they would
make any week significantly different from any other. So everything here counts with the number of
independent rows that say as much (Rao and Scott 1981).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr

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
    p : how likely one at least as large is without any change; of a share, a rise.
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
    days : how many days say so; infinitely many where rows are independent.
    """

    alike: float = 0.0
    free: float = 1.0
    days: float = math.inf


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
    return Likeness(alike, effect**2 * (bins - 1) / float(np.square(effects).sum()), count)


def size_of_day(days: Array) -> float:
    """Rows of the day of an average row."""
    rows = days.sum(axis=1)
    return float(np.square(rows).sum() / max(rows.sum(), 1))


def worth(days: Array, alike: float) -> float:
    """How many independent rows say as much as these."""
    return float(days.sum()) / (1 + alike * max(size_of_day(days) - 1, 0))


def stability(before: Array, after: Array) -> Shift:
    """The population stability index less what chance makes of it, and Pearson's test.

    Σ (q - p) ln(q / p) - (bins - 1) (1 / m + 1 / n), for shares p and q of m and n rows; the interval
    is by the delta method.

    Parameters
    ----------
    before, after : (days, bins) counts.
    """
    told = likeness(before) or likeness(after) or Likeness()
    m, n = worth(before, told.alike), worth(after, told.alike)
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
    half = REACH * math.sqrt(spread)
    return Shift(
        max(value, 0.0), max(value - half, 0.0), max(value + half, 0.0),
        beyond(square / (bins - 1), told.free * (bins - 1), told.days),
    )  # fmt: skip


def beyond(ratio: float, free: float, days: float) -> float:
    """How likely so large a chi-square is, over its degrees of freedom; of few days Fisher's F."""
    if math.isinf(days):
        return float(chdtrc(free, free * ratio))
    return float(fdtrc(free, free * (days - 1), ratio))


def variance(shares: Array, values: Array) -> float:
    """Of values that are drawn with these shares."""
    mean = float((shares * values).sum())
    return float((shares * np.square(values - mean)).sum())


def rise(before: Array, after: Array) -> Shift:
    """The change of a share.

    How alike rows are only the days before can say: of what they never had, one bad day is enough.

    Parameters
    ----------
    before, after : (days, 2) counts of those that count and the others.
    """
    told = likeness(before) or Likeness()
    m, n = worth(before, told.alike), worth(after, told.alike)
    old, new = (float(c[:, 0].sum()) / max(float(c.sum()), 1) for c in (before, after))
    if not m or not n:
        return Shift(0.0, 0.0, 0.0, 1.0, old, new)
    pooled = (m * old + n * new) / (m + n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    z = (old - new) / error if error else 0.0
    p = float(ndtr(z) if math.isinf(told.days) else stdtr(told.days - 1, z))
    low, high = between(new, n)
    return Shift(new - old, low - old, high - old, p, old, new)


def exceeding(count: int, before: int, after: int) -> float:
    """How likely the `count` largest of all are among those after, in any order of all alike.

    Rosenbaum's test (1954): whatever the distribution, with `before` and `after` values of each.
    """
    places = np.arange(min(count, after))
    return float(np.prod((after - places) / (before + after - places)))


def between(share: float, rows: float) -> tuple[float, float]:
    """An interval of a share (Wilson 1927)."""
    square = REACH**2 / rows
    middle = share + square / 2
    half = REACH * math.sqrt(share * (1 - share) / rows + square / rows / 4)
    return (middle - half) / (1 + square), (middle + half) / (1 + square)
