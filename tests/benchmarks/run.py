"""Every figure that the README quotes, as Markdown: `python tests/benchmarks/run.py [NAME …]`."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import generating
import monitoring
import pipeline
import psutil
import serving
import validation
from flights import TEMPLATE, Project, generate, packages
from report import Report

import pull_requests

NAMES = ("generating", "judge", "monitoring", "pipeline", "pull_requests", "serving", "validation")
LIBRARIES = ("dvc", "pandas", "pandera", "pyarrow", "scikit-learn")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all")
    parser.add_argument(
        "--rows", nargs="+", type=int, default=[27_000, 337_000, 3_400_000], help="about so many"
    )
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many runs")
    parser.add_argument("--out", type=Path, help="write the tables to this file, too")
    parser.add_argument(
        "--trial", action="store_true", help="whether it still works: a few rows, nothing installed"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no {', '.join(unknown)}: choose of {', '.join(NAMES)}")
    names = given.names or NAMES
    sizes, times = ([2_000], 1) if given.trial else (given.rows, given.repeat)
    report = Report(given.out)
    report.write(machine())
    with tempfile.TemporaryDirectory(prefix="champion-benchmarks-") as name:
        folder = Path(name).resolve()
        if "generating" in names and not given.trial:
            generating.benchmark(report, folder, times)
        if "judge" in names:
            sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "src"))
            import judge_errors  # which imports the engine
            import judge_simulation
            import judge_speed

            judge_simulation.benchmark(report, given.trial)
            judge_errors.benchmark(report, given.trial)
            judge_speed.benchmark(report, folder, times, given.trial)
        if "monitoring" in names:
            monitoring.benchmark(report, folder / "monitor", times, given.trial)
        if {"pipeline", "pull_requests", "serving", "validation"} & {*names}:
            report.progress("generate a project and set it up")
            generate(folder)
            project = Project(folder, shared=given.trial)
            project.champion("setup")
            report.write(f"The project's environment: {packages(project.interpreter, *LIBRARIES)}.")
        if "pipeline" in names:
            pipeline.benchmark(report, project, sizes, times, given.trial)
        if "serving" in names:
            serving.benchmark(report, project, given.trial)
        if "validation" in names:
            validation.benchmark(report, project, sizes, times, given.trial)
        if "pull_requests" in names:
            pull_requests.benchmark(report, project, given.trial)
    return 0


def machine() -> str:
    """What everything ran on, and how busy it was before."""
    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().total / 1e9
    load = psutil.getloadavg()[0]
    return (
        f"{processor()}, {cores} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}; load before: {load:.2f}."
    )


def processor() -> str:
    """The processor's name, as far as the system tells."""
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
