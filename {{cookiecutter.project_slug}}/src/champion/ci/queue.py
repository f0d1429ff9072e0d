"""A commit of the merge queue: its model must have a verdict against the champion of now."""

from champion.ci import recorded
from champion.ci.api import Api
from champion.ci.confirm import Doubt, confirm
from champion.ci.lock import pointed
from champion.ci.subject import Subject, event, model_of
from champion.judge import ledger
from champion.judge.champion import find
from champion.judge.events import Event
from champion.judge.evidence import Invalid

AGAIN = "update the branch, then queue it again"


def settle(api: Api, subject: Subject) -> None:
    """Look its model up in the ledger; nothing is trained or spent."""
    events, base = ledger.current().events, event()["repository"]["default_branch"]
    commits = recorded.judged_as(api, api.get(f"pulls/{subject.pull}")["head"]["sha"])
    try:
        model, data = model_of(subject.sha), pointed(subject.sha)
    except Invalid as invalid:
        subject.settle(str(invalid))
        return
    doubts = []
    for verdict in reversed([it for it in events if it.kind == "verdict"]):
        if recorded.commit_of(verdict) not in commits or asked(verdict) != (model, data):
            continue
        override = next((it for it in events if overrides(it, verdict)), None)
        try:
            confirm(api, verdict, base)
            if override:
                confirm(api, override, base, verdict)
        except Doubt as doubt:
            doubts.append(f"event {verdict.number} of the ledger is not believed, {doubt}")
            continue
        if against_another(verdict):
            subject.settle(f"the champion has changed since: {AGAIN}")
        elif verdict.body["merge"] or override:
            subject.settle(f"Judged as event {verdict.number} of the ledger", "success")
        else:
            subject.settle(f"its verdict (event {verdict.number} of the ledger) does not merge")
        return
    subject.settle(f"{doubts[0] if doubts else 'its model has no verdict'}: {AGAIN}")


def asked(event: Event) -> tuple[str | None, str | None]:
    """The model and the data that a verdict is about."""
    said = event.body.get("challenger") or {}
    return (said.get("model") or {}).get("md5"), said.get("data")


def overrides(event: Event, verdict: Event) -> bool:
    """Whether it is an owner's word that lets a verdict's model through."""
    return event.kind == "override" and event.body.get("verdict") == verdict.number


def against_another(verdict: Event) -> bool:
    """Whether its champion is not the one of now."""
    champion = find()
    now, then = champion.commit if champion else "", verdict.body.get("champion") or {}
    return bool(then.get("commit", "") != now and model_of(then.get("commit", "")) != model_of(now))
