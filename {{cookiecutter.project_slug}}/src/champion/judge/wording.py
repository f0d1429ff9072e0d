"""The verdict in sentences and numbers for people."""

import math
from collections.abc import Iterator
from typing import Any

from champion.markdown import codes

SHOWN = {
    "equivalent": "No change",
    "better": "Better",
    "no_worse": "No worse",
    "worse": "Worse",
    "inconclusive": "Not proven",
    "invalid": "Invalid",
}
WARN_AT = 0.8  # of the budget
LONG = 1e12  # from here on a number is written with its exponent
REFRESH = (
    "A holdout has a new budget once half of its rows are in no earlier look: gather more, wait for "
    "the next window, or run `make new-holdout`."
)


def reasons(file: dict[str, Any], problem: str) -> Iterator[str]:
    """Why, what blocks first.

    Parameters
    ----------
    file : the verdict file.
    problem : why the holdout allows no claim; empty if it does.
    """
    metric, budget, resolution = file["metric"], file["budget"], file["resolution"]
    label, word = metric["label"], file["verdict"]
    sure = f"with {100 * (1 - budget['alpha']):g} % confidence"
    if failed := [guard["label"] for guard in file["guards"] if not guard["passed"]]:
        yield f"Guarded: {listed(failed)} may be worse by more than the margin."
    if hurt := [f"{s['column']} = {s['value']}" for s in file["slices"] if s["harmed"]]:
        yield f"Harmed: {label} is worse in {listed(hurt)}."
    if word == "equivalent":
        yield "Both models say the same of every row."
    elif used_up(budget):
        yield f"This holdout is used up: {spent_so_far(budget)}. {REFRESH}"
    elif problem:
        yield f"{problem[0].upper()}{problem[1:]}: gather more rows."
    elif word == "better":
        yield f"{label} is better by at least {amount(metric['lower'])}, {sure}."
    elif word == "no_worse":
        margin = amount(metric["margin"])
        yield f"{label} is not worse by more than the margin of {margin}, {sure}."
        if file["policy"] == "improve":
            least = amount(resolution["mde80"])
            yield (
                "That is enough for new data or a new lock; a change of the model must be better, "
                f"and these rows can show {least} or more."
            )
    elif word == "worse":
        yield f"{label} is worse by {amount(-metric['delta'])}, which chance does not explain."
    else:
        least = amount(resolution["mde80"])
        yield (
            f"The difference is within chance: {resolution['rows']:,} rows can show {least} {label} "
            "or more."
        )
        needed = resolution["rows_for_target"]
        if needed and needed > resolution["rows"]:
            yield f"To show {amount(resolution['target'])} takes about {needed:,} rows."


def of_owners(paths: list[str]) -> str:
    """What a reviewer reads before all else, as Markdown; empty without such paths."""
    if not paths:
        return ""
    what = "⚠️ **Changes how models are judged or run**, for an owner to review"
    return f"{what}: {codes(paths, 4)}.\n\n"


def listed(names: list[str], most: int = 3) -> str:
    """a, b, c and 4 more"""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def used_up(budget: dict[str, Any]) -> bool:
    return budget["look"] > budget["max_looks"] or budget["merges"] >= budget["max_merges"]


def spent_so_far(budget: dict[str, Any]) -> str:
    return (
        f"look {budget['look']} of {budget['max_looks']}, {budget['merges']} of "
        f"{budget['max_merges']} merges"
    )


def nearly_used_up(budget: dict[str, Any]) -> str:
    """A warning from 80 % of the budget on; empty before."""
    share = max(budget["look"] / budget["max_looks"], (budget["merges"] + 1) / budget["max_merges"])
    if share < WARN_AT or used_up(budget):
        return ""
    return f"This holdout is nearly used up: {spent_so_far(budget)}. {REFRESH}"


def amount(value: float | None) -> str:
    """A difference for people: two digits that count, and no more of a large one than is said."""
    if value is None or not math.isfinite(value):
        return "?"
    if 0 < abs(value) < 1e-4:
        return f"{value:.1e}"
    if abs(value) >= LONG:
        return f"{value:.2g}"
    return short(f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}")


def level(value: float | None, by: float | None, signed: bool = False) -> str:
    """A value for people, to two digits of the standard error that goes with it."""
    if value is None or not math.isfinite(value):
        return "?"
    if abs(value) >= LONG or 0 < max(abs(value), abs(by or 0.0)) < 1e-6:
        return f"{value:{'+' if signed else ''}.3g}"
    places = 3 if not by else min(max(1 - math.floor(math.log10(abs(by))), 0), 6)
    return short(f"{value:{'+' if signed else ''},.{places}f}")


def digits(it: dict[str, Any]) -> float | None:
    """What to round a difference by: enough digits that an end of its interval is not lost to zero."""
    if not it["se"] or it["lower"] is None or it["upper"] is None:
        return None
    half = it["delta"] - it["lower"]
    for by in (4 * half, half, half / 10, half / 100):
        ends = [level(it[end], by) for end in ("lower", "upper") if it[end]]
        if all(end.strip("-.0") for end in ends) and level(abs(it["delta"]), by) != level(half, by):
            break
    return by


def value_of(it: dict[str, Any], key: str, signed: bool = False) -> str:
    """A number of a difference, with a minus sign and not a hyphen."""
    text = level(it[key], digits(it), signed).replace("-", "\N{MINUS SIGN}")
    return text if text.strip("+.0\N{MINUS SIGN}") else level(0.0, digits(it))


def interval(it: dict[str, Any]) -> str:
    """+.017 (+.011 … +.023)"""
    delta, lower, upper = (value_of(it, key, signed=True) for key in ("delta", "lower", "upper"))
    return f"{delta} ({lower} … {upper})"


def short(number: str) -> str:
    """.684 for 0.684"""
    return number.replace("0.", ".", 1) if number.lstrip("-+").startswith("0.") else number
