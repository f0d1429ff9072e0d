"""Predict the holdout: the evidence for the judge, and what it says of the model by itself."""

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from champion import figures
from champion.errors import shown
from champion.fairness import parts
from champion.fairness.parity import parity
from champion.fairness.weakest import VALUES, by_row, halves, losses, weakest
from champion.judge.difference import freedom
from champion.judge.metrics import (
    METRICS,
    Groups,
    Metric,
    chosen,
    estimate,
    reported,
    standard_error,
    summed,
)
from champion.models import load_model, scores
from champion.project import HOLDOUT, MODEL, PREDICTIONS, REPORTS
from champion.settings import Settings
from champion.tables.read import write_parquet
from champion.tables.roles import answers, class_name, inputs

FEWEST_OF_CLASS = 5  # rows; the spread of fewer says nothing, and would look like certainty
LEVEL = 0.05  # of an interval: that it misses
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
            "lower": number(value - reach),
            "upper": number(value + reach),
        }
    return found


def number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def by_part(
    table: pd.DataFrame,
    X: pd.DataFrame,
    y: NDArray[np.float64],
    said: NDArray[np.float64],
    asked: list[Metric],
    settings: Settings,
) -> dict[str, Any]:
    """How the model serves the parts of the holdout, and in sentences what is not told.

    slices, intersections : the metrics of the largest parts, by each slice column and by pairs of
        them. A personal column's values are numbered, most frequent first, instead of named.
    parity : of binary tasks, see `fairness.parity`.
    weakest : what a search over all columns found, see `fairness.weakest`.
    """
    task, groups = str(settings.data.task), grouped(table, settings)
    named = parts.of_slices(table, settings)
    notes = list(parts.left_out(named))

    def told(part: parts.Part) -> dict[str, object]:
        near = None
        if groups is not None:
            near = np.unique(groups[part.rows], return_inverse=True)[1]
        measured = metrics(y[part.rows], said[part.rows], asked, near)
        return {"rows": int(part.rows.sum()), "metrics": measured}

    def large(found: Iterable[parts.Part]) -> Iterator[parts.Part]:
        return (part for part in found if part.rows.sum() >= parts.SMALLEST)

    metric = by_row(chosen(settings.gate.metric, task), task)
    columns = parts.of_columns(X, named, settings, VALUES)
    ids = table["row_id"] if groups is None else pd.Series(groups)
    found = weakest(columns, losses(metric, y, said), halves(ids), groups)
    if not found["looked"]:
        notes.append("The holdout is too small to search for weak parts.")
    sign = -1.0 if metric.higher_is_better else 1.0
    for it in found["parts"]:
        it |= {"value": sign * it["value"], "elsewhere": sign * it["elsewhere"]}
    fair = parity(named, y, said, groups) if task == "binary" else []
    return {
        "slices": [
            {"column": it.columns[0], "value": it.values[0], **told(it)}
            for it in large(parts.singles(named))
        ],
        "intersections": [
            {"columns": it.columns, "values": it.values, **told(it)}
            for it in large(parts.pairs(named))
        ],
        "parity": [rounded(it) for it in fair],
        "weakest": {
            "metric": metric.name,
            **found,
            "parts": [rounded(it) for it in found["parts"]],
        },
        "notes": notes,
    }


def rounded(content: dict[str, Any]) -> dict[str, Any]:
    return {key: number(it) if isinstance(it, float) else it for key, it in content.items()}


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
        print(note)
    weak = report["weakest"]
    for it in weak["parts"][:TOLD]:
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
