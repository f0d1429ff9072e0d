"""Each metric equals scikit-learn's; each standard error equals a bootstrap's."""

import numpy as np
import pytest
import sklearn.metrics as reference
from numpy.typing import NDArray

from champion.judge.metrics import METRICS, estimate, measure, of_task

Array = NDArray[np.float64]
ROWS = 600


def binary() -> tuple[Array, Array]:
    random = np.random.default_rng(1)
    y = (random.random(ROWS) < 0.25).astype(float)
    logit = random.normal(size=ROWS) + 1.2 * y - 1.5
    return y, np.round(1 / (1 + np.exp(-logit)), 2)  # rounded: with ties


def multiclass() -> tuple[Array, Array]:
    random = np.random.default_rng(2)
    y = random.integers(0, 3, ROWS).astype(float)
    weights = random.random((ROWS, 3)) + np.eye(3)[y.astype(int)]
    return y, weights / weights.sum(axis=1, keepdims=True)


def regression() -> tuple[Array, Array]:
    random = np.random.default_rng(3)
    y = random.normal(size=ROWS) * 3
    return y + np.sign(y), y + random.standard_t(5, size=ROWS)


DATA = {"binary": binary, "multiclass": multiclass, "regression": regression}
REFERENCE = {
    ("binary", "roc_auc"): reference.roc_auc_score,
    ("binary", "average_precision"): reference.average_precision_score,
    ("binary", "log_loss"): reference.log_loss,
    ("binary", "brier"): reference.brier_score_loss,
    ("binary", "accuracy"): lambda y, s: reference.accuracy_score(y, s >= 0.5),
    ("binary", "balanced_accuracy"): lambda y, s: reference.balanced_accuracy_score(y, s >= 0.5),
    ("binary", "f1"): lambda y, s: reference.f1_score(y, s >= 0.5),
    ("binary", "precision"): lambda y, s: reference.precision_score(y, s >= 0.5),
    ("binary", "recall"): lambda y, s: reference.recall_score(y, s >= 0.5),
    ("multiclass", "log_loss"): reference.log_loss,
    ("multiclass", "macro_f1"): lambda y, s: reference.f1_score(
        y, s.argmax(axis=1), average="macro"
    ),
    ("multiclass", "roc_auc_ovr"): lambda y, s: reference.roc_auc_score(y, s, multi_class="ovr"),
    ("regression", "mape"): reference.mean_absolute_percentage_error,
    ("regression", "pinball"): reference.mean_pinball_loss,
    ("multiclass", "accuracy"): lambda y, s: reference.accuracy_score(y, s.argmax(axis=1)),
    ("regression", "mae"): reference.mean_absolute_error,
    ("regression", "rmse"): reference.root_mean_squared_error,
    ("regression", "r2"): reference.r2_score,
}
ALL = [(task, metric.name) for task in DATA for metric in of_task(task)]


@pytest.mark.parametrize(("task", "name"), ALL)
def test_value_is_scikit_learns(task: str, name: str) -> None:
    y, score = DATA[task]()
    assert measure(METRICS[name], y, score)[0] == pytest.approx(REFERENCE[task, name](y, score))


@pytest.mark.parametrize(("task", "name"), ALL)
def test_standard_error_is_the_bootstraps(task: str, name: str) -> None:
    y, score = DATA[task]()
    random = np.random.default_rng(4)
    drawn = []
    for _ in range(800):
        rows = random.integers(0, ROWS, ROWS)
        drawn.append(measure(METRICS[name], y[rows], score[rows])[0])
    assert measure(METRICS[name], y, score)[1] == pytest.approx(np.std(drawn), rel=0.1)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_influences_have_mean_zero(task: str, name: str) -> None:
    y, score = DATA[task]()
    assert estimate(METRICS[name], y, score)[1].mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", [m.name for m in of_task("binary")])
@pytest.mark.parametrize(
    ("y", "score"),
    [
        pytest.param([0.0, 0.0, 0.0], [0.1, 0.2, 0.3], id="one class"),
        pytest.param([1.0], [0.4], id="one row"),
        pytest.param([0.0, 1.0, 0.0, 1.0], [0.5] * 4, id="constant score"),
        pytest.param([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], id="perfect"),
        pytest.param([1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], id="all wrong"),
    ],
)
def test_degenerate_rows_raise_nothing(name: str, y: list[float], score: list[float]) -> None:
    value, error = measure(METRICS[name], np.array(y), np.array(score))
    assert not np.isinf(value)
    assert np.isnan(error) or error >= 0
