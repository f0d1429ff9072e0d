"""Metrics as means of per-row influence values, so that each comes with its standard error.

A metric is one function `(y, score) -> (value, influence)`. The influence values have mean 0; the
standard error of the value, and of a difference between two models on the same rows, is
`sd(influence) / sqrt(n)`. Sources: Hampel, "The influence curve and its role in robust
estimation" (1974); for ROC AUC this is DeLong, DeLong and Clarke-Pearson (1988).
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from champion.errors import Refusal

Array = NDArray[np.float64]
Influence = tuple[float, Array]
Groups = NDArray[np.intp]
Estimate = tuple[float, Array, Groups | None]

# Below this a probability's logarithm says more about rounding than about the model.
SMALLEST_PROBABILITY = 1e-15


def mean(values: Array) -> Influence:
    value = float(values.mean())
    return value, values - value


def accuracy(y: Array, score: Array) -> Influence:
    if score.ndim == 2:
        return mean((score.argmax(axis=1) == y).astype(float))
    return mean(((score >= 0.5) == y).astype(float))


def log_loss(y: Array, score: Array) -> Influence:
    if score.ndim == 2:
        probability = score[np.arange(len(y)), y.astype(int)]
    else:
        probability = np.where(y == 1, score, 1 - score)
    return mean(-np.log(np.maximum(probability, SMALLEST_PROBABILITY)))


def brier(y: Array, score: Array) -> Influence:
    return mean((score - y) ** 2)


def roc_auc(y: Array, score: Array) -> Influence:
    """The share of (positive, negative) pairs in the right order; ties count half."""
    n, positive = len(y), y == 1
    n_positive = int(positive.sum())
    if n_positive in (0, n):
        return float("nan"), np.full(n, np.nan)
    order = np.argsort(score)
    ranked, hits = score[order], positive[order]
    tie = np.concatenate([[0], np.cumsum(ranked[1:] != ranked[:-1])])
    placement = np.empty(n)
    for these, others in ((hits, ~hits), (~hits, hits)):
        tied = np.bincount(tie, others)
        below = (np.cumsum(tied) - tied / 2) / others.sum()
        placement[order[these]] = below[tie[these]]
    placement[~positive] = 1 - placement[~positive]
    value = float(placement[positive].mean())
    weight = np.where(positive, n / n_positive, n / (n - n_positive))
    return value, (placement - value) * weight


def average_precision(y: Array, score: Array) -> Influence:
    """The mean, over the positives, of the precision at their score (delta method)."""
    n, rate = len(y), float(y.mean())
    if rate == 0:
        return float("nan"), np.full(n, np.nan)
    order = np.argsort(score, kind="stable")
    ranked, positive = score[order], y[order]
    first = np.searchsorted(ranked, ranked, "left")  # the lowest row of each row's tie
    reach = (n - first) / n  # share of rows that score at least this
    precision = (positive[::-1].cumsum()[::-1])[first] / n / reach
    a, b = positive / reach / n, positive * precision / reach / n
    last = np.searchsorted(ranked, ranked, "right") - 1
    through_others = positive * a.cumsum()[last] - b.cumsum()[last]
    value = float((positive * precision).mean() / rate)
    influence = np.empty(n)
    influence[order] = (
        positive * precision - value * rate + through_others - value * (positive - rate)
    ) / rate
    return value, influence


def balanced_accuracy(y: Array, score: Array) -> Influence:
    """The mean of the shares of each class that is predicted right."""
    n, hit = len(y), ((score >= 0.5) == y).astype(float)
    n_positive = int((y == 1).sum())
    if n_positive in (0, n):
        return float("nan"), np.full(n, np.nan)
    sides = [(y == 1, n_positive), (y != 1, n - n_positive)]
    shares = [float(hit[side].mean()) for side, _ in sides]
    influence = sum(
        side * (hit - share) * n / count for (side, count), share in zip(sides, shares, strict=True)
    )
    return sum(shares) / 2, np.asarray(influence) / 2


def ratio(numerator: Array, denominator: Array) -> Influence:
    """A ratio of two means, by the delta method; 0 where nothing is below the line."""
    below = float(denominator.mean())
    if below == 0:
        return 0.0, np.zeros(len(numerator))
    value = float(numerator.mean()) / below
    return value, (numerator - value * denominator) / below


def precision(y: Array, score: Array) -> Influence:
    said = (score >= 0.5).astype(float)
    return ratio(y * said, said)


def recall(y: Array, score: Array) -> Influence:
    return ratio(y * (score >= 0.5), y)


def f1(y: Array, score: Array) -> Influence:
    said = (score >= 0.5).astype(float)
    return ratio(2 * y * said, y + said)


def over_classes(
    binary: Callable[[Array, Array], Influence],
) -> Callable[[Array, Array], Influence]:
    """The mean over the classes of a binary metric of each class against the rest."""

    def metric(y: Array, score: Array) -> Influence:
        each = [binary((y == k).astype(float), score[:, k]) for k in range(score.shape[1])]
        return float(np.mean([v for v, _ in each])), np.mean([i for _, i in each], axis=0)

    return metric


def macro_f1(y: Array, score: Array) -> Influence:
    said = np.eye(score.shape[1])[score.argmax(axis=1)]
    return over_classes(f1)(y, said)


def mae(y: Array, score: Array) -> Influence:
    return mean(np.abs(y - score))


def rmse(y: Array, score: Array) -> Influence:
    value, influence = mean((y - score) ** 2)
    root = float(np.sqrt(value))
    return root, influence / (2 * root) if root else influence


def r2(y: Array, score: Array) -> Influence:
    squared, total = (y - score) ** 2, (y - y.mean()) ** 2
    spread = float(total.mean())
    if spread == 0:
        return float("nan"), np.full(len(y), np.nan)
    value = 1 - float(squared.mean()) / spread
    return value, -(squared - (1 - value) * total) / spread


def mape(y: Array, score: Array) -> Influence:
    """Mean absolute error as a share of the truth, as scikit-learn has it."""
    return mean(np.abs(y - score) / np.maximum(np.abs(y), np.finfo(float).eps))


def pinball(y: Array, score: Array) -> Influence:
    """Half the absolute error: the loss of the median (Koenker and Bassett 1978)."""
    return mean(np.abs(y - score) / 2)


@dataclass(frozen=True)
class Metric:
    """One way to measure a model."""

    name: str
    label: str  # as people write it
    tasks: tuple[str, ...]
    higher_is_better: bool
    function: Callable[[Array, Array], Influence] | None
    per_class: bool = False  # says nothing of a class with few rows
    users: Callable[[Array, Array], float] | None = None  # a metric of the user's, for `jackknife`


BINARY, CLASSES, MULTICLASS, REGRESSION = (
    ("binary",),
    ("binary", "multiclass"),
    ("multiclass",),
    ("regression",),
)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", "ROC AUC", BINARY, True, roc_auc, True),
        Metric("average_precision", "average precision", BINARY, True, average_precision, True),
        Metric("log_loss", "log loss", CLASSES, False, log_loss),
        Metric("brier", "Brier score", BINARY, False, brier),
        Metric("accuracy", "accuracy", CLASSES, True, accuracy),
        Metric("balanced_accuracy", "balanced accuracy", BINARY, True, balanced_accuracy, True),
        Metric("f1", "F1", BINARY, True, f1, True),
        Metric("precision", "precision", BINARY, True, precision, True),
        Metric("recall", "recall", BINARY, True, recall, True),
        Metric("macro_f1", "macro F1", MULTICLASS, True, macro_f1, True),
        Metric("roc_auc_ovr", "ROC AUC, one against the rest", MULTICLASS, True,
               over_classes(roc_auc), True),
        Metric("mae", "mean absolute error", REGRESSION, False, mae),
        Metric("rmse", "root mean squared error", REGRESSION, False, rmse),
        Metric("r2", "R²", REGRESSION, True, r2),
        Metric("mape", "mean absolute percentage error", REGRESSION, False, mape),
        Metric("pinball", "pinball loss of the median", REGRESSION, False, pinball),
    )
}  # fmt: skip

DEFAULT_METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "mae"}
BLOCKS = 50  # of the jackknife


def chosen(name: str | None, task: str) -> Metric:
    """The metric of that name, `module:function` for one of the user's; else the task's own.

    Raises
    ------
    Refusal : there is none of that name for the task.
    """
    if name and ":" in name:
        return of_user(name)
    names = [metric.name for metric in of_task(task)]
    if name and name not in names:
        raise Refusal(
            f"gate.yaml: {name!r} is no metric for {task}: it knows {', '.join(names)}, or "
            "`module:function` for one of your own."
        )
    return METRICS[name or DEFAULT_METRIC[task]]


def of_user(name: str) -> Metric:
    """The user's `function(y, score) -> float`, as in scikit-learn's metrics.

    `y` is 0 or 1, the class's index or the number; `score` as in `measure`. Higher is better unless
    the function has an attribute `greater_is_better = False`.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:
        raise Refusal(f"gate.yaml: metric {name!r} cannot be imported: {error}.") from error
    higher = bool(getattr(found, "greater_is_better", True))
    return Metric(name, function.replace("_", " "), (), higher, None, users=found)


