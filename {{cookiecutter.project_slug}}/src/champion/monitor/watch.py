"""Compare what the service sees with what the champion was trained on: `champion monitor`.

Writes `monitor/monitor.json`, whose keys are those of `watch`; `monitor/summary.json`, one line for
the history; and the page `reports/monitor.html`. Exit code 0: no alert; 1: an alert; 2: bad usage;
3: unknown, as data are missing.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.errors import Refusal, shown
from champion.judge.compare import write
from champion.judge.metrics import chosen
from champion.judge.verdict import plain
from champion.judge.wording import listed
from champion.monitor import history, labels, page, performance
from champion.monitor.checks import ALERT, FAMILIES, OK, UNKNOWN, Check, decide, unknown
from champion.monitor.columns import FEWEST_DAYS, Counts
from champion.monitor.labels import Labels
from champion.monitor.live import Live, gather, live_case
from champion.monitor.log import ID, Log, naive
from champion.monitor.reference import Reference, of_champion
from champion.monitor.shifts import exceeding, rise, stability
from champion.monitor.wording import headline, reasons
from champion.project import REPORTS
from champion.settings import Settings

OUT = Path("monitor")
PAGE = REPORTS / "monitor.html"
CODES = {OK: 0, ALERT: 1, UNKNOWN: 3}
WRONG_CLOCKS = 0.01  # share of rows without a usable time, from which on the window is not known
DRAWN = 8  # columns whose bins are in the file


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--log", help="a file, a folder or a URL of Parquet files; else monitor.log of gate.yaml")
    add("--labels", help="answers by request_id, likewise; else monitor.labels")
    add("--until", metavar="TIME", help="the end of the window, in UTC; else now")
    add("--history", type=Path, help="earlier summaries, one a line")


def run(args: argparse.Namespace) -> int:
    settings = Settings.load()
    before = history.read(args.history) if args.history else []
    until = moment(args.until) if args.until else None
    file = look(settings, before, args.log, args.labels, until)
    write(file, OUT / "monitor.json")
    (OUT / "summary.json").write_text(history.line(file), encoding="utf-8")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page.render(file, before), encoding="utf-8")
    print(said(file))
    print(f"The page: {PAGE}")
    return CODES[file["state"]]


def look(
    settings: Settings,
    before: list[dict[str, Any]],
    log: str | None = None,
    labels_: str | None = None,
    until: pd.Timestamp | None = None,
) -> dict[str, Any]:
    """Watch the window that ends at a moment, by default now; see `watch`.

    Parameters
    ----------
    before : earlier summaries, the oldest first.
    log, labels_ : where they are; else as gate.yaml says.

    Raises
    ------
    Refusal : there is nothing to look at, or nothing to compare it with.
    """
    url = log or settings.monitor.log
    if not url:
        raise Refusal("there is no log to look at: set monitor.log in gate.yaml, or give --log.")
    now = pd.Timestamp.now("UTC").tz_localize(None)
    end = until if until is not None else now
    seen = Log(url, end - window(settings), end, now)
    it = of_champion(settings)
    answers = None
    if asked := labels_ or settings.monitor.labels:
        answers = labels.read(asked, settings, it.classes)
    return watch(it, seen, answers, settings, before)


def unseen(why: str) -> dict[str, Any]:
    """A look that could not be had: of it nothing is known but why."""
    nothing: dict[str, Any] = {"reasons": [], "findings": [], "checks": [], "columns": []}
    return {
        "state": UNKNOWN, "headline": headline(UNKNOWN, [], 0, [why]),
        "time": stamp(pd.Timestamp.now("UTC")), "window": {"from": None, "to": None},
        "rows": 0, "files": 0, "labelled": 0, "metric": None, "champion": None, **nothing,
    }  # fmt: skip


def said(file: dict[str, Any]) -> str:
    """A look for a terminal."""
    lines = [file["headline"], *file["reasons"], *file["findings"]]
    return "\n".join(shown(line, 1000) for line in lines)


def moment(text: str) -> pd.Timestamp:
    try:
        return naive(text)
    except ValueError as error:
        raise Refusal(f"--until {shown(text)} is no time: write 2026-03-01 or a moment.") from error


def window(settings: Settings) -> pd.Timedelta:
    """How far back live data are looked at."""
    text = settings.monitor.window
    try:
        length = pd.Timedelta(text)
    except ValueError:
        length = pd.Timedelta(0)
    if not length > pd.Timedelta(0):
        raise Refusal(f"gate.yaml: monitor.window {text!r} is no length of time: write `7 days`.")
    return length


def watch(
    it: Reference,
    log: Log,
    answers: Labels | None,
    settings: Settings,
    before: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Look at a window of live data.

    Parameters
    ----------
    answers : those that came later; None: none were asked for, though the log may hold its own.
    before : earlier summaries, the oldest first.

    Returns
    -------
    state : ok, alert or unknown
    headline, reasons, findings : sentences: of the whole, of the alerts, of the log itself
    time, window {from, to}, rows, files, labelled : what was looked at
    metric : the name of the one that judges
    champion {version, commit} : what it is compared with; null without Git
    checks : see `checks.Check`; and since, the start of the first window of an alert
    columns : the bins of the columns that moved most: column, kind, bins (null where values may
        not be shown), before and after (shares), days (per day, how far it is from before)
    """
    own = {name: c for name, c in it.inputs.items() if name not in settings.data.personal}
    it = replace(it, inputs=own)
    live = gather(log, answers, it, settings)
    checks = [*inputs(it, live, settings), *predictions(it, live, settings)]
    checks += answered(it, live, answers, settings)
    checks += live.quality.checks()
    decide(checks, settings.monitor.alpha)
    metric = chosen(settings.gate.metric, it.case.task).name
    checks.sort(key=lambda check: urgency(check, metric))
    missing = list(gaps(log, live, it, answers, checks, settings.monitor.min_rows))
    alerts = [check for check in checks if check.state == ALERT]
    state = ALERT if alerts else UNKNOWN if missing else OK
    champion = it.champion
    file: dict[str, Any] = {
        "state": state,
        "headline": headline(state, checks, live.rows, missing),
        "reasons": reasons(alerts),
        "findings": [*missing, *remarks(log, live, answers, missing)],
        "time": stamp(log.now),
        "window": {"from": stamp(log.since if log.dated else None),
                   "to": stamp(log.until if log.dated else None)},
        "rows": live.rows,
        "files": log.files,
        "labelled": live.labelled.total,
        "metric": metric,
        "champion": {"version": champion.version, "commit": champion.commit} if champion else None,
        "checks": [check.as_json() for check in checks],
        "columns": bins(it, live, checks, settings),
    }  # fmt: skip
    history.add_since(file, before or [])
    return plain(file)


