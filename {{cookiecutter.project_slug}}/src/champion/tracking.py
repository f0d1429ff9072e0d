"""What made a model, for a tracker beside Git.

dvc.lock says it already: code, data, lock, parameters and model by their hashes, and
`reports/cv.json` beside it the rows and the metrics. That needs no server. A tracker is a program,
`src/tracker.py`, that is there only if one was chosen. It is told as JSON on its standard input, in
a process of its own, so that nothing it does fails a training.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from champion.errors import shown
from champion.judge.champion import read_yaml
from champion.judge.changes import flat
from champion.judge.commit import worktree
from champion.project import MODEL, RAW, REPORTS, SOURCE, TRACKER, TRAIN, package_name
from champion.settings import GATE, Params
from champion.workspace import objects
from champion.workspace.git import attempt, show
from champion.workspace.lock import LOCK

SCORES = REPORTS / "cv.json"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
PATIENCE = 120.0  # seconds that a tracker may take
MADE = (":!reports", ":!dvc.lock")  # by the pipeline: no change of a person's


def trained(scores: dict[str, Any], params: Params) -> None:
    """Tell the tracker of the training that has just saved its model; a fork's is nobody's to keep.

    Parameters
    ----------
    scores : of cross-validation. The holdout's are for the judge: people tune on what they see.
    """
    here = os.environ.get("GITHUB_REPOSITORY", "")
    if not TRACKER.exists() or os.environ.get("HEAD_REPOSITORY") not in (None, "", here):
        return
    commit = attempt("rev-parse", "HEAD").stdout.strip()
    raw = Path(f"{RAW}.dvc")
    made = {
        "code": {
            "commit": commit,
            "changed": bool(attempt("status", "--porcelain", "--", ".", *MADE).stdout),
        },
        "data": {
            "md5": objects.md5(TRAIN),
            "raw": pointed(raw.read_text(encoding="utf-8")) if raw.exists() else None,
        },
        "environment": {
            "lock": objects.md5(LOCK) if LOCK.exists() else None,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "libraries": {name: installed(name) for name in LIBRARIES},
        },
    }
    rows = {name: value for name, value in asdict(params.train).items() if value is not None}
    asked = {"model": params.model, "cv": {"folds": params.cv.folds}, "seed": params.seed}
    asked |= {"train": rows}
    name = os.environ.get("DVC_EXP_NAME") or commit[:10]
    tell({"event": "trained", "name": name}, asked, scores, made, Path(), MODEL)


def promoted(version: str, commit: str, model: Path) -> str:
    """Tell the tracker which version is the champion now, after a promotion or a rollback.

    Returns
    -------
    A sentence if it did not take that; else nothing.
    """
    if not TRACKER.exists():
        return ""
    train = (written(show(commit, "dvc.lock")).get("stages") or {}).get("train") or {}
    read = {it["path"]: it["md5"] for it in train.get("deps") or ()}
    made = {
        "code": {"commit": commit, "changed": False},
        "data": {
            "md5": read.get(TRAIN.as_posix()),
            "raw": pointed(show(commit, f"{RAW.as_posix()}.dvc")),
        },
        "environment": {"lock": read.get(LOCK.as_posix())},
    }
    asked = (train.get("params") or {}).get("params.yaml") or {}
    scores = written(show(commit, SCORES.as_posix()))
    event = {"event": "promoted", "name": version, "version": version}
    with tempfile.TemporaryDirectory() as folder, worktree(commit, Path(folder)) as root:
        return tell(event, asked, scores, made, root, model)


def exposed(root: Path) -> bool:
    """Whether a commit's model learned from a personal column: its file may hold values of it.

    Parameters
    ----------
    root : the folder that holds the commit. What is declared personal since then counts as well.
    """
    then, now = (written((it / GATE).read_text("utf-8")).get("data") or {} for it in (root, Path()))
    unseen = {then.get("id"), then.get("time"), then.get("group"), *(then.get("leave_out") or ())}
    return bool({*(then.get("personal") or ()), *(now.get("personal") or ())} - unseen)


def tell(
    event: dict[str, Any],
    params: dict[str, Any],
    scores: dict[str, Any],
    made: dict[str, Any],
    root: Path,
    model: Path,
) -> str:
    """Run the tracker; say it in a sentence if that fails.

    It gets parameters, metrics and tags as plain names and values, and nothing of the rows.

    Parameters
    ----------
    root : the folder that holds the model's commit.
    """
    made["data"]["rows"] = scores.get("rows")
    event |= {
        "params": flat(params),
        "metrics": {name: it for name, it in scores.items() if isinstance(it, int | float)},
        "tags": flat({**made, "model": objects.described(model)}),
        "project": package_name(root / SOURCE),
        "root": str(root.absolute()),
        "model": None if exposed(root) else str(model.absolute()),
    }
    try:
        done = subprocess.run(
            [sys.executable, str(TRACKER)],
            input=json.dumps(event, default=str),
            capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        why = f"no answer within {PATIENCE:.0f} s"
    else:
        if not done.returncode:
            print(done.stdout, end="", flush=True)
            return ""
        why = reason(done.stderr)
    warning = f"{TRACKER} was not told what was {event['event']}: {why}. Nothing else is missing."
    print(f"Warning: {warning}", flush=True)
    return warning


def reason(errors: str) -> str:
    """Why a program ended: the first line of what it raised, else the last that it said."""
    raised = re.findall(r"(?m)^[\w.]+(?:Error|Exception): (.+)$", errors)
    said = raised or errors.strip().splitlines() or ["no reason given"]
    return shown(said[-1]).rstrip(".:")


def pointed(pointer: str) -> str | None:
    """The hash of the raw data that a pointer of DVC's names."""
    outs = written(pointer).get("outs") or [{}]
    named: str | None = outs[0].get("md5")
    return named


def written(text: str) -> dict[str, Any]:
    """A mapping that a commit holds; empty where it is anything else."""
    content = read_yaml(text)
    return content if isinstance(content, dict) else {}
