"""Do the ledger's events fit together, and fit the commits that they name?"""

from collections.abc import Iterator

from champion.audit.judged import Judged
from champion.audit.remarks import EVENTS, Remark
from champion.ci import lock, standing
from champion.ci.confirm import run_id
from champion.ci.lock import Lock
from champion.errors import Refusal
from champion.judge.events import Event, Ledger
from champion.judge.verify import shallow
from champion.project import RAW
from champion.workspace.git import attempt, show

CURE = "do not deploy what it made, and find out who wrote it"


def check(ledger: Ledger, base: str) -> Iterator[Remark]:
    """Compare every promotion, rollback and override with what it names.

    base : the tip of the default branch
    """
    made: dict[str, Event] = {}
    runs: dict[int, Event] = {}
    for event in ledger.events:
        if event.kind in ("promotion", "rollback"):
            first = runs.setdefault(run_id(event), event)
            if run_id(event) and first is not event:
                yield remark(event, f"names run {run_id(event)}, as event {first.number} does, and a "
                             "run makes one")  # fmt: skip
        if event.kind == "promotion":
            yield from promotion(ledger, event, made, base)
            made.setdefault(event.body["version"], event)
        elif event.kind == "rollback":
            named = made[event.body["version"]]
            if event.body.get("commit") != named.body["commit"]:
                yield remark(event, f"puts back another commit than event {named.number} promoted as "
                             f"{event.body['version']}")  # fmt: skip
            if not event.by:
                yield remark(event, "puts a version back, and does not say who asked for it")
        elif event.kind == "override":
            yield from override(ledger, event)


def promotion(ledger: Ledger, event: Event, made: dict[str, Event], base: str) -> Iterator[Remark]:
    """A version's event against its verdict and its commit."""
    version, commit = event.body["version"], event.body["commit"]
    if version in made:
        yield remark(event, f"promotes {version}, which event {made[version].number} did")
    model, data = (event.body.get(what, "") for what in ("model", "data"))
    if not model or not data:
        yield remark(event, f"does not say which model and data {version} is of: promotion does")
    elif why := unproven(ledger, event):
        yield remark(event, f"promotes {version} by event {event.body['verdict']}, and {why}",
                     step="verdict")  # fmt: skip
    if attempt("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        yield absent(version, f"{commit[:10]} of {version} is not in this clone", base)
        return
    if attempt("merge-base", "--is-ancestor", commit, base).returncode:
        what = f"{commit[:10]} of {version} is not in the history of the default branch"
        yield absent(version, what, base)
    try:
        locked = lock_of(commit)
    except Refusal as refusal:
        yield remark(event, f"promotes {commit[:10]}, whose dvc.lock cannot be read ({refusal})",
                     step="code")  # fmt: skip
        return
    if model and locked.model != model:
        yield remark(event, f"promotes the model {model[:10]}, and the dvc.lock of {commit[:10]} names "
                     f"{locked.model[:10]}", step="code")  # fmt: skip
    named = {locked.deps.get(RAW.as_posix()), pointed(commit)}
    if data and named != {data}:
        other = next((it for it in named if it and it != data), "none")
        yield remark(event, f"promotes what was trained on the data {data[:10]}, and {commit[:10]} "
                     f"names {other[:10]}", step="data")  # fmt: skip


def unproven(ledger: Ledger, event: Event) -> str:
    """Why the verdict that a promotion names does not let its model through; empty if it does."""
    body, before = event.body, ledger.events[: event.number - 1]
    since = standing.withdrawn(Ledger(before), body["model"], lambda _: True)
    proofs = standing.proofs(Ledger(before), body["model"], body["data"], since)
    if body["verdict"] in [it.verdict.number for it in proofs]:
        return ""
    said = before[body["verdict"] - 1]
    judged = Judged.of(said)
    if (judged.model, judged.data) != (body["model"], body["data"]):
        return "that verdict is about another model or other data"
    if not said.body["merge"] and not any(
        it.kind == "override" and it.body.get("verdict") == body["verdict"] for it in before
    ):
        return "that verdict does not merge, and no override is recorded before"
    return "a rollback withdrew the model after that verdict"


def override(ledger: Ledger, event: Event) -> Iterator[Remark]:
    """A person's word against the judge: for a verdict, about its commit, by somebody."""
    number = event.body.get("verdict")
    verdict = ledger.events[number - 1] if number and 0 < number < event.number else None
    if not verdict or Judged.of(verdict).commit != event.body["commit"]:
        yield remark(event, f"overrides the judge for {event.body['commit'][:10]}, and names no verdict "
                     "about that commit", step="approvals")  # fmt: skip
    if not event.by:
        yield remark(event, "overrides the judge, and does not say who did", step="approvals")


def lock_of(commit: str) -> Lock:
    """What a commit's dvc.lock names.

    Raises
    ------
    Refusal : it is none.
    """
    return lock.parsed(show(commit, "dvc.lock"))


def pointed(commit: str) -> str | None:
    """The hash of the data that a commit tracks; None where its pointer cannot be read."""
    try:
        return lock.pointed(commit)
    except Refusal:
        return None


def remark(event: Event, what: str, step: str = "") -> Remark:
    steps = {"promotion": "promotion", "rollback": "rollback", "override": "approvals"}
    text = f"Event {event.number} of the ledger ({event.kind}) {what}: {CURE}."
    return Remark(EVENTS, text, (str(event.body.get("version", "")),), step or steps[event.kind])


def absent(version: str, what: str, base: str) -> Remark:
    """A commit that is not where it should be, or that only a shallow clone lacks."""
    if shallow(base):
        return Remark(EVENTS, f"The commit {what}, which has no whole history: run "
                      "`git fetch --unshallow`.", (version,), "code", checked=False)  # fmt: skip
    return Remark(EVENTS, f"The commit {what}: its history was rewritten, or the tag of another one was "
                  "pushed; compare it with an older clone.", (version,), "code")  # fmt: skip
