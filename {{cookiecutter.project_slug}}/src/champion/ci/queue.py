"""A commit of the merge queue: its model must have a verdict against the champion of now."""

from champion.ci.subject import Subject, model_of
from champion.judge import ledger
from champion.judge.champion import find


def settle(subject: Subject) -> None:
    """Look its model up in the ledger; nothing is trained or spent."""
    model, champion = model_of(subject.sha), find()
    now = champion.commit if champion else ""
    for event in reversed(ledger.read(ledger.newest(online=False)[0]).events):
        body = event.body
        if (
            event.kind != "verdict"
            or ((body["challenger"] or {}).get("model") or {}).get("md5") != model
        ):
            continue
        then = (body.get("champion") or {}).get("commit") or ""
        if then != now and model_of(then) != model_of(now):
            subject.settle("the champion has changed since: update the branch, then queue it again")
        elif body["merge"] or overridden(event.number):
            subject.settle(f"Judged as event {event.number} of the ledger", "success")
        else:
            subject.settle(f"its verdict (event {event.number} of the ledger) does not merge")
        return
    subject.settle("its model has no verdict: update the branch, then queue it again")


def overridden(number: int) -> bool:
    """Whether an owner let a verdict's model through."""
    events = ledger.read(ledger.newest(online=False)[0]).events
    return any(it.kind == "override" and it.body.get("verdict") == number for it in events)
