"""Say what was seen: on the ledger, in one issue, to a chat; and propose to train anew.

Each of it once, however often this is run, and whatever is killed in between: what is there already
stays. The issue is open while the last look that knew anything is an alert, or new data wait for a
person.
"""

import json
import os
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from champion.card.completed import updated
from champion.ci import alert, issue, record, retrain
from champion.ci.api import Api
from champion.ci.outputs import write_summary
from champion.ci.watch import WATCHED
from champion.ci.watched import Watched, read
from champion.judge import ledger
from champion.judge.events import Event
from champion.judge.ledger import Entry
from champion.markdown import bullets, clean, prose
from champion.monitor import history, picture
from champion.monitor.checks import ALERT, UNKNOWN
from champion.settings import GATE, Settings
from champion.workspace.git import git

LABEL = "monitor"
PATIENCE = 10  # seconds, for a chat


def tell(api: Api) -> int:
    """Step `tell`; exit code 1 where new data could not be proposed for no reason of the settings."""
    git("config", "user.name", record.BOT)
    git("config", "user.email", record.MAIL)
    watched = read(WATCHED)
    if watched.look:
        remember(watched.look)
    events = [it for it in ledger.current().events if history.usable(it.body.get("look"))]
    lasting = alert_of(events)
    it = retrain.retrain(api, Settings.of_gate(GATE).monitor, watched.fresh, bool(lasting))
    body = alert.body(lasting, events[-1] if events else None, it.said, address(api))
    title = alert.title(lasting)
    number, happened = settle(api, title, body, lasting, it.waits, streak(events))
    write_summary(summary(watched, body if number else it.said))
    if happened:
        notify(f"{os.environ['GITHUB_REPOSITORY']}: {happened}", f"{address(api)}/issues/{number}")
    return int(it.broke)


def remember(look: dict[str, Any]) -> Event:
    """Record a look, once a run."""

    def entry(held: ledger.Ledger) -> Entry:
        drawn = {}
        if look["checks"]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, alert.PICTURE)
                picture.draw(look, history.of_events(held.events), path)
                drawn[path.name] = path.read_bytes()
        alerts = [check for check in look["checks"] if check["state"] == ALERT]
        body = {
            "summary": clean(look["headline"], 400), "look": history.summary(look),
            "reasons": look["reasons"], "findings": look["findings"], "drawn": bool(drawn),
            "alerts": alerts[: alert.MOST], "run": record.this_run(),
        }  # fmt: skip
        card = with_look(held.events, body, look["time"])
        return Entry({**body, "card": bool(card)}, drawn | card)

    return ledger.append("monitor", f"monitor/{os.environ['GITHUB_RUN_ID']}", entry)


def with_look(events: list[Event], body: dict[str, Any], time: str | None) -> dict[str, bytes]:
    """The card of the champion that was looked at, with this look; none if it was not promoted."""
    champion = body["look"]["champion"] or {}
    for promotion in (it.body for it in reversed(events) if it.kind == "promotion"):
        if all(promotion[key] == champion.get(key) for key in ("version", "commit")):
            this = Event(len(events) + 1, "monitor", time or "", "", None, body)
            return updated([*events, this], promotion)
    return {}


def alert_of(events: list[Event]) -> Event | None:
    """The last look that knew anything, if it is an alert."""
    known = [it for it in events if it.body["look"].get("state") != UNKNOWN]
    return known[-1] if known and known[-1].body["look"]["state"] == ALERT else None


def streak(events: list[Event]) -> str:
    """When the first of the alerts was seen that have lasted until now."""
    first = ""
    for event in reversed([it for it in events if it.body["look"].get("state") != UNKNOWN]):
        if event.body["look"]["state"] != ALERT:
            break
        first = event.time
    return first


def settle(
    api: Api, title: str, body: str, lasting: Event | None, waits: bool, since: str
) -> tuple[int, str]:
    """Open, update or close the issue; its number, 0 if none is open, and what has happened to it."""
    own = issue.own(api, LABEL)
    if lasting or waits:
        if own and own["state"] == "open":
            return issue.say(api, own, title, body), ""
        if own and lasting and own["created_at"] >= since:
            return 0, ""  # somebody closed it while the alert lasts
        new = {"title": title, "body": body, "labels": [LABEL]}
        return int(api.post("issues", new)["number"]), title
    if own and own["state"] == "open":
        issue.close(api, own, f"It is over.\n\n{body}")
        return int(own["number"]), "It is over: no alert any more"
    return 0, ""


def address(api: Api) -> str:
    """Where the repository is shown."""
    return f"{os.environ['GITHUB_SERVER_URL']}/{api.name}"


def summary(watched: Watched, said: str) -> str:
    """What the page of the run shows: an absence is no all-clear."""
    look = watched.look
    if look is None:
        nothing = (
            "### ⚪ Not known: nothing to watch\n\nNo log is set: see `monitor.log` in `gate.yaml`."
        )
        return f"{nothing}\n\n{said}"
    mark = {ALERT: "🔴", UNKNOWN: "⚪"}.get(look["state"], "🟢")
    findings = bullets([prose(it) for it in look["findings"]])
    return f"### {mark} {prose(look['headline'])}\n\n{findings}\n\n{said}"


def notify(text: str, link: str) -> None:
    """Tell a chat that takes Slack's webhooks, where one is named; that it fails harms nothing."""
    url = os.environ.get("WEBHOOK", "")
    if not url.startswith(("https://", "http://")):
        return
    content = json.dumps({"text": f"{clean(text, 400)} {link}"}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except (OSError, HTTPException, ValueError) as error:
        print(f"::warning title=No message::the webhook did not take it: {type(error).__name__}")
