"""The weakest parts of a holdout, found without being named: values of any column, and pairs.

A search over hundreds of parts always finds something. So it looks at one half of the rows, and
the other half has to confirm what it brings, with Holm's correction (1979) for how many it brings.
After Chung et al., "Slice Finder: Automated data slicing for model validation" (2019).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from champion.fairness.parts import MISSING, MOST, SMALLEST
from champion.judge.difference import freedom
from champion.judge.metrics import (
    DEFAULT_METRIC,
    METRICS,
    Array,
    Groups,
    Metric,
    standard_error,
    summed,
)
from champion.tables.rows import uniform

LEVEL = 0.05  # that any part is told which is no weaker, over all parts together
VALUES = 8  # of a number, above which it is cut into quarters
MOST_PAIRED = 15  # columns that are crossed, the most telling
MOST_TRIED = 10  # parts that the other half is asked about
SHARE = 0.01  # of the rows: of a smaller part it matters little
ALIKE = 0.5  # of the rows of the smaller of two parts, shared, above which they are one finding
REACH = 2.0  # standard errors that the search takes off what it finds
SEED = 3  # of the halves; the split and the folds have others
BY_ROW = ("log_loss", "brier", "accuracy", "mae", "mape", "pinball")
OTHERWISE = {**DEFAULT_METRIC, "binary": "log_loss"}

Rows = NDArray[np.bool_]
Where = tuple[tuple[str, str], ...]  # columns and their values


@dataclass
class Weak:
    """A part that the search found, and what the other half says of it.

    rows : (n,) of both halves.
    value, elsewhere : the mean loss of the other half's rows, in and outside.
    p : of a part that is no weaker, by the other half.
    """

    where: Where
    rows: Rows
    value: float = 0.0
    elsewhere: float = 0.0
    p: float = 1.0

    @property
    def name(self) -> str:
        return " and ".join(f"{column} = {value}" for column, value in self.where)


@dataclass(frozen=True)
class Found:
    """How many parts were looked at and tried, and those that hold, the weakest first."""

    looked: int
    tried: int
    parts: list[Weak]


def by_row(metric: Metric, task: str) -> Metric:
    """A metric that each row has for itself: the given one, or the task's log loss or error."""
    return metric if metric.name in BY_ROW else METRICS[OTHERWISE[task]]


def losses(metric: Metric, y: Array, score: Array) -> Array:
    """What each row adds to the metric, higher is worse: (n,)."""
    assert metric.function
    value, influence = metric.function(y, score)
    return (influence + value) * (-1.0 if metric.higher_is_better else 1.0)


def halves(names: pd.Series) -> Rows:
    """Which rows are searched, the same ones every time; equal names share a side."""
    return uniform(names.to_numpy(), SEED) < 0.5


def weakest(
    table: pd.DataFrame,
    loss: Array,
    searched: Rows,
    groups: Groups | None = None,
    rest: bool = True,
) -> Found:
    """Search on one half, confirm on the other.

    Parameters
    ----------
    table : (n, columns) labels, see `parts.labels`.
    loss : (n,) of each row, higher is worse.
    searched : (n,) the half to search.
    groups : (n,) the number of the group of rows that depend on each other.
    rest : a part is compared with the rows outside; else with 0.
    """
    found, looked = search(table, loss, searched, rest)
    for it in found:
        confirm(it, loss, ~searched, groups, rest)
    found.sort(key=lambda it: it.p)
    worst = 0.0
    for rank, it in enumerate(found):
        worst = it.p = max(worst, min(it.p * (len(found) - rank), 1.0))
    kept = [it for it in found if it.p < LEVEL]
    kept.sort(key=lambda it: it.elsewhere - it.value)
    return Found(looked, len(found), kept)


