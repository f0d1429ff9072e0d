"""From a push to the status: what a pull request costs, step by step, beside the bare computation."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from flights import SAMPLE, Project
from measure import Measured
from report import Report
from ruamel.yaml import YAML

import fork_server
from actions.repository import Machine
from actions.result import Run
from flow import Host
from small_project import clone

SCRIPT = Path(__file__).parent / "scripts" / "bare.py"
AIMS = {"docs only": "15 s", "parameters": "bare + 30 s", "a month of data": "bare + 30 s"}
PARTS = {  # of the steps' names
    "Plan": "plan", "Install": "set up", "Bring the data": "data", "Train": "train",
    "Check": "check, test", "Check and test": "check, test", "Pack": "pack",
    "Find the pull request": "find", "Confirm the champion": "confirm", "Score": "score",
    "Publish": "publish",
}  # fmt: skip


def benchmark(report: Report, project: Project, trial: bool) -> None:
    """Open a pull request of each kind at a GitHub on this machine; its workflows run for real."""
    folder = project.path.parent
    project.forget()
    if trial:
        project.fill(2_000)
        project.run("dvc", "add", "--quiet", "data/raw")
    project.champion("repro")
    git(project.path, "add", "--all")
    git(project.path, "commit", "--quiet", "--no-verify", "-m", "Train the first champion")
    rows: list[list[str]] = []
    with Host(folder / "host", "ada/flights", machine(trial)) as host:
        work = published(host, project, folder)
        report.progress("the first run: its champion is registered")
        host.dispatch("promote.yml")
        host.settle()
        rows.append(told("first run", host.runs, None))
        kinds = [
            ("docs only", write_docs),
            ("parameters", fewer_leaves),
            ("a month of data", another_month),
        ]
        for name, edit in kinds[: 1 if trial else None]:
            report.progress(f"a pull request: {name}")
            done = len(host.runs)
            subprocess.run(
                ["git", "switch", "--quiet", "-C", name.replace(" ", "-"), "origin/main"],
                cwd=work,
                check=True,
            )
            edit(work, project)
            git(work, "add", "--all")
            git(work, "commit", "--quiet", "--no-verify", "-m", name)
            git(work, "push", "--quiet", "--no-verify", "origin", "HEAD")
            host.request_pull(name.replace(" ", "-"))
            host.settle()
            runs = [run for run in host.runs[done:] if run.conclusion != "action_required"]
            bare = None if name == "docs only" else bare_script(project, work)
            if not trial:
                refuse_failures(name, runs)
            rows.append(told(name, runs, bare))
    heads = [
        "pull request",
        "push to gate, s",
        "bare, s",
        "aim",
        *dict.fromkeys(PARTS.values()),
        "other",
        "CI minutes",
    ]
    report.table(
        "From a push to the gate",
        heads,
        rows,
        "The workflows of the sample project, executed on this machine, one job after the other, "
        "with a warm package cache; what GitHub takes to start a machine is not in it. Bare: one "
        "script that reads the data, fits, cross-validates and predicts. Push to gate ends with the "
        "status; the comment follows. CI minutes: each job rounded up, as they are billed.",
    )  # fmt: skip


def machine(trial: bool) -> Machine:
    """A runner with uv and a warm package cache; each job makes its environment."""
    how = ("UV_", "PIP_", "SSL_", "HTTPS_", "NO_PROXY")  # packages are reached from here
    variables = {name: value for name, value in os.environ.items() if name.startswith(how)}
    variables |= {"UV_CACHE_DIR": uv_cache(), "DVC_NO_ANALYTICS": "1"}
    if trial:
        variables["CHAMPION_VENV"] = str(fork_server.environment())
    return Machine(path=(Path(sys.executable).parent,), variables=variables)


def uv_cache() -> str:
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    return subprocess.run([uv, "cache", "dir"], capture_output=True, text=True).stdout.strip()


def published(host: Host, project: Project, folder: Path) -> Path:
    """The project's first push; a clone to work in."""
    url = host.github.remote(host.home, host.token("ada"))
    git(project.path, "remote", "add", "origin", url)
    project.champion("publish", "--confirm", "public")
    host.github.take_events()
    work = clone(url, folder / "work").path
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        git(work, "config", key, value)
    return work


def write_docs(work: Path, _: Project) -> None:
    with (work / "README.md").open("a") as file:
        file.write("\nMore words.\n")


def fewer_leaves(work: Path, _: Project) -> None:
    path = work / "params.yaml"
    path.write_text(path.read_text().replace("max_leaf_nodes: 15", "max_leaf_nodes: 14"))


def another_month(work: Path, project: Project) -> None:
    """As `make data` does, in the project whose environment it is."""
    run(project, work, "setup")
    run(project, work, "data", str(SAMPLE / "later/flights-2013-02.parquet"))
    run(project, work, "push-files")


def run(project: Project, work: Path, *verb: str) -> None:
    """A verb in the clone, with the project's environment."""
    variables = {**project.variables, "CHAMPION_VENV": str(project.interpreter.parents[1])}
    command = [str(project.interpreter), "src/champion", *verb]
    subprocess.run(command, cwd=work, env=variables, check=True, stdout=subprocess.DEVNULL)


def bare_script(project: Project, work: Path) -> Measured:
    """The bare computation on what was pushed."""
    params = json.dumps(YAML(typ="safe").load(work / "params.yaml"))
    for name in ("data/raw", "params.yaml"):
        target = project.path / name
        if (work / name).is_dir():
            shutil.rmtree(target)
            shutil.copytree(work / name, target)
    return project.python(SCRIPT, params, str(os.cpu_count() or 1), OMP_NUM_THREADS="1")


def refuse_failures(name: str, runs: list[Run]) -> None:
    """What failed early would look fast; a trial's few rows may well give no better model."""
    for run in runs:
        if run.conclusion != "success":
            raise RuntimeError(f"{name}: {run.name} ended as {run.conclusion}\n{run.log[-3000:]}")


def told(name: str, runs: list[Run], bare: Measured | None) -> list[str]:
    """A row of the table."""
    spent: dict[str, float] = dict.fromkeys([*PARTS.values(), "other"], 0.0)
    gate = minutes = 0.0
    for run in runs:
        for job in run.jobs:
            seconds = sum(step.seconds for step in job.steps)
            minutes += -(-seconds // 60) if seconds else 0
            reached = False
            for step in job.all_steps():
                if step.steps or step.outcome == "skipped":
                    continue
                part = PARTS.get(step.name, "other")
                if not reached:
                    spent[part] += step.seconds
                    gate += step.seconds
                reached = reached or part == "publish"
    shown = [f"{spent[part]:.1f}" for part in spent]
    base = f"{bare.seconds:.1f}" if bare else "0"
    return [name, f"{gate:.1f}", base, AIMS.get(name, "-"), *shown, f"{minutes:.0f}"]


def git(folder: Path, *arguments: Any) -> None:
    subprocess.run(["git", "-C", str(folder), *map(str, arguments)], check=True)
