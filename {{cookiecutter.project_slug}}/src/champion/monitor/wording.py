"""What was seen, in sentences."""

from collections.abc import Iterator

from champion.judge.wording import amount, level, listed
from champion.monitor.checks import ALERT, OK, UNKNOWN, Check
from champion.tables.findings import percent

MOST = 12  # sentences
NAMED = 5  # columns in one
QUALITY = {
    "gone": "the column is gone",
    "type": "values of another type",
    "outliers": "outliers, as schema.py has them",
}


def headline(state: str, checks: list[Check], rows: int, missing: list[str]) -> str:
    """The look in one line.

    missing : why it is unknown, in sentences
    """
    if state == UNKNOWN:
        return f"Not known: {missing[0][0].lower()}{missing[0][1:]}"
    silent = unmeasured(checks)
    if state == OK:
        return f"No change that matters in {rows:,} rows{silent}."
    alerts = [check for check in checks if check.state == ALERT]
    parts = []
    if worse := [it for it in alerts if it.family in ("performance", "slices")]:
        first = next((it for it in worse if it.part is None), worse[0])
        where = f" where {first.column} is {first.part}" if first.part else ""
        parts.append(
            f"{first.measure} is {metric(first)} against {metric(first, now=False)}{where}"
        )
    if bad := unique(it for it in alerts if it.family == "quality"):
        parts.append(f"{listed(bad)} {'breaks' if len(bad) == 1 else 'break'} schema.py")
    moved = unique(it for it in alerts if it.family in ("inputs", "predictions"))
    if moved := [name for name in moved if name not in bad]:
        parts.append(f"{listed(moved)} {'has' if len(moved) == 1 else 'have'} moved")
    return f"{'; '.join(parts)}{silent}."


def unmeasured(checks: list[Check]) -> str:
    """That the performance is not known, where it is not."""
    for check in checks:
        if check.family == "performance" and check.state == UNKNOWN and check.part is None:
            return f"; performance not known: {check.why}"
    return ""


def unique(checks: Iterator[Check]) -> list[str]:
    return list(dict.fromkeys(str(check.column or check.check) for check in checks))


def reasons(alerts: list[Check]) -> list[str]:
    """A sentence an alert, what costs most first."""
    told = [sentence(it) for it in alerts]
    return told[:MOST] + ([f"And {len(told) - MOST:,} more."] if len(told) > MOST else [])


def sentence(it: Check) -> str:
    """One alert."""
    if it.check == "target":
        return f"The answers have moved: PSI {amount(it.value)} (from {amount(it.threshold)} on)."
    if it.family in ("performance", "slices"):
        where = f" where {it.column} is {it.part}" if it.part else ""
        return (
            f"{it.measure} is {metric(it)}{where}, on the holdout {metric(it, now=False)}: worse by "
            f"{amount(it.value)} ({amount(it.lower)} … {amount(it.upper)}; tolerated: "
            f"{amount(it.threshold)})."
        )
    if it.family == "quality":
        said = QUALITY.get(it.check, f"your own check {it.check} fails")
        return f"{it.column}: {said}, in {percent(it.after or 0.0)} of {it.rows:,} rows."
    if it.check == "drift":
        return (
            f"{it.column} has moved: PSI {amount(it.value)} ({amount(it.lower)} … "
            f"{amount(it.upper)}; from {amount(it.threshold)} on)."
        )
    what = "missing" if it.check == "missing" else "unlike anything in the training data"
    return f"{it.column}: {percent(it.after or 0.0)} are {what}, expected: {percent(it.before or 0.0)}."


def metric(it: Check, now: bool = True) -> str:
    """A metric's value, to the digits that its interval leaves."""
    half = None if it.upper is None or it.value is None else (it.upper - it.value) / 2
    return level(it.after if now else it.before, half)
