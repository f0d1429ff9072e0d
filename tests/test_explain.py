"""What the model looks at: SHAP values that add up, in the columns of the data."""

import importlib.util
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import permutations
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import shap
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR

from champion.models import scores
from champion.settings import Settings
from champion.stages import explain, explain_figures, lime
from champion.stages.explain import explanation, importance
from conftest import ENGINE

ROWS = 300


def users_model() -> Any:
    """The template's model.py."""
    path = ENGINE / "{{cookiecutter.__package}}" / "model.py"
    spec = importlib.util.spec_from_file_location("users_model", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODEL = users_model()


def table(rows: int = ROWS) -> pd.DataFrame:
    """Every kind of column that a model sees, under names that overlap."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": random.choice(["x", "b", "b_x"], rows),
            "a_b": random.choice(["x", "y"], rows),
            "a_b_x": random.normal(size=rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="7h"),
            "self": random.normal(size=rows),
            "price $ per $": random.normal(size=rows),
            "yes": random.choice([0.0, 1.0], rows),
        }
    )
    X.loc[::9, "self"] = np.nan
    X.loc[::13, "a"] = np.nan
    return X.astype({"a": "str", "a_b": "str"})


def target(X: pd.DataFrame, task: str) -> pd.Series:
    random = np.random.default_rng(1)
    value = X["a_b_x"] + (X["a"] == "b_x") + X["yes"] * X["self"].fillna(0)
    value = value + 0.3 * random.normal(size=len(X))
    if task == "binary":
        return value > 0.5
    if task == "multiclass":
        return pd.Series(np.select([value < 0, value < 1], ["low", "middle"], "top"))
    return value * (1e7 if task == "large" else 1) + (1e8 if task == "large" else 0)


class Filled(TransformerMixin, BaseEstimator):
    """A user's own: gives numbers and names none of them."""

    def fit(self, X: pd.DataFrame, y: object = None) -> "Filled":
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [
                X["a_b_x"],
                (X["a"] == "b_x") * 1.0,
                X["self"].fillna(0),
                X["self"].isna() * 1.0,
                X["yes"],
                X["when"].dt.hour * 1.0,
            ]
        )


def settings_for(task: str) -> Settings:
    settings = Settings()
    settings.data.task = {"large": "regression", "count": "regression"}.get(task, task)
    return settings


def one_hot() -> ColumnTransformer:
    return MODEL.as_scaled_columns()


def numbers() -> ColumnTransformer:
    return MODEL.as_numbers()


