"""What the model looks at: permutation importance, and SHAP or LIME, in the columns of the data."""

import argparse
import inspect
import json
import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal
from champion.judge.metrics import DEFAULT_METRIC, METRICS, measure
from champion.models import load_model, scores
from champion.project import HOLDOUT, MODEL, REPORTS
from champion.settings import Settings
from champion.stages.explain_figures import draw_contributions, draw_dependence, draw_importance
from champion.tables.read import write_parquet
from champion.tables.roles import answers, inputs

FOLDER = REPORTS / "explanation"
REPEATS = 5
MOST_SHUFFLED = 50  # features, those with the largest SHAP values
BACKGROUND = 25  # rows that stand for "unknown" when no exact method fits the estimator
MOST_PERMUTED = 200  # rows that are explained then
AT_ONCE = 50_000  # predictions
FEWEST = 5  # rows, however slow the estimator
TIMED = 20  # rows that may tell how slow it is
SLOW = 1.0  # seconds of a call that do tell
ADDITIVE_WITHIN = 1e-6  # of the largest output
ADDITIVE_WITHIN_SINGLE = 1e-4  # where the estimator computes in single precision
CENTRED = "log-odds against the mean class"

Array = NDArray[np.float64]


@dataclass
class Explanation:
    """SHAP values, or LIME's contributions, of the first rows, in the columns of the data.

    values : (rows, features, outputs)
    additivity : the largest |base + sum of values - model's output|, in the largest output; None:
        LIME's do not add up to it
    within : what that may be
    fidelity : LIME's R², how well its linear models say what the estimator says; the mean
    note : where that is less than what was asked for
    """

    values: Array
    method: str
    scale: str
    additivity: float | None
    within: float = ADDITIVE_WITHIN
    fidelity: float | None = None
    note: str = ""

    @property
    def adds_up(self) -> bool:
        return self.additivity is None or self.additivity < self.within

    @property
    def what(self) -> str:
        return "LIME contribution" if self.method == "lime" else "SHAP value"

    @property
    def sizes(self) -> Array:
        """How far each feature moves the output of each row: (rows, features)."""
        return np.abs(self.values).mean(axis=2)

    @property
    def strength(self) -> Array:
        """The same in the mean: (features,)."""
        return self.sizes.mean(axis=0).round(6)

    @property
    def strength_se(self) -> Array:
        """The standard error of that, by the rows that were explained: (features,)."""
        rows = len(self.values)
        return (self.sizes.std(axis=0, ddof=min(rows - 1, 1)) / math.sqrt(rows)).round(6)


