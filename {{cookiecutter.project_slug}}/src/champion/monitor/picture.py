"""A look at a glance, as an image for an issue: what moved most, and how it went on."""

from pathlib import Path
from typing import Any

import numpy as np

from champion.figures import ACCENT, CONTRAST, FAINT, INK, figure, short
from champion.judge.metrics import METRICS
from champion.markdown import clean
from champion.monitor import history
from champion.monitor.checks import ALERT, UNKNOWN

MOST_ROWS = 10
MOST_LOOKS = 26
MOST_PSI = 4.0  # from there on a column is simply another one
Look = dict[str, Any]


def draw(look: Look, before: list[Look], path: Path) -> None:
    """Draw the columns that moved most beside the metric look by look; save it as PNG.

    Parameters
    ----------
    look : as `monitor.watch` has it.
    before : earlier summaries, the oldest first.
    """
    earlier = [it for it in before if history.when(it) < history.when(look)]
    with figure(path, panels=2, height=3.4) as (left, right):
        draw_moved(left, look["checks"])
        draw_course(right, [*earlier, history.summary(look)][-MOST_LOOKS:])


def draw_moved(axis: Any, checks: list[Look]) -> None:
    """How far each column is from the training data, with its interval and what is tolerated."""
    rows = [it for it in checks if it["check"] in ("drift", "target") and it["value"] is not None]
    rows = sorted(rows, key=lambda it: -it["value"])[:MOST_ROWS][::-1]
    axis.set_title("What moved: PSI against training")
    if not rows:
        return
    for place, it in enumerate(rows):
        colour = CONTRAST if it["state"] == ALERT else ACCENT
        value, low, high = (min(it[key] or 0.0, MOST_PSI) for key in ("value", "lower", "upper"))
        axis.plot([low, high], [place, place], color=colour, alpha=0.35, linewidth=4)
        axis.plot(value, place, "o", color=colour)
    tolerated = rows[-1]["threshold"] or 0.0
    axis.axvspan(0, tolerated, color=FAINT, alpha=0.45, linewidth=0, label="tolerated")
    axis.set_yticks(range(len(rows)), [short(clean(it["column"])) for it in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    most = max(min(it["upper"] or 0.0, MOST_PSI) for it in rows)
    axis.set_xlim(0, 1.1 * max(most, 2 * tolerated))
    axis.legend(loc="lower right", fontsize=8)


def draw_course(axis: Any, looks: list[Look]) -> None:
    """The metric of every look, live and on the holdout; without answers the largest change."""
    metric = looks[-1].get("metric")
    points = [measured(look, metric) for look in looks]
    known = [it is not None for it in points]
    if any(known):
        values = np.array([it[0] if it else np.nan for it in points], float)
        base = np.array([it[1] if it else np.nan for it in points], float)
        axis.set_title(f"Since when: {METRICS[metric].label if metric in METRICS else metric}")
        axis.plot(base, color=INK, linestyle="--", linewidth=1, label="holdout")
    else:
        values = np.array([largest(look) for look in looks], float)
        axis.set_title("Since when: largest PSI")
    axis.plot(values, color=ACCENT, linewidth=1.5, label="live")
    for place, look in enumerate(looks):
        colour = {ALERT: CONTRAST, UNKNOWN: "white"}.get(str(look.get("state")), ACCENT)
        axis.plot(
            place,
            values[place],
            "o",
            color=colour,
            markeredgecolor=CONTRAST if colour == CONTRAST else ACCENT,
        )
    reigns = [(look.get("champion") or {}).get("version") for look in looks]
    for place in range(1, len(looks)):
        if reigns[place] and reigns[place] != reigns[place - 1]:
            axis.axvline(place - 0.5, color=INK, alpha=0.4, linewidth=1)
            axis.annotate(
                clean(reigns[place]),
                (place - 0.45, 1.0),
                xycoords=("data", "axes fraction"),
                fontsize=8,
                va="top",
            )
    every = -(-len(looks) // 4)
    places = range(0, len(looks), every)
    axis.set_xticks(places, [history.when(looks[place])[:10] for place in places])
    axis.set_xlim(-0.5, len(looks) - 0.5)
    axis.plot([], [], "o", color=CONTRAST, label="alert")
    axis.figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=8
    )


def measured(look: Look, metric: Any) -> tuple[float, float] | None:
    """The metric on live rows and on the holdout."""
    for it in look["checks"]:
        if it.get("check") == metric and it.get("part") is None:
            after, before = it.get("after"), it.get("before")
            if isinstance(after, float | int) and isinstance(before, float | int):
                return after, before
    return None


def largest(look: Look) -> float:
    """The largest change of a column; NaN where none is known."""
    known = [
        it["value"]
        for it in look["checks"]
        if it.get("check") == "drift" and isinstance(it.get("value"), float | int)
    ]
    return max(known, default=np.nan)
