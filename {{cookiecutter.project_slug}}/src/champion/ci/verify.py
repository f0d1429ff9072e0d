"""Whether the default branch's model may go live; runs without the right to write.

A model needs a verdict that lets it through, which the API confirms, and the stored file has to say
again of every row what was judged. The first model of all is judged here, beside a dummy.
"""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.ci import lock, standing
from champion.ci.api import Api, NotFound
from champion.ci.artifact import download, take_objects, unpack
from champion.ci.judged import JUDGED, PROMOTION, SKETCH, VERDICT
from champion.ci.lock import Lock
from champion.ci.outputs import write_output
from champion.ci.standing import Proof
from champion.ci.subject import changed
from champion.errors import Refusal
from champion.judge import budget, compare, evidence, ledger, paths
from champion.judge.challenge import EVIDENCE, Challenger, decide, prepare
from champion.judge.champion import Champion, find
from champion.judge.commit import run_commit
from champion.judge.context import about, add_comparison, seconds
from champion.judge.ledger import Ledger
from champion.project import RAW, REPORTS
from champion.settings import GATE, Settings
from champion.workspace import branch, objects, remote
from champion.workspace.git import git, resolve, show
from champion.workspace.repro import repro

CLOSE = 1e-9  # by which a prediction may differ from the judged one
PATIENCE, PAUSE = 40, 15.0  # how often, and seconds between, the first push's files are looked for
SEEN = Path(".champion/seen")


@dataclass
class Promotion:
    """What promote does.

    Parameters
    ----------
    commit : that goes live.
    model, data : their hashes.
    verdict : the number of its event; 0: it is recorded first, from `judged`.
    version : of a rollback; else empty, and made of the verdict.
    refusal : why it does not go live; then the rest is as far as it is known.
    """

    commit: str
    model: str = ""
    data: str = ""
    verdict: int = 0
    bump: str = ""
    version: str = ""
    refusal: str = ""


def verify(api: Api) -> int:
    """Step `verify`."""
    shutil.rmtree(JUDGED, ignore_errors=True)
    JUDGED.mkdir(parents=True)
    held = ledger.read(ledger.newest()[0])
    version = os.environ.get("VERSION", "").strip()
    promotion = Promotion(git("rev-parse", "HEAD"), version=version)
    try:
        if version:
            rolled_back(api, held, promotion)
        else:
            promoted(api, held, promotion)
    except Refusal as refusal:
        promotion.refusal = str(refusal)
    PROMOTION.write_text(json.dumps(asdict(promotion)), encoding="utf-8")
    print(promotion.refusal or f"{promotion.commit[:10]} may go live")
    write_output("step", "refuse" if promotion.refusal else "promote")
    return 0


def promoted(api: Api, held: Ledger, it: Promotion) -> None:
    """Check the default branch's model.

    Raises
    ------
    Refusal : it may not go live.
    """
    made = lock.parsed(show("HEAD", "dvc.lock"))
    it.model, it.data = made.model, lock.pointed("HEAD")
    if made.deps.get(RAW.as_posix()) != it.data:
        raise Refusal(
            "dvc.lock is of other data than data/raw.dvc names: reproduce and merge that."
        )
    base = os.environ["BASE"]
    doubts = []
    for proof in standing.proofs(held, it.model, it.data):
        why = doubt(api, proof, base)
        if not why:
            it.verdict, it.bump = proof.verdict.number, proof.bump
            break
        doubts.append(f"event {proof.verdict.number} is not believed: {why}")
    if not it.verdict and not standing.promotions(held) and not find_tagged():
        wait_for([it.model, it.data, made.predictions])
    obtain(made, it.data)
    if not it.verdict:
        it.bump = judged_here(made, it, held, doubts)
    predicted_again(it.commit, made, it.data)


def find_tagged() -> Champion | None:
    """The champion by its tag."""
    champion = find()
    return champion if champion and champion.version else None


