"""Which model is in production, asked of whoever cannot be talked into anything.

A tag says it, and everybody who can push can push a tag: it counts if the newest promotion or
rollback that the API confirms put that commit there. The judge runs the champion's code, so one that
is not confirmed is neither run nor deployed.
"""

import contextlib
import os
import shutil

from champion.ci import lock, owners, standing
from champion.ci.api import Api
from champion.ci.confirm import PROMOTE, Doubt, Expired, confirm, path_of, run_id, run_of, succeeded
from champion.ci.judged import JUDGED, PROBLEM
from champion.ci.subject import model_of
from champion.errors import Refusal
from champion.judge import ledger
from champion.judge.champion import STAGE, VERSION, Champion, anchor, find, tags
from champion.judge.events import Event
from champion.judge.evidence import Invalid
from champion.judge.ledger import Ledger
from champion.settings import GATE
from champion.workspace.git import attempt, git, resolve


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
    claimed = any(STAGE.fullmatch(tag) for tag in tags())
    believed = (it for it in reversed(standing.reigns(held)) if is_believed(api, held, it))
    found = found_beside(reign := next(believed, None))
    if unfinished and reign and found != made_by(reign):
        found = found_beside(reign := next(believed, None))
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


def found_beside(reign: Event | None) -> Champion | None:
    """What the tags say, without other versions that somebody gave to the commit of an event."""
    for tag in tags("--points-at", reign.body["commit"]) if reign else []:
        if VERSION.fullmatch(tag) and reign and tag != f"model@{reign.body['version']}":
            git("tag", "--delete", tag)
    return live()


def live() -> Champion | None:
    """What the tags say; None where they name a commit without a model, too."""
    with contextlib.suppress(Refusal):
        return find()
    return None


def made_by(reign: Event) -> Champion:
    """The champion that an event made."""
    return Champion(reign.body["commit"], reign.body["version"])


def is_believed(api: Api, held: Ledger, event: Event) -> bool:
    """Whether the run that an event names did what it says; says on the log why not."""
    try:
        check(api, held, event)
    except Doubt as doubt:
        print(f"Event {event.number} of the ledger is not believed: {doubt}")
        return False
    return True


def check(api: Api, held: Ledger, event: Event) -> None:
    """Check that the run which an event names did what it says.

    Where what that left has expired: that it was a run which does such things.

    Raises
    ------
    Doubt, Expired : it did not.
    """
    try:
        confirm(api, event, os.environ["BASE"])
    except Expired:
        if not did_as_much(api, held, event):
            raise
    if not first_of_its_run(held, event):
        raise Doubt("its run made another event before")
    if event.kind == "promotion":
        check_grounds(api, held, event)


def check_grounds(api: Api, held: Ledger, promotion: Event) -> None:
    """Check what let a model through: merged code runs where its run writes what it found.

    Raises
    ------
    Doubt, Expired : that is of another model, or lets nothing through.
    """
    base, its = os.environ["BASE"], (promotion.body.get("model"), promotion.body.get("data"))
    commit, verdict = promotion.body["commit"], held.events[promotion.body["verdict"] - 1]
    merged = not attempt("merge-base", "--is-ancestor", commit, "HEAD").returncode
    if not merged or (model_of(commit), pointed_to(commit)) != its:
        raise Doubt(f"{commit[:10]} is not the default branch's with that model")
    if standing.judged(verdict) != its:
        raise Doubt("its verdict is of another model")
    overrides = (it for it in held.events if it.number == promotion.body.get("override"))
    override = None if verdict.body["merge"] else next(overrides, None)
    if not verdict.body["merge"] and not override:
        raise Doubt("its verdict lets nothing through")
    try:
        confirm(api, verdict, base)
        if override:
            confirm(api, override, base, verdict)
    except Expired:
        if not succeeded(api, promotion):
            raise
    run = run_of(api, verdict)
    before = (it for it in standing.promotions(held) if it.number < promotion.number)
    if path_of(run) == PROMOTE and any(is_believed(api, held, it) for it in before):
        people = {run[who]["login"] for who in ("actor", "triggering_actor")}
        if not all(owners.is_owner(api, who, [GATE.name]) for who in people):
            raise Doubt("promotion judged it, and no owner asked for that")


def pointed_to(commit: str) -> str | None:
    """The data that a commit names; None if it names none as it should."""
    try:
        return lock.pointed(commit)
    except Invalid:
        return None


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
