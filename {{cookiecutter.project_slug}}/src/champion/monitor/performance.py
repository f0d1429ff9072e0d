"""The champion's metric on live rows against the holdout's, overall and by slice."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from champion.judge.difference import Array, Case, Difference, freedom, gain_over_dummy, width
from champion.judge.metrics import Groups, Metric, chosen, estimate, standard_error, summed
from champion.judge.slices import FEWEST_OF_CLASS_IN_SLICE, parts, rarest
from champion.judge.verdict import named, too_few
from champion.monitor.checks import Check, unknown
from champion.monitor.columns import FEWEST_DAYS
from champion.monitor.shifts import LEVEL
from champion.settings import GUARDED_SLICES, Settings

FAMILY = "performance"
Days = NDArray[np.intp]


def compare(
    before: Case, after: Case, before_days: Days | None, after_days: Days, settings: Settings
) -> Iterator[Check]:
    """The metric and the guards; then the metric by slice.

    Parameters
    ----------
    before, after : the holdout and the live rows with an answer.
    before_days, after_days : the places of their days.
    """
    least, gate = settings.monitor.min_rows, settings.gate
    metric = chosen(gate.metric, before.task)
    rows = len(after.y)
    if rows < least or too_few(after, metric):
        yield unknown(
            FAMILY, metric.name, None, f"{rows:,} live rows with an answer are too few", rows
        )
        return
    names = dict.fromkeys([metric.name, *(name for name, _ in named(gate.guards, ""))])
    for name in [name for name in names if not name.startswith(GUARDED_SLICES)]:
        yield loss(chosen(name, before.task), before, after, before_days, after_days, settings)
    held = {(column, value): inside for column, value, inside in parts(before.slices, least)}
    for column, value, now in parts(after.slices, least):
        then = held.get((column, value))
        if then is None or (
            metric.per_class
            and min(rarest(before.y[then], before.challenger[then]),
                    rarest(after.y[now], after.challenger[now])) < FEWEST_OF_CLASS_IN_SLICE
        ):  # fmt: skip
            continue
        days = None if before_days is None else before_days[then]
        it = loss(metric, before.only(then), after.only(now), days, after_days[now], settings)
        it.family, it.column, it.part = "slices", column, value
        yield it


def loss(
    metric: Metric,
    before: Case,
    after: Case,
    before_days: Days | None,
    after_days: Days,
    settings: Settings,
) -> Check:
    """By how much a metric is worse than on the holdout; other rows, so the errors add up."""
    old, error, free = measured(metric, before.y, before.challenger, before.groups, before_days)
    new, now, freer = measured(metric, after.y, after.challenger, None, after_days)
    it = Difference(metric, old, new, math.hypot(error, now), min(free, freer))
    if not it.known:
        return unknown(FAMILY, metric.name, None, "not defined on these rows", len(after.y))
    half = it.reach((1 - LEVEL) / 2)
    return Check(
        FAMILY, metric.name, measure=metric.label, value=-it.delta, lower=-it.delta - half,
        upper=-it.delta + half, p=1 - it.p_above(0.0), before=old, after=new, rows=len(after.y),
        threshold=width(settings.monitor.loss, gain_over_dummy(before, metric, old)),
    )  # fmt: skip


def measured(
    metric: Metric, y: Array, said: Array, groups: Groups | None, days: Days | None
) -> tuple[float, float, float]:
    """A metric, its standard error and the degrees of freedom.

    Where rows of a day are more alike than those of other days the days decide, not the rows.
    """
    value, influence, blocks = estimate(metric, y, said, groups)
    error = standard_error(influence, blocks)
    free = freedom(summed(influence, blocks))
    if days is not None and blocks is None:
        days = np.unique(days, return_inverse=True)[1]
        if days.max() + 1 >= FEWEST_DAYS:
            error = max(error, standard_error(influence, days))
    return value, error, free
