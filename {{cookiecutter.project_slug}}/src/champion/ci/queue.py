"""A commit of the merge queue: its model must have a verdict against the champion of now."""

import os

from champion.ci import recorded
from champion.ci.api import Api
from champion.ci.confirm import holds
from champion.ci.lock import pointed
from champion.ci.production import confirmed
from champion.ci.standing import judged
from champion.ci.subject import Subject, model_of
from champion.judge import ledger
from champion.judge.champion import Champion
from champion.judge.events import Event
from champion.judge.evidence import Invalid

AGAIN = "update the branch, then queue it again"


def settle(api: Api, subject: Subject) -> None:
    """Look its model up in the ledger; nothing is trained or spent."""
    held, base = ledger.current(), os.environ["BASE"]
    champion = confirmed(api, held)
    commits = recorded.judged_as(api, api.get(f"pulls/{subject.pull}")["head"]["sha"])
    try:
        model, data = model_of(subject.sha), pointed(subject.sha)
    except Invalid as invalid:
        subject.settle(str(invalid))
        return
    for verdict in reversed([it for it in held.events if it.kind == "verdict"]):
        if recorded.commit_of(verdict) not in commits or judged(verdict) != (model, data):
            continue
        if not holds(api, verdict, base):
            continue
        overrides = (it for it in held.events if is_override(it, verdict))
        if against_another(verdict, champion):
            subject.settle(f"the champion has changed since: {AGAIN}")
        elif verdict.body["merge"] or any(holds(api, it, base, verdict) for it in overrides):
            subject.settle(f"Judged as event {verdict.number} of the ledger", "success")
        else:
            subject.settle(f"its verdict (event {verdict.number} of the ledger) does not merge")
        return
    subject.settle(f"its model has no verdict: {AGAIN}")


def is_override(event: Event, verdict: Event) -> bool:
    """Whether it is an owner's word that lets a verdict's model through."""
    return event.kind == "override" and event.body.get("verdict") == verdict.number


def against_another(verdict: Event, champion: Champion | None) -> bool:
    """Whether its champion is not the one of now."""
    now, then = champion.commit if champion else "", verdict.body.get("champion") or {}
    return bool(then.get("commit", "") != now and model_of(then.get("commit", "")) != model_of(now))
