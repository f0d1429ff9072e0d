"""What a decision costs: seconds by rows, memory of the whole command, and against a bootstrap."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from flights import TEMPLATE
from measure import median, run
from report import Report
from scipy.special import expit
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from champion.judge.difference import Array, Case, difference
from champion.judge.metrics import METRICS
from champion.judge.verdict import judge
from champion.settings import Gate

GUARDS = ["log_loss", "brier"]
SLICES = {"region": 5, "kind": 5}  # columns and their values
DRAWS = 2_000  # of a bootstrap that is worth its name


def case(rows: int) -> Case:
    """A challenger that is better, with slices."""
    random = np.random.default_rng(rows)
    y = (random.random(rows) < 0.3).astype(float)
    base = 1.2 * y - 1.4 + random.standard_normal(rows)
    old, new = (expit(base + size * random.standard_normal(rows)) for size in (0.5, 0.3))
    parts = {
        name: pd.Categorical.from_codes(
            random.integers(0, count, rows), [f"{name} {k}" for k in range(count)]
        )
        for name, count in SLICES.items()
    }
    return Case("binary", y, new, old, slices=pd.DataFrame(parts))


def timed(times: int, once: Callable[[], object]) -> float:
    """The median of so many runs, in seconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        once()
        taken.append(time.perf_counter() - started)
    return median(taken)


def tables(it: Case, folder: Path) -> None:
    """Write what `compare` reads."""
    assert it.champion is not None
    ids = pa.array(f"{k * 2654435761 % 2**64:016x}" for k in range(len(it.y)))
    parts = {name: pa.array(it.slices[name]) for name in it.slices}
    holdout = {"row_id": ids, "y_true": it.y.astype(np.int8), **parts}
    pq.write_table(pa.table(holdout), folder / "holdout.parquet")
    for name, score in (("champion", it.champion), ("challenger", it.challenger)):
        pq.write_table(pa.table({"row_id": ids, "score": score}), folder / f"{name}.parquet")


def command(folder: Path) -> list[str | Path]:
    own = ("compare", "champion.parquet", "challenger.parquet", "--holdout", "holdout.parquet")
    settings = ("--set", "gate.metric=roc_auc", "--set", f"gate.guards={GUARDS}")
    return [sys.executable, "-m", "champion", *own, *settings, "--out", folder / "verdict.json"]


def decisions(report: Report, folder: Path, sizes: list[int], times: int) -> None:
    """One decision in memory, and the command with reading and checking."""
    table = []
    source = str(TEMPLATE / "{{cookiecutter.project_slug}}" / "src")
    gate = Gate(metric="roc_auc", guards=list(GUARDS), min_slice=30)
    for rows in sizes:
        report.progress(f"{rows:,} rows: a decision, {times} x, and the command")
        it = case(rows)
        decided = timed(times, lambda it=it: judge(it, gate))  # type: ignore[misc]
        tables(it, folder)
        del it
        whole = run(command(folder), folder, {**os.environ, "PYTHONPATH": source})
        table.append([
            f"{rows:,}", f"{decided:.2f}", f"{whole.seconds:.1f}", f"{whole.memory / 1e6:.0f}",
            f"{whole.memory / rows:.0f}",
        ])  # fmt: skip
    report.table(
        "A decision: ROC AUC, two guards, ten slices",
        ["rows", "decision, s", "`compare`, s", "peak MB", "bytes a row"],
        table,
        f"*Decision*: with the tables in memory, median of {times}. *`compare`*: the whole command, "
        "from three Parquet files to the verdict file, with imports and every check.",
    )


def against_bootstrap(report: Report, sizes: dict[int, int], times: int) -> None:
    """The same standard error by resampling."""
    table = []
    for rows, draws in sizes.items():
        it = case(rows)
        assert it.champion is not None
        y, old, new = it.y, it.champion, it.challenger
        report.progress(f"{rows:,} rows: a bootstrap of {draws} draws")

        def statistic(y: Array, old: Array, new: Array) -> float:
            return float(roc_auc_score(y, new) - roc_auc_score(y, old))

        started = time.perf_counter()
        drawn = bootstrap(
            (y, old, new), statistic, paired=True, vectorized=False, n_resamples=draws,
            method="percentile", random_state=0,
        )  # fmt: skip
        each = (time.perf_counter() - started) / draws
        ours = timed(times, lambda: difference(METRICS["roc_auc"], y, old, new))  # noqa: B023
        error = difference(METRICS["roc_auc"], y, old, new).se
        table.append([
            f"{rows:,}", f"{ours:.3f}", f"{draws}", f"{each:.3f}", f"{each * DRAWS:.0f}",
            f"{each * DRAWS / ours:.0f}", f"{error:.6f}", f"{drawn.standard_error:.6f}",
        ])  # fmt: skip
    report.table(
        "The standard error of a difference of two AUCs",
        ["rows", "the judge, s", "draws timed", "bootstrap, s a draw", f"{DRAWS:,} draws, s", "ratio",
         "standard error", "bootstrap's"],
        table,
        "`scipy.stats.bootstrap`, paired, percentile, of scikit-learn's `roc_auc_score`. Draws cost "
        f"the same each, so few are timed and {DRAWS:,} are their multiple; the bootstrap's standard "
        "error is of the draws that were timed.",
    )  # fmt: skip


def benchmark(report: Report, folder: Path, times: int, trial: bool) -> None:
    """Everything; a trial is on a few rows."""
    decisions(report, folder, [1_000] if trial else [10**5, 10**6, 10**7], times)
    against_bootstrap(report, {1_000: 5} if trial else {10**4: 200, 10**5: 50, 10**6: 5}, times)
