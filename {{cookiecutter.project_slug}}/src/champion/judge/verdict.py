"""The verdict: a pure function of two tables of predictions, the answers and the gate."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import ndtri

from champion.fairness.parts import FEWEST_GROUPS
from champion.judge.difference import (
    Array,
    Case,
    Difference,
    constant,
    difference,
    gain_over_dummy,
    same,
    width,
)
from champion.judge.metrics import Metric, chosen
from champion.judge.slices import (
    HARM,
    harmless,
    rarest,
    slice_guard,
    slices,
    unjudged,
)
from champion.judge.wording import nearly_used_up, reasons, used_up
from champion.settings import GUARDED_SLICES, Gate

# The test leans on the central limit theorem: with fewer rows than these nothing is claimed.
FEWEST_ROWS = 30
FEWEST_OF_CLASS = 10
POWER = 0.8
MOST_TIMES = 1e6  # a target so far below what can be seen needs no number of rows

PASSING = {
    "improve": ("equivalent", "better"),
    "maintain": ("equivalent", "better", "no_worse"),
}


@np.errstate(over="ignore", invalid="ignore")  # of a target of 1e300; then nothing is claimed
def judge(
    case: Case, gate: Gate, policy: str = "improve", look: int = 1, merges: int = 0
) -> dict[str, Any]:
    """Decide.

    Parameters
    ----------
    policy : improve or maintain.
    look : which attempt at this holdout this is, from 1.
    merges : how many were merged on it before.

    Returns
    -------
    the part of the verdict file that the tables tell; null for what they do not.
    """
    metric = chosen(gate.metric, case.task)
    alpha = gate.false_merges / gate.max_looks
    champion = constant(case, metric) if case.champion is None else case.champion
    main = difference(metric, case.y, champion, case.challenger, case.groups)
    anchor = main
    if case.anchor is not None:
        anchor = difference(metric, case.y, case.anchor, case.challenger, case.groups)
    gain = gain_over_dummy(case, metric, main.champion)
    # Without a champion "no worse" would be no worse than a model that looks at nothing.
    margin = 0.0 if case.champion is None else width(gate.margin, gain)
    target = margin if gate.target is None else gate.target
    smallest = float(ndtri(POWER) - ndtri(alpha)) * main.se
    known = main.known and anchor.known
    problem = too_few(case, metric) or ("" if known else f"{metric.label} is not defined")
    budget = {
        "look": look, "max_looks": gate.max_looks, "merges": merges,
        "max_merges": gate.max_merges, "alpha": alpha,
    }  # fmt: skip
    if case.champion is not None and same(case, case.champion, gate.equivalent):
        word = "equivalent"
    elif used_up(budget) or problem:
        word = "inconclusive"
    else:
        word = decide(main, anchor, alpha, margin)
    file: dict[str, Any] = {
        "verdict": word,
        "policy": policy,
        "task": case.task,
        "metric": {
            **main.as_json(alpha),
            "p_better": main.p_above(0.0),
            "dummy": main.champion + (-gain if metric.higher_is_better else gain),
            "margin": margin,
            "lower_against_anchor": anchor.delta - anchor.reach(alpha),
        },
        "budget": {**budget, "spent": word != "equivalent"},
        "resolution": {
            "mde80": smallest,
            "target": target,
            "rows": len(case.y),
            "rows_for_target": rows_for(target, smallest, len(case.y)),
        },
        "guards": [],
        "slices": [],
        "notes": [],
    }
    if word != "equivalent":
        file["slices"] = slices(case, gate, metric, champion, margin)
        file["notes"] = list(unjudged(case, gate, file["slices"]))
        file["guards"] = [
            slice_guard(case, gate, name, own, champion)
            if name.startswith(GUARDED_SLICES)
            else guard(case, name, own, champion)
            for name, own in named(gate.guards, gate.margin)
        ]
    stopped = [g for g in file["guards"] if not g["passed"]]
    stopped += [s for s in file["slices"] if s["harmed"]]
    file["merge"] = word in PASSING[policy] and not stopped
    file["reasons"] = list(reasons(file, problem))
    file["findings"] = [text for text in (separation(case), nearly_used_up(budget)) if text]
    return plain(file)


def decide(main: Difference, anchor: Difference, alpha: float, margin: float) -> str:
    """The first that holds: better, no worse, worse, inconclusive."""
    lower = main.delta - main.reach(alpha)
    if lower > 0:
        return "better"
    if min(lower, anchor.delta - anchor.reach(alpha)) > -margin:
        return "no_worse"
    return "worse" if main.delta + main.reach(HARM) < 0 else "inconclusive"


def restated(file: dict[str, Any], look: int, merges: int) -> dict[str, Any]:
    """The same verdict as another look than it was thought to be.

    The level of the tests is the same at every look, so that only a budget that is used up by now
    makes a difference.
    """
    budget = {**file["budget"], "look": look, "merges": merges}
    again = {**file, "budget": budget}
    again["findings"] = [it for it in file["findings"] if it != nearly_used_up(file["budget"])]
    again["findings"] += filter(None, [nearly_used_up(budget)])
    if used_up(budget) and file["verdict"] != "equivalent" and not used_up(file["budget"]):
        again |= {"verdict": "inconclusive", "merge": False}
        again["reasons"] = list(reasons(again, ""))
    return again


def rows_for(target: float, smallest: float, rows: int) -> int | None:
    """How many rows a difference of `target` needs to be seen with 80 % power."""
    if not target > 0 or not smallest / target < MOST_TIMES:
        return None
    return math.ceil(rows * (smallest / target) ** 2)


def too_few(case: Case, metric: Metric) -> str:
    """Why nothing can be claimed of so few rows; empty if it can."""
    if len(case.y) < FEWEST_ROWS:
        return f"the holdout has {len(case.y):,} rows, the fewest for any claim are {FEWEST_ROWS}"
    if case.groups is not None and case.groups.max() + 1 < FEWEST_GROUPS:
        count = case.groups.max() + 1
        return f"the holdout has {count} groups, the fewest for any claim are {FEWEST_GROUPS}"
    if metric.per_class and (rare := rarest(case.y, case.challenger)) < FEWEST_OF_CLASS:
        return (
            f"the rarest class has {rare} rows in the holdout, the fewest for a claim about "
            f"{metric.label} are {FEWEST_OF_CLASS}"
        )
    if metric.name == "precision":  # which is about the rows of which a model says yes
        models = [said for said in (case.champion, case.challenger) if said is not None]
        said = min((count for m in models if (count := int((m >= 0.5).sum()))), default=0)
        if 0 < said < FEWEST_OF_CLASS:
            return f"a model says yes of {said} rows, the fewest for a claim are {FEWEST_OF_CLASS}"
    return ""


def named(guards: Iterable[Any], margin: str | float) -> list[tuple[str, str | float]]:
    """Each guard with its own margin, or with that of all."""
    pairs = [item.items() if isinstance(item, dict) else [(item, margin)] for item in guards]
    return [pair for some in pairs for pair in some]


def guard(case: Case, name: str, own: str | float, champion: Array) -> dict[str, Any]:
    """A metric that must be shown not to get worse by more than its margin.

    Where the champion is no better than the dummy a share of its gain is nothing: then the
    challenger must only not be shown to be worse.
    """
    metric = chosen(name, case.task)
    it = difference(metric, case.y, champion, case.challenger, case.groups)
    margin = width(own, gain_over_dummy(case, metric, it.champion))
    if same(case, champion, 0.0):
        passed = True
    elif not it.known or too_few(case, metric):
        passed = False
    else:
        passed = harmless(it, margin, own)
    return {**it.as_json(HARM), "margin": margin, "passed": passed}


def separation(case: Case) -> str:
    """A warning where the challenger makes no mistake at all; else empty."""
    if case.task == "regression":
        return ""
    if case.task == "multiclass":
        perfect = bool((case.challenger.argmax(axis=1) == case.y).all())
    else:
        high, low = case.challenger[case.y == 1], case.challenger[case.y == 0]
        perfect = bool(len(high) and len(low)) and high.min() > low.max()
    return "The challenger makes no mistake: easy data, or a leak?" if perfect else ""


def plain(content: Any) -> Any:
    """For JSON: Python's numbers, and null for what is no finite one."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