def search(table: pd.DataFrame, loss: Array, searched: Rows, rest: bool) -> tuple[list[Weak], int]:
    """The parts that look the worst, no two of them nearly the same; how many were looked at."""
    columns = {str(name): coded(table[name]) for name in table}
    half = loss[searched]
    least = max(SMALLEST, SHARE * len(half))
    parts: dict[Where, float] = {}
    looked = 0
    for name, (codes, names) in columns.items():
        bounds = lower(codes[searched], len(names), half, least, rest)
        looked += int(np.isfinite(bounds).sum())
        parts |= {((name, names[n]),): float(bounds[n]) for n in np.flatnonzero(bounds > 0)}
    telling = {where[0][0]: bound for where, bound in sorted(parts.items(), key=lambda it: it[1])}
    ranked = sorted(columns, key=lambda name: -telling.get(name, -np.inf))[:MOST_PAIRED]
    for one, other in combinations(ranked, 2):
        (codes, names), (second, others) = columns[one], columns[other]
        both = np.where((codes < 0) | (second < 0), -1, codes * len(others) + second)[searched]
        bounds = lower(both, len(names) * len(others), half, least, rest)
        looked += int(np.isfinite(bounds).sum())
        for n in np.flatnonzero(bounds > 0):
            pair = ((one, names[n // len(others)]), (other, others[n % len(others)]))
            # A pair is worth a word where it is worse than either alone.
            if bounds[n] > max(parts.get((it,), 0.0) for it in pair):
                parts[pair] = float(bounds[n])
    chosen: list[Weak] = []
    for where, _ in sorted(parts.items(), key=lambda it: -it[1]):
        rows = inside(columns, where)
        if not any(alike(rows, it.rows) for it in chosen):
            chosen.append(Weak(where, rows))
        if len(chosen) == MOST_TRIED:
            break
    return chosen, looked


def coded(column: pd.Series) -> tuple[NDArray[np.intp], list[str]]:
    """The place of each row's label among the largest, -1 for any other; and these labels."""
    codes, names = pd.factorize(column.fillna(MISSING), sort=True)
    sizes = np.bincount(codes, minlength=len(names))
    kept = np.argsort(-sizes, kind="stable")[:MOST]
    place = np.full(len(names), -1)
    place[kept] = np.arange(len(kept))
    return place[codes], [str(names[n]) for n in kept]


def inside(columns: dict[str, tuple[NDArray[np.intp], list[str]]], where: Where) -> Rows:
    masks = [columns[name][0] == columns[name][1].index(value) for name, value in where]
    return np.logical_and.reduce(masks)


def alike(one: Rows, other: Rows) -> bool:
    return bool((one & other).sum() > ALIKE * min(one.sum(), other.sum()))


def lower(
    codes: NDArray[np.intp], count: int, loss: Array, least: float, rest: bool
) -> NDArray[np.float64]:
    """By how much each part is worse at least, two standard errors off; NaN where it is small."""
    held = codes >= 0
    sizes, sums, squares = (
        np.bincount(codes[held], weights, count)
        for weights in (None, loss[held], np.square(loss[held]))
    )
    total, everything, all_squares = len(loss), loss.sum(), np.square(loss).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / sizes
        error = (squares / sizes - mean**2) / sizes
        if rest:
            others = (everything - sums) / (total - sizes)
            spread = (all_squares - squares) / (total - sizes) - others**2
            error, mean = error + spread / (total - sizes), mean - others
        bound = mean - REACH * np.sqrt(np.maximum(error, 0.0))
    return np.where((sizes >= least) & (sizes < total if rest else sizes > 0), bound, np.nan)


def confirm(it: Weak, loss: Array, asked: Rows, groups: Groups | None, rest: bool) -> None:
    """Ask the other half: the means in and outside, and a one-sided p-value of their order."""
    rows, values = it.rows[asked], loss[asked]
    count, others = int(rows.sum()), int((~rows).sum()) if rest else 0
    if count < SMALLEST or (rest and not others):
        return
    it.value = float(values[rows].mean())
    influence = rows * (values - it.value) * len(rows) / count
    if rest:
        it.elsewhere = float(values[~rows].mean())
        influence = influence - ~rows * (values - it.elsewhere) * len(rows) / others
    near = None
    if groups is not None:
        near = np.unique(groups[asked], return_inverse=True)[1]
    error = standard_error(influence, near)
    if error > 0:
        free = freedom(summed(influence, near))
        it.p = float(stdtr(free, (it.elsewhere - it.value) / error))
