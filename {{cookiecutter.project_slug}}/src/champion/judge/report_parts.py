"""Sections of the report: how the parts of the holdout fare, and what the policy says."""

from collections.abc import Iterator
from typing import Any

from champion.judge.wording import level
from champion.markdown import code, fold, prose, table

SIDES = ["champion", "this pull request"]
BOTH = ("champion", "challenger")
PARITY = (
    "The largest difference between two values of which 30 rows or more tell it, at a probability "
    "of one half; the interval holds with 95 % confidence over all pairs of them. 0 is parity."
)


def fairness(file: dict[str, Any]) -> Iterator[str]:
    """Folded; an empty one is an empty text. A verdict of before they were made has none."""
    yield parity(file)
    yield weak(file)
    yield policy(file)


def parity(file: dict[str, Any]) -> str:
    """Parity between the values of the slice columns."""
    rows = [
        [code(it["column"]), prose(it["label"] or "?"), level(it["champion"], None),
         f"{level(it['challenger'], None)} ({level(it['lower'], None)} … {level(it['upper'], None)})",
         f"{code(it['highest'])}, {code(it['lowest'])}"]
        for it in file.get("parity") or []
        if it["challenger"] is not None
    ]  # fmt: skip
    columns = dict.fromkeys(it["column"] for it in file.get("parity") or [])
    return fold(
        f"Parity ({len(columns):,} columns)" if len(columns) != 1 else "Parity (1 column)",
        table(["", "measure", *SIDES, "furthest apart"], rows, numbers=False),
        PARITY if rows else "",
    )


def row(it: dict[str, Any]) -> list[str]:
    where = code(it["where"], 120) if it["where"] else "everywhere"
    return [where, f"{it['rows'] or 0:,}", *(level(it[who], None) for who in BOTH)]


def weak(file: dict[str, Any]) -> str:
    """Where the challenger is the weakest, and where it lost, as a search found."""
    if not (found := file.get("weak")):
        return ""
    if not found["looked"]:
        return fold("Weak parts", "The holdout is too small to search for weak parts.")
    low = "" if found["higher_is_better"] else " <sub>lower is better</sub>"
    label = prose(found["label"] or "?") + low
    everywhere = [row({**found["overall"], "where": None})] if found["overall"] else []
    weakest, lost = ([row(it) for it in found[key]] for key in ("weakest", "lost"))
    how = (
        f"Of {found['looked']:,} parts, each value of a column and each pair of them, "
        f"{found['tried'] or 0:,} looked weak in one half of the holdout. Told is what the other half "
        "confirms, at 5 % over all of them, with its numbers."
    )
    nowhere = "" if lost else "In no part is it worse than the champion beyond chance."
    return fold(
        f"Weak parts ({len(weakest) + len(lost):,})",
        table([f"the weakest in {label}", "rows", *SIDES], [*everywhere, *weakest]),
        table(
            [f"worse than before in {label}", "rows", *SIDES], [*everywhere, *lost] if lost else []
        ),
        nowhere,
        f"{how} {prose(found['left_out'] or '')}".rstrip(),
    )


def policy(file: dict[str, Any]) -> str:
    """What had to hold for a merge."""
    rows = [
        [code(it["rule"]), "yes" if it["passed"] else f"**no**: {prose(it['why'])}"]
        for it in file.get("policies") or []
    ]
    return fold(f"Policy ({len(rows):,})", table(["rule", "holds"], rows, numbers=False))
