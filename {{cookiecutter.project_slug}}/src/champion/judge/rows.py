"""Name the rows of data/raw and say which the holdout holds; with --model, what it says of those.

The judge runs this in a worktree of the default branch and of the champion's commit: with their own
code, settings and libraries. What it writes is how versions of the engine talk with each other:

rows.parquet : row_id, holdout; y_true as text or number; the number of the group; time; content, a
    hash of what schema.py describes; slice_<column>, the holdout's only, see `fairness/parts.py`.
features.parquet : what the model may see, without personal columns.
predictions.parquet : the holdout's row_id and scores, by row_id.
about.json : task, Python's version, seconds that 1,000 predictions take.
"""

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import pandas as pd

from champion.errors import BadData
from champion.fairness.parts import of_slices
from champion.models import load_model, scores
from champion.project import RAW, user_module
from champion.settings import Settings
from champion.stages.evaluate import evidence
from champion.stages.validate import check, labelled, load
from champion.tables.findings import as_text
from champion.tables.read import write_parquet
from champion.tables.roles import answers, inputs
from champion.tables.rows import digests, in_holdout, row_ids

TIMED = 1000  # rows
TURNS = 5  # the fastest counts: the others had company


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--model", type=Path, help="the model that predicts the holdout")
    parser.add_argument("--seed", type=int, help="of another split than gate.yaml's")


def run(args: argparse.Namespace) -> None:
    settings = Settings.load()
    if args.seed is not None:
        settings.split.seed = args.seed
    checked = check(load(RAW, settings), settings)
    if checked.failed:
        print(as_text([f for f in checked.findings if f.level == "error"]))
        raise BadData("the data do not pass the checks of schema.py.")
    table = labelled(checked.table, settings.data.target).reset_index(drop=True)
    table.insert(0, "row_id", row_ids(table, settings))
    held = in_holdout(table, settings)
    args.out.mkdir(parents=True, exist_ok=True)
    write_parquet(described(table, held, settings), args.out / "rows.parquet")
    seen = inputs(table, settings).drop(columns=settings.data.personal, errors="ignore")
    write_parquet(seen, args.out / "features.parquet")
    about: dict[str, Any] = {"task": settings.data.task, "python": platform.python_version()}
    if args.model:
        holdout = table[held].sort_values("row_id", ignore_index=True)
        about["seconds_per_1000"] = predict(holdout, args.model, args.out, settings)
    (args.out / "about.json").write_text(json.dumps(about), encoding="utf-8")


def described(table: pd.DataFrame, held: pd.Series, settings: Settings) -> pd.DataFrame:
    """What the judge needs to know of each row."""
    data = settings.data
    known = [name for name in user_module("schema").schema.columns if name in table]
    rows = pd.DataFrame({"row_id": table["row_id"], "holdout": held})
    rows["y_true"] = answers(table, settings)
    rows["content"] = digests(table, known)
    if data.group:
        codes = pd.factorize(table[data.group], use_na_sentinel=False)[0]
        rows["group"] = pd.Series(codes, table.index).astype("str")
    if data.time:
        rows["time"] = table[data.time]
    for name, values in of_slices(table[held], settings).items():
        rows[f"slice_{name}"] = values.reindex(table.index)
    return rows


def predict(holdout: pd.DataFrame, model_path: Path, out: Path, settings: Settings) -> float:
    """Write the predictions; return the seconds that 1,000 rows take."""
    model, task = load_model(model_path), str(settings.data.task)
    X = inputs(holdout, settings)
    said = scores(model, X, task)
    classes = [str(name) for name in getattr(model, "classes_", [])]
    write_parquet(evidence(holdout["row_id"], said, task, classes), out / "predictions.parquet")
    some, taken = X.head(TIMED), []
    for _ in range(TURNS):
        started = time.perf_counter()
        scores(model, some, task)
        taken.append(time.perf_counter() - started)
    return min(taken) * TIMED / len(some)
