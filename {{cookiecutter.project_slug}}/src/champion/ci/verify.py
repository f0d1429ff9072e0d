"""Whether the default branch's model may go live; runs without the right to write.

A model needs a verdict that lets it through, which the API confirms, and the stored file has to say
again of every row what was judged. The first model of all is judged here, beside a dummy; so is one
whose verdict is right while what the judge left has expired.
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
from champion.ci.confirm import Doubt, Expired, Gone, confirm, succeeded
from champion.ci.judged import JUDGED, OBJECTS, PROMOTION, SKETCH, VERDICT
from champion.ci.lock import Lock
from champion.ci.outputs import write_output, write_summary
from champion.ci.standing import Proof
from champion.errors import Refusal
from champion.judge import budget, compare, evidence, ledger, paths
from champion.judge.challenge import EVIDENCE, Challenger, decide, prepare
from champion.judge.champion import Champion, read_yaml
from champion.judge.commit import run_commit
from champion.judge.context import about, add_comparison, seconds
from champion.judge.ledger import Ledger
from champion.judge.untrusted import Invalid
from champion.markdown import prose
from champion.project import RAW, REPORTS
from champion.settings import GATE, Settings
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
    bump : the part of the version that goes up: major, minor or patch.
    version : that is put back; else empty.
    renew : it is in production, and what says so is not believed (any more): it is said again.
    refusal : why it does not go live; then the rest is as far as it is known.
    """

    commit: str
    model: str = ""
    data: str = ""
    verdict: int = 0
    bump: str = ""
    version: str = ""
    renew: bool = False
    refusal: str = ""


@dataclass
class Search:
    """What the ledger has to say for a model, and whether that is believed."""

    proof: Proof | None = None
    left: Path | None = None  # the folder with what the judge left
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
    first = not champion and not standing.promotions(held)
    found = search(api, standing.proofs(held, it.model, it.data))
    if not found.proof:
        since = standing.withdrawn(held, it.model)
        if since and not found.doubts:
            text = f"The model {it.model[:10]} was taken back (event {since} of the ledger)."
            print(text)
            write_summary(f"{text} It needs a newer verdict to go live again.")
            return False
        if not first and not found.expired:
            why = "; ".join(found.doubts) or "no verdict of the ledger lets it through"
            raise Unfit(f"it was merged without a verdict that counts: {why}.")
        if first:
            wait_for([it.model, it.data, made.predictions])
    obtain(made, it.data, found.left)
    if found.proof:
        it.verdict, better = found.proof.verdict.number, found.proof.better
        unchanged(made, found.proof.verdict.body["challenger"])
    else:
        better = judge_here(made, it, champion)
    it.bump = bump(champion, better)
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


def search(api: Api, proofs: list[Proof]) -> Search:
    """The newest proof that can be believed, and why the others cannot."""
    found = Search()
    for proof in proofs:
        try:
            found.left = confirm(api, proof.verdict, os.environ["BASE"])
            if proof.override:
                confirm(api, proof.override, os.environ["BASE"], proof.verdict)
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


def judge_here(made: Lock, it: Promotion, champion: Champion | None) -> bool:
    """Judge the model that no verdict speaks for; True if it is better, False if it may be merged.

    Raises
    ------
    Unfit : it may not.
    """
    challenger = Challenger(
        commit=it.commit,
        paths=changed(champion.commit, "HEAD") if champion else [],
        data=it.data,
        predictions=objects.find(made.predictions),
        reports=REPORTS,
        model={**objects.described(objects.find(made.model)), "md5": made.model},
        read=lambda name: show(it.commit, name),
        seconds=lambda one: seconds(one, it.data),
    )
    settings = Settings.of_gate(GATE)
    settings.check()
    comparison = prepare(it.commit, challenger, champion)
    known = about(it.commit, challenger)
    file = decide(comparison, settings, paths.policy(challenger.paths)) | known
    add_comparison(file, comparison, settings)
    sketch = budget.sketch(pd.read_parquet(EVIDENCE, columns=["row_id"])["row_id"])
    SKETCH.write_text(json.dumps(sketch), encoding="utf-8")
    compare.write(file, VERDICT)
    print(compare.as_text(file), end="")
    if not file["merge"]:
        whom = champion.name if champion else "a dummy model"
        raise Unfit(f"it is not shown to be better than {whom}: {file['reasons'][0]}")
    return bool(file["verdict"] == "better")


def bump(champion: Champion | None, better: bool) -> str:
    """The part of the version that goes up: major where callers have to change something."""
    if champion:
        gates = (read_yaml(show(commit, GATE.name)) for commit in (champion.commit, "HEAD"))
        before, after = ({name: (gate.get("data") or {}).get(name) for name in TARGET}
                         for gate in gates)  # fmt: skip
        if before != after or paths.matching(changed(champion.commit, "HEAD"), SCHEMA):
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
    doubts = []
    for event in standing.promotions(held):
        if event.body["version"] == it.version:
            try:
                try:
                    confirm(api, event, os.environ["BASE"])
                except (Expired, Gone) as gone:
                    told_by_run = isinstance(gone, Expired) and succeeded(api, event)
                    if not told_by_run and not asked_by_owner(api):
                        raise
                break
            except Doubt as doubt:
                doubts.append(f"the promotion of {it.version} is not believed, {doubt}.")
    else:
        there = ", ".join(standing.in_order(held)) or "none yet"
        raise Refusal(
            told([*doubts, f"{it.version[:40]} was never promoted; there is {there}."][0])
        )
    it.commit = event.body["commit"]
    it.renew = not production.is_believed(api, held, standing.reigns(held)[-1])
    if resolve(f"refs/tags/model@{it.version}") != it.commit:
        raise Refusal(told(f"the tag model@{it.version} was moved from {it.commit[:10]}."))
    made = lock.parsed(show(it.commit, "dvc.lock"))
    it.model, it.data = made.model, lock.pointed(it.commit)
    predict_again(it.commit, made, it.data)
    return True


def asked_by_owner(api: Api) -> bool:
    """Whether an owner started this: their word stands where nothing else tells any more."""
    people = {os.environ["GITHUB_ACTOR"], os.environ["GITHUB_TRIGGERING_ACTOR"]}
    return all(owners.is_owner(api, who, [GATE.name]) for who in people)


def told(text: str) -> str:
    """Show a sentence on the page of the run as well."""
    write_summary(f"### 🚫 {prose(text)}\n\nProduction stays as it is.")
    return text
