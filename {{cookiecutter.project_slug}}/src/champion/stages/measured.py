"""Metrics of some rows, with how sure they are."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from champion.judge.difference import freedom
from champion.judge.metrics import Groups, Metric, estimate, standard_error, summed
from champion.settings import Settings

FEWEST_OF_CLASS = 5  # rows; the spread of fewer says nothing, and would look like certainty
LEVEL = 0.05  # of an interval: that it misses


def grouped(table: pd.DataFrame, settings: Settings) -> Groups | None:
    """The number of the group of each row, where gate.yaml names one."""
    if not settings.data.group:
        return None
    return pd.factorize(table[settings.data.group], use_na_sentinel=False)[0]


def metrics(
    y: NDArray[np.float64],
    said: NDArray[np.float64],
    asked: list[Metric],
    groups: Groups | None = None,
) -> dict[str, dict[str, float | None]]:
    """Each metric with its standard error and 95 % interval; null where the rows do not tell it."""
    rare = (
        "regression" not in asked[-1].tasks
        and np.unique(y, return_counts=True)[1].min() < FEWEST_OF_CLASS
    )
    found = {}
    for metric in asked:
        value, influence, near = estimate(metric, y, said, groups)
        error = math.nan if rare else standard_error(influence, near)
        reach = math.nan
        if math.isfinite(error):
            reach = -float(stdtrit(freedom(summed(influence, near)), LEVEL / 2)) * error
        found[metric.name] = {
            "value": number(value),
            "se": number(error),
            "lower": number(max(value - reach, low(metric))),
            "upper": number(min(value + reach, high(metric))),
        }
    return found


def low(metric: Metric) -> float:
    """The least that it can be."""
    return -math.inf if metric.users or metric.name == "r2" else 0.0


def high(metric: Metric) -> float:
    """The most that it can be."""
    bounded = metric.higher_is_better or metric.name == "brier"
    return 1.0 if bounded and not metric.users else math.inf


def number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
