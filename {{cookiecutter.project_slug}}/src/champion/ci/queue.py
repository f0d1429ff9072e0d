"""A commit of the merge queue: its model must have a verdict against the champion of now."""

import os

from champion.ci import recorded
from champion.ci.api import Api
from champion.ci.confirm import Doubt, confirm
from champion.ci.lock import pointed
from champion.ci.production import confirmed
from champion.ci.subject import Subject, model_of
from champion.judge import ledger
from champion.judge.champion import Champion
from champion.judge.events import Event
from champion.judge.evidence import Invalid

AGAIN = "update the branch, then queue it again"


def settle(api: Api, subject: Subject) -> None:
    """Look its model up in the ledger; nothing is trained or spent."""
    held = ledger.current()
    champion = confirmed(api, held)
    commits = recorded.judged_as(api, api.get(f"pulls/{subject.pull}")["head"]["sha"])
    try:
        model, data = model_of(subject.sha), pointed(subject.sha)
    except Invalid as invalid:
        subject.settle(str(invalid))
        return
    for verdict in reversed([it for it in held.events if it.kind == "verdict"]):
        if recorded.commit_of(verdict) not in commits or asked(verdict) != (model, data):
            continue
        if not is_believed(api, verdict):
            continue
        overrides = (it for it in held.events if is_override(it, verdict))
        if against_another(verdict, champion):
            subject.settle(f"the champion has changed since: {AGAIN}")
        elif verdict.body["merge"] or any(is_believed(api, it, verdict) for it in overrides):
            subject.settle(f"Judged as event {verdict.number} of the ledger", "success")
        else:
            subject.settle(f"its verdict (event {verdict.number} of the ledger) does not merge")
        return
    subject.settle(f"its model has no verdict: {AGAIN}")


def is_believed(api: Api, event: Event, verdict: Event | None = None) -> bool:
    """Whether an event is confirmed; of an override it is for this verdict."""
    try:
        confirm(api, event, os.environ["BASE"], verdict)
    except Doubt as doubt:
        print(f"Event {event.number} of the ledger is not believed: {doubt}")
        return False
    return True


def asked(event: Event) -> tuple[str | None, str | None]:
    """The model and the data that a verdict is about."""
    said = event.body.get("challenger") or {}
    return (said.get("model") or {}).get("md5"), said.get("data")


def is_override(event: Event, verdict: Event) -> bool:
    """Whether it is an owner's word that lets a verdict's model through."""
    return event.kind == "override" and event.body.get("verdict") == verdict.number


def against_another(verdict: Event, champion: Champion | None) -> bool:
    """Whether its champion is not the one of now."""
    now, then = champion.commit if champion else "", verdict.body.get("champion") or {}
    return bool(then.get("commit", "") != now and model_of(then.get("commit", "")) != model_of(now))
