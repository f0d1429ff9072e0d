"""Whether the default branch's model may go live; runs without the right to write.

A model needs a verdict that lets it through, which the API confirms, and the stored file has to say
again of every row what was judged. The first model of all is judged here, beside a dummy; so is, at
an owner's word, one whose verdict is right while what the judge left has expired.
"""

import contextlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.ci import lock, owners, production, standing
from champion.ci.api import Api
from champion.ci.artifact import take_objects
from champion.ci.confirm import Doubt, Expired, Gone, confirm
from champion.ci.judged import JUDGED, OBJECTS, PROMOTION, SKETCH, VERDICT
from champion.ci.lock import Lock
from champion.ci.outputs import write_output, write_summary
from champion.ci.queue import against_another
from champion.ci.score import gate_of
from champion.ci.standing import Proof
from champion.ci.subject import model_of
from champion.errors import Refusal
from champion.judge import budget, compare, evidence, ledger, paths
from champion.judge.challenge import EVIDENCE, Challenger, decide, prepare, refuse_own_metric
from champion.judge.champion import Champion, read_yaml
from champion.judge.commit import run_commit
from champion.judge.context import about, add_comparison, seconds
from champion.judge.events import Event
from champion.judge.ledger import Ledger
from champion.judge.untrusted import Invalid
from champion.markdown import prose
from champion.project import RAW, REPORTS
from champion.settings import GATE
from champion.workspace import branch, objects, remote
from champion.workspace.git import changed, git, resolve, show
from champion.workspace.repro import repro

CLOSE = 1e-9  # by which a prediction may differ from the judged one
PATIENCE = float(os.environ.get("CHAMPION_PATIENCE", 600))  # seconds, for the first push's files
PAUSE = 15.0
TARGET = ("target", "task", "positive")  # of gate.yaml's data: what a prediction means
SCHEMA = ("src/*/schema.py",)


class Unfit(Refusal):
    """The merged model must not go live; every other refusal is for running it again."""


@dataclass
class Promotion:
    """What promote does.

    Parameters
    ----------
    commit : that goes live.
    model, data : their hashes.
    verdict : the number of its event; 0: it is recorded first, from `judged`.
    version : that is put back; else empty.
    refusal : why it does not go live; then the rest is as far as it is known.
    """

    commit: str
    model: str = ""
    data: str = ""
    verdict: int = 0
    version: str = ""
    refusal: str = ""


@dataclass
class Search:
    """What the ledger has to say for a model, and whether that is believed.

    Parameters
    ----------
    first : no model was promoted yet.
    since : the event that took the model back; 0 if none did.
    proof : what lets it through, and `left` the folder with what the judge left.
    doubts, expired : why others do not; what one of them left is there no longer.
    """

    first: bool
    since: int
    proof: Proof | None = None
    left: Path | None = None
    doubts: list[str] = field(default_factory=list)
    expired: bool = False


def verify(api: Api) -> int:
    """Step `verify`."""
    shutil.rmtree(JUDGED, ignore_errors=True)
    JUDGED.mkdir(parents=True)
    held = ledger.current()
    version = os.environ.get("VERSION", "").strip()
    it = Promotion(git("rev-parse", "HEAD"), version=version)
    try:
        goes_on = put_back(api, held, it) if version else promoted(api, held, it)
    except (Unfit, Invalid) as refusal:
        if version:
            raise
        it.refusal, goes_on = str(refusal), True
    if goes_on:
        PROMOTION.write_text(json.dumps(asdict(it)), encoding="utf-8")
        print(it.refusal or f"{it.commit[:10]} may go live")
        write_output("step", "refuse" if it.refusal else "promote")
    return 0


def promoted(api: Api, held: Ledger, it: Promotion) -> bool:
    """Check the default branch's model; False if nothing is to be done about it.

    Raises
    ------
    Unfit, Invalid : it must not go live.
    """
    made = lock.parsed(show("HEAD", "dvc.lock"))
    it.model, it.data = made.model, lock.pointed("HEAD")
    if made.deps.get(RAW.as_posix()) != it.data:
        raise Unfit("dvc.lock is of other data than data/raw.dvc names: reproduce and merge that.")
    champion = in_production(api, held)
    found = search(api, held, it.model, it.data, champion)
    if not found.proof:
        if found.since and not found.doubts:
            text = f"The model {it.model[:10]} was taken back (event {found.since} of the ledger)."
            print(text)
            write_summary(f"{text} It needs a newer verdict to go live again.")
            return False
        if not found.first and not found.expired:
            why = "; ".join(found.doubts) or "no verdict of the ledger lets it through"
            raise Unfit(f"it was merged without a verdict that counts: {why}.")
        if not found.first and not asked_by_owner(api):
            why = "What its judge left has expired: an owner runs promote, and it is judged there."
            raise Refusal(told(why), code=1)
        if found.first:
            wait_for([it.model, it.data, made.predictions])
    obtain(made, it.data, found.left)
    if found.proof:
        it.verdict = found.proof.verdict.number
        unchanged(made, found.proof.verdict.body["challenger"])
    else:
        judge_here(made, it, champion)
    predict_again(it.commit, made, it.data)
    return True


