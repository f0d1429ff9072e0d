"""A repository with a model on its default branch, made by hand: no pipeline runs."""

import json
import os
import subprocess
import sys
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.models import save_model
from champion.project import MODEL, user_module
from champion.serve.released import own_code
from champion.settings import Settings
from champion.tables.conform import conform
from champion.tables.roles import answers, inputs
from conftest import ENGINE

SCHEMA = """
import pandera.pandas as pa
from champion.tables.schema import boolean, category, identifier, integer, number, text, time

schema = pa.DataFrameSchema(
    {
        "ticket": identifier(),
        "when": time(missing=0.0),
        "size": number(0, 100),
        "count": integer(0, 50, missing=0.1),
        "member": boolean(true=["Ja", "true"], false=["no", "false"], missing=0.1),
        "town": category(["Bern", "Ulm", "Wien"], missing=0.1),
        "mail": category(),
        "booked": time(missing=0.1),
        "note": text(),
        "left": TARGET,
    }
)
"""
TARGETS = {
    "binary": "boolean()", "multiclass": 'category(["a", "b", "c"])', "regression": "number()",
}  # fmt: skip
GATE = {
    "target": "left", "id": "ticket", "time": "when", "personal": ["mail"], "leave_out": ["mail"],
    "positive": True,
}  # fmt: skip


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows without the target."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "ticket": [f"T{i}" for i in range(count)],
            "when": pd.date_range("2024-05-01", periods=count, freq="h"),
            "size": random.uniform(0, 100, count).round(2),
            "count": random.integers(0, 50, count).astype(float),
            "member": pd.array(random.random(count) < 0.5, dtype="boolean"),
            "town": random.choice(["Bern", "Ulm", "Wien"], count),
            "mail": [f"someone{i}@example.org" for i in range(count)],
            "booked": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 9999, count), "h"),
            "note": "call later",
        }
    )  # fmt: skip
    gaps = random.random(count) < 0.05
    table.loc[gaps, ["count", "town", "booked"]] = None
    table.loc[gaps, "member"] = pd.NA
    return table


def target(table: pd.DataFrame, task: str) -> Any:
    value = table["size"] + 20 * (table["town"] == "Ulm") + table["count"].fillna(0)
    if task == "binary":
        return value > 70
    if task == "multiclass":
        return np.select([value < 50, value < 90], ["a", "b"], "c")
    return value


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a client sends them."""
    return json.loads(table.to_json(orient="records", date_format="iso"))


def write(root: Path, task: str = "binary", kind: str = "boosted") -> Path:
    """Make the repository; its one commit holds a trained model."""
    package = root / "src/made"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("data.py", "model.py"):
        source = ENGINE / "{{cookiecutter.__package}}" / name
        (package / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (package / "schema.py").write_text(SCHEMA.replace("TARGET", TARGETS[task]))
    (root / "gate.yaml").write_text(json.dumps({"data": {**GATE, "task": task}}))
    model = {"kind": kind, "boosted": {"max_iter": 20}}
    (root / "params.yaml").write_text(json.dumps({"model": model, "seed": 0}))
    (root / "requirements.txt").write_text("made==1\n")
    (root / ".gitignore").write_text("__pycache__/\n/.champion/\n/.dvc/cache\n")
    (root / "data").mkdir()
    train(root, task)
    run(root, "git", "init", "--quiet", "-b", "main")
    commit(root, "Train")
    return root


def train(root: Path, task: str, seed: int = 0) -> None:
    """Fit on some rows; leave what `dvc repro` leaves."""
    table = rows(400, seed)
    table["left"] = target(table, task)
    table.to_parquet(root / "train.parquet")
    with own_code(root):
        settings = Settings.load()
        conformed, _ = conform(table, user_module("schema").schema)
        params = {**settings.params.model, "task": task, "seed": 0}
        model = user_module("model").build_model(params)
        save_model(model.fit(inputs(conformed, settings), answers(conformed, settings)), MODEL)
    (root / "data/raw.dvc").write_text(f"outs:\n- md5: {seed:032d}.dir\n  path: raw\n")
    stages = ""
    for stage, path in (("train", "model.skops"), ("split", "data/train.parquet")):
        file = root / path if stage == "train" else root / "train.parquet"
        digest = md5(file.read_bytes()).hexdigest()
        kept = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, kept)
        stages += f"  {stage}:\n    outs:\n    - path: {path}\n      md5: {digest}\n"
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{stages}")


def commit(root: Path, message: str, *names: str) -> None:
    """Commit everything; name the commit."""
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--allow-empty", "-m", message)
    for name in names:
        run(root, "git", "tag", name)


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ENGINE), "CHAMPION_VENV": sys.prefix, "OMP_NUM_THREADS": "1",
            **variables}  # fmt: skip


def run(root: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=root, env=environment(**variables), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
