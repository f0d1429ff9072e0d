"""Predict the holdout: the evidence for the judge, and what it says of the model by itself."""

import argparse
import json
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion import figures
from champion.judge.metrics import METRICS, Metric, chosen, measure, reported
from champion.models import load_model, scores
from champion.project import HOLDOUT, MODEL, PREDICTIONS, REPORTS
from champion.settings import Settings
from champion.tables.read import write_parquet
from champion.tables.roles import answers, class_name, class_names, inputs

SMALLEST_SLICE = 30
FEWEST_OF_CLASS = 5  # rows; the spread of fewer says nothing, and would look like certainty
MOST_SLICES = 30
TOLD = 5  # metrics on the terminal; the report has all

# Two models of the same data err on the same rows: on the sample their influence values correlate
# at .82 (boosted and linear) to .98 (two boosted). A difference is that much easier to see than
# the level of one model.
CORRELATION = 0.92
# One-sided test at 2 %, seen with 80 % power.
QUANTILES = 2.054 + 0.842


def run(_: argparse.Namespace) -> None:
    settings = Settings.load()
    task = str(settings.data.task)
    asked = reported(settings.gate.metric, task)
    metric = chosen(settings.gate.metric, task)
    table = pd.read_parquet(HOLDOUT)
    y = answers(table, settings)
    model = load_model(MODEL)
    said = scores(model, inputs(table, settings), task)
    classes = [str(name) for name in getattr(model, "classes_", [])]
    if task == "multiclass":
        y = y.map({name: place for place, name in enumerate(classes)})
    truth = y.to_numpy(float)
    report = {
        "task": task,
        "rows": len(table),
        "metrics": metrics(truth, said, asked),
        "slices": slices(table, truth, said, asked, settings),
        "calibration": calibration(truth, said, task),
    }
    report["resolution"] = {
        "metric": metric.name,
        "smallest_difference": resolution(report, metric),
    }
    write_parquet(evidence(table["row_id"], said, task, classes), PREDICTIONS)
    REPORTS.mkdir(exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (REPORTS / "holdout.json").write_text(text + "\n", encoding="utf-8")
    names = classes if task == "multiclass" else sides(settings)
    figures.draw_holdout(truth, said, task, names)
    tell(report, metric)


def sides(settings: Settings) -> list[str]:
    """The two classes in words: `not late` and `late`, or `status ≠ churned` and `… = churned`."""
    target, name = settings.data.target, class_name(settings.data.positive)
    if settings.data.positive is True:
        return [f"not {target}", target]
    column = f"{target} " if len(target) + len(name) < figures.LONGEST - 3 else ""
    return [f"{column}{sign} {name}" for sign in "≠="]


def evidence(
    row_ids: pd.Series, said: NDArray[np.float64], task: str, classes: list[str]
) -> pd.DataFrame:
    """The table of predictions, by row_id: `row_id` and `score`, or one column a class."""
    columns = classes if task == "multiclass" else ["score"]
    table = pd.DataFrame(said.reshape(len(said), -1), columns=columns)
    table.insert(0, "row_id", row_ids)
    return table.sort_values("row_id", ignore_index=True)


def metrics(
    y: NDArray[np.float64], said: NDArray[np.float64], asked: list[Metric]
) -> dict[str, object]:
    """Each metric with its standard error; null where the rows do not tell it."""
    measured = {metric.name: measure(metric, y, said) for metric in asked}
    if (
        "regression" not in asked[-1].tasks
        and np.unique(y, return_counts=True)[1].min() < FEWEST_OF_CLASS
    ):
        measured = {name: (value, math.nan) for name, (value, _) in measured.items()}
    return {
        name: {"value": number(value), "se": number(error)}
        for name, (value, error) in measured.items()
    }


def number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def slices(
    table: pd.DataFrame,
    y: NDArray[np.float64],
    said: NDArray[np.float64],
    asked: list[Metric],
    settings: Settings,
) -> list[dict[str, object]]:
    """The metrics of the largest parts of the holdout, by each slice column.

    A personal column's values are numbered, most frequent first, instead of named.
    """
    found: list[dict[str, object]] = []
    for column in settings.data.slices:
        names = class_names(table[column]).fillna("(missing)")
        sizes = (
            names.value_counts()
            .sort_index(kind="stable")
            .sort_values(ascending=False, kind="stable")
        )
        for rank, (name, rows) in enumerate(sizes.head(MOST_SLICES).items(), 1):
            if rows < SMALLEST_SLICE:
                break
            inside = names.eq(name).to_numpy()
            shown = f"value {rank}" if column in settings.data.personal else name
            found.append(
                {
                    "column": column,
                    "value": shown,
                    "rows": int(rows),
                    "metrics": metrics(y[inside], said[inside], asked),
                }
            )
    return found


def calibration(
    y: NDArray[np.float64], said: NDArray[np.float64], task: str
) -> list[dict[str, float]] | None:
    """What was said and what was so, by tenths; None for numbers."""
    if task == "regression":
        return None
    return figures.calibration(y, said).round(6).to_dict("records")


def resolution(report: dict, metric: Metric) -> float | None:
    """The smallest difference between two models that this holdout is likely to show."""
    error = report["metrics"][metric.name]["se"]
    if error is None:
        return None
    return number(QUANTILES * error * math.sqrt(2 * (1 - CORRELATION)))


def tell(report: dict, metric: Metric) -> None:
    """Print the result, and what this holdout can see."""
    labels = {
        name: METRICS[name].label for name in list(report["metrics"])[:TOLD] if name in METRICS
    }
    labels = {metric.name: metric.label, **labels}
    width = max(map(len, labels.values())) + 2
    for name, label in labels.items():
        measured = report["metrics"][name]
        if measured["value"] is not None:
            error = f" ± {measured['se']:.4g}" if measured["se"] is not None else ""
            print(f"{label:<{width}}{measured['value']:.4g}{error}")
    smallest = report["resolution"]["smallest_difference"]
    if smallest is None:
        print(f"{report['rows']:,} rows cannot show differences of {metric.label}: gather more.")
    else:
        print(
            f"{report['rows']:,} rows can show differences of about {smallest:.2g} {metric.label}; "
            "smaller ones will stay unproven."
        )
