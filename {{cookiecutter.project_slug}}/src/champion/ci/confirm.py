"""Whether what the ledger says was said by whoever may say it.

Everybody who can push can write the ledger, and name any run in it. An event counts if the API
confirms that its run was one of the workflow that may say so, of the default branch, and if what
that run left says the same: a run's artifacts can be written by that run alone.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from champion.ci.api import Api, NotFound
from champion.ci.artifact import Hostile, download, unpack
from champion.ci.judged import PROMOTION, SUBJECT, VERDICT
from champion.judge.events import Event
from champion.workspace.git import attempt
from champion.workspace.objects import sha256

JUDGE = ".github/workflows/judge.yml"
PROMOTE = ".github/workflows/promote.yml"
DEPLOY = ".github/workflows/deploy.yml"
MONITOR = ".github/workflows/monitor.yml"
LEFT = {JUDGE: "judged", PROMOTE: "verified", MONITOR: "watched"}  # the artifact of what each found
SAYS = {
    "verdict": (JUDGE, PROMOTE), "override": (JUDGE,), "promotion": (PROMOTE,), "rollback": (PROMOTE,),
    "monitor": (MONITOR,),
}  # fmt: skip
STARTED_BY = {
    JUDGE: ("workflow_run", "workflow_dispatch"), PROMOTE: ("push", "workflow_dispatch"),
    DEPLOY: ("workflow_dispatch",), MONITOR: ("schedule", "workflow_dispatch"),
}  # fmt: skip
SEEN = Path(".champion/seen")
KEPT = timedelta(days=89)  # what a run leaves; GitHub's own setting, less a day
SAME = {  # what an event says as what its run left does
    "verdict": ("commit", "model", "data", "predictions_sha256"),  # of the challenger
    "promotion": ("commit", "model", "data"),
    "rollback": ("commit", "version"),
}
RECORDED = ("run", "asked", "budget", "findings")  # of a verdict, what only the ledger knows
COUNTED = ("verdict", "merge", "reasons")  # and what it changes where no looks are left


class Doubt(Exception):
    """Why an event is not believed."""


class Expired(Doubt):
    """Its run is right, and what that left is not there any more."""


class Gone(Doubt):
    """There is no such run (any more)."""


def confirm(
    api: Api, event: Event, base: str, verdict: Event | None = None, tip: str = "HEAD"
) -> Path:
    """Check an event against its run.

    Parameters
    ----------
    base : the default branch.
    verdict : that an override is about.
    tip : of the default branch; a workflow has it checked out.

    Returns
    -------
    The folder with what the run left.

    Raises
    ------
    Doubt, Expired : it does not say the same.
    """
    folder = left(api, event, base, tip)
    judged = read(folder, VERDICT)
    if event.kind == "verdict":
        if differs(event.kind, judged.get("challenger"), event.body["challenger"]):
            raise Doubt("the judge judged another model")
        if event.body["merge"] and not judged.get("merge"):
            raise Doubt("the judge said no")
        free = (*RECORDED, *(() if event.body["merge"] else COUNTED))
        if not repeats({k: v for k, v in event.body.items() if k not in free}, judged):
            raise Doubt("the judge said something else")
    elif event.kind == "override":
        asked = read(folder, SUBJECT)
        if asked.get("policy") != "override" or asked.get("sha") != event.body["commit"]:
            raise Doubt("nobody asked for it")
        if verdict and differs("verdict", judged.get("challenger"), verdict.body["challenger"]):
            raise Doubt("it was asked for another model")
    else:
        found = read(folder, PROMOTION)
        if found.get("refusal") or differs(event.kind, found, event.body):
            raise Doubt("another model was verified")
    return folder


def holds(api: Api, event: Event, base: str, verdict: Event | None = None) -> bool:
    """Whether an event is confirmed; says on the log why it is not."""
    try:
        confirm(api, event, base, verdict)
    except Doubt as doubt:
        print(f"Event {event.number} of the ledger is not believed: {doubt}")
        return False
    return True


def repeats(claimed: Any, found: Any) -> bool:
    """Whether all that is claimed was found: the ledger leaves out what its verdicts do not know."""
    if isinstance(claimed, dict) and isinstance(found, dict | None):
        return all(repeats(value, (found or {}).get(name)) for name, value in claimed.items())
    if isinstance(claimed, list) and isinstance(found, list | None):
        return len(claimed) == len(found or []) and all(map(repeats, claimed, found or []))
    return bool(claimed == found or claimed == json.dumps(found, ensure_ascii=False))


def differs(kind: str, found: dict[str, Any] | None, claimed: dict[str, Any] | None) -> bool:
    """Whether an event claims something else than its run found."""
    one, other = found or {}, claimed or {}
    # Of bad data a verdict names no model: it lets nothing through.
    needed = SAME[kind] if kind != "verdict" or one.get("model") else ("commit",)
    return any(one.get(name) is None or one[name] != other.get(name) for name in needed)


def left(api: Api, event: Event, base: str, tip: str = "HEAD") -> Path:
    """What the run of an event left, as the event says."""
    for it in claimed(api, event, base, tip):
        found = str(it.get("digest") or "").removeprefix("sha256:")
        if fetched(api, it["id"], found):
            return SEEN / found
    raise Expired(f"what run {run_id(event)} left has expired")


def claimed(api: Api, event: Event, base: str, tip: str = "HEAD") -> list[dict[str, Any]]:
    """The artifacts that can be what an event says its run left; at least one.

    Raises
    ------
    Doubt, Expired : the run is none that says such things, or left nothing of the kind.
    """
    named = event.body.get("run")
    number = run_id(event)
    if not number or not isinstance(named, dict):
        raise Doubt("it names no run")
    run = run_of(api, event)
    path = path_of(run)
    if path not in SAYS[event.kind] or not is_ours(run, base, tip):
        may = " or ".join(Path(it).name for it in SAYS[event.kind])
        raise Doubt(f"run {number} is none of {may} on {base}")
    digest = str(named.get("artifact") or "").removeprefix("sha256:")
    if not digest:
        raise Doubt("it does not say what its run left")
    listed = api.pages(f"actions/runs/{number}/artifacts", "artifacts")
    there = [it for it in listed if it["name"] == LEFT[path]]
    same = [it for it in there if it.get("digest") == f"sha256:{digest}"]
    if there and not same and run["run_attempt"] == named.get("attempt"):
        raise Doubt(f"run {number} left something else")
    if not there and age(run) < KEPT:  # whoever may write can delete it, and then say anything
        raise Doubt(f"what run {number} left was deleted")
    # A later attempt's artifact takes the place of an earlier one's: it says the same, or is doubted.
    found = [it for it in same or there if not it["expired"]]
    if not found:
        raise Expired(f"what run {number} left has expired")
    return found


def run_id(event: Event) -> int:
    """The number of the run that an event names; 0 if it names none."""
    named = event.body.get("run")
    number = named.get("id") if isinstance(named, dict) else 0
    return number if isinstance(number, int) else 0


def age(run: dict[str, Any]) -> timedelta:
    """Since a run was made."""
    made = datetime.fromisoformat(run["created_at"].replace("Z", "+00:00"))
    return datetime.now(UTC) - made


def path_of(run: dict[str, Any]) -> str:
    """The file of a run's workflow."""
    return str(run["path"].partition("@")[0])


