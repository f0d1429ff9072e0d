"""The figure of a report: by how much the challenger differs, and how sure that is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from champion.figures import CONTRAST, FAINT, INK, figure, short
from champion.judge.wording import short as without_zero
from champion.judge.wording import value_of
from champion.markdown import clean

BETTER, WORSE, UNSURE, BAND = "#1a7f37", "#9a6700", "#57606a", "#e6ebf1"
MOST_GUARDS, MOST_SLICES = 6, 12
NARROWEST = 0.4  # one side of zero, of the other
WIDEST = 2.5  # times the reach of the metric's own interval; one that goes beyond ends in an arrow

Row = tuple[str, dict[str, Any] | None, float]  # its name, the difference, how that is scaled


def draw(file: dict[str, Any], path: Path) -> None:
    """Draw the intervals of the metric, the guards and the slices on one scale.

    Slices have the metric's units. A guard is scaled so that its margin is as long as the metric's;
    the numbers beside it are its own.
    """
    metric = file["metric"]
    reach = max(span(metric), metric["margin"] or 0.0) or 1.0
    rows = list(lines(file, reach))
    ends = [(it[end] or 0.0) * by for _, it, by in rows if it for end in ("lower", "upper")]
    low, high = max(min(ends), -WIDEST * reach), min(max(ends), WIDEST * reach)
    low, high = min(low, -NARROWEST * high), max(high, -NARROWEST * low)
    low, high = (low, high) if low < high else (-reach, reach)
    with figure(path, height=0.8 + 0.22 * len(rows), width=7) as axis:
        axis.set(xlim=(1.08 * low, 1.08 * high), ylim=(len(rows) - 0.4, -0.6))
        axis.axvline(0, color=INK, linewidth=0.8)
        for place, (_, it, by) in enumerate(rows):
            if it:
                mark(axis, place, it, by)
        axis.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        for label, (_, it, _) in zip(axis.get_yticklabels(), rows, strict=True):
            label.set_color(INK if it else UNSURE)
        axis.get_yticklabels()[0].set_weight("bold")
        axis.tick_params(axis="y", length=0)
        axis.tick_params(axis="x", color=FAINT, labelcolor=UNSURE)
        axis.locator_params(axis="x", nbins=7)
        axis.spines["left"].set_visible(False)
        axis.xaxis.set_major_formatter(lambda x, _: tick(x))
        name = short(clean(metric["label"]))
        axis.set_xlabel(f"← worse     {name}     better →", color=UNSURE, x=-low / (high - low))
        axis.annotate(
            "shaded: margin", (1.03, -0.02), xycoords="axes fraction", va="top", color=UNSURE,
            fontsize="small",
        )  # fmt: skip


def tick(x: float) -> str:
    """A difference on the axis."""
    return without_zero(f"{x:+.3g}").replace("-", "\N{MINUS SIGN}") if x else "0"


def lines(file: dict[str, Any], reach: float) -> Iterator[Row]:
    """The rows of the figure from the top; a heading has no difference."""
    metric = file["metric"]
    yield clean(metric["label"]), metric, 1.0
    guards = sorted(file["guards"], key=lambda it: bool(it["passed"]))
    if guards:
        yield heading("guards", len(guards), MOST_GUARDS), None, 1.0
    for it in guards[:MOST_GUARDS]:
        both = metric["margin"] and it["margin"]
        by = metric["margin"] / it["margin"] if both else reach / (span(it) or 1.0)
        yield short(clean(it["label"])), it, by
    if file["slices"]:
        yield heading("slices", len(file["slices"]), MOST_SLICES), None, 1.0
    for it in file["slices"][:MOST_SLICES]:
        yield f"{short(clean(it['column']))} = {short(clean(it['value']))}", it, 1.0


def heading(what: str, count: int, most: int) -> str:
    return f"{what}, {count - most:,} more" if count > most else what


def span(it: dict[str, Any]) -> float:
    """How far from zero the interval reaches."""
    return max(abs(it["lower"] or 0.0), abs(it["upper"] or 0.0))


def mark(axis: Any, place: int, it: dict[str, Any], by: float) -> None:
    """Draw one difference: its margin as a band, the interval, the point, the number."""
    left, right = axis.get_xlim()
    if it["margin"]:
        axis.barh(place, max(-it["margin"] * by, left), height=1, color=BAND, zorder=0)
    stopped = it.get("passed") is False or it.get("harmed")
    colour, filled, text = UNSURE, "white", "not defined"
    if None not in (it["lower"], it["delta"], it["upper"]):
        low, point, high = (it[key] * by for key in ("lower", "delta", "upper"))
        if low > 0 or high < 0 or stopped:
            harm = stopped or high < -(it["margin"] or 0.0) * by
            colour = CONTRAST if harm else BETTER if low > 0 else WORSE
            filled = colour if low > 0 or high < 0 else "white"
        ends = [min(max(end, left), right) for end in (low, high)]
        axis.plot(ends, [place, place], color=colour, linewidth=1.8)
        for end, arrow, beyond in ((left, "<", low < left), (right, ">", high > right)):
            if beyond:
                axis.plot(end, place, arrow, color=colour, markersize=6, clip_on=False)
        if left <= point <= right:
            axis.plot(point, place, "o", color=colour, markersize=6, mfc=filled)
        text = value_of(it, "delta", signed=True)
    axis.annotate(
        f"{text}  ✗" if stopped else text, (1.03, place), xycoords=("axes fraction", "data"),
        va="center", color=colour, weight="bold" if stopped else "normal",
    )  # fmt: skip
