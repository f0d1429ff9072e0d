"""What the holdout says of the model by its parts."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.fairness import parts
from champion.fairness.parity import parity
from champion.fairness.weakest import VALUES, by_row, halves, losses, weakest
from champion.judge.metrics import Groups, Metric, chosen
from champion.settings import Settings
from champion.stages.measured import grouped, metrics, number


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

    metric = by_row(chosen(settings.gate.metric, task), task)
    columns = parts.of_columns(X, named, settings, VALUES)
    notes += parts.unsearched(columns, X)
    ids = table["row_id"] if groups is None else pd.Series(groups)
    found = weakest(columns, losses(metric, y, said), halves(ids), groups)
    if not found.looked:
        notes.append("The holdout is too small to search for weak parts.")
    sign = -1.0 if metric.higher_is_better else 1.0
    weak = [
        {
            "where": [{"column": column, "value": value} for column, value in it.where],
            "rows": int(it.rows.sum()),
            "value": number(sign * it.value),
            "elsewhere": number(sign * it.elsewhere),
            "p": float(f"{it.p:.2g}"),
        }
        for it in found.parts
    ]
    fair = parity(named, y, said, groups) if task == "binary" else []
    return {
        "slices": [
            {"column": it.columns[0], "value": it.values[0], **told(it, y, said, asked, groups)}
            for it in large(parts.singles(named))
        ],
        "intersections": [
            {"columns": it.columns, "values": it.values, **told(it, y, said, asked, groups)}
            for it in large(parts.pairs(named))
        ],
        "parity": [
            {key: number(it) if isinstance(it, float) else it for key, it in each.items()}
            for each in fair
        ],
        "weakest": {
            "metric": metric.name, "looked": found.looked, "tried": found.tried, "parts": weak,
        },
        "notes": notes,
    }  # fmt: skip


def large(found: Iterable[parts.Part]) -> Iterator[parts.Part]:
    return (part for part in found if part.rows.sum() >= parts.SMALLEST)


def told(
    part: parts.Part,
    y: NDArray[np.float64],
    said: NDArray[np.float64],
    asked: list[Metric],
    groups: Groups | None,
) -> dict[str, object]:
    """The metrics of a part."""
    rows = part.rows
    near = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    return {"rows": int(rows.sum()), "metrics": metrics(y[rows], said[rows], asked, near)}
