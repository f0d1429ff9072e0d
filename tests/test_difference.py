"""The difference of two models and its standard error, against independent computations."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from champion.judge.difference import Case, difference, freedom, same, width
from champion.judge.metrics import METRICS, Metric, jackknife, of_task, standard_error

Array = NDArray[np.float64]
Pair = tuple[Array, Array, Array]
GROUP = 6
ALL = [(task, m.name) for task in ("binary", "multiclass", "regression") for m in of_task(task)]


def pair(task: str, rows: int, seed: int = 0, group: int = 1) -> Pair:
    """y, champion, challenger; the rows of a group share their truth and most of their noise."""
    random = np.random.default_rng(seed)
    shared = np.arange(rows) // group

    def draw(*shape: int) -> Array:
        own, common = random.normal(size=(rows, *shape)), random.normal(size=(rows, *shape))
        return own if group == 1 else 0.5 * own + 0.9 * common[shared]

    if task == "binary":
        y = (random.random(rows) < 0.35)[shared].astype(float)
        base = 1.5 * y - 0.8 + draw()
        return y, expit(base + 0.7 * draw()), np.round(expit(base + 0.4 * draw()), 2)
    if task == "multiclass":
        y = random.integers(0, 3, rows)[shared].astype(float)
        base = 1.5 * np.eye(3)[y.astype(int)] + draw(3)
        one, other = (np.exp(base + noise * draw(3)) for noise in (0.9, 0.5))
        return y, one / one.sum(1, keepdims=True), other / other.sum(1, keepdims=True)
    y = 3 + 2 * random.normal(size=rows)[shared]
    base = y + draw()
    return y, base + 0.8 * draw(), base + 0.5 * draw()


@pytest.mark.parametrize("group", [1, GROUP], ids=["rows", "groups"])
@pytest.mark.parametrize(("task", "name"), ALL)
def test_standard_error_is_the_paired_bootstraps(task: str, name: str, group: int) -> None:
    rows = 480 * (2 if group > 1 else 1)
    y, old, new = pair(task, rows, seed=5, group=group)
    y = np.maximum(y, 0.5) if name == "mape" else y  # which has no variance near 0
    blocks = np.arange(rows).reshape(-1, group)
    found = difference(METRICS[name], y, old, new, np.arange(rows) // group if group > 1 else None)
    random = np.random.default_rng(6)
    drawn = []
    for _ in range(500):
        chosen = blocks[random.integers(0, len(blocks), len(blocks))].ravel()
        drawn.append(difference(METRICS[name], y[chosen], old[chosen], new[chosen]).delta)
    assert found.se == pytest.approx(np.std(drawn), rel=0.15)


def delong(y: Array, one: Array, other: Array) -> tuple[float, float]:
    """The difference of the AUCs and its standard error, from the definition: every pair."""
    positive, negative = y == 1, y == 0
    values, by_positive, by_negative = [], [], []
    for score in (one, other):
        apart = score[positive][:, None] - score[negative][None, :]
        right = (apart > 0) + 0.5 * (apart == 0)
        values.append(right.mean())
        by_positive.append(right.mean(axis=1))
        by_negative.append(right.mean(axis=0))
    contrast = np.array([-1, 1])
    covariance = np.cov(by_positive) / positive.sum() + np.cov(by_negative) / negative.sum()
    return values[1] - values[0], math.sqrt(contrast @ covariance @ contrast)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_of_roc_auc_is_delongs(share: float) -> None:
    _, old, new = pair("binary", 1500)
    y = (np.random.default_rng(1).random(1500) < share).astype(float)
    old, new = np.round(old + 0.2 * y, 2), new + 0.2 * y
    found = difference(METRICS["roc_auc"], y, old, new)
    delta, error = delong(y, old, new)
    assert found.delta == pytest.approx(delta, abs=1e-12)
    # The same sums; only (m - 1) instead of m positives makes the other one larger.
    m, n = y.sum(), len(y)
    assert error * math.sqrt((m - 1) / m) * 0.999 < found.se < error * math.sqrt(n / (n - 1))


def mean_error(y: Array, score: Array) -> float:
    return float(np.abs(y - score).mean())


def root_error(y: Array, score: Array) -> float:
    return math.sqrt(float(((y - score) ** 2).mean()))


OWN = Metric("own:metric", "own metric", (), False, None, users=mean_error)


def test_a_metric_of_the_users_has_the_error_of_its_closed_form() -> None:
    """Blocks of equal size: the standard error of the blocks' means, exactly."""
    y, old, new = pair("regression", 1000)
    found = difference(OWN, y, old, new)
    blocks = (np.abs(y - new) - np.abs(y - old)).reshape(50, 20).mean(axis=1)
    assert found.se == pytest.approx(blocks.std(ddof=1) / math.sqrt(50))
    assert found.delta == pytest.approx(-blocks.mean())
    assert found.freedom <= 49