SMALL = {"max_iter": 15}
LIGHT: dict[str, Any] = {"n_estimators": 15, "verbose": -1, "n_jobs": 1}
EXTREME: dict[str, Any] = {"n_estimators": 15, "n_jobs": 1}
MODELS: dict[str, tuple[str, Callable[[], Any], str, str]] = {
    "boosted": ("binary", lambda: [numbers(), HistGradientBoostingClassifier(**SMALL)],
                "trees", "log-odds"),
    "boosted, classes": ("multiclass", lambda: [numbers(), HistGradientBoostingClassifier(**SMALL)],
                         "trees", "log-odds"),
    "boosted, numbers": ("regression", lambda: [numbers(), HistGradientBoostingRegressor(**SMALL)],
                         "trees", "prediction"),
    "boosted, large numbers": ("large", lambda: [numbers(), HistGradientBoostingRegressor(**SMALL)],
                               "trees", "prediction"),
    "boosted, counts": ("count",
                        lambda: [numbers(), HistGradientBoostingRegressor(loss="poisson", **SMALL)],
                        "trees", "log of the prediction"),
    "linear": ("binary", lambda: [one_hot(), LogisticRegression()], "linear", "log-odds"),
    "linear, classes": ("multiclass", lambda: [one_hot(), LogisticRegression()],
                        "linear", "log-odds"),
    "linear, numbers": ("regression", lambda: [one_hot(), Ridge()], "linear", "prediction"),
    "linear, counts": ("count", lambda: [one_hot(), PoissonRegressor()],
                       "linear", "log of the prediction"),
    "forest": ("binary", lambda: [one_hot(), RandomForestClassifier(15)], "trees", "probability"),
    "forest, classes": ("multiclass", lambda: [one_hot(), RandomForestClassifier(15)],
                        "trees", "probability"),
    "forest, numbers": ("regression", lambda: [one_hot(), RandomForestRegressor(15)],
                        "trees", "prediction"),
    "gradient, numbers": ("large", lambda: [one_hot(), GradientBoostingRegressor(n_estimators=15)],
                          "trees", "prediction"),
    "lightgbm": ("binary", lambda: [numbers(), lightgbm.LGBMClassifier(**LIGHT)],
                 "trees", "log-odds"),
    "lightgbm, classes": ("multiclass", lambda: [numbers(), lightgbm.LGBMClassifier(**LIGHT)],
                          "trees", "log-odds"),
    "lightgbm, numbers": ("large", lambda: [numbers(), lightgbm.LGBMRegressor(**LIGHT)],
                          "trees", "prediction"),
    "xgboost": ("binary", lambda: [numbers(), xgboost.XGBClassifier(**EXTREME)],
                "trees", "log-odds"),
    "xgboost, numbers": ("large", lambda: [numbers(), xgboost.XGBRegressor(**EXTREME)],
                         "trees", "prediction"),
    "calibrated": ("binary", lambda: [one_hot(), CalibratedClassifierCV(LogisticRegression())],
                   "permutation", "probability"),
    "calibrated, classes": ("multiclass",
                            lambda: [one_hot(), CalibratedClassifierCV(LogisticRegression())],
                            "permutation", "probability"),
    "kernel, numbers": ("large", lambda: [one_hot(), SVR()], "permutation", "prediction"),
    "own transformer": ("binary", lambda: [Filled(), HistGradientBoostingClassifier(**SMALL)],
                        "trees", "log-odds"),
    "own transformer, linear": ("binary", lambda: [Filled(), LogisticRegression()],
                                "linear", "log-odds"),
    "columns mixed": ("binary", lambda: [Filled(), PCA(3), LogisticRegression()],
                      "permutation", "probability"),
}  # fmt: skip


def fitted(name: str) -> tuple[Any, pd.DataFrame, pd.Series, Settings]:
    task, steps, _, _ = MODELS[name]
    X = table()
    y = target(X, task) if task != "count" else np.exp(target(X, "regression") / 2)
    return make_pipeline(*steps()).fit(X, y), X, y, settings_for(task)


def on_scale(said: np.ndarray, scale: str) -> np.ndarray:
    """Predictions on the scale of the SHAP values; of several classes, against their mean."""
    if scale == "log of the prediction":
        return np.log(said)
    if scale != "log-odds":
        return said
    return np.log(said / (1 - said)) if said.shape[1] == 1 else centred(np.log(said), scale)