def of_task(task: str) -> list[Metric]:
    """The metrics that fit a task, in the order in which they are reported."""
    return [metric for metric in METRICS.values() if task in metric.tasks]


def reported(name: str | None, task: str) -> list[Metric]:
    """The metrics of a report: the task's, behind one of the user's if that is the chosen one."""
    own = [metric for metric in [chosen(name, task)] if metric.users]
    return own + of_task(task)


def estimate(metric: Metric, y: Array, score: Array, groups: Groups | None = None) -> Estimate:
    """Return the value, the influences (n,) and the groups (n,) for their standard error."""
    if metric.users:
        return jackknife(metric.users, y, score, groups)
    assert metric.function
    value, influence = metric.function(y, score)
    return value, influence, groups


def jackknife(
    function: Callable[[Array, Array], float], y: Array, score: Array, groups: Groups | None
) -> Estimate:
    """Any function of the rows, by leaving out one block of them after the other.

    The delete-a-group jackknife (Kott 2001): blocks are contiguous and never cut a group; the rows
    of a block share its influence, and the blocks are the groups of the standard error.
    """
    n = len(y)
    order = np.arange(n) if groups is None else np.argsort(groups, kind="stable")
    blocks = np.empty(n, np.intp)
    blocks[order] = np.arange(n) * min(BLOCKS, n) // n
    if groups is not None:
        first = np.full(groups.max() + 1, n)
        np.minimum.at(first, groups, blocks)
        blocks = np.unique(first[groups], return_inverse=True)[1]
    count = int(blocks.max()) + 1
    if count < 2:
        return float("nan"), np.full(n, np.nan), blocks
    kept = [blocks != block for block in range(count)]
    try:
        value = float(function(y, score))
        without = np.array([function(y[rows], score[rows]) for rows in kept], float)
    except Exception as error:
        raise Refusal(f"gate.yaml: your metric fails: {type(error).__name__}: {error}.") from error
    sizes = np.bincount(blocks)
    centre = np.average(without, weights=n - sizes)
    influence = ((n - sizes) / sizes * (centre - without))[blocks]
    return value, influence, blocks


