"""What the monitor's issue says: what drifted, by how much, since when, what it costs, what is done.

It is written from events of the ledger, which everybody who can push can write: numbers and short
words are taken from them, nothing else.
"""

from dataclasses import fields
from typing import Any

from champion.ci.watched import CHECK
from champion.judge.events import Event, unfit
from champion.judge.metrics import METRICS
from champion.judge.wording import amount, level
from champion.markdown import bullets, clean, code, prose, table
from champion.monitor import wording
from champion.monitor.checks import UNKNOWN, Check
from champion.tables.findings import percent

PICTURE = "monitor.png"
MOST = 30  # alerts of an event
SHOWN = 12
HEAD = ("", "before", "now", "by how much", "tolerated", "since")
WAITING = "Monitor: new data wait for you"
NOTE = (
    "An alert is a change that is large enough to matter and that chance does not explain. This "
    "issue is updated at every look, and closed by the first one without an alert."
)


def title(event: Event | None) -> str:
    """One line; `event` is the look that alerts."""
    return f"Monitor: {clean(event.body['summary'], 150).rstrip('.')}" if event else WAITING


def body(event: Event | None, newest: Event | None, next_: str, address: str) -> str:
    """The whole text.

    Parameters
    ----------
    event : the look that alerts, if one does.
    newest : the newest look of all: what it does not know is no all-clear.
    next_ : what is done, in Markdown.
    address : of the repository.
    """
    parts = []
    if event is None:
        parts += [prose(newest.body["summary"])] if newest else []
        return "\n\n".join([*parts, next_]).strip()
    look = event.body["look"]
    parts.append(f"**{prose(event.body['summary'])}**")
    if newest and newest.body["look"].get("state") == UNKNOWN:
        parts.append(
            f"⚪ The newest look: {prose(newest.body['summary'])} This was the one before."
        )
    if event.body.get("drawn") is True:
        folder = f"{address}/raw/ledger/files/{event.number:06}"
        parts.append(f"![What moved, and since when]({folder}/{PICTURE})")
    alerts = [it for it in event.body.get("alerts") or () if is_check(it)]
    parts.append(table(HEAD, [row(it) for it in alerts], most=SHOWN))
    parts.append(f"**What it costs.** {cost(look)}")
    parts += [f"**What is done.** {next_}"] if next_ else []
    findings = [prose(it) for it in event.body.get("findings") or () if isinstance(it, str)]
    parts.append(bullets(findings, SHOWN))
    parts.append(f"{seen(event)} · [every look]({address}/tree/ledger)\n\n<sub>{NOTE}</sub>")
    return "\n\n".join(part for part in parts if part)


def is_check(content: Any) -> bool:
    return isinstance(content, dict) and not unfit(content, CHECK)


def row(content: dict[str, Any]) -> list[str]:
    """One alert: what, before, now, by how much, what is tolerated, since when."""
    it = Check(**{field.name: content[field.name] for field in fields(Check)})
    by = f"{amount(it.value)} ({amount(it.lower)} … {amount(it.upper)})"
    tolerated = amount(it.threshold)
    before, now = (
        "" if share is None else percent(share) for share in (it.before, it.after)
    )  # fmt: skip
    column = code(it.column or it.check)
    if it.check in METRICS:
        what = prose(it.measure) + (f" where {column} is {code(it.part)}" if it.part else "")
        before, now = wording.metric(it, now=False), wording.metric(it)
    elif it.check in ("drift", "target"):
        what, by = f"{column} has moved", f"PSI {by}"
    elif it.family == "quality":
        what, by, tolerated = f"{column}: {wording.QUALITY.get(it.check, code(it.check))}", "", ""
    else:
        new = "missing" if it.check == "missing" else "unlike the training data"
        what, by = f"{column} {new}", f"+{percent(it.value or 0.0)}"
        tolerated = f"+{percent(it.threshold or 0.0)}"
    return [what, before, now, by, tolerated, str(content["since"] or "")[:10]]


def cost(look: dict[str, Any]) -> str:
    """The metric that judges, live and on the holdout."""
    name = look.get("metric")
    for it in look["checks"]:
        if it.get("check") == name and it.get("part") is None and name in METRICS:
            now, before, loss = (it.get(key) for key in ("after", "before", "value"))
            if all(isinstance(number, float | int) for number in (now, before, loss)):
                label = METRICS[name].label
                said = f"{label} is {level(now, None)} on live rows, {level(before, None)} on the holdout"
                return f"{said}: worse by {amount(loss)}." if loss > 0 else f"{said}: not worse."
    return "Not known: no answers have come yet."


def seen(event: Event) -> str:
    """What was looked at."""
    look = event.body["look"]
    champion, window = look.get("champion"), look["window"]
    version = champion.get("version") if isinstance(champion, dict) else None
    start, end = (str(window.get(key) or "")[:10] for key in ("from", "to"))
    said = [f"Champion {prose(version)}"] if version else []
    said += [f"{look['rows']:,} rows"] if isinstance(look.get("rows"), int) else []
    said += [prose(f"{start} to {end}")] if start and end else []
    return " · ".join(said)
