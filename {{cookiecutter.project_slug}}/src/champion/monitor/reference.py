"""What the champion was trained on, and what it said of the holdout."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal
from champion.judge import evidence
from champion.judge.challenge import SLICE, write_evidence
from champion.judge.champion import Champion, data_of, find, output
from champion.judge.commit import HOME, Run, run_commit
from champion.judge.difference import Case
from champion.monitor.columns import Bins, Codes, Counts, alone, draw, of_days
from champion.monitor.labels import coded
from champion.monitor.log import SCORE
from champion.project import MODEL
from champion.settings import Settings

TARGET, CLASS, SURE = "target", "predicted class", "its probability"
Array = NDArray[np.float64]


@dataclass
class Reference:
    """What live data are compared with.

    Parameters
    ----------
    inputs : of the training rows, each feature's counts.
    target : of the training rows, the answers' counts.
    predictions : of the holdout, the counts of what the champion said.
    case : the holdout.
    days : (holdout rows,) the place of each row's day; None: no row has a time.
    classes : multiclass: their names.
    """

    inputs: dict[str, Counts]
    target: Counts | None
    predictions: dict[str, Counts]
    case: Case
    days: Codes | None
    classes: list[str]
    champion: Champion | None = None


def of_champion(settings: Settings) -> Reference:
    """The champion's own training data and holdout, by its own code.

    Raises
    ------
    Refusal : there is no champion yet, or its data are not at hand.
    """
    champion = find()
    if champion is None:
        raise Refusal("there is no champion yet, so nothing to compare with: publish one first.")
    model = output(champion.commit, "train", MODEL)
    try:
        run = run_commit(champion.commit, data_of(champion.commit), model)
        return of_run(run, settings, champion)
    except evidence.Invalid as invalid:
        raise Refusal(f"{champion.name} cannot be compared with: {invalid}") from invalid


def of_run(run: Run, settings: Settings, champion: Champion) -> Reference:
    """See `judge/rows.py` for what a run holds."""
    rows, features = run.rows, run.features
    held = rows["holdout"].to_numpy()
    holdout = rows[held].sort_values("row_id", ignore_index=True)
    path = write_evidence(holdout, HOME / "monitor" / "holdout.parquet")
    own = Settings(data=settings.data, gate=settings.gate)
    own.data = type(settings.data)(**{**vars(settings.data), "positive": None})
    own.data.slices = [column for column in holdout if column.startswith(SLICE)]
    case = evidence.case(path, run.predictions, None, None, own)
    case.slices = case.slices.rename(columns=lambda name: name.removeprefix(SLICE))
    case.slices = case.slices.drop(columns=settings.data.personal, errors="ignore")
    own.data.positive = True
    names = rows.loc[held, "y_true"].astype("str").unique().tolist()
    classes = sorted(names) if case.task == "multiclass" else []
    return reference(
        features[~held].reset_index(drop=True),
        coded(rows.loc[~held, "y_true"], own, classes),
        case,
        rows.loc[~held, "time"].reset_index(drop=True) if "time" in rows else None,
        holdout.get("time"),
        classes,
        champion,
    )


def reference(
    features: pd.DataFrame,
    y: Array,
    case: Case,
    times: pd.Series | None = None,
    holdout_times: pd.Series | None = None,
    classes: list[str] | None = None,
    champion: Champion | None = None,
) -> Reference:
    """Count the training rows and the holdout.

    Parameters
    ----------
    features, y, times : (training rows, …); y as `metrics.measure` takes it, times as datetime64.
    case, holdout_times : of the holdout, the champion's predictions as its challenger.
    """
    classes = classes or []
    said = predicted(case.challenger, case.task, classes)
    return Reference(
        counted(features, times),
        counted(answered(y, case.task, classes), times).get(TARGET),
        counted(said, holdout_times),
        case,
        None if holdout_times is None else of_days(holdout_times, len(case.y))[0],
        classes,
        champion,
    )


def counted(table: pd.DataFrame, times: pd.Series | None) -> dict[str, Counts]:
    """The counts of each column that can be compared."""
    days, names = of_days(times, len(table))
    found = {}
    for name in table:
        bins: Bins | None = draw(str(name), table[name])
        if bins is not None:
            found[bins.name] = Counts(bins)
            found[bins.name].add(table[name], days, names)
            found[bins.name].alone = alone(table[name], days)
    return found


def predicted(said: Array, task: str, classes: list[str]) -> pd.DataFrame:
    """Predictions as columns whose drift can be measured."""
    if task != "multiclass":
        return pd.DataFrame({SCORE: said})
    known = ~np.isnan(said).any(axis=1)
    best = np.where(known, np.nan_to_num(said).argmax(axis=1), 0)
    names = pd.Series(np.array(classes, object)[best], dtype="str").where(known)
    return pd.DataFrame({CLASS: names, SURE: said.max(axis=1)})


def answered(y: Array, task: str, classes: list[str]) -> pd.DataFrame:
    """Answers as a column whose drift can be measured."""
    if task != "multiclass":
        return pd.DataFrame({TARGET: y})
    names = pd.Series(np.array([*classes, None], object)[np.nan_to_num(y, nan=-1).astype(int)])
    return pd.DataFrame({TARGET: names.astype("str")})
