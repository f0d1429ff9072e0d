"""Judge what a pull request's training left; writes what publish needs, and nothing else.

Runs without the right to write anything. Of the pull request only tables, hashes and a few texts
are read, each as from a stranger: none of its code runs, no model of it is loaded.
"""

import json
import os
import shutil
from typing import Any

import pandas as pd

from champion.ci import lock
from champion.ci.artifact import FOLDER, take_objects
from champion.ci.judged import ADOPTED, JUDGED, PROBLEM, SKETCH, SUBJECT, VERDICT
from champion.ci.lock import Lock
from champion.ci.subject import Subject
from champion.errors import Refusal
from champion.judge import budget, claims, compare, paths
from champion.judge.challenge import (
    EVIDENCE,
    Challenger,
    decide,
    other_seed,
    prepare,
    refuse_own_metric,
)
from champion.judge.champion import Champion, find
from champion.judge.commit import HOME
from champion.judge.context import about, add_comparison, ask
from champion.judge.evidence import Invalid
from champion.settings import GATE, Settings
from champion.workspace import branch, objects, remote
from champion.workspace.git import changed, git, show


def score() -> int:
    """Step `score`."""
    subject = Subject.of_job()
    assert subject is not None
    if PROBLEM.exists():  # the champion's code must not be run
        return 0
    for folder in (JUDGED, ADOPTED):
        shutil.rmtree(folder, ignore_errors=True)
    JUDGED.mkdir(parents=True)
    SUBJECT.write_text(os.environ["SUBJECT"], encoding="utf-8")  # an override is confirmed by it
    try:
        file = verdict(subject)
    except Refusal as refusal:  # not of the pull request's making: nothing is recorded
        print(f"champion ci score: {refusal}")
        PROBLEM.write_text(str(refusal), encoding="utf-8")
        return 0
    compare.write(file, VERDICT)
    print(compare.as_text(file), end="")
    return 0


def verdict(subject: Subject) -> dict[str, Any]:
    """The verdict file, and beside it what is to be stored."""
    tip = git("rev-parse", "HEAD")
    touched = changed(tip, subject.sha)
    policy = subject.policy if subject.policy != "override" else paths.policy(touched)
    known: dict[str, Any] = {
        "challenger": {"commit": subject.sha},
        "changes": {"owner_paths": subject.owned},
    }
    try:
        if errors := claims.findings(FOLDER / "reports", "errors"):
            known["data_findings"] = errors + claims.findings(FOLDER / "reports", "warnings")
            raise Invalid("the data do not pass the checks of schema.py.")
        made = lock.read(FOLDER / "dvc.lock")
        challenger = received(subject, made, touched)
        keep(made, challenger.data)  # also of what an owner may override
        known = about(tip, challenger)
        settings = Settings.of_gate(GATE)
        settings.check()
        refuse_own_metric(settings.gate, touched)
        own = gate_of(subject.sha)
        seed = other_seed(settings, own)
        it = prepare(tip, challenger, None if seed is not None else find(), seed)
        file = decide(it, settings, policy) | known
        add_comparison(file, it, settings)
        ask(file, settings, own, challenger)
        sketch = budget.sketch(pd.read_parquet(EVIDENCE, columns=["row_id"])["row_id"])
        SKETCH.write_text(json.dumps(sketch), encoding="utf-8")
    except Invalid as invalid:
        file = compare.refused(str(invalid), policy) | known
    return file


def received(subject: Subject, made: Lock, touched: list[str]) -> Challenger:
    """The challenger of a pull request: its commit's texts, and what training left of it.

    Raises
    ------
    Invalid : the parts do not belong together.
    Refusal : an object is not to be had.
    """
    if remote.on_branch():
        branch.fetch()
    take_objects(FOLDER, objects.CACHE)
    data = lock.pointed(subject.sha)
    if made.deps.get(lock.RAW.as_posix()) != data:
        raise Invalid(f"the model was not trained on the data that {lock.POINTER} names.")
    return Challenger(
        commit=subject.sha,
        paths=touched,
        data=data,
        predictions=objects.find(made.predictions),
        reports=FOLDER / "reports",
        model={**objects.described(objects.find(made.model)), "md5": made.model},
        read=lambda name: show(subject.sha, name)[:1_000_000],
        seconds=measured,
    )


def measured(_: Champion) -> tuple[float, float]:
    """What training measured: a claim, of code that is not to be run here."""
    found = claims.seconds(FOLDER / "seconds.json")
    if not found:
        raise Invalid("gate.yaml limits the latency, and training did not measure it.")
    return found


def gate_of(commit: str) -> Settings:
    """A challenger's own gate.yaml.

    Raises
    ------
    Invalid : it cannot be read.
    """
    own = HOME / "challenger.yaml"
    own.write_text(show(commit, GATE.name), encoding="utf-8", errors="surrogateescape")
    try:
        return Settings.of_gate(own)
    except Refusal as refusal:
        raise Invalid(f"gate.yaml of the branch cannot be read: {refusal}") from refusal


def keep(made: Lock, data: str) -> None:
    """Keep what is to be stored if the model is merged: dvc.lock, reports, the new objects."""
    shutil.copyfile(FOLDER / "dvc.lock", JUDGED / "dvc.lock")
    for path in sorted((FOLDER / "reports").glob("*.json")):
        if lock.same(path, made.outs.get(f"reports/{path.name}", "")):
            (JUDGED / "reports").mkdir(exist_ok=True)
            shutil.copyfile(path, JUDGED / "reports" / path.name)
    shutil.copytree(JUDGED, ADOPTED, ignore=shutil.ignore_patterns(SUBJECT.name))
    wanted = {*made.outs.values(), data}
    for name in sorted(wanted):
        if name.endswith(".dir") and objects.cached(name).exists():
            wanted |= {item["md5"] for item in objects.items(name)}
    for path in sorted(FOLDER.glob("objects/*/*")):
        if "".join(path.parts[-2:]) in wanted:
            target = JUDGED / path.relative_to(FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
