"""Fit the model on train, and cross-validate it there: the score that people tune on."""

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion import tracking
from champion.errors import BadData, Refusal
from champion.judge.metrics import METRICS, measure, reported
from champion.models import failure, save_model, scores
from champion.project import MODEL, REPORTS, TRAIN, blame, user_module
from champion.settings import Settings
from champion.tables.roles import answers, inputs
from champion.tables.rows import digests, row_keys, uniform

Fold = tuple[NDArray[np.bool_], NDArray[np.bool_]]
Weights = NDArray[np.float64]


def run(_: argparse.Namespace) -> None:
    settings = Settings.load()
    table = recent(pd.read_parquet(TRAIN), settings)
    X, y = inputs(table, settings), answers(table, settings)
    if y.nunique() < 2:
        raise BadData(
            f"the target {settings.data.target!r} has one value in all {len(y):,} rows of train: "
            "there is nothing to learn."
        )
    new_model(settings)  # refuses what params.yaml says before any work
    print(f"fitting on {len(X):,} rows, {X.shape[1]} features", flush=True)
    model, measured = train(X, y, folds(table, settings), settings, weights(table, settings))
    save_model(model, MODEL)
    if len(measured):
        name = measured.columns[0]
        label = METRICS[name].label if name in METRICS else name
        error = measured[name].std() / np.sqrt(len(measured))
        print(f"{label} {measured[name].mean():.4g} ± {error:.2g} over the folds")
    REPORTS.mkdir(exist_ok=True)
    means = {**measured.mean().round(6).to_dict(), "rows": len(X)}
    for name, content in {"cv": means, "folds": measured.to_dict("list")}.items():
        (REPORTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    tracking.trained(means, settings.params)


def recent(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows to learn from: the latest ones, where params.yaml asks for them."""
    count, _, unit = settings.params.train.window.partition(" ")
    if count == "all":
        return table
    times = of_rows(table, settings, "train.window")
    if unit == "rows":
        kept = times.rank(method="first", ascending=False) <= int(count)
    else:
        kept = times > times.max() - pd.Timedelta(days=int(count))
    return table[kept].reset_index(drop=True)


def weights(table: pd.DataFrame, settings: Settings) -> Weights | None:
    """How much each row counts: half of one that is a half-life younger. None: all the same."""
    half = settings.params.train.half_life
    if half is None:
        return None
    times = of_rows(table, settings, "train.half_life")
    age = (times.max() - times) / pd.Timedelta(days=int(half.split(" ")[0]))
    return np.asarray(0.5**age, dtype="float64")


def of_rows(table: pd.DataFrame, settings: Settings, key: str) -> pd.Series:
    """The time of each row.

    Raises
    ------
    Refusal : no column is that.
    """
    if not settings.data.time:
        raise Refusal(
            f"params.yaml: {key} needs data.time in gate.yaml: which rows are the latest?"
        )
    return table[settings.data.time]


def new_model(settings: Settings) -> Any:
    """Call the user's `build_model`.

    Raises
    ------
    Refusal : it does not accept what params.yaml says.
    """
    params = settings.params
    asked = {**params.model, "task": settings.data.task, "seed": params.seed}
    try:
        return user_module("model").build_model(asked)
    except Exception as error:
        raise Refusal(f"params.yaml: model cannot be built: {blame(error)}.") from error


def fitted(
    settings: Settings, X: pd.DataFrame, y: pd.Series, weights: Weights | None = None
) -> Any:
    """Build and fit one model."""
    model = new_model(settings)
    steps = getattr(model, "steps", None)  # of a pipeline, the last one takes weights
    name = f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
    try:
        return model.fit(X, y, **({} if weights is None else {name: weights}))
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(f"the model cannot be fitted: {failure(error, X)}.") from error


def folds(table: pd.DataFrame, settings: Settings) -> list[Fold]:
    """Return (train, test) masks that respect time, groups and duplicates."""
    count = settings.params.cv.folds
    if count == 0:
        return []
    if settings.data.time:
        return list(forward_folds(table[settings.data.time], count))
    group = settings.data.group
    names = digests(table, [group]) if group else row_keys(table, settings)
    # Another seed than the holdout's: train holds only one end of those numbers.
    number = np.floor(uniform(names, settings.split.seed + 1) * count)
    return [(number != fold, number == fold) for fold in range(count)]


def forward_folds(times: pd.Series, count: int) -> Iterator[Fold]:
    """Train on the past, test on the slice of time that follows; equal times stay together."""
    cuts = times.quantile(np.linspace(0, 1, count + 2)[1:])
    for start, end in zip(cuts.iloc[:-1], cuts.iloc[1:], strict=True):
        last = end == cuts.iloc[-1]
        past, tested = ~(times >= start), (times >= start) & ((times < end) | last)
        yield past.to_numpy(), tested.to_numpy()


def train(
    X: pd.DataFrame,
    y: pd.Series,
    parts: list[Fold],
    settings: Settings,
    weights: Weights | None = None,
) -> tuple[Any, pd.DataFrame]:
    """Return the model fitted on all rows, and the metrics, one row a fold.

    All fits run in threads beside each other: scikit-learn's heavy loops release the interpreter,
    and processes would each import everything again.
    """
    from joblib import Parallel, delayed

    task = str(settings.data.task)
    asked = reported(settings.gate.metric, task)
    classes = sorted(y.unique()) if task == "multiclass" else None
    target = y if classes is None else y.map(dict(zip(classes, range(len(classes)), strict=True)))

    def score(number: int, part: Fold) -> dict[str, float]:
        train, test = part
        if not test.any() or y[train].nunique() < 2:
            return {}
        model = fitted(settings, X[train], y[train], None if weights is None else weights[train])
        said = scores(model, X[test], task)
        if classes is not None:
            said = pd.DataFrame(said, columns=model.classes_).reindex(
                columns=classes, fill_value=0.0
            )
        found = {m.name: measure(m, target[test], said)[0] for m in asked}
        print(
            f"fold {number} of {len(parts)}: {asked[0].label} {found[asked[0].name]:.4g}",
            flush=True,
        )
        return found

    fits = [delayed(score)(number, part) for number, part in enumerate(parts, 1)]
    workers = min(len(parts) + 1, os.cpu_count() or 1)
    model, *results = Parallel(workers, prefer="threads")(
        [delayed(fitted)(settings, X, y, weights), *fits]
    )
    if not parts:
        return model, pd.DataFrame()
    measured = pd.DataFrame(results, columns=[m.name for m in asked])
    # A fold counts if it defines the first metric; another metric, if every such fold defines it.
    measured = measured.dropna(subset=measured.columns[:1]).dropna(axis=1)
    if len(measured) < 2:
        raise BadData(
            f"{len(parts)} folds leave parts of train without both classes: lower cv.folds in "
            "params.yaml (0: no cross-validation) or gather more rows."
        )
    return model, measured.round(6)
