"""How long it takes from nothing to the first champion."""

import tempfile
from pathlib import Path

from flights import Project, generate
from measure import Measured, median
from report import Report

STEPS = [
    "`cookiecutter`: the sample project, a Git repository",
    "`make setup`: `.venv` from a warm package cache; prepares the remote, describes the data",
    "`make setup` again",
    "`make repro`, the first: 27 thousand rows; compiles the libraries",
]


def benchmark(report: Report, folder: Path, repeat: int) -> None:
    """Generate the sample project, set it up in an environment of its own, train."""
    report.progress("set up once, so that the package cache is warm")
    once(folder)
    runs = []
    for number in range(repeat):
        report.progress(f"generate, set up, train ({number + 1} of {repeat})")
        runs.append(once(folder))
    report.table(
        "From nothing to the first champion",
        ["step", "seconds"],
        [
            [step, f"{median([run[place].seconds for run in runs]):.1f}"]
            for place, step in enumerate(STEPS)
        ],
        f"Median of {repeat}.",
    )


def once(parent: Path) -> list[Measured]:
    """One measurement a step."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        made = generate(Path(name))
        project = Project(Path(name))
        return [made, *(project.champion(verb) for verb in ("setup", "setup", "repro"))]