def standard_error(influence: Array, groups: Groups | None = None) -> float:
    """The standard error of a mean of influence values.

    Parameters
    ----------
    influence : (n,) mean 0.
    groups : (n,) the number of the group of rows that depend on each other; None: independent.
        se² = G / (G - 1) · sum of squared group sums / n².
    """
    sums = summed(influence, groups)
    count, largest = len(sums), float(np.abs(sums).max(initial=0.0))
    if count < 2 or not math.isfinite(largest):
        return float("nan")
    # In units of the largest, as the square of 1e-200 would be nothing: a difference beyond doubt.
    squares = float(np.square(sums / (largest or 1.0)).sum())
    return largest * math.sqrt(count / (count - 1) * squares) / len(influence)


def summed(influence: Array, groups: Groups | None) -> Array:
    """The influences, (n,), or their sums by group, (G,)."""
    if groups is None:
        return influence
    return np.bincount(groups, influence).astype(float, copy=False)


def measure(metric: Metric, y: Array, score: Array) -> tuple[float, float]:
    """Return the metric's value and its standard error.

    Parameters
    ----------
    y : (n,) 0 or 1; the class's index; or the number.
    score : (n,) probability of the positive class, or prediction; (n, classes) probabilities.

    Returns
    -------
    value, standard error; NaN where the rows do not define them (one class, one row).
    """
    value, influence, groups = estimate(metric, np.asarray(y, float), np.asarray(score, float))
    return value, standard_error(influence, groups)