def run(_: argparse.Namespace) -> None:
    settings = Settings.load()
    model = load_model(MODEL)
    table = sample(pd.read_parquet(HOLDOUT), settings)
    X, y = inputs(table, settings), answers(table, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of column names, which these methods take away
        found = explanation(model, X, settings)
    if not found.adds_up:
        raise Refusal(
            f"SHAP's values miss the model's output by {found.additivity:.2g} of it, so they "
            "explain something else: native categories do that; encode them as numbers in model.py."
        )
    order = np.argsort(-found.strength, kind="stable")
    lost, shuffled = importance(model, X, y, list(X.columns[order[:MOST_SHUFFLED]]), settings)
    ranked = pd.DataFrame(
        {"feature": X.columns, "weight": found.strength, "weight_se": found.strength_se}
    )
    ranked = ranked.iloc[order].join(lost, on="feature")
    note = smaller(len(X), found, shuffled)
    report = {
        "rows": len(found.values),
        "method": found.method,
        "scale": found.scale,
        "additivity": None if found.additivity is None else float(f"{found.additivity:.1e}"),
        "fidelity": None if found.fidelity is None else round(found.fidelity, 4),
        "shuffled_rows": shuffled,
        "note": note,
        "features": ranked.astype(object).where(ranked.notna(), None).to_dict("records"),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (REPORTS / "explanation.json").write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(FOLDER, ignore_errors=True)
    label = METRICS[DEFAULT_METRIC[str(settings.data.task)]].label
    names = list(ranked["feature"])
    draw_importance(ranked, found.what, found.scale, label, FOLDER / "importance.png")
    draw_contributions(found, X, names, FOLDER / "contributions.png")
    draw_dependence(found, X, names, settings, FOLDER / "dependence.png")
    write_parquet(as_table(found, X, table["row_id"]), REPORTS / "contributions.parquet")
    print(f"{len(found.values):,} rows explained ({found.method})", *filter(None, [note]), sep="; ")
    for row in ranked.head(5).itertuples():
        print(f"{row.feature:<24}{row.weight:.4g}")


def smaller(asked: int, found: Explanation, shuffled: int) -> str:
    """Say where the answer is smaller than what was asked for, and why."""
    said = [found.note] * bool(found.note)
    explained = len(found.values)
    if explained < asked:
        most = explained == MOST_PERMUTED and found.method == "permutation"
        why = "no exact method is quick for this estimator" if most else "more take too long"
        said.append(f"{explained:,} of {asked:,} rows have {found.what}s: {why}")
    if shuffled < asked:
        said.append(f"{shuffled:,} of {asked:,} rows were shuffled: more take too long")
    return "; ".join(said)


def as_table(found: Explanation, X: pd.DataFrame, row_ids: pd.Series) -> pd.DataFrame:
    """The values: `row_id`, `row_output` (the place of the class), one column a feature."""
    rows, _, outputs = found.values.shape
    values = found.values.transpose(0, 2, 1).reshape(rows * outputs, -1)
    named = pd.DataFrame(values, columns=X.columns)
    named.insert(0, "row_id", np.repeat(row_ids.to_numpy()[:rows], outputs))
    named.insert(1, "row_output", np.tile(np.arange(outputs), rows))
    return named


def sample(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """At most `explain.rows` of the holdout, the same ones every time."""
    most = settings.params.explain.rows
    if len(table) <= most:
        return table
    return table.sample(most, random_state=settings.params.seed).reset_index(drop=True)


def affordable(rows: int, seconds: float, work: Callable[[int], object], timed: int) -> int:
    """How many of the rows there is time for, as `work` on `timed` or more of them shows.

    Halved from `rows`, so that a busy day rarely gives another answer than a quiet one.
    """
    each = math.inf
    for few in [min(rows, timed * 4**power) for power in range(5)]:
        started = time.monotonic()
        work(few)
        took = time.monotonic() - started
        each = min(each, took / few)
        if rows * each <= seconds or took > SLOW:
            break  # a quick call says more about the call than about its rows
    while rows > FEWEST and rows * each > seconds:
        rows = max(rows // 2, FEWEST)
    return rows


def explanation(
    model: Any, X: pd.DataFrame, settings: Settings, background: pd.DataFrame | None = None
) -> Explanation:
    """Explain by LIME, or by SHAP with the first method that fits: linear, trees, then any.

    background : rows that stand for "unknown"; those of X itself where None.
    """
    if settings.params.explain.method == "lime":
        return of_lime(model, X, settings, background)
    both = beside(X, background)
    try:
        Z, owners, estimator = prepared(model, both)
    except Exception:  # a step that gives no numbers, or mixes columns
        return of_any(model, X, settings, background)
    mean = Z[-len(X if background is None else background) :].mean(axis=0)
    Z = Z[: len(X)]
    for method in (of_linear, of_trees):  # in the order of what they must import
        try:
            values, base = method(estimator, Z, mean, settings.params.explain.seconds)
            if len(values) < min(len(Z), MOST_PERMUTED):
                break  # permuting columns is faster
            found = on_its_scale(values, base, estimator, Z[: len(values)])
        except Exception:  # each library says "not mine" with an exception of its own
            continue
        if method is of_linear and not found.adds_up:
            continue  # its coefficients are not of what it says
        found.method = method.__name__.removeprefix("of_")
        found.values = merge(found.values, owners, X.shape[1])
        return found
    return of_any(model, X, settings, background)


def beside(X: pd.DataFrame, background: pd.DataFrame | None) -> pd.DataFrame:
    return X if background is None else pd.concat([X, background], ignore_index=True)


def prepared(model: Any, X: pd.DataFrame) -> tuple[Array, list[int], Any]:
    """What the estimator at the end of a pipeline sees.

    Returns
    -------
    its matrix; the place in X of the column that each of the matrix's was made from; the estimator.

    Raises
    ------
    ValueError : a column was made from several.
    """
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline):
        return X.to_numpy(float), list(range(X.shape[1])), model
    steps = [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]

    def transformed(rows: pd.DataFrame) -> Array:
        made: Any = rows
        for step in steps:
            made = step.transform(made)
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, float)

    Z = transformed(X)

    @cache
    def moves(column: str) -> NDArray[np.bool_]:
        """Which columns of Z another order of this column of X changes."""
        other = X[column].iloc[np.roll(np.arange(len(X)), 1)].set_axis(X.index)
        changed = transformed(with_column(X, column, other))
        return ((changed != Z) & ~(np.isnan(changed) & np.isnan(Z))).any(axis=0)

    try:
        names = list(model[:-1].get_feature_names_out()) if steps else list(X.columns)
    except Exception:  # a step that has no names for its columns
        names = [""] * Z.shape[1]
    owners = []
    for place, name in enumerate(names):
        possible = made_from(name, list(X.columns)) or list(X.columns)
        movers = possible if len(possible) == 1 else [c for c in possible if moves(c)[place]]
        if len(movers) > 1:
            raise ValueError(f"{name} is made from {movers}")
        # One that nothing moves is the same in all these rows.
        owners.append(X.columns.get_loc((movers or possible)[0]))
    return Z, owners, model[-1]


def with_column(X: pd.DataFrame, name: str, values: pd.Series) -> pd.DataFrame:
    changed = X.copy(deep=False)
    changed[name] = values
    return changed


def made_from(name: str, columns: list[str]) -> list[str]:
    """The columns that a derived one, such as `category__carrier_AA`, may be of; longest first."""
    names = [part.removeprefix("missingindicator_") for part in (name, name.partition("__")[2])]
    found = [c for c in columns if any(n == c or n.startswith(f"{c}_") for n in names)]
    return sorted(found, key=len, reverse=True)


def merge(values: Array, owners: list[int], count: int) -> Array:
    """Sum the values of all columns that came from one."""
    merged = np.zeros((values.shape[0], count, values.shape[2]))
    for place, feature in enumerate(owners):
        merged[:, feature] += values[:, place]
    return merged


def of_trees(estimator: Any, Z: Array, _: Array, seconds: float) -> tuple[Array, Array]:
    """SHAP values (rows, columns, outputs) of a tree ensemble, exact; and the base of each output.

    Lundberg et al., "From local explanations to global understanding" (2020).
    """
    import shap

    explainer = shap.TreeExplainer(estimator)

    def values(rows: int) -> Array:
        return np.asarray(explainer.shap_values(Z[:rows], check_additivity=False), float)

    values(1)  # the first call compiles
    rows = affordable(len(Z), seconds, values, TIMED)
    return values(rows).reshape(rows, Z.shape[1], -1), np.ravel(explainer.expected_value)


def of_linear(estimator: Any, Z: Array, mean: Array, _: float) -> tuple[Array, Array]:
    """SHAP values of a linear model, exact where columns are independent."""
    weights = np.atleast_2d(estimator.coef_)
    values = (Z - mean)[:, :, None] * weights.T[None]
    return values, mean @ weights.T + estimator.intercept_


def on_its_scale(values: Array, base: Array, estimator: Any, Z: Array) -> Explanation:
    """Find the scale on which the values add up to what the estimator says, or nearly do.

    Raises
    ------
    ValueError : it says nothing of that shape.
    """
    if values.shape[2] == 2:  # of two classes one says all
        values, base = values[:, :, 1:], base[1:]
    nearest, smallest = None, math.inf
    for output, scale in outputs(estimator, Z):
        if output.shape != (len(values), values.shape[2]):
            continue
        own, total = values, values.sum(axis=1) + base
        if scale == CENTRED:
            own = values - values.mean(axis=2, keepdims=True)
            total = total - total.mean(axis=1, keepdims=True)
        size = max(np.abs(output).max(), np.abs(own).max(), 1e-300)
        gap = float(np.nan_to_num(np.abs(total - output).max() / size, nan=np.inf))
        within = ADDITIVE_WITHIN_SINGLE if output.dtype == np.float32 else ADDITIVE_WITHIN
        if gap < smallest:
            nearest, smallest = Explanation(own, "", scale, gap, within), gap
        if gap < within:
            break
    if nearest is None:
        raise ValueError("the estimator says nothing of that shape")
    return nearest


def outputs(estimator: Any, Z: Array) -> Iterator[tuple[NDArray[Any], str]]:
    """What the estimator says, (rows, outputs), on each scale that SHAP values may have."""
    if hasattr(estimator, "decision_function"):
        yield column(estimator.decision_function(Z)), "log-odds"
    if not hasattr(estimator, "predict_proba"):
        said = column(estimator.predict(Z))
        yield said, "prediction"
        with np.errstate(all="ignore"):
            yield np.log(said), "log of the prediction"
        return
    if "output_margin" in inspect.signature(estimator.predict).parameters:  # XGBoost
        yield column(estimator.predict(Z, output_margin=True)), "log-odds"
    said = estimator.predict_proba(Z)
    with np.errstate(all="ignore"):
        if said.shape[1] == 2:
            said = said[:, 1:]
            yield np.log(said) - np.log1p(-said), "log-odds"
        else:
            yield np.log(said) - np.log(said).mean(axis=1, keepdims=True), CENTRED
    yield said, "probability"


def column(said: Any) -> NDArray[Any]:
    said = np.asarray(said)
    return said if said.ndim == 2 else said[:, None]


def of_any(
    model: Any, X: pd.DataFrame, settings: Settings, background: pd.DataFrame | None = None
) -> Explanation:
    """SHAP values of any estimator: columns become known one by one, in an order and its reverse.

    Exact where at most two columns interact, else a sample of one such pair of orders a row.
    Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation" (2022).
    """
    task = str(settings.data.task)
    both = beside(X, background)
    columns = [pd.factorize(both[name], use_na_sentinel=False) for name in both]
    codes = np.column_stack([code for code, _ in columns])
    unknown = codes[-len(X if background is None else background) :]
    unknown = unknown[:: max(1, len(unknown) // BACKGROUND)][:BACKGROUND]
    codes = codes[: len(X)]
    count = codes.shape[1]
    steps = np.arange(count + 1)[:, None]

    def output(Z: NDArray[np.intp]) -> Array:
        rows = pd.DataFrame(
            {
                name: pd.Series(values.take(Z[:, i]), dtype=X[name].dtype)
                for i, (name, (_, values)) in enumerate(zip(X, columns, strict=True))
            }
        )
        return scores(model, rows, task).reshape(len(Z), -1)

    def averages(some: NDArray[np.intp], orders: NDArray[np.intp]) -> Array:
        """(rows, 2, columns + 1, outputs): the mean output after each step, both ways."""
        rank = orders.argsort(axis=1)[:, None]
        known = np.stack([rank < steps, rank >= count - steps], axis=1)[..., None, :]
        Z = np.where(known, some[:, None, None, None], unknown)
        said = output(Z.reshape(-1, count))
        return said.reshape(*Z.shape[:-1], -1).mean(axis=3)

    random = np.random.default_rng(settings.params.seed)
    orders = random.permuted(np.tile(np.arange(count), (len(codes), 1)), axis=1)
    output(codes[:1])  # the first call imports
    seconds = settings.params.explain.seconds
    most = min(len(codes), MOST_PERMUTED)
    rows = affordable(most, seconds, lambda n: averages(codes[:n], orders[:n]), timed=1)
    at_once = max(1, AT_ONCE // (2 * (count + 1) * len(unknown)))
    values = []
    for start in range(0, rows, at_once):
        part = slice(start, min(start + at_once, rows))
        moved = np.diff(averages(codes[part], orders[part]), axis=2)
        both = (moved[:, 0] + moved[:, 1, ::-1]) / 2
        values.append(np.take_along_axis(both, orders[part].argsort(axis=1)[..., None], axis=1))
    found = np.concatenate(values)
    said = output(codes[:rows])
    gap = np.abs(found.sum(axis=1) + output(unknown).mean(axis=0) - said).max()
    scale = "prediction" if task == "regression" else "probability"
    return Explanation(found, "permutation", scale, float(gap / max(np.abs(said).max(), 1e-300)))


def of_lime(
    model: Any, X: pd.DataFrame, settings: Settings, background: pd.DataFrame | None = None
) -> Explanation:
    """LIME of any estimator; see `lime`."""
    from champion.stages import lime

    task, seconds = str(settings.data.task), settings.params.explain.seconds / 2
    known = X if background is None else background
    others = lime.perturbed(known, np.random.default_rng(settings.params.seed))

    def output(rows: int) -> Array:
        return scores(model, others.head(rows), task).reshape(rows, -1)

    output(1)  # the first call imports
    samples = affordable(lime.SAMPLES, seconds, output, TIMED)
    others, said = others.head(samples), output(samples)
    own, drawn = lime.bins(X, known), lime.bins(others, known)

    def contributions(rows: int) -> tuple[Array, Array]:
        return lime.contributions(own[:rows], drawn, said)

    values, fits = contributions(affordable(len(X), seconds, contributions, TIMED))
    note = ""
    if samples < lime.SAMPLES:
        note = f"LIME asked of {samples:,} rows instead of {lime.SAMPLES:,}: more take too long"
    scale = "prediction" if task == "regression" else "probability"
    return Explanation(values, "lime", scale, None, fidelity=float(fits.mean()), note=note)


def importance(
    model: Any, X: pd.DataFrame, y: pd.Series, columns: list[str], settings: Settings
) -> tuple[pd.DataFrame, int]:
    """How much worse the metric gets when one column is shuffled (Breiman 2001).

    Returns
    -------
    for each of the columns the mean and deviation over the repeats; how many rows were used.
    """
    task = str(settings.data.task)
    metric = METRICS[DEFAULT_METRIC[task]]
    sign = 1 if metric.higher_is_better else -1
    if task == "multiclass":
        y = y.map({name: place for place, name in enumerate(model.classes_)})
    fits = len(columns) * REPEATS
    rows = affordable(
        len(X),
        settings.params.explain.seconds / fits,
        lambda rows: scores(model, X.head(rows), task),
        TIMED,
    )
    X, y = X.head(rows), y.head(rows)

    def goodness(shown: pd.DataFrame) -> Array:
        """One call for all repeats: most of a small table's prediction is the call."""
        said = scores(model, shown, task)
        parts = range(0, len(shown), rows)
        return np.array([sign * measure(metric, y, said[i : i + rows])[0] for i in parts])

    best = goodness(X)
    repeated = pd.concat([X] * REPEATS, ignore_index=True)
    random = np.random.default_rng(settings.params.seed)
    lost = {}
    for name in columns:
        order = np.concatenate([random.permutation(rows) for _ in range(REPEATS)])
        shuffled = X[name].iloc[order].reset_index(drop=True)
        losses = best - goodness(with_column(repeated, name, shuffled))
        lost[name] = {"importance": np.mean(losses), "importance_std": np.std(losses)}
    return pd.DataFrame.from_dict(lost, orient="index").round(6), rows
