"""The champions' history: on the page of the ledger, with a plot and the last events, and as text."""

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from champion.figures import ACCENT, CONTRAST, FAINT, INK, figure, short
from champion.judge.events import Event
from champion.judge.wording import SHOWN, level
from champion.markdown import prose, table
from champion.workspace.git import attempt, has_remote

LAST = 20  # events on the page
MOST_DRAWN = 40  # champions in the plot
MOST_DATED, MOST_NAMED = 8, 12  # of them, below it side by side
TAGS = "refs/tags/model*:refs/tags/model*"

HEAD = """# Ledger

Every verdict, promotion, rollback and override of this repository, and what its monitor saw: one
commit each, only ever added. `python -m champion ledger list` shows all of them,
`python -m champion ledger verify` finds a changed, missing or reordered one.

## Champions"""
HEADS = ("version", "since", "metric", "interval", "data", "verdict", "by")
NO_CHAMPION = "None yet: the first model that is promoted appears here."
PLOT = """

![The metric of each champion](history.png)

The interval is that of the difference to the champion before it on the same rows, put at its own
value. Values of different versions may come from different rows."""
CARD = "[{name}](files/{number:06}/model_card.md)"
WATCHED = """The newest look of the monitor ({when}): {said}

![What moved, and since when](files/{number:06}/monitor.png)"""
NO_EVENT = "Nothing is recorded yet."
PROMOTED, OVERRIDDEN, PUT_BACK = "promoted", "by override", "put back"
MARKS = ((PROMOTED, ACCENT, ACCENT), (OVERRIDDEN, CONTRAST, CONTRAST), (PUT_BACK, "white", ACCENT))


@dataclass(frozen=True)
class Reign:
    """A version that became champion, and what its verdict said."""

    event: Event
    version: str
    verdict: dict[str, Any]

    @property
    def manner(self) -> str:
        if self.event.kind == "rollback":
            return PUT_BACK
        return PROMOTED if self.verdict["merge"] else OVERRIDDEN

    def measured(self) -> tuple[float, float, float, float]:
        """The metric, its lower and upper end, that of the champion before; NaN if not known."""
        metric = self.verdict["metric"] or {}
        names = ("challenger", "champion", "lower", "upper")
        value, before, lower, upper = (
            math.nan if metric.get(name) is None else float(metric[name]) for name in names
        )
        if not metric.get("higher_is_better"):
            lower, upper = -upper, -lower
        return value, before + lower, before + upper, before


def reigns(events: Sequence[Event]) -> list[Reign]:
    """The champions, oldest first; a version that was put back comes again."""
    promoted: dict[str, Event] = {}
    found = []
    for event in events:
        if event.kind == "promotion":
            promoted[event.body["version"]] = event
        if event.kind in ("promotion", "rollback"):
            body = promoted[event.body["version"]].body
            verdict = events[body["verdict"] - 1].body
            found.append(Reign(event, body["version"], verdict))
    return found


