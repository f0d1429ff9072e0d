"""What was found in the data: for people, for programs, and never more than may be shown."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from champion.settings import Settings

ROWS = 10  # row numbers named in a finding
LISTED = 5  # of them in the table for people
VALUES = 3  # values shown where they may be


@dataclass
class Finding:
    """One thing about the data that a person should know.

    Parameters
    ----------
    level : "error" or "warning".
    column : its column, or None for the table as a whole.
    check : which check: gone, type, missing, unseen, range, outliers, duplicate ids, …
    count : how many rows.
    share : of all rows, 0 to 1.
    rows : the first row numbers, from 1, the header not counted.
    message : what and, where there is something to do, what to do. Never holds a value.
    values : a few of the values; empty unless they may be shown.
    """

    level: str
    column: str | None
    check: str
    count: int
    share: float
    message: str
    rows: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def first_rows(mask: np.ndarray) -> list[int]:
    """The first row numbers (from 1) where `mask`, shape (rows,), holds."""
    return [int(row) + 1 for row in np.flatnonzero(mask)[:ROWS]]


def may_show(column: str | None, settings: Settings) -> bool:
    """Whether values of this column may be shown at all."""
    if not settings.report.show_values:
        return False
    return column is not None and column not in settings.data.personal


def show_values(findings: list[Finding], loaded: pd.DataFrame, settings: Settings) -> None:
    """Fill in the values of those findings whose column may be shown."""
    for finding in findings:
        if finding.rows and finding.column in loaded and may_show(finding.column, settings):
            values = loaded[finding.column].iloc[[row - 1 for row in finding.rows]]
            texts = values.dropna().astype("str").unique()[:VALUES]
            finding.values = [text if len(text) <= 40 else f"{text[:39]}…" for text in texts]


def in_order(findings: list[Finding]) -> list[Finding]:
    """Errors first, then by how many rows."""
    return sorted(findings, key=lambda f: (f.level != "error", -f.count, f.column or "", f.check))


def as_json(findings: list[Finding], **about: Any) -> dict[str, Any]:
    """For reports/data.json: what the table is, and every finding."""
    ordered = [asdict(finding) for finding in in_order(findings)]
    for finding in ordered:
        finding["share"] = round(finding["share"], 6)
    return {
        **about,
        "errors": [f for f in ordered if f["level"] == "error"],
        "warnings": [f for f in ordered if f["level"] == "warning"],
    }


def as_text(findings: list[Finding]) -> str:
    """A table for people; empty when there is nothing to say."""
    if not findings:
        return ""
    lines = [("", "column", "rows", "share", "what", "first rows")]
    for f in in_order(findings):
        shown = f" ({', '.join(f.values)})" if f.values else ""
        lines.append(
            (
                f.level,
                printable(f.column or "-"),
                f"{f.count:,}" if f.count else "",
                percent(f.share) if f.count else "",
                f.message + printable(shown),
                ", ".join(map(str, f.rows[:LISTED])) + (", …" if f.count > LISTED else ""),
            )
        )
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    align = [str.ljust, str.ljust, str.rjust, str.rjust, str.ljust, str.ljust]
    return "\n".join(
        "  ".join(put(cell, width) for put, cell, width in zip(align, line, widths, strict=True))
        .rstrip()
        for line in lines
    )  # fmt: skip


def percent(share: float) -> str:
    """A share for people: 12.3 %, and never 0 % for something."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def printable(text: str) -> str:
    """Without line ends and terminal control."""
    return "".join(c if c.isprintable() else "·" for c in text)
