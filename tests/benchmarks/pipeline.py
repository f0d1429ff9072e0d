"""`champion repro` against the bare computation: time and memory, by rows."""

import itertools
import json
import math
import os
from pathlib import Path

from flights import Project
from measure import Measured, repeat
from report import Report
from ruamel.yaml import YAML

SCRIPT = Path(__file__).parent / "scripts" / "bare.py"
STAGES = ("validate", "split", "train", "evaluate", "explain", "card")
CORES = os.cpu_count() or 1
WAYS = [(CORES, 1), (1, CORES)]  # fits beside each other, and OpenMP's threads in each
MANY = 1_000_000  # rows from which one run must do


def benchmark(report: Report, project: Project, sizes: list[int], times: int, trial: bool) -> None:
    """Run the whole pipeline and the bare script on each number of rows."""
    ways = WAYS[:1] if trial else WAYS
    if not trial:
        report.progress("one run that nobody counts: fills the page cache")
        whole(project)
    table, stages = [], []
    for size in sizes:
        rows = project.fill(size)
        count = 1 if rows > MANY else times
        report.progress(f"{rows:,} rows: champion repro, {count} x")
        ours = repeat(count, lambda: whole(project))
        report.progress(f"{rows:,} rows: bare script, {count} x {len(ways)} ways")
        runs = [repeat(count, lambda way=way: bare_script(project, *way)) for way in ways]  # type: ignore[misc]
        bare = min(runs, key=lambda run: run.seconds)
        compare(project.path, bare.answer)
        table.append([
            f"{rows:,}", seconds(ours.seconds), seconds(bare.seconds),
            f"{ours.seconds / bare.seconds:.2f}", micro(ours, rows), micro(bare, rows),
            megabytes(ours), megabytes(bare),
            "{} at once, {} threads each".format(*ways[runs.index(bare)]),
        ])  # fmt: skip
        stages.append([f"{rows:,}", *map(seconds, by_stage(ours))])
    report.table(
        "The pipeline against the bare computation",
        ["rows", "`champion repro`, s", "bare, s", "ratio", "µs a row", "bare, µs a row",
         "peak MB", "bare, MB", "fits of the bare script"],
        table,
        f"`champion repro` runs all five stages and DVC with nothing cached: it checks the data, "
        "splits, fits, cross-validates, predicts, measures with standard errors, draws and "
        "explains. Bare is one script that reads the same files, fits and cross-validates the same "
        "model on the same folds, predicts the same holdout (results are compared to 5 digits) and "
        "does none of the rest. It is the faster of one thread a fit with fits beside each other, "
        f"and one fit after the other with {CORES} threads. Median of {times} "
        f"(over a million rows: one run); files and libraries in the page cache.",
    )  # fmt: skip
    report.table(
        "Where `champion repro` spends its time",
        ["rows", "start, s", *(f"{stage}, s" for stage in STAGES)],
        stages,
        "The same runs. A stage's time includes what DVC does for it: start it, hash its results.",
    )


def whole(project: Project) -> Measured:
    """Run the pipeline on raw data that are tracked, with nothing else there."""
    project.forget()
    return project.champion("repro")


def by_stage(run: Measured) -> list[float]:
    """The seconds until the first stage, then of each stage until the next one."""
    begun = [
        next(when for when, line in run.lines if line.startswith(f"Running stage '{stage}'"))
        for stage in STAGES
    ]
    return [end - start for start, end in itertools.pairwise([0.0, *begun, run.seconds])]


def bare_script(project: Project, fits: int, threads: int) -> Measured:
    """Run the bare script, so many fits beside each other, with so many threads in each."""
    params = json.dumps(YAML(typ="safe").load(project.path / "params.yaml"))
    return project.python(SCRIPT, params, str(fits), OMP_NUM_THREADS=str(threads))


def compare(folder: Path, bare: dict[str, dict[str, float]]) -> None:
    """Make sure that both computed the same.

    Raises
    ------
    SystemExit : they did not.
    """
    cv = json.loads((folder / "reports" / "cv.json").read_text())
    holdout = json.loads((folder / "reports" / "holdout.json").read_text())["metrics"]
    pairs = itertools.chain(
        ((f"cv {name}", cv[name], value) for name, value in bare["cv"].items()),
        ((name, holdout[name]["value"], value) for name, value in bare["holdout"].items()),
    )
    for name, ours, theirs in pairs:
        if not math.isclose(ours, theirs, abs_tol=1e-5):
            raise SystemExit(f"{name} is {ours} in the project and {theirs} in the bare script.")


def seconds(value: float) -> str:
    return f"{value:.1f}"


def micro(run: Measured, rows: int) -> str:
    return f"{1e6 * run.seconds / rows:.0f}"


def megabytes(run: Measured) -> str:
    return f"{run.memory / 1e6:.0f}"
