"""Which model is in production, asked of whoever cannot be talked into anything.

A tag says it, and everybody who can push can push a tag: it counts if the newest promotion or
rollback that the API confirms put that commit there. The judge runs the champion's code, so one that
is not confirmed is neither run nor deployed.
"""

import os
import shutil

from champion.ci import standing
from champion.ci.api import Api
from champion.ci.confirm import Doubt, Expired, confirm, run_id, succeeded
from champion.ci.judged import JUDGED, PROBLEM
from champion.errors import Refusal
from champion.judge import ledger
from champion.judge.champion import STAGE, VERSION, Champion, anchor, find, tags
from champion.judge.events import Event
from champion.judge.ledger import Ledger
from champion.workspace.git import git, resolve


def confirmed(api: Api, held: Ledger, unfinished: bool = False) -> Champion | None:
    """The champion, as `champion.find` finds it.

    Parameters
    ----------
    unfinished : the tag of the newest event may be missing yet, after a kill.

    Raises
    ------
    Refusal : it is not confirmed, or the model that it is measured against besides is not.
    """
    forget_other_versions(held)
    found = find()
    claimed = any(STAGE.fullmatch(tag) for tag in tags())
    believed = (it for it in reversed(standing.reigns(held)) if is_believed(api, held, it))
    reign = next(believed, None)
    if unfinished and reign and found != made_by(reign):
        reign = next(believed, None)
    if reign is None and claimed:
        raise Refusal(
            "the tags name a model in production, and no confirmed promotion of the ledger put it "
            "there: delete the tags model#production#…, then run promote.",
            code=1,
        )
    if reign is None:
        return found
    if not claimed or not found or found != made_by(reign):
        there = (found.version or found.commit[:10]) if claimed and found else "nothing"
        version = reign.body["version"]
        raise Refusal(
            f"the tags say that {there} is in production, and the ledger's last confirmed event "
            f"({reign.number}) says {version}: run promote with version {version}.",
            code=1,
        )
    before = anchor(found)
    if before and not was_promoted(api, held, before):
        raise Refusal(f"the tag model@{before.version} is of no confirmed promotion.", code=1)
    return found


def forget_other_versions(held: Ledger) -> None:
    """Drop, in this clone, the version tags that no line of the ledger speaks of."""
    spoken = {
        (f"model@{it.body['version']}", it.body["commit"]) for it in standing.promotions(held)
    }
    for tag in tags():
        if VERSION.fullmatch(tag) and (tag, resolve(f"refs/tags/{tag}")) not in spoken:
            print(f"The tag {tag} is of no promotion: it is left aside")
            git("tag", "--delete", tag)


def made_by(reign: Event) -> Champion:
    """The champion that an event made."""
    return Champion(reign.body["commit"], reign.body["version"])


def is_believed(api: Api, held: Ledger, event: Event) -> bool:
    """Whether the run that an event names did what it says.

    Where what that left has expired: whether it was a run that does such things.
    """
    try:
        try:
            confirm(api, event, os.environ["BASE"])
        except Expired:
            if not did_as_much(api, held, event):
                raise
        if not first_of_its_run(held, event):
            raise Doubt("its run made another event before")
    except Doubt as doubt:
        print(f"Event {event.number} of the ledger is not believed: {doubt}")
        return False
    return True


def did_as_much(api: Api, held: Ledger, event: Event) -> bool:
    """Whether a run whose artifact has expired did promote, or did put back what was promoted."""
    return succeeded(api, event) and (
        event.kind == "promotion" or was_promoted(api, held, made_by(event))
    )


def was_promoted(api: Api, held: Ledger, model: Champion) -> bool:
    """Whether a confirmed promotion made a commit that version."""
    return any(
        made_by(it) == model and is_believed(api, held, it) for it in standing.promotions(held)
    )


def first_of_its_run(held: Ledger, event: Event) -> bool:
    """Whether no earlier event came of its run: each makes one."""
    its = (it.number for it in standing.reigns(held) if run_id(it) == run_id(event))
    return event.number == next(its, event.number)


def champion(api: Api) -> int:
    """Step `champion`: leaves the reason where the champion must not be run."""
    shutil.rmtree(JUDGED, ignore_errors=True)
    JUDGED.mkdir(parents=True)
    try:
        found = confirmed(api, ledger.current())
    except Refusal as refusal:
        print(f"champion ci champion: {refusal}")
        PROBLEM.write_text(str(refusal), encoding="utf-8")
    else:
        print(f"{found.name if found else 'No champion yet'}: confirmed")
    return 0