def run(_: argparse.Namespace) -> int:
    """Verb `history`: the champions, the newest first."""
    from champion.judge import champion, ledger

    found = reigns(ledger.current().events)
    if not found:
        print("No model was promoted yet.")
        return 0
    if has_remote():  # what is in production may have changed since Git last fetched
        attempt("fetch", "--quiet", "--no-write-fetch-head", "origin", TAGS)
    current = champion.find()
    live = current.version if current else None
    rows = [["stage", *HEADS]]
    for it in reversed(found):
        stage = "production" if it.version == live else ""
        live = live if not stage else None  # a version that was put back stands there twice
        rows.append([stage, *(cell.replace("`", "") for cell in row(it))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(line.rstrip())
    return 0


def page(events: Sequence[Event]) -> str:
    """The branch's README.md."""
    rows = [row(it) for it in reversed(reigns(events))]
    if rows:
        rows[0][0] = f"**{rows[0][0]}**"
    champions = table(HEADS, rows, numbers=False, most=len(rows))
    last = [
        [str(it.number), moment(it.time), it.kind, prose(told(it)), prose(it.by or "")]
        for it in events[: -LAST - 1 : -1]
    ]
    happened = table(["", "when", "what", "", "by"], last, numbers=False)
    champions = champions + PLOT if rows else NO_CHAMPION
    parts = [
        HEAD,
        champions,
        *card(events),
        *watched(events),
        "## Last events",
        happened or NO_EVENT,
    ]
    return "\n\n".join(parts) + "\n"


def card(events: Sequence[Event]) -> list[str]:
    """Where the champion's model card is, as it went live and as the newest look has it."""
    found: dict[str, int] = {}
    for it in events:
        reign = it.kind in ("promotion", "rollback")
        if reign:
            found = {}
        if (reign or it.kind == "monitor") and it.body.get("card") is True:
            found[it.body["version"] if reign else "with the newest look"] = it.number
    links = [CARD.format(name=name, number=number) for name, number in found.items()]
    return [f"Its model card: {', '.join(links)}."] if links else []


def watched(events: Sequence[Event]) -> list[str]:
    """The newest look that was drawn: it shows those before."""
    for it in reversed(events):
        if it.kind == "monitor" and it.body.get("drawn") is True:
            said = {"when": moment(it.time), "said": prose(told(it)), "number": it.number}
            return ["## Live", WATCHED.format(**said)]
    return []


def row(it: Reign) -> list[str]:
    metric, challenger = it.verdict["metric"], it.verdict["challenger"] or {}
    value, interval = "not measured", ""
    if metric:
        shown, low, high, _ = (level(number, metric["se"]) for number in it.measured())
        value, interval = f"{metric['label']} {shown}", f"{low} … {high}"
    word = SHOWN[it.verdict["verdict"]]
    return [
        it.version,
        moment(it.event.time),
        prose(value),
        interval,
        f"`{challenger['data'][:10]}`" if challenger.get("data") else "",
        {PROMOTED: word, OVERRIDDEN: f"{word}, overridden"}.get(it.manner, "Put back"),
        prose(it.event.by or ""),
    ]


def moment(time: str) -> str:
    """2026-11-25 09:30"""
    return f"{time[:10]} {time[11:16]}"


def told(event: Event) -> str:
    """An event in a sentence. It may hold anything: `clean` or `prose` comes next."""
    body = event.body
    if event.kind == "verdict":
        said = SHOWN[body["verdict"]]
        if metric := body["metric"]:
            new, old = (level(metric[side], metric["se"]) for side in ("challenger", "champion"))
            said += f": {metric['label']} {new} against {old}"
        look = body["budget"] or {}
        return said + (f" (look {look['look']} of {look['max_looks']})" if event.spent else "")
    if event.kind == "promotion":
        return f"{body['version']} is the champion"
    if event.kind == "rollback":
        return f"{body['version']} is the champion again: {body['reason']}"
    if event.kind == "override":
        return f"{body['commit'][:10]}: {body['reason']}"
    return str(body["summary"])


def plot(events: Sequence[Event]) -> bytes:
    """The champions' metric as PNG; where another metric was chosen, since then."""
    champions = [it for it in reigns(events) if it.verdict["metric"]]
    label = champions[-1].verdict["metric"]["label"] if champions else "not measured"
    shown = [it for it in champions if it.verdict["metric"]["label"] == label][-MOST_DRAWN:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.png")
        with figure(path, height=3.2, width=min(max(6, 1 + 0.85 * len(shown)), 9.2)) as axis:
            axis.set_title(short(label))
            if shown:
                draw(axis, shown)
        return path.read_bytes()


def draw(axis: Any, shown: Sequence[Reign]) -> None:
    """A dot a champion; where it was judged a bar for its interval, a dash for the one before."""
    values, lows, highs, before = np.array([it.measured() for it in shown]).T
    manners = np.array([it.manner for it in shown])
    places = np.arange(len(shown))
    for known in (lows, highs, before):
        known[manners == PUT_BACK] = math.nan
    before[0] = math.nan  # that of the dummy, far away
    axis.plot(places, values, color=FAINT, zorder=1)
    for manner, face, edge in MARKS:
        x = places[manners == manner]
        look = {"color": edge, "markerfacecolor": face, "label": manner}
        if len(x):
            axis.plot(x, values[x], "o", zorder=4, **look)
    axis.vlines(places, lows, highs, ACCENT, alpha=0.3, linewidth=5, zorder=2, label="interval")
    if np.isfinite(before).any():
        axis.plot(places, before, "_", color=INK, markersize=9, zorder=3, label="the one before")
    last = level(values[-1], shown[-1].verdict["metric"]["se"])
    axis.annotate(last, (places[-1], values[-1]), (8, 0), textcoords="offset points", va="center")
    dates = [it.event.time[:10] for it in shown]
    names = [it.version for it in shown]
    if len(shown) <= MOST_DATED:
        names = [f"{name}\n{date}" for name, date in zip(names, dates, strict=True)]
    else:
        axis.set_xlabel(f"{dates[0]} … {dates[-1]}")
    crowded = len(shown) > MOST_NAMED
    axis.set_xticks(places, names, rotation=90 * crowded, fontsize=7 if crowded else 9)
    axis.set_xlim(-0.5, len(shown) - 0.5)
    axis.figure.legend(loc="outside lower left", ncols=5, fontsize=8)