def in_production(api: Api, held: Ledger) -> Champion | None:
    """The champion, if one was promoted.

    Raises
    ------
    Refusal : it is not confirmed.
    """
    try:
        champion = production.confirmed(api, held, unfinished=True)
    except Refusal as refusal:
        raise Refusal(told(str(refusal)), code=1) from refusal
    return champion if champion and champion.version else None


def search(
    api: Api, held: Ledger, model: str, data: str, champion: Champion | None, verdict: int = 0
) -> Search:
    """The newest proof that can be believed, and why the others cannot.

    Parameters
    ----------
    verdict : the number of the one that it has to be; 0: any.
    """

    def believed(event: Event) -> bool:
        return production.is_believed(api, held, event)

    first = not champion and not any(map(believed, standing.promotions(held)))
    found = Search(first, standing.withdrawn(held, model, believed))
    for proof in standing.proofs(held, model, data, found.since):
        if verdict not in (0, proof.verdict.number):
            continue
        try:
            found.left = confirm(api, proof.verdict, os.environ["BASE"])
            if proof.override:
                confirm(api, proof.override, os.environ["BASE"], proof.verdict)
            elif (
                champion
                and model != model_of(champion.commit)
                and against_another(proof.verdict, champion)
            ):
                raise Doubt("it was judged beside another champion than that of now")
            found.proof = proof
            break
        except Doubt as doubt:
            found.doubts.append(f"event {proof.verdict.number} is not believed, {doubt}")
            # An override is a person's word: nothing here can say it again.
            found.expired |= isinstance(doubt, Expired) and not proof.override
    return found


def wait_for(names: list[str]) -> None:
    """Wait until the first push's files are at the remote; code is pushed before them."""
    until = time.monotonic() + PATIENCE
    while True:
        if remote.on_branch():
            branch.fetch()
        try:
            objects.bring(names)
            return
        except Refusal:
            if time.monotonic() + PAUSE > until:
                return  # what they are needed for says so
        print("The large files are not at the remote yet: waiting", flush=True)
        time.sleep(PAUSE)


def obtain(made: Lock, data: str, left: Path | None) -> None:
    """Have what is promoted here: from the remote, from what the judge left, or trained again.

    What the remote may lack is kept for promote to store.

    Raises
    ------
    Unfit : it cannot be had, is not what its hash says, or training makes another model.
    """
    names = [made.model, made.predictions, data]
    with contextlib.suppress(Refusal):  # what is there is here then
        objects.bring(names)
    if left and (left / OBJECTS.name).exists():
        shutil.copytree(left / OBJECTS.name, OBJECTS)
        take_objects(JUDGED, objects.CACHE)
    try:
        objects.bring(names)
    except Refusal as refusal:
        print(f"Training again: {refusal}", flush=True)
        train_again(made, data)
    for name in names:
        if objects.md5(objects.cached(name)) != name.removesuffix(".dir"):
            raise Unfit(f"the remote's object {name} is not what its hash says: it was changed.")


def train_again(made: Lock, data: str) -> None:
    objects.place(data, RAW)
    if repro():
        raise Unfit("the model is not at the remote, and training it again failed.")
    again = lock.read(Path("dvc.lock"))
    if (again.model, again.predictions) != (made.model, made.predictions):
        raise Unfit("the model is not at the remote, and training it again makes another one.")
    for name in dict.fromkeys(again.outs.values()):
        kept = OBJECTS / name[:2] / name[2:]
        if objects.cached(name).exists() and not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(objects.cached(name), kept)


def unchanged(made: Lock, judged: dict[str, Any]) -> None:
    """Compare what is stored with what the verdict is about, byte by byte.

    Raises
    ------
    Unfit : it is something else.
    """
    for name, sha256, what in (
        (made.model, judged["model"]["sha256"], "model"),
        (made.predictions, judged["predictions_sha256"], "predictions"),
    ):
        if objects.sha256(objects.cached(name)) != sha256:
            raise Unfit(f"dvc.lock names other {what} than were judged.")