def doubt(api: Api, proof: Proof, base: str) -> str:
    """Why a proof cannot be believed; empty if the API, and what the judge left, confirm it."""
    if why := standing.doubt(api, proof.verdict, base):
        return why
    if proof.override and (why := standing.doubt(api, proof.override, base)):
        return f"its override: {why}"
    body = proof.verdict.body
    if body["run"].get("artifact") is None:
        return "" if said_by_promote(api, body) else "it names no artifact"
    if not fetched(api, body["run"]):
        return "what the judge left has expired"
    try:
        left = json.loads(VERDICT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "what the judge left has no verdict"
    if left.get("challenger") != body["challenger"] and not same_model(left, body):
        return "the judge judged another model"
    if body["merge"] and not left.get("merge"):
        return "the judge said no"
    return ""


def same_model(left: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether two verdicts are about the same commit's model and predictions."""
    names = ("commit", "model", "predictions_sha256", "data")
    one, other = left.get("challenger") or {}, body.get("challenger") or {}
    return all(one.get(name) == other.get(name) for name in names)


def said_by_promote(api: Api, body: dict[str, Any]) -> bool:
    """Whether promote.yml itself judged it; there is no artifact then."""
    path = api.get(f"actions/runs/{body['run']['id']}")["path"].partition("@")[0]
    return bool(path == standing.PROMOTE)


def fetched(api: Api, run: dict[str, Any]) -> bool:
    """Fetch what the judge left, if it is still there: its verdict and the objects."""
    listed = api.pages(f"actions/runs/{run['id']}/artifacts", "artifacts")
    for it in listed:
        digest = (it.get("digest") or "").removeprefix("sha256:")
        if it["name"] == standing.ARTIFACT and digest == (run["artifact"] or "").removeprefix(
            "sha256:"
        ):
            archive = SEEN.with_suffix(".zip")
            try:
                with api.open(f"actions/artifacts/{it['id']}/zip") as source:
                    download(source, archive)
            except NotFound:
                return False
            if objects.sha256(archive) != digest:
                return False
            unpack(archive, JUDGED)
            return True
    return False


def wait_for(names: list[str]) -> None:
    """Wait until the first push's files are at the remote; code is pushed before them."""
    for turn in range(PATIENCE):
        if remote.on_branch():
            branch.fetch()
        try:
            objects.bring(names)
            return
        except Refusal:
            if not turn:
                print("The large files are not at the remote yet: waiting", flush=True)
            time.sleep(PAUSE)


def obtain(made: Lock, data: str) -> None:
    """Have what is promoted here: from the remote, from what the judge left, or trained again.

    Raises
    ------
    Refusal : it cannot be had, or training makes another model.
    """
    take_objects(JUDGED, objects.CACHE)
    try:
        objects.bring([made.model, made.predictions, data])
    except Refusal as refusal:
        print(f"Training again: {refusal}", flush=True)
        objects.place(data, RAW)
        if repro():
            raise Refusal("the model is not at the remote, and training it again failed.") from None
        again = lock.read(Path("dvc.lock"))
        if (again.model, again.predictions) != (made.model, made.predictions):
            raise Refusal(
                "the model is not at the remote, and training it again makes another one."
            ) from None
        for name in dict.fromkeys(again.outs.values()):
            if objects.cached(name).exists() and not name.endswith(".dir"):
                kept = JUDGED / "objects" / name[:2] / name[2:]
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(objects.cached(name), kept)


def judged_here(made: Lock, it: Promotion, held: Ledger, doubts: list[str]) -> str:
    """Judge the model that no verdict speaks for, if it is the first or its evidence has expired.

    Returns
    -------
    The part of the version that goes up.
    """
    first = not standing.promotions(held)
    expired = any("expired" in why for why in doubts)
    if not first and not expired:
        told = "; ".join(doubts) or "no verdict of the ledger lets it through"
        raise Refusal(f"the merged model {it.model[:10]} was not judged: {told}.")
    champion = find_tagged()
    challenger = Challenger(
        commit=it.commit,
        paths=changed_since(champion),
        data=it.data,
        predictions=objects.find(made.predictions),
        reports=REPORTS,
        model={**objects.described(objects.find(made.model)), "md5": made.model},
        read=lambda name: show(it.commit, name),
        seconds=lambda one: seconds(one, it.data),
    )
    settings = Settings.of_gate(GATE)
    settings.check()
    policy = paths.policy(challenger.paths)
    comparison = prepare(it.commit, challenger, champion)
    known = about(it.commit, challenger)
    file = decide(comparison, settings, policy) | known
    add_comparison(file, comparison, settings)
    sketch = budget.sketch(pd.read_parquet(EVIDENCE, columns=["row_id"])["row_id"])
    SKETCH.write_text(json.dumps(sketch), encoding="utf-8")
    compare.write(file, VERDICT)
    print(compare.as_text(file), end="")
    if not file["merge"]:
        whom = "a dummy model" if champion is None else champion.name
        raise Refusal(f"the model is not shown to be better than {whom}: {file['reasons'][0]}")
    return "minor" if file["verdict"] == "better" else "patch"


def changed_since(champion: Champion | None) -> list[str]:
    return changed(champion.commit, "HEAD") if champion else []


def predicted_again(commit: str, made: Lock, data: str) -> None:
    """Let the stored model predict the holdout, with its own code and libraries.

    Raises
    ------
    Refusal : it does not say what was judged.
    """
    again = pd.read_parquet(run_commit(commit, data, made.model).predictions)
    judged = evidence.read(objects.find(made.predictions), "the judged model", None).to_pandas()
    if list(again.columns) != list(judged.columns) or not again["row_id"].equals(judged["row_id"]):
        raise Refusal("the stored model predicts other rows than were judged.")
    scores = [name for name in again if name != "row_id"]
    apart = float(np.abs(again[scores].to_numpy() - judged[scores].to_numpy()).max())
    if not apart <= CLOSE:
        raise Refusal(f"the stored model's predictions differ from the judged ones by {apart:.2g}.")


def rolled_back(api: Api, held: Ledger, it: Promotion) -> None:
    """Check a version that is to go live again.

    Raises
    ------
    Refusal : it never did, or is not what it was.
    """
    known = {event.body["version"]: event for event in standing.promotions(held)}
    if it.version not in known:
        there = ", ".join(sorted(known, key=standing.numbers)) or "none yet"
        raise Refusal(f"{it.version[:40]} was never promoted; there is {there}.")
    event = known[it.version]
    if it.version == standing.champion_of(held):
        raise Refusal(f"{it.version} is in production already.")
    if why := standing.doubt(api, event, os.environ["BASE"]):
        raise Refusal(f"the promotion of {it.version} is not believed: {why}.")
    it.commit = event.body["commit"]
    if resolve(f"refs/tags/model@{it.version}") != it.commit:
        raise Refusal(f"the tag model@{it.version} was moved from {it.commit[:10]}.")
    made = lock.parsed(show(it.commit, "dvc.lock"))
    it.model, it.data = made.model, lock.pointed(it.commit)
    predicted_again(it.commit, made, it.data)