@pytest.mark.parametrize(
    ("function", "name"), [(mean_error, "mae"), (root_error, "rmse")], ids=["mean", "smooth"]
)
@pytest.mark.parametrize("grouped", [False, True])
def test_jackknife_is_about_the_influences(
    function: Callable[[Array, Array], float], name: str, grouped: bool
) -> None:
    """Also where the groups are unequal, and so are the blocks."""
    random = np.random.default_rng(8)
    ratios = []
    for seed in range(20):
        y, old, new = pair("regression", 1003, seed)
        groups = np.sort(random.integers(0, 170, 1003)) if grouped else None
        if groups is not None:
            groups = np.unique(groups, return_inverse=True)[1]
            order = random.permutation(1003)  # groups need not lie together
            y, old, new, groups = y[order], old[order], new[order], groups[order]
        own = Metric("own:metric", "own", (), False, None, users=function)
        ratios.append(
            difference(own, y, old, new, groups).se
            / difference(METRICS[name], y, old, new, groups).se
        )
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)


def test_jackknife_never_cuts_a_group_and_is_exact_for_unequal_ones() -> None:
    sizes = [1, 40, 2, 30, 5, 60, 2, 45, 7, 50, 58, 200]
    groups = np.random.default_rng(3).permutation(np.repeat(np.arange(len(sizes)), sizes))
    y = 1 + np.random.default_rng(4).normal(size=500) ** 2
    value, influence, blocks = jackknife(mean_error, y, np.zeros(500), groups)
    assert blocks is not None
    assert all(len(set(blocks[groups == group])) == 1 for group in range(len(sizes)))
    count = blocks.max() + 1
    assert count > 5
    sums = np.array([(y[blocks == block] - y.mean()).sum() for block in range(count)])
    closed = math.sqrt(count / (count - 1) * (sums**2).sum()) / 500
    assert value == pytest.approx(y.mean())
    assert standard_error(influence, blocks) == pytest.approx(closed)


def test_groups_that_agree_count_once() -> None:
    """Every row ten times, each copy in its group: the same error as of the rows alone."""
    y, old, new = pair("binary", 300)
    alone = difference(METRICS["roc_auc"], y, old, new)
    y, old, new = (np.repeat(values, 10) for values in (y, old, new))
    grouped = difference(METRICS["roc_auc"], y, old, new, np.repeat(np.arange(300), 10))
    ignored = difference(METRICS["roc_auc"], y, old, new)
    assert grouped.se == pytest.approx(alone.se)
    assert grouped.freedom == pytest.approx(alone.freedom)
    assert ignored.se == pytest.approx(alone.se / math.sqrt(10), rel=0.01)


def test_freedom_is_twice_the_rows_that_carry_the_difference() -> None:
    few = np.zeros(10_000)
    few[:5] = 1
    assert freedom(few - few.mean()) == pytest.approx(10, rel=0.01)
    even = np.where(np.arange(10_000) % 2, 1.0, -1.0)
    assert freedom(even) == 9_999
    normal = np.random.default_rng(0).normal(size=100_000)
    assert freedom(normal) == pytest.approx(100_000, rel=0.05)
    for nothing in (np.zeros(5), np.array([0.0]), np.array([]), np.array([np.nan, 1.0])):
        assert freedom(nothing) >= 1


@given(st.floats(-150, 150), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_standard_error_is_in_the_unit_of_the_values(power: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=50)
    unit = 10.0 ** (2 * power)
    assert standard_error(values * unit) == pytest.approx(
        standard_error(values) * unit, rel=1e-9, abs=0
    )


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1.0, 1e12, 1e200])
def test_equal_predictions_are_equal_in_every_unit(unit: float) -> None:
    said = np.array([3.0, -2.0, 5.0, 0.0]) * unit
    for factor, equal in ((1 + 1e-12, True), (1 + 1e-6, False)):
        case = Case("regression", said, said * factor)
        assert same(case, said, 1e-9) is equal


def test_one_huge_prediction_does_not_hide_the_others() -> None:
    said = np.array([1.0, 2.0, 3.0, 1e15])
    assert not same(Case("regression", said, said + 0.5 * (said == 1)), said, 1e-9)


def test_a_margin_is_a_number_or_a_share_of_the_gain() -> None:
    assert width(0.01, 0.5) == 0.01
    assert width("5 %", 0.5) == pytest.approx(0.025)
    assert width("5 %", -0.5) == 0