def stamp(time: pd.Timestamp | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def urgency(check: Check, metric: str) -> tuple[bool, int, bool, float]:
    """Alerts first, what costs most before what only moved; of the metrics the one that judges."""
    size = (check.value or 0.0) / (check.threshold or 1.0)
    return check.state != ALERT, FAMILIES.index(check.family), check.check != metric, -size


def inputs(it: Reference, live: Live, settings: Settings) -> Iterator[Check]:
    """Each column: is it spread as in training, is more missing, is there anything new?"""
    for name, before in it.inputs.items():
        if name in live.inputs:
            yield from moved("inputs", name, before, live.inputs[name], settings)
        else:
            yield unknown("inputs", "drift", name, "no row of the log holds it as schema.py does")


def predictions(it: Reference, live: Live, settings: Settings) -> Iterator[Check]:
    """What the champion says, against what it said of the holdout."""
    for name, before in it.predictions.items():
        if name in live.predictions:
            yield from moved("predictions", name, before, live.predictions[name], settings)
        elif live.others:
            yield unknown("predictions", "drift", name, "no row was predicted by the champion")
        else:
            yield unknown("predictions", "drift", name, "the log holds no predictions")


def moved(
    family: str, name: str, before: Counts, after: Counts, settings: Settings
) -> Iterator[Check]:
    """The questions about one column."""
    own = settings.monitor
    rows = int(after.missing.sum())
    if rows < own.min_rows:
        yield unknown(family, "drift", name, f"only {rows:,} rows", rows)
        return
    it = rise(before.missing, after.missing)
    yield Check(
        family, "missing", name, value=it.value, p=it.p, before=it.before, after=it.after,
        lower=it.lower, upper=it.upper, threshold=own.missing, rows=rows,
    )  # fmt: skip
    there = int(after.spread.sum())
    if there < own.min_rows:
        yield unknown(family, "drift", name, f"only {there:,} values", there)
        return
    it = stability(before.spread, after.spread)
    yield Check(
        family, "drift", name, measure="PSI", value=it.value, lower=it.lower, upper=it.upper,
        p=it.p, threshold=own.drift, rows=there,
    )  # fmt: skip
    if family == "predictions" or before.alone is None:
        return
    it = rise(before.alone, after.new)
    days = len(before.days), len(after.days)
    by_day = before.bins.kind == "number" and min(days) >= FEWEST_DAYS
    p = min(2 * min(exceeding(count, *days) for count in after.beyond), 1.0) if by_day else it.p
    yield Check(
        family, "new", name, value=it.value, lower=it.lower, upper=it.upper, p=p,
        before=it.before, after=it.after, threshold=own.new, rows=there,
    )  # fmt: skip


def answered(
    it: Reference, live: Live, answers: Labels | None, settings: Settings
) -> Iterator[Check]:
    """The champion's performance, and whether the answers themselves have moved."""
    name = chosen(settings.gate.metric, it.case.task).name
    if not live.labelled.total:
        why = "no label belongs to a row of the window" if answers else "no labels yet"
        yield unknown("performance", name, None, why)
        return
    case, days = live_case(live, it)
    yield from performance.compare(it.case, case, it.days, days, settings)
    if it.target is not None and live.target is not None:
        rows = int(live.target.spread.sum())
        if rows >= settings.monitor.min_rows:
            moved_ = stability(it.target.spread, live.target.spread)
            yield Check(
                "predictions", "target", settings.data.target, measure="PSI", value=moved_.value,
                lower=moved_.lower, upper=moved_.upper, p=moved_.p, rows=rows,
                threshold=settings.monitor.drift,
            )  # fmt: skip


def gaps(
    log: Log, live: Live, it: Reference, answers: Labels | None, checks: list[Check], least: int
) -> Iterator[str]:
    """What was asked for and is not known: while there is any, no alert is no all-clear."""
    if not log.files:
        yield f"There is no log yet at {shown(log.url, 80)}."
    if log.damaged:
        names = ", ".join(log.damaged[:3])
        yield (
            f"{len(log.damaged):,} of {log.files:,} files do not open, half-written or damaged "
            f"({names}): what they hold is not known."
        )
    lost = log.future + log.undated
    if lost > WRONG_CLOCKS * (live.rows + lost):
        yield from clocks(log)
    elif log.files and not live.rows:
        last = f"; its newest row is of {log.latest:%Y-%m-%d %H:%M}" if log.latest else ""
        yield f"The log holds no row of this window{last}."
    if 0 < live.rows < least:
        yield f"The window has only {live.rows:,} rows; monitor.min_rows is {least:,}."
    if live.rows and (gone := [name for name in it.inputs if name not in live.inputs]):
        yield f"No row holds {listed(gone)} as schema.py has it."
    if answers is not None:
        if answers.damaged:
            yield f"{len(answers.damaged):,} files of labels do not open: half-written or damaged."
        for check in checks:
            if check.family == "performance" and check.state == UNKNOWN:
                yield f"{check.check}: {check.why}."


def clocks(log: Log) -> Iterator[str]:
    if log.future:
        yield f"{log.future:,} rows are from the future: the clock of a machine is wrong."
    if log.undated:
        yield f"{log.undated:,} rows have no time: they are in no window."


def remarks(log: Log, live: Live, answers: Labels | None, said: list[str]) -> Iterator[str]:
    """What else is odd about the log and the labels."""
    yield from (text for text in clocks(log) if text not in said)
    ids = live.ids.table["id"]
    if double := int(ids.duplicated().sum()):
        about = "About " if live.ids.total > len(ids) else ""
        count = round(double * live.ids.total / len(ids))
        yield f"{about}{count:,} rows repeat a {ID}: an answer counts once."
    if live.others:
        named = ", ".join(sorted(live.versions))
        yield f"{live.others:,} rows were predicted by another version ({named})."
    if answers is not None:
        if stray := len(answers.ids) - min(live.labelled.total, len(answers.ids)):
            yield f"{stray:,} of {len(answers.ids):,} labels are of no request in this window."
        if answers.double:
            yield f"{answers.double:,} requests have two different labels: they are left out."
        if answers.foreign:
            yield f"{answers.foreign:,} labels are nothing that the champion predicts: left out."


def bins(
    it: Reference, live: Live, checks: list[Check], settings: Settings
) -> list[dict[str, Any]]:
    """How the columns that moved most are spread, before and now."""
    drift = [check for check in checks if check.check == "drift" and check.value is not None]
    drift.sort(key=lambda check: (check.state != ALERT, -(check.value or 0.0)))
    found = []
    for check in drift[:DRAWN]:
        name = str(check.column)
        before, after = (
            (side.inputs if check.family == "inputs" else side.predictions)[name]
            for side in (it, live)
        )
        old, new = (c.spread.sum(axis=0) / max(c.spread.sum(), 1) for c in (before, after))
        told = settings.report.show_values or check.family == "predictions"
        found.append({
            "family": check.family, "column": name, "kind": before.bins.kind,
            "bins": before.bins.names if told else None,
            "before": np.round(old, 6).tolist(), "after": np.round(new, 6).tolist(),
        })  # fmt: skip
    return found
