"""What made a model: a record beside it in Git, and the tracker that is told of it.

`reports/training.json` says what dvc.lock does not, and both are of one commit: that needs no
server. A tracker is a program, `src/tracker.py`, that is there only if one was chosen. It is told
as JSON on its standard input, in a process of its own, so that nothing it does fails a training.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from champion.errors import shown
from champion.judge.champion import read_yaml
from champion.judge.changes import flat
from champion.judge.commit import worktree
from champion.project import MODEL, RAW, REPORTS, TRACKER, TRAIN
from champion.settings import GATE, Params
from champion.workspace import objects
from champion.workspace.git import attempt, show
from champion.workspace.lock import LOCK

RECORD = REPORTS / "training.json"
SCORES = REPORTS / "cv.json"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
PATIENCE = 120.0  # seconds that a tracker may take
MADE = (":!reports", ":!dvc.lock")  # by the pipeline: no change of a person's


def record(rows: int, params: Params) -> dict[str, Any]:
    """What made the model that was just saved; the same for the same inputs on one machine.

    The hashes of data and lock are those of dvc.lock, which has the code's beside them.
    """
    return {
        "data": {"md5": objects.md5(TRAIN), "rows": rows},
        "params": {"model": params.model, "cv": {"folds": params.cv.folds}, "seed": params.seed},
        "environment": {
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "lock": objects.md5(LOCK) if LOCK.exists() else None,
            "libraries": {name: installed(name) for name in LIBRARIES},
        },
        "model": objects.described(MODEL),
    }


def trained(made: dict[str, Any], scores: dict[str, Any]) -> None:
    """Tell the tracker of a training; a fork's is nobody's to keep.

    Parameters
    ----------
    made : its record.
    scores : of cross-validation. The holdout's are for the judge: people tune on what they see.
    """
    here = os.environ.get("GITHUB_REPOSITORY", "")
    if TRACKER.exists() and os.environ.get("HEAD_REPOSITORY") in (None, "", here):
        commit = attempt("rev-parse", "HEAD").stdout.strip()
        changed = bool(attempt("status", "--porcelain", "--", ".", *MADE).stdout)
        code = {"commit": commit, "changed": changed}
        raw = Path(f"{RAW}.dvc")
        tell(
            {"event": "trained", "name": os.environ.get("DVC_EXP_NAME") or commit[:10]},
            told(made, scores, code, raw.read_text(encoding="utf-8") if raw.exists() else ""),
            Path(),
            MODEL,
        )


def promoted(version: str, commit: str, model: Path) -> str:
    """Tell the tracker which version is the champion now, after a promotion or a rollback.

    Returns
    -------
    A sentence if it did not take that; else nothing.
    """
    if not TRACKER.exists():
        return ""
    made, scores = (written(show(commit, path.as_posix())) for path in (RECORD, SCORES))
    raw = show(commit, f"{RAW.as_posix()}.dvc")
    with tempfile.TemporaryDirectory() as folder, worktree(commit, Path(folder)) as root:
        return tell(
            {"event": "promoted", "name": version, "version": version},
            told(made, scores, {"commit": commit, "changed": False}, raw),
            root,
            model,
        )


def told(
    made: dict[str, Any], scores: dict[str, Any], code: dict[str, Any], raw: str
) -> dict[str, dict[str, Any]]:
    """Parameters, metrics and tags, each as plain names and values; nothing of the rows."""
    data, environment, model = (made.get(key) or {} for key in ("data", "environment", "model"))
    pointer = (written(raw).get("outs") or [{}])[0]
    tags = {"code": code, "data": {**data, "raw": pointer.get("md5")}}
    return {
        "params": flat(made.get("params") or {}),
        "metrics": {name: it for name, it in scores.items() if isinstance(it, int | float)},
        "tags": flat({**tags, "environment": environment, "model": model}),
    }


def exposed(gate: str) -> bool:
    """Whether a model learns from a personal column, so that its file may hold values of it."""
    data = written(gate).get("data") or {}
    unseen = {data.get("id"), data.get("time"), data.get("group"), *(data.get("leave_out") or ())}
    return bool({*(data.get("personal") or ())} - unseen)


def tell(event: dict[str, Any], known: dict[str, Any], root: Path, model: Path) -> str:
    """Run the tracker; say it in a sentence if that fails.

    Parameters
    ----------
    root : the folder that holds the model's commit.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "name"
    ]
    file = None if exposed((root / GATE).read_text(encoding="utf-8")) else str(model.absolute())
    event |= {**known, "project": project, "root": str(root.absolute()), "model": file}
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
        why = shown((done.stderr.strip().splitlines() or ["no reason given"])[-1]).rstrip(".")
    warning = f"{TRACKER} was not told what was {event['event']}: {why}. Nothing else is missing."
    print(f"Warning: {warning}", flush=True)
    return warning


def written(text: str) -> dict[str, Any]:
    """A mapping that a commit holds; empty where it is anything else."""
    content = read_yaml(text)
    return content if isinstance(content, dict) else {}
