"""Predict the holdout: the evidence for the judge, and what it says of the model by itself."""

import argparse
import json
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion import figures
from champion.errors import shown
from champion.judge.metrics import METRICS, Metric, chosen, reported
from champion.models import load_model, scores
from champion.project import HOLDOUT, MODEL, PREDICTIONS, REPORTS
from champion.settings import Settings
from champion.stages.measured import grouped, metrics, number
from champion.stages.slices import by_part
from champion.tables.read import write_parquet
from champion.tables.roles import answers, class_name, inputs

TOLD, TOLD_WEAK = 5, 3  # metrics and parts on the terminal; the report has all

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
    X = inputs(table, settings)
    said = scores(model, X, task)
    classes = [str(name) for name in getattr(model, "classes_", [])]
    if task == "multiclass":
        y = y.map({name: place for place, name in enumerate(classes)})
    truth, groups = y.to_numpy(float), grouped(table, settings)
    report = {
        "task": task,
        "rows": len(table),
        "metrics": metrics(truth, said, asked, groups),
        **by_part(table, X, truth, said, asked, settings),
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
    for note in report["notes"]:
        print(shown(note))
    weak = report["weakest"]
    for it in weak["parts"][:TOLD_WEAK]:
        where = " and ".join(f"{at['column']} = {at['value']}" for at in it["where"])
        print(
            f"Weak: {shown(where)} ({it['rows']:,} rows): {METRICS[weak['metric']].label} "
            f"{it['value']:.4g}, elsewhere {it['elsewhere']:.4g}"
        )
    smallest = report["resolution"]["smallest_difference"]
    if smallest is None:
        print(f"{report['rows']:,} rows cannot show differences of {metric.label}: gather more.")
    else:
        print(
            f"{report['rows']:,} rows can show differences of about {smallest:.2g} {metric.label}; "
            "smaller ones will stay unproven."
        )