def is_ours(run: dict[str, Any], base: str, tip: str = "HEAD") -> bool:
    """Whether a run's workflow was the default branch's, started by what starts it there."""
    # A tag may be called as the branch is: then the commit tells.
    merged = not attempt("merge-base", "--is-ancestor", run["head_sha"], tip).returncode
    started = run["event"] in STARTED_BY.get(path_of(run), ())
    return merged and started and run["head_branch"] == base


def run_of(api: Api, event: Event) -> dict[str, Any]:
    """The run that an event names."""
    number = event.body["run"]["id"]
    try:
        run: dict[str, Any] = api.get(f"actions/runs/{number}")
    except NotFound:
        raise Gone(f"there is no run {number}") from None
    return run


def fetched(api: Api, artifact: int, digest: str) -> bool:
    """Download an artifact into a folder of its own; False if it is gone."""
    folder = SEEN / digest
    archive = folder.with_suffix(".zip")
    try:
        with api.open(f"actions/artifacts/{artifact}/zip") as source:
            download(source, archive)
        if sha256(archive) != digest:
            raise Doubt("what its run left is damaged")
        unpack(archive, folder)
    except NotFound:
        return False
    except Hostile as hostile:
        raise Doubt(str(hostile)) from hostile
    finally:
        archive.unlink(missing_ok=True)
    return True


def read(folder: Path, place: Path) -> dict[str, Any]:
    """A file of what a run left; empty where there is none."""
    try:
        content = json.loads((folder / place.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def succeeded(api: Api, event: Event) -> bool:
    """Whether a promotion's run was started for that very commit, a rollback's by a person, and
    whether it did promote.

    For when what it left has expired: nobody can write that either.
    """
    run = run_of(api, event)
    jobs = api.pages(f"actions/runs/{run['id']}/jobs", "jobs", filter="all")  # of every attempt
    done = any(it["name"] == "promote" and it["conclusion"] == "success" for it in jobs)
    if event.kind == "rollback":
        return done and run["event"] == "workflow_dispatch"
    return bool(done and run["event"] == "push" and run["head_sha"] == event.body["commit"])