def judge_here(made: Lock, it: Promotion, champion: Champion | None) -> None:
    """Judge the model that no verdict speaks for, as the champion's commit would have.

    Raises
    ------
    Unfit : it is not let through.
    """
    tip = champion.commit if champion else it.commit
    touched = changed(tip, it.commit)
    if owned := paths.owned(touched):
        raise Unfit(
            f"what its judge left has expired, and {owned[0]} changed since the champion, which here "
            "no owner can be asked about: send it as a pull request again."
        )
    challenger = Challenger(
        commit=it.commit,
        paths=touched,
        data=it.data,
        predictions=objects.find(made.predictions),
        reports=REPORTS,
        model={**objects.described(objects.find(made.model)), "md5": made.model},
        read=lambda name: show(it.commit, name),
        seconds=lambda one: seconds(one, it.data),
    )
    settings = gate_of(tip)
    settings.check()
    refuse_own_metric(settings.gate, touched)
    comparison = prepare(tip, challenger, champion)
    known = about(tip, challenger)
    file = decide(comparison, settings, paths.policy(challenger.paths)) | known
    add_comparison(file, comparison, settings)
    sketch = budget.sketch(pd.read_parquet(EVIDENCE, columns=["row_id"])["row_id"])
    SKETCH.write_text(json.dumps(sketch), encoding="utf-8")
    compare.write(file, VERDICT)
    print(compare.as_text(file), end="")
    if not file["merge"]:
        whom = champion.name if champion else "a dummy model"
        raise Unfit(f"it is not shown to be better than {whom}: {file['reasons'][0]}")


def bump(champion: Champion | None, commit: str, better: bool) -> str:
    """The part of the version that goes up: major where callers have to change something."""
    if champion:
        gates = (read_yaml(show(name, GATE.name)) for name in (champion.commit, commit))
        before, after = ({name: (gate.get("data") or {}).get(name) for name in TARGET}
                         for gate in gates)  # fmt: skip
        if before != after or paths.matching(changed(champion.commit, commit), SCHEMA):
            return "major"
    return "minor" if better else "patch"


def predict_again(commit: str, made: Lock, data: str) -> None:
    """Let the stored model predict the holdout, with its own code and libraries.

    Raises
    ------
    Unfit : it does not say what was judged.
    """
    again = pd.read_parquet(run_commit(commit, data, made.model).predictions)
    judged = evidence.read(objects.find(made.predictions), "the judged model", None).to_pandas()
    if list(again.columns) != list(judged.columns) or not again["row_id"].equals(judged["row_id"]):
        raise Unfit("the stored model predicts other rows than were judged.")
    scores = [name for name in again if name != "row_id"]
    apart = float(np.abs(again[scores].to_numpy() - judged[scores].to_numpy()).max())
    if not apart <= CLOSE:
        raise Unfit(f"the stored model's predictions differ from the judged ones by {apart:.2g}.")


def put_back(api: Api, held: Ledger, it: Promotion) -> bool:
    """Check a version that is to go live again.

    Raises
    ------
    Refusal : it never did, or is not what it was.
    """
    it.commit = promotion_of(api, held, it.version).body["commit"]
    made = lock.parsed(show(it.commit, "dvc.lock"))
    it.model, it.data = made.model, lock.pointed(it.commit)
    predict_again(it.commit, made, it.data)
    return True


def promotion_of(api: Api, held: Ledger, version: str) -> Event:
    """The event that promoted a version.

    Raises
    ------
    Refusal : none was, that anybody believes.
    """
    doubts = []
    for event in standing.promotions(held):
        if event.body["version"] == version:
            try:
                try:
                    production.check(api, held, event)
                except (Expired, Gone):
                    if not asked_by_owner(api):
                        raise
                break
            except Doubt as doubt:
                doubts.append(f"the promotion of {version} is not believed, {doubt}.")
    else:
        there = ", ".join(standing.in_order(held)) or "none yet"
        raise Refusal(told([*doubts, f"{version[:40]} was never promoted; there is {there}."][0]))
    commit = str(event.body["commit"])
    if resolve(f"refs/tags/model@{version}") != commit:
        raise Refusal(told(f"the tag model@{version} was moved from {commit[:10]}."))
    return event


def asked_by_owner(api: Api) -> bool:
    """Whether an owner started this: their word stands where nothing else tells any more."""
    people = {os.environ["GITHUB_ACTOR"], os.environ["GITHUB_TRIGGERING_ACTOR"]}
    return all(owners.is_owner(api, who, [GATE.name]) for who in people)


def told(text: str) -> str:
    """Show a sentence on the page of the run as well."""
    write_summary(f"### 🚫 {prose(text)}\n\nProduction stays as it is.")
    return text