def centred(values: np.ndarray, scale: str) -> np.ndarray:
    if scale != "log-odds" or values.shape[1] == 1:
        return values
    return values - values.mean(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_the_values_add_up_in_the_columns_of_the_data(name: str) -> None:
    model, X, _, settings = fitted(name)
    _, _, method, scale = MODELS[name]
    found = explanation(model, X, settings)
    assert (found.method, found.scale) == (method, scale)
    assert found.adds_up
    assert found.additivity is not None
    said = scores(model, X, str(settings.data.task)).reshape(len(X), -1)[: len(found.values)]
    assert found.values.shape == (len(said), X.shape[1], said.shape[1])
    # What is missing is the base, one number an output.
    base = on_scale(said, scale) - centred(found.values.sum(axis=1), scale)
    size = np.abs(on_scale(said, scale)).max()
    tolerance = 1e-3 if name.startswith("xgboost") else 1e-9
    assert np.ptp(base, axis=0).max() < tolerance * size
    strength = pd.Series(found.strength, X.columns)
    assert {"a_b_x", "a", "self"} <= set(strength.nlargest(5).index)
    if name.startswith("own") or name == "columns mixed":
        assert (strength[["a_b", "price $ per $"]] == 0).all()


def test_the_values_of_trees_are_shaps_own() -> None:
    model, X, _, settings = fitted("boosted")
    Z = model[:-1].transform(X)
    theirs = shap.TreeExplainer(model[-1]).shap_values(Z)
    names = [name.partition("__")[2] for name in model[:-1].get_feature_names_out()]
    by_name = pd.DataFrame(theirs, columns=names)
    parts = [name for name in names if name.startswith("when_")]
    by_name["when"] = by_name[parts].sum(axis=1)
    ours = pd.DataFrame(explanation(model, X, settings).values[:, :, 0], columns=X.columns)
    np.testing.assert_allclose(ours, by_name[list(X.columns)], atol=1e-12)


def test_the_values_of_a_linear_model_are_shaps_own() -> None:
    model, X, _, settings = fitted("linear, numbers")
    Z = np.asarray(model[:-1].transform(X))
    theirs = shap.LinearExplainer(model[-1], shap.maskers.Independent(Z, len(Z))).shap_values(Z)
    ours = explanation(model, X, settings).values.sum(axis=1)[:, 0]
    np.testing.assert_allclose(ours, theirs.sum(axis=1), atol=1e-9)


def test_the_values_of_any_estimator_are_near_shapleys() -> None:
    """All subsets of three columns are tried: Shapley's own formula."""
    X = table()[["a_b_x", "self", "yes"]].fillna(0).set_axis(list("uvw"), axis=1)
    y = X["u"] * X["v"] + np.sin(3 * X["u"]) * X["w"] * (1 + X["v"])
    model = SVR(C=10).fit(X, y)
    found = explain.of_any(model, X, settings_for("regression"))
    unknown = X.iloc[:: len(X) // explain.BACKGROUND][: explain.BACKGROUND]

    def worth(row: pd.Series, known: tuple[str, ...]) -> float:
        return float(model.predict(unknown.assign(**{n: row[n] for n in known})).mean())

    theirs = []
    for _, row in X.head(15).iterrows():
        moved = dict.fromkeys(X, 0.0)
        for order in permutations(X):
            for place, name in enumerate(order):
                moved[name] += worth(row, order[: place + 1]) - worth(row, order[:place])
        theirs.append([moved[name] / 6 for name in X])
    ours = found.values[:15, :, 0]
    assert len(found.values) == explain.MOST_PERMUTED
    assert np.corrcoef(ours.ravel(), np.ravel(theirs))[0, 1] > 0.98


def independent(rows: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(4)
    X = pd.DataFrame(random.normal(size=(rows, 4)), columns=list("pqrs"))
    return X.assign(word=pd.Series(random.choice(["x", "y"], rows), dtype="str"))


def by_lime(task: str) -> Settings:
    settings = settings_for(task)
    settings.params.explain.method = "lime"
    return settings


def test_lime_and_shap_agree_on_a_linear_model() -> None:
    X = independent()
    y = 4 * X["p"] - 2 * X["q"] + X["r"] + 0.5 * (X["word"] == "x")
    model = make_pipeline(one_hot(), Ridge()).fit(X, y)
    shaps, limes = (
        explanation(model, X, settings)
        for settings in (settings_for("regression"), by_lime("regression"))
    )
    assert (limes.method, limes.scale, limes.additivity) == ("lime", "prediction", None)
    assert limes.adds_up
    assert limes.fidelity is not None
    assert limes.fidelity > 0.2  # of one quartile against the others
    assert list(np.argsort(limes.strength)) == list(np.argsort(shaps.strength))
    ours, theirs = limes.values[:, :, 0], shaps.values[:, :, 0]
    for place in (0, 1, 2, 4):
        strong = np.abs(theirs[:, place]) > theirs[:, place].std()
        assert (np.sign(ours) == np.sign(theirs))[strong, place].mean() > 0.99
        assert np.corrcoef(ours[:, place], theirs[:, place])[0, 1] > 0.9
        assert ours[:, place].std() == pytest.approx(theirs[:, place].std(), rel=0.25)
    assert np.abs(ours[:, 3]).mean() < 0.1 < np.abs(ours[:, 4]).mean()  # one that says nothing


def test_limes_weights_are_those_of_a_weighted_ridge() -> None:
    """By the normal equations, around one row: the near ones count more."""
    X = independent(300)
    said = np.column_stack([X["p"] ** 2, X["q"] * X["r"]])
    binned = lime.bins(X, X)
    row = binned[0]
    weights, fit = lime.local(row, binned, said)
    same = (binned == row).astype(float)
    distance = np.sqrt((1 - same).sum(axis=1))
    near = np.sqrt(np.exp(-(distance**2) / (0.75 * np.sqrt(5)) ** 2))
    middle = np.average(same, axis=0, weights=near), np.average(said, axis=0, weights=near)
    A, b = same - middle[0], said - middle[1]
    expected = np.linalg.solve(A.T @ (near[:, None] * A) + np.eye(5), A.T @ (near[:, None] * b))
    np.testing.assert_allclose(weights, expected, atol=1e-9)
    assert 0 < fit < 1


def test_lime_cuts_at_quartiles_and_keeps_categories_and_gaps_apart() -> None:
    X = table()
    binned = pd.DataFrame(lime.bins(X, X), columns=X.columns)
    for name in ("a_b_x", "self", "when", "price $ per $"):
        sizes = binned.loc[X[name].notna(), name].value_counts(normalize=True)
        assert set(sizes.index) == {0, 1, 2, 3}
        assert sizes.between(0.24, 0.26).all()
    assert (binned["self"] == -1).equals(X["self"].isna())
    for name in ("a", "yes"):
        assert len(binned.groupby([name, X[name].fillna("gap").astype(str)])) == X[name].nunique(
            dropna=False
        )
    unknown = X.head(1).assign(a="never seen")
    assert lime.bins(unknown, X)[0][0] == -1


@pytest.mark.parametrize(
    "name", ["boosted", "calibrated, classes", "columns mixed", "boosted, large numbers"]
)
def test_lime_explains_any_estimator_and_no_row_depends_on_the_company(name: str) -> None:
    model, X, _, settings = fitted(name)
    settings.params.explain.method = "lime"
    found = explanation(model, X.head(60), settings, X)
    outputs = scores(model, X.head(1), str(settings.data.task)).size
    assert found.values.shape == (60, X.shape[1], outputs)
    strength = pd.Series(found.strength, X.columns)
    assert {"a_b_x", "a"} <= set(strength.nlargest(4).index)
    alone = explanation(model, X.iloc[7:8], settings, X)
    np.testing.assert_allclose(alone.values[0], found.values[7], atol=1e-12)


@pytest.mark.parametrize(
    ("show", "personal", "words"),
    [
        (True, [], {"b", "b_x", "x", "(missing)"}),
        (False, [], {"value 1", "value 2", "value 3", "value 4"}),
        (True, ["a"], {"value 1", "value 2", "value 3", "value 4"}),
    ],
)
@pytest.mark.parametrize("task", ["boosted", "boosted, classes"])
def test_dependence_names_values_only_where_they_may_be_shown(
    show: bool, personal: list[str], words: set[str], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib.pyplot as plt

    model, X, _, settings = fitted(task)
    settings.report.show_values, settings.data.personal = show, personal
    drawn, axes = plt.subplots(1, 2)
    monkeypatch.setattr(explain_figures, "figure", lambda *_, **__: nullcontext(axes))
    found = explanation(model, X, settings)
    explain_figures.draw_dependence(found, X, ["a", "self"], settings, Path())
    assert {label.get_text() for label in axes[0].get_xticklabels()} == words
    shown = axes[1].collections[0].get_offsets()[:, 0]
    assert (shown.max() > 50) == (not show)  # a rank in per cent
    assert ("mean of the classes" in axes[0].get_ylabel()) == (task != "boosted")
    plt.close(drawn)


def test_one_hot_columns_belong_to_the_column_that_made_them() -> None:
    """`category__a_b_x` is the value `b_x` of `a`, the value `x` of `a_b`, or a column."""
    X = table()
    encode = ColumnTransformer(
        [
            ("c", OneHotEncoder(sparse_output=False), ["a", "a_b"]),
            ("n", StandardScaler(), ["a_b_x"]),
        ]
    )
    model = make_pipeline(encode, LogisticRegression()).fit(X, target(X, "binary"))
    Z, owners, _ = explain.prepared(model, X)
    names = list(encode.get_feature_names_out())
    assert names.count("c__a_b_x") == 2  # of `a` and of `a_b`
    places = [X.columns.get_loc(name) for name in ("a", "a_b", "a_b_x")]
    counts = [X["a"].nunique(dropna=False), 2, 1]
    assert owners == [
        place for place, count in zip(places, counts, strict=True) for _ in range(count)
    ]
    assert Z.shape[1] == len(owners)


def test_a_scale_on_which_nothing_adds_up_is_told() -> None:
    X = table()
    native = HistGradientBoostingClassifier(max_iter=20, categorical_features=[0])
    model = make_pipeline(numbers(), native).fit(X, target(X, "binary"))
    found = explanation(model, X, settings_for("binary"))
    assert not found.adds_up
    assert found.additivity is not None
    assert found.additivity > 1e-3 > found.within


def test_shuffling_a_column_that_matters_costs_and_others_do_not() -> None:
    model, X, y, settings = fitted("own transformer")
    lost, rows = importance(model, X, y, list(X.columns), settings)
    assert rows == len(X)
    assert lost["importance"].idxmax() == "a_b_x"
    assert (lost.loc[["a_b", "price $ per $"], "importance"] == 0).all()
    again, _ = importance(model, X, y, list(X.columns), settings)
    pd.testing.assert_frame_equal(lost, again)


def test_only_the_strongest_of_many_columns_are_shuffled() -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(200, 120)), columns=[f"x{i}" for i in range(120)])
    y = X["x7"] > 0
    model = LogisticRegression().fit(X, y)
    settings = settings_for("binary")
    found = explanation(model, X, settings)
    assert found.method == "linear"  # without a pipeline, too
    order = np.argsort(-found.strength, kind="stable")
    lost, _ = importance(model, X, y, list(X.columns[order[: explain.MOST_SHUFFLED]]), settings)
    assert len(lost) == explain.MOST_SHUFFLED
    assert lost["importance"].idxmax() == "x7"


def test_rows_are_halved_until_they_fit_the_time() -> None:
    def work(rows: int) -> None:
        time.sleep(0.002 * rows)

    assert explain.affordable(1000, 10, work, 20) == 1000
    assert explain.affordable(1000, 1.2, work, 20) in (250, 500)
    assert explain.affordable(40, 0.001, work, 20) == explain.FEWEST


def test_a_busy_first_call_does_not_cost_rows() -> None:
    pauses = iter([0.3])

    def work(rows: int) -> None:
        time.sleep(next(pauses, 0))

    assert explain.affordable(2000, 1, work, 20) == 2000


@pytest.mark.parametrize("name", ["boosted", "forest, classes", "calibrated"])
def test_the_same_model_is_explained_in_the_same_words(name: str) -> None:
    model, X, _, settings = fitted(name)
    first, second = (explanation(model, X, settings) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    assert first.scale == second.scale


@pytest.mark.filterwarnings("ignore:No positive")
def test_figures_take_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dollars are no formulas, long names are cut in the middle, the bytes are the same again."""
    from champion import figures

    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    names = [f"a long name that goes on, at $\\bad{{ $ {i}" for i in range(4)] + ["列"]
    y = random.integers(0, 5, 200).astype(float)
    said = random.dirichlet(np.ones(5), 200)
    written = []
    for _ in range(2):
        figures.draw_holdout(y, said, "multiclass", names)
        written.append({p.name: p.read_bytes() for p in tmp_path.rglob("*.*")})
    assert written[0] == written[1]
    assert set(written[0]) == {"confusion.png", "calibration.png", "calibration.csv"}
    assert figures.short(names[0]) != figures.short(names[1])
    assert len(figures.short(names[0])) <= figures.LONGEST
    for task, truth, value in [
        ("binary", np.zeros(60), np.full(60, 0.3)),
        ("binary", np.r_[np.ones(30), np.zeros(30)], np.r_[np.ones(30), np.zeros(30)]),
        ("regression", np.r_[np.zeros(59), 1e12], np.zeros(60)),
        ("regression", np.ones(60), np.ones(60)),
    ]:
        figures.draw_holdout(truth, value, task, ["no", "yes"])
    assert json.dumps(sorted(p.name for p in (tmp_path / "reports/figures").iterdir())) == (
        '["residuals.png"]'
    )
