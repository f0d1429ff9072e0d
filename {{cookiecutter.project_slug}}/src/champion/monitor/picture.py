"""A look at a glance, as an image for an issue: what moved most, and how it went on."""

from pathlib import Path
from typing import Any

import numpy as np

from champion.figures import ACCENT, CONTRAST, FAINT, INK, figure, short
from champion.judge.metrics import METRICS
from champion.markdown import clean
from champion.monitor import history
from champion.monitor.checks import ALERT

MOST_ROWS = 10
MOST_LOOKS = 26
MOST_PSI = 4.0  # from there on a column is simply another one
TICKS = (0, 0.1, 0.25, 0.5, 1, 2, 4)
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
        axis.hlines(place, low, high, colour, alpha=0.35, linewidth=4)
        axis.plot(value, place, "o", color=colour)
    tolerated = rows[-1]["threshold"] or 0.0
    axis.axvspan(0, tolerated, color=FAINT, alpha=0.45, linewidth=0, label="tolerated")
    most = max(min(it["upper"] or 0.0, MOST_PSI) for it in rows)
    axis.set_xscale("function", functions=(np.sqrt, np.square))  # small ones are told apart
    axis.set_xlim(0, 1.1 * max(most, 3 * tolerated))
    axis.set_xticks([tick for tick in TICKS if tick < axis.get_xlim()[1]])
    axis.set_yticks(range(len(rows)), [short(clean(it["column"])) for it in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.legend(loc="lower right", fontsize=8)


def draw_course(axis: Any, looks: list[Look]) -> None:
    """The metric of every look, live and on the holdout; without answers the largest change."""
    metric, places = looks[-1].get("metric"), np.arange(len(looks))
    points = np.array([measured(look, metric) for look in looks], float)
    values = points[:, 0]
    if np.isfinite(values).any():
        name = METRICS[metric].label if metric in METRICS else clean(metric)
        axis.set_title(f"Since when: {name}, look by look")
        axis.hlines(points[:, 1], places - 0.4, places + 0.4, INK, linewidth=1, label="holdout")
    else:
        axis.set_title("Since when: the largest PSI, look by look")
        values = np.array([largest(look) for look in looks], float)
    axis.plot(places, values, color=ACCENT, linewidth=1, label="live")
    alert = np.array([look.get("state") == ALERT for look in looks])
    axis.plot(places[~alert], values[~alert], "o", color=ACCENT)
    axis.plot(places[alert], values[alert], "o", color=CONTRAST, label="alert")
    axis.margins(y=0.2)
    versions = [clean((look.get("champion") or {}).get("version") or "") for look in looks]
    for place in range(1, len(looks)):
        if versions[place] and versions[place] != versions[place - 1]:
            axis.axvline(place - 0.5, color=INK, alpha=0.3, linewidth=1)
            axis.annotate(versions[place], (place - 0.45, 0.97), xycoords=("data", "axes fraction"),
                          fontsize=8, va="top")  # fmt: skip
    dated = places[:: -(-len(looks) // 4)]
    axis.set_xticks(dated, [history.when(looks[place])[:10] for place in dated])
    axis.set_xlim(-0.5, len(looks) - 0.5)
    axis.figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=8
    )


def measured(look: Look, metric: Any) -> tuple[float, float]:
    """The metric on live rows and on the holdout; NaN where it is not known."""
    own = (it for it in look["checks"] if it.get("check") == metric and it.get("part") is None)
    it: Look = next(own, {})
    return number(it.get("after")), number(it.get("before"))


def largest(look: Look) -> float:
    """The largest change of a column; NaN where none is known."""
    known = [number(it.get("value")) for it in look["checks"] if it.get("check") == "drift"]
    return max((value for value in known if value == value), default=np.nan)


def number(value: Any) -> float:
    """NaN for what is none: earlier looks come from where everybody can write."""
    return float(value) if isinstance(value, float | int) else np.nan
