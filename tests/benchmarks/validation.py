"""The validation stage against the same checks in bare expressions and in another tool."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checks import checks_of
from flights import Project, packages
from measure import Measured, median, repeat
from report import Report

SCRIPTS = Path(__file__).parent / "scripts"
LOCK = Path(__file__).parent / "requirements.txt"
KINDS = ("seconds", "seconds_all")
SMALLEST = 100_000  # rows below which only start-up would be timed
POLARS, OURS = "bare polars", "the stage `validate`"
ENGINES = {POLARS: "polars", "bare DuckDB": "duckdb", "Great Expectations": "great_expectations"}


def benchmark(report: Report, project: Project, sizes: list[int], times: int, trial: bool) -> None:
    """Check each number of rows with every engine; all must count the same."""
    engines = {POLARS: "polars"} if trial else ENGINES
    python = sys.executable if trial else str(peers(report))
    asked = checks_of(project.path / "src" / "flight_delays" / "schema.py")
    described = json.dumps([asdict(check) for check in asked])
    table = []
    for size in [size for size in sizes if size >= SMALLEST] or sizes[-1:]:
        rows = project.fill(size)

        def engine(script: str, count: int) -> Measured:
            command = [python, SCRIPTS / f"check_{script}.py", str(count), described]
            return project.run(*command, project.path / "data" / "raw")

        report.progress(f"{rows:,} rows: champion validate")
        stage = repeat(times, lambda: project.champion("validate"))
        script = SCRIPTS / "check_champion.py"
        ours = project.python(script, str(times)).answer
        ours["counts"] = {name_of(c): ours["counts"].get(name_of(c), 0) for c in asked}
        measured = {OURS: (ours, stage)}
        for name, script_name in engines.items():
            report.progress(f"{rows:,} rows: {name}")
            run = repeat(times, lambda one=script_name: engine(one, 0))  # type: ignore[misc]
            answer = engine(script_name, times).answer
            same(name, ours, answer)
            measured[name] = (answer, run)
        base = measured[POLARS][0]
        for name, (answer, run) in measured.items():
            checks = [part for kind in KINDS for part in compared(answer, base, kind)]
            memory = f"{run.memory / 1e6:.0f}"
            table.append([name, f"{rows:,}", *checks, f"{run.seconds:.2f}", memory])
    versions = packages(python, *(name.replace("_", "-") for name in engines.values()))
    report.table(
        f"Validation: {len(asked)} checks of {len({c.column for c in asked})} columns",
        ["engine", "rows", "checks, s", "ratio", "and duplicate rows, s", "ratio", "whole process, s",
         "peak MB"],
        table,
        f"{versions}. The same checks (missing values, unseen categories, range, outliers), read "
        "from the project's schema.py, on all cores that an engine uses; all must find the same "
        "rows. *Checks*: on a table that is in memory, the first time left out; ours also gives "
        "every column its type and names the first failing rows, and with duplicate rows it also "
        "looks for leaks. *Ratio*: to polars. *Whole process*: from start to end with imports and "
        "reading; ours is `champion validate` without the warm start, which does all of that and "
        "writes the valid rows. " f"Median of {times}.",
    )  # fmt: skip


def compared(answer: dict[str, Any], base: dict[str, Any], kind: str) -> list[str]:
    """The seconds, and how many times those of polars they are."""
    if kind not in answer:
        return ["-", "-"]
    taken = median(answer[kind])
    return [f"{taken:.3f}", f"{taken / median(base[kind]):.1f}"]


def name_of(check: Any) -> str:
    return f"{check.column} {check.name}"


def same(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Make sure that an engine found what the stage found.

    Raises
    ------
    SystemExit : it did not.
    """
    found = {**theirs["counts"], "duplicates": theirs.get("duplicates", ours["duplicates"])}
    wanted = {**ours["counts"], "duplicates": ours["duplicates"]}
    for check in wanted.keys() | found.keys():
        if wanted.get(check) != found.get(check):
            raise SystemExit(
                f"{check}: the stage finds {wanted.get(check)} rows, {name} {found.get(check)}."
            )


def peers(report: Report, lock: Path = LOCK) -> Path:
    """An environment that holds what we are compared with, made once."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(sys.version.encode() + lock.read_bytes()).hexdigest()[:12]
    folder = caches / "cookiecutter-champion" / f"benchmarks-{digest}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if ready.exists():
        return python
    report.progress(f"installing {lock.name} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if uv := shutil.which("uv"):
        install: list[str | Path] = [uv, "pip", "install", "-q", "-p", python]
    else:
        install = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
    ready.touch()
    return python
