"""Let a commit speak for itself: its own code, its own libraries, its own model."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from champion.errors import Refusal
from champion.judge.evidence import Invalid
from champion.project import MODEL, PREDICTIONS, RAW
from champion.workspace import environment
from champion.workspace.environment import Environment
from champion.workspace.git import attempt, git, show
from champion.workspace.objects import place

HOME = Path(".champion")  # what the judge keeps on this machine
LOCK = "requirements.txt"
CODE = ("src", "gate.yaml", LOCK)  # what decides which rows there are, and what a model says


@dataclass(frozen=True)
class Run:
    """What a commit's code made of some data: see `judge/rows.py`."""

    folder: Path

    @property
    def rows(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "rows.parquet")

    @property
    def features(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "features.parquet")

    @property
    def predictions(self) -> Path:
        return self.folder / PREDICTIONS.name

    @property
    def about(self) -> dict[str, Any]:
        return json.loads((self.folder / "about.json").read_text(encoding="utf-8"))


def run_commit(
    commit: str,
    data: str,
    model: str | None = None,
    seed: int | None = None,
    anew: bool = False,
) -> Run:
    """Let a commit's own code and libraries name the rows of some data, and its model predict.

    Kept by code, data and model: the same question is answered once.

    Parameters
    ----------
    data, model : their hashes in DVC.
    seed : of another split than the commit's own.
    anew : run it again, to measure its time now.

    Raises
    ------
    Invalid : the commit's code refuses the data, or fails.
    """
    if tracked := git("ls-files", "--", str(HOME), ".dvc/cache").split("\n")[0]:
        raise Refusal(
            f"{tracked} is in Git, where the judge keeps its own answers: somebody else could give "
            f"them. Take it out with `git rm --cached`, and remove {HOME}."
        )
    code = git("rev-parse", *(f"{commit}:{path}" for path in CODE))
    question = "\n".join([code, data, model or "", str(seed)])
    kept = HOME / "runs" / hashlib.sha256(question.encode()).hexdigest()[:32]
    if anew:
        shutil.rmtree(kept, ignore_errors=True)
    if not kept.exists():
        scratch = HOME / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as name, worktree(commit, Path(name)) as tree:
            shutil.rmtree(tree / RAW, ignore_errors=True)
            place(data, tree / RAW)
            if model:
                place(model, tree / MODEL)
            try:
                made = answer(
                    libraries(show(commit, LOCK)), tree, Path(name, "run").absolute(),
                    bool(model), seed,
                )  # fmt: skip
            except Invalid as invalid:
                raise Invalid(f"commit {commit[:7]} cannot use these data: {invalid}") from invalid
            kept.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another process was faster: it has the same
                made.folder.rename(kept)
    return Run(kept)


@contextlib.contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """A commit's files in a folder of their own."""
    tree = folder / "tree"
    quiet = ("-c", f"core.hooksPath={os.devnull}")
    git("worktree", "prune")
    git(*quiet, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        yield tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        attempt("worktree", "prune")


def answer(
    libraries: Environment, tree: Path, out: Path, model: bool, seed: int | None = None
) -> Run:
    """Run `champion rows` in a folder.

    Raises
    ------
    Invalid : it refuses the data, or fails; with its reason.
    """
    command = [str(libraries.python), "-m", "champion", "rows", "--out", str(out)]
    command += ["--model", MODEL.name] if model else []
    command += ["--seed", str(seed)] if seed is not None else []
    done = subprocess.run(
        command,
        cwd=tree,
        env={**environment.find().variables(), "PYTHONPATH": str(tree.absolute() / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        print(done.stdout, end="")
        lines = done.stderr.splitlines() or ["no reason given"]
        said = [line for line in lines if line.startswith("champion rows: ")]
        raise Invalid((said or lines)[-1].removeprefix("champion rows: "))
    return Run(out)


def libraries(lock: str) -> Environment:
    """An environment with what a lock names: this one, or one that is made once and kept."""
    if pins(lock) == pins(Path(LOCK).read_text(encoding="utf-8")):
        return environment.find()
    named = hashlib.sha256("\n".join(pins(lock)).encode()).hexdigest()[:16]
    kept = Environment((HOME / "environments" / named).absolute(), kept=False)
    stamp = kept.folder / "complete"
    if not stamp.exists():
        environment.create(kept.folder)
        copy = kept.folder / LOCK
        copy.write_text(lock, encoding="utf-8")
        environment.install(kept, [str(copy)])
        stamp.touch()
    return kept


def pins(lock: str) -> list[str]:
    """The lines of a lock that pin something."""
    lines = (line.split(" #")[0].strip() for line in lock.splitlines())
    return sorted(line for line in lines if line and not line.startswith("#"))
