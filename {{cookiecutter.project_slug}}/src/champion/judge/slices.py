"""Two models in each value of the slice columns: who is harmed, and what is guarded."""

import difflib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal
from champion.fairness.parts import FEWEST_GROUPS
from champion.judge.difference import Array, Case, Difference, difference, gain_over_dummy, width
from champion.judge.metrics import Metric, chosen
from champion.settings import GUARDED_SLICES, Gate, share

FEWEST_OF_CLASS_IN_SLICE = 30
MOST_SLICES = 30  # of one column, the largest
HARM = 0.05  # level of the tests for harm: worse, guards, slices (these with Holm's correction)


def slices(
    case: Case, gate: Gate, metric: Metric, champion: Array, margin: float
) -> list[dict[str, Any]]:
    """The metric in each part of the holdout that is large enough; the likeliest harm first.

    Harm is a difference beyond the slice margin that is significant at 5 % over all parts
    together (Holm 1979).
    """
    allowed = margin if gate.slice_margin is None else gate.slice_margin
    found = []
    for column, value, rows, it in by_part(case, gate, metric, champion, case.slices):
        harm = 1 - it.p_above(-allowed) if it.se else float(it.delta >= -allowed)
        found.append(
            {"column": column, "value": value, "rows": rows, **it.as_json(HARM),
             "margin": allowed, "p_harm": harm}
        )  # fmt: skip
    found.sort(key=lambda part: part["p_harm"])
    harmed = True
    for rank, part in enumerate(found):
        harmed = harmed and part["p_harm"] * (len(found) - rank) < HARM
        part["harmed"] = harmed
    return found


def slice_guard(
    case: Case, gate: Gate, name: str, own: str | float, champion: Array
) -> dict[str, Any]:
    """A column of which no value must get worse in the metric by more than the margin.

    Each value that is large enough has to be shown not to, at 5 %: as all of them have to, chance
    passes a harmful model no more often than that (Berger 1982). The one that is the least sure is
    told.
    """
    metric, column = chosen(gate.metric, case.task), name.removeprefix(GUARDED_SLICES)
    if column not in case.slices:
        near = difflib.get_close_matches(column, map(str, case.slices), n=1)
        has = f"they are {', '.join(map(str, case.slices)) or 'none'}."
        raise Refusal(
            f"gate.yaml: gate.guards has {name}, and {column!r} is none of data.slices: "
            f"{f'did you mean {near[0]!r}?' if near else has}"
        )
    overall = difference(metric, case.y, champion, case.challenger, case.groups)
    margin = width(own, gain_over_dummy(case, metric, overall.champion))
    found = [
        (harmless(it, margin, own), it.delta - it.reach(HARM), value, it)
        for _, value, _, it in by_part(case, gate, metric, champion, case.slices[[column]])
    ]
    if not found:
        told = {**Difference(metric, math.nan, math.nan, math.nan, 1.0).as_json(HARM)}
        label = f"{metric.label} by {column}, no value of which has enough rows"
        return {**told, "name": name, "label": label, "margin": margin, "passed": False}
    passed, _, value, least = min(found, key=lambda one: one[:2])
    label = f"{metric.label} in {column} = {value}"
    return {
        **least.as_json(HARM), "name": name, "label": label, "margin": margin, "passed": passed,
    }  # fmt: skip


def harmless(it: Difference, margin: float, own: str | float) -> bool:
    """Whether it is shown not to be worse by more than the margin."""
    nothing_to_lose = not margin and share(own) > 0
    reach = it.reach(HARM)
    return it.delta + reach >= 0 if nothing_to_lose else it.delta - reach > -margin


def unjudged(case: Case, gate: Gate, judged: list[dict[str, Any]]) -> Iterator[str]:
    """A sentence for each slice column of which some values are not judged by themselves."""
    for column in case.slices:
        count = case.slices[column].nunique(dropna=False)
        alone = sum(part["column"] == column for part in judged)
        if alone < count:
            yield (
                f"{column}: {count - alone:,} of {count:,} values are not judged by themselves: too "
                f"few rows ({gate.min_slice:,} are needed, {FEWEST_OF_CLASS_IN_SLICE} of each class), "
                f"or not among the {MOST_SLICES} largest."
            )


def by_part(
    case: Case, gate: Gate, metric: Metric, champion: Array, table: pd.DataFrame
) -> Iterator[tuple[str, str, int, Difference]]:
    """The difference in each value of the columns of which enough is known, with its rows."""
    for column, value, rows in parts(table, gate.min_slice):
        y, old, new = case.y[rows], champion[rows], case.challenger[rows]
        groups = None
        if case.groups is not None:
            groups = np.unique(case.groups[rows], return_inverse=True)[1]
        few = metric.per_class and rarest(y, new) < FEWEST_OF_CLASS_IN_SLICE
        if few or (groups is not None and groups.max() + 1 < FEWEST_GROUPS):
            continue
        it = difference(metric, y, old, new, groups)
        if it.known:
            yield column, value, len(y), it


def parts(table: pd.DataFrame, least: int) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """The largest values of each column, and where they are."""
    for column in table:
        codes, names = pd.factorize(table[column], use_na_sentinel=False)
        sizes = np.bincount(codes, minlength=len(names))
        for code in np.argsort(-sizes, kind="stable")[:MOST_SLICES]:
            if sizes[code] >= least:
                name = "(missing)" if pd.isna(names[code]) else str(names[code])
                yield str(column), name, codes == code


def rarest(y: Array, said: Array) -> int:
    """Rows of the rarest class."""
    return int(np.bincount(y.astype(int), minlength=said.shape[1] if said.ndim == 2 else 2).min())
