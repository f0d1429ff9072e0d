"""What training leaves of a pull request, made without training: the real judge judges it."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from champion.ci.confirm import JUDGE, PROMOTE
from champion.ci.lock import POINTER, named
from champion.ci.subject import locked_model
from conftest import BakedProject
from github import PullRequest, runs
from github.state import Run
from pull_requests import Person, ProjectHost

TRAIN = ".github/workflows/train.yml"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass
class Evidence:
    """The files of an artifact `train`; to be changed as a test likes."""

    files: dict[str, bytes] = field(default_factory=dict)

    def zipped(self) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)
        return content.getvalue()

    def add_object(self, content: bytes, kind: str = "") -> str:
        """Add an object; return its hash."""
        digest = md5(content)
        self.files[f"objects/{digest[:2]}/{digest[2:]}{kind}"] = content
        return digest + kind

    def lock(self, **outs: bytes) -> None:
        """Let the dvc.lock name other contents; `predictions` or `model`, which become objects."""
        names = {"predictions": "predictions.parquet", "model": "model.skops"}
        given = {names[key]: content for key, content in outs.items()}
        yaml = YAML()
        content = yaml.load(self.files["dvc.lock"].decode())
        for stage in content["stages"].values():
            for entry in (*stage.get("outs", []), *stage.get("deps", [])):
                if entry["path"] in given:
                    entry["md5"] = self.add_object(given[entry["path"]])
                    entry["size"] = len(given[entry["path"]])
        text = io.StringIO()
        yaml.dump(content, text)
        self.files["dvc.lock"] = text.getvalue().encode()


def evidence(project: BakedProject, scores: pd.Series | None = None) -> Evidence:
    """What the training of a project's folder would leave, with other scores for the holdout.

    Parameters
    ----------
    scores : by row_id; every score gets a model of its own.
    """
    made = Evidence({"dvc.lock": (project.path / "dvc.lock").read_bytes()})
    for path in sorted((project.path / "reports").glob("*.json")):
        made.files[f"reports/{path.name}"] = path.read_bytes()
    if scores is not None:
        table = pd.DataFrame({"row_id": scores.index, "score": scores.to_numpy()})
        content = as_parquet(table)
        made.lock(predictions=content, model=b"a model that says " + md5(content).encode())
    return made


def as_parquet(table: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def said(project: BakedProject) -> pd.Series:
    """What the project's own model says of its holdout, by row_id."""
    return pd.read_parquet(project.path / "predictions.parquet").set_index("row_id")["score"]


def answers(project: BakedProject) -> pd.Series:
    """The answers of the holdout, 0 or 1, by row_id."""
    table = pd.read_parquet(project.path / "data/holdout.parquet").set_index("row_id")
    return table["renewed"].astype(str).isin(["yes", "True"]).astype(float)


def trained(
    host: ProjectHost, pull: PullRequest, left: Evidence | bytes | None, conclusion: str = "success"
) -> Run:
    """Let train.yml have run for a pull request that was just opened or pushed, and have left this.

    `settle` then runs the judge; training itself is not executed.
    """
    run = training(host, pull)
    end(host, run, left, conclusion)
    return run


def training(host: ProjectHost, pull: PullRequest) -> Run:
    """Let train.yml run for a pull request that was just opened or pushed: it is in progress."""
    with host.github.lock:
        events = [
            event
            for event in host.github.take_events()
            if event.name == "pull_request" and event.payload["number"] == pull.number
        ]
        run = runs.start_run(host.github, events[-1], TRAIN, "train")
    host.settle()
    return run


def end(
    host: ProjectHost, run: Run, left: Evidence | bytes | None, conclusion: str = "success"
) -> None:
    """Let a run of train.yml have left this, and end."""
    with host.github.lock:
        if left is not None:
            content = left if isinstance(left, bytes) else left.zipped()
            runs.add_artifact(host.github, run, "train", content)
        runs.finish_run(host.github, host.home, run, conclusion)


def left(
    host: ProjectHost, path: str, event: str, name: str, file: str, content: dict[str, Any]
) -> dict[str, Any]:
    """Let a workflow of `main` have run and left a file; what an event says of that."""
    home, archived = host.home, io.BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(file, json.dumps(content))
    run = Run(
        id=host.github.number(), number=1, path=path, name=Path(path).stem, event=event,
        head_sha=home.bare.git("rev-parse", "main"), head_branch="main", head_repository=home,
        actor=home.owner, triggering_actor=home.owner,
    )  # fmt: skip
    home.runs.append(run)
    runs.add_artifact(host.github, run, name, archived.getvalue())
    digest = hashlib.sha256(archived.getvalue()).hexdigest()
    return {"id": run.id, "attempt": 1, "artifact": digest}


def promoted(host: ProjectHost, by: Person, version: str, commit: str, stage: int) -> None:
    """Let a commit have been judged and made that version: runs, what they left, ledger, tags."""
    home = host.home
    model, data = locked_model(host.show(commit, "dvc.lock")), named(host.show(commit, POINTER))
    its = {"commit": commit, "model": model, "data": data}
    verdict = {
        "verdict": "better", "merge": True, "metric": None, "budget": None,
        "challenger": {**its, "model": {"md5": model}, "predictions_sha256": "f" * 64},
    }  # fmt: skip
    number = len(host.ledger()) + 1
    judged = left(host, JUDGE, "workflow_run", "judged", "verdict.json", verdict)
    verified = left(host, PROMOTE, "push", "verified", "promotion.json", its)
    for kind, body in (
        ("verdict", {**verdict, "run": judged}),
        ("promotion", {**its, "version": version, "verdict": number, "run": verified}),
    ):
        by.write(".champion/event.json", json.dumps(body))
        key = f"{kind}/{version}"
        by.champion("ledger", "append", kind, "--key", key, "--body", ".champion/event.json")
    for name in (f"model@{version}", f"model#production#{stage}"):
        home.bare.point(f"refs/tags/{name}", commit)
