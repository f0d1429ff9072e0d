"""Parity of a binary model between the parts of a column, with intervals.

Demographic parity: the shares of which the model says yes. Equal opportunity: those among the rows
that are positive. Equalised odds: those, and among the rows that are negative (Hardt, Price and
Srebro 2016). Each measure is the largest difference between two parts, as in fairlearn.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from champion.fairness.parts import FEWEST_GROUPS, SMALLEST, singles
from champion.judge.metrics import Array, Groups

THRESHOLD = 0.5  # above it the model says yes, as in precision, recall and F1
LEVEL = 0.05  # of an interval: that it misses, over all pairs of parts together
LABELS = {
    "demographic_parity": "demographic parity difference",
    "equal_opportunity": "equal opportunity difference",
    "equalised_odds": "equalised odds difference",
}


@dataclass(frozen=True)
class Rates:
    """How often the model says yes among some rows of each part."""

    names: list[str]
    values: Array  # (parts,)
    covariance: NDArray[np.float64]  # (parts, parts)
    left_out: int  # parts with too few such rows

    def pairs(self) -> Iterator[tuple[str, str, float, float]]:
        """The part with the higher rate, the other, the difference, its standard error."""
        for i, j in combinations(range(len(self.names)), 2):
            high, low = (i, j) if self.values[i] >= self.values[j] else (j, i)
            variance = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
            apart = float(self.values[high] - self.values[low])
            yield self.names[high], self.names[low], apart, math.sqrt(max(variance, 0.0))


def parity(
    table: pd.DataFrame, y: Array, score: Array, groups: Groups | None = None
) -> list[dict[str, Any]]:
    """The measures for each column.

    Parameters
    ----------
    table : (n, slice columns) labels.
    y, score : (n,) 0 or 1, and the probability of 1.
    groups : (n,) the number of the group of rows that depend on each other.

    Returns
    -------
    column, measure, label; value, lower and upper, which hold with 95 % confidence over all pairs
    of parts together; highest and lowest, the two parts that are the furthest apart; left_out, how
    many of the parts have fewer than 30 of the rows, or 10 of the groups, that the measure is of. The numbers are null
    where fewer than two parts have enough.
    """
    said = (score >= THRESHOLD).astype(float)
    everybody = np.ones(len(y), bool)
    found = []
    for column in table:
        among = {
            name: rates(table[[column]], said, rows, groups)
            for name, rows in (("all", everybody), ("positive", y == 1), ("negative", y != 1))
        }
        for measure, parts in (
            ("demographic_parity", [among["all"]]),
            ("equal_opportunity", [among["positive"]]),
            ("equalised_odds", [among["positive"], among["negative"]]),
        ):
            found.append(
                {"column": str(column), "measure": measure, "label": LABELS[measure],
                 **widest(parts), "left_out": max(it.left_out for it in parts)}
            )  # fmt: skip
    return found


def rates(
    table: pd.DataFrame, said: Array, among: NDArray[np.bool_], groups: Groups | None
) -> Rates:
    """The rate of each part that has enough rows.

    The variance of a rate counts one more yes and one more no (Agresti and Caffo 2000): none of
    thirty says little about the next one. Where rows of a group are alike it is larger by as much
    as they make it over all parts together, as a few groups of one part cannot tell.
    """
    names, values, sizes, least, sums, missed = [], [], [], [], [], 0
    for part in singles(table):
        inside = part.rows & among
        count = int(inside.sum())
        near = inside if groups is None else np.bincount(groups[inside]) > 0
        if count < SMALLEST or near.sum() < FEWEST_GROUPS:
            missed += 1
            continue
        rate, shrunk = float(said[inside].mean()), (said[inside].sum() + 1) / (count + 2)
        names.append(part.values[0])
        values.append(rate)
        sizes.append(count)
        least.append(shrunk * (1 - shrunk) / (count + 2))
        if groups is not None:
            sums.append(np.bincount(groups, inside * (said - rate) / count))
    covariance = np.diag(np.array(least, float))
    if sums:
        made = np.array(sums)
        own = made @ made.T * made.shape[1] / max(made.shape[1] - 1, 1)
        wider, alone = np.diag(own), np.diag(covariance)
        alike = max(float(wider @ sizes) / float(alone @ sizes), 1.0)
        larger = np.maximum(alone * alike - wider, 0.0)
        covariance = own + np.diag(larger)
    return Rates(names, np.array(values), covariance, missed)


def widest(several: list[Rates]) -> dict[str, Any]:
    """The largest difference of any, and bounds of it.

    All differences are within their intervals at once, by Bonferroni; then the largest is between
    the largest lower end and the largest upper end. So many small parts that differ by chance
    alone give an interval that begins at 0, though the largest difference never is.
    """
    if any(len(it.names) < 2 for it in several):
        return dict.fromkeys(("value", "lower", "upper", "highest", "lowest"))
    apart = [pair for it in several for pair in it.pairs()]
    reach = -float(ndtri(LEVEL / (2 * len(apart))))
    high, low, value, _ = max(apart, key=lambda pair: pair[2])
    return {
        "value": value,
        "lower": max(0.0, *(size - reach * error for *_, size, error in apart)),
        "upper": min(1.0, max(size + reach * error for *_, size, error in apart)),
        "highest": high,
        "lowest": low,
    }
