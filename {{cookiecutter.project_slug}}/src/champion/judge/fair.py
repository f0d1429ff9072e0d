"""Whom the challenger serves worse than the champion does: parity, and the weakest parts."""

from typing import Any

import pandas as pd

from champion.fairness.parity import parity
from champion.fairness.parts import of_columns, unsearched
from champion.fairness.weakest import VALUES, Found, by_row, halves, losses, weakest
from champion.judge.difference import Case, constant
from champion.judge.metrics import chosen
from champion.judge.verdict import plain
from champion.settings import Settings


def described(
    case: Case, ids: pd.Series, features: pd.DataFrame, settings: Settings
) -> dict[str, Any]:
    """The sections `parity` and `weak` of the verdict file; they stop nothing.

    Parameters
    ----------
    case : its slices are labels, see `fairness.parts`.
    ids : (n,) names of the rows.
    features : (n, columns) what the default branch's model may see, without personal columns.
    """
    return plain({"parity": both_parities(case), "weak": weak(case, ids, features, settings)})


def both_parities(case: Case) -> list[dict[str, Any]]:
    """Each measure of the champion and of the challenger, whose interval is told."""
    if case.task != "binary" or case.slices.empty:
        return []
    after = parity(case.slices, case.y, case.challenger, case.groups)
    before: list[Any] = [None] * len(after)
    if case.champion is not None:
        found = parity(case.slices, case.y, case.champion, case.groups)
        before = [it["value"] for it in found]
    return [
        {**it, "champion": old, "challenger": it["value"]}
        for it, old in zip(after, before, strict=True)
    ]


def weak(case: Case, ids: pd.Series, features: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Where the challenger is the weakest, and where it lost the most.

    Returns
    -------
    label and higher_is_better, the metric's; left_out, a sentence; overall, and weakest and lost, what was found: its
        name, rows, the metric of both models in the half that confirms, p; looked and tried, how
        many parts each search looked at, and how many both asked the other half about.
    """
    metric = by_row(chosen(settings.gate.metric, case.task), case.task)
    champion = constant(case, metric) if case.champion is None else case.champion
    old, new = (losses(metric, case.y, model) for model in (champion, case.challenger))
    columns = of_columns(features, case.slices, settings, VALUES)
    searched = halves(ids if case.groups is None else pd.Series(case.groups))
    levels = weakest(columns, new, searched, case.groups)
    changes = Found(0, 0, [])
    if case.champion is not None:
        changes = weakest(columns, new - old, searched, case.groups, rest=False)
    sign = -1.0 if metric.higher_is_better else 1.0

    def told(found: Found) -> list[dict[str, Any]]:
        return [
            {
                "where": it.name,
                "rows": int(it.rows.sum()),
                "champion": sign * float(old[it.rows & ~searched].mean()),
                "challenger": sign * float(new[it.rows & ~searched].mean()),
                "p": it.p,
            }
            for it in found.parts
        ]

    return {
        "label": metric.label,
        "higher_is_better": metric.higher_is_better,
        "overall": {
            "rows": len(case.y),
            "champion": sign * float(old[~searched].mean()),
            "challenger": sign * float(new[~searched].mean()),
        },
        "left_out": " ".join(unsearched(columns, features)),
        "looked": levels.looked,
        "tried": levels.tried + changes.tried,
        "weakest": told(levels),
        "lost": told(changes),
    }
