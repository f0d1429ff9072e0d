"""Whether a job runs, and the legs that its matrix makes of it."""

from collections.abc import Iterator
from typing import Any

from . import contexts, matrix
from .errors import Failed
from .jobs import run_job
from .language import Tree, language
from .result import Job, Run
from .steps import SUCCESS, truthy

Needs = dict[str, dict[str, Any]]  # the `needs` context, of all jobs that are over


def known(run: Run) -> dict[str, Any]:
    """The contexts that every job has."""
    return {
        "github": contexts.github(run),
        "inputs": run.inputs,
        "vars": {} if run.event.untrusted else run.repository.variables,
    }


def needed(tree: Tree) -> set[str]:
    """The jobs that a job names."""
    needs = tree.get("needs") or []
    return {needs} if isinstance(needs, str) else set(needs)


def run_legs(run: Run, name: str, needs: Needs) -> list[Job]:
    """A job, in as many legs as its matrix has; one that says so if it is not to run."""
    tree = run.tree["jobs"][name]
    here = {**known(run), "needs": {one: needs[one] for one in needed(tree)}}
    condition = tree.get("if", SUCCESS)
    cancelled = run.cancelled.is_set()
    status = "cancelled" if cancelled else of_ancestors(run, name, needs)
    try:
        if truthy(language().evaluate(condition, here, status)):
            strategy = language().evaluate(tree.get("strategy") or {}, here)
            keeps_on = truthy(language().evaluate(condition, here, "cancelled"))
            return list(in_turn(run, tree, name, strategy, here, keeps_on))
        ended, reason = "cancelled" if cancelled else "skipped", ""
    except Failed as error:
        ended, reason = "failure", str(error)
    run.jobs.append(Job(name, name, conclusion=ended, result=ended, reason=reason))
    return run.jobs[-1:]


def in_turn(
    run: Run,
    tree: Tree,
    name: str,
    strategy: dict[str, Any],
    here: dict[str, Any],
    keeps_on: bool,
) -> Iterator[Job]:
    """Run one leg after the other, until one fails unless the strategy is not to fail fast."""
    legs = matrix.expand(strategy.get("matrix") or {})
    fast = strategy.get("fail-fast", True)
    failed = False
    for number, leg in enumerate(legs):
        place = {"fail-fast": fast, "job-index": number, "job-total": len(legs)}
        mine = {**here, "matrix": leg, "strategy": {"max-parallel": len(legs), **strategy, **place}}
        title = language().evaluate(tree.get("name"), mine) or matrix.title(name, leg)
        job = Job(name, title, leg, keeps_on=keeps_on)
        run.jobs.append(job)
        if failed and fast:
            job.conclusion = job.result = "cancelled"
            job.reason = "another leg failed"
        else:
            run_job(run, tree, job, mine)
        failed = failed or job.result == "failure"
        yield job


def of_ancestors(run: Run, name: str, needs: Needs) -> str:
    """What success() and failure() of a job go by: everything that it waits for, however far."""
    seen: set[str] = set()
    waiting = needed(run.tree["jobs"][name])
    while waiting:
        one = waiting.pop()
        seen.add(one)
        waiting |= needed(run.tree["jobs"][one]) - seen
    results = {needs[one]["result"] for one in seen}
    if "failure" in results:
        return "failure"
    return "success" if results <= {"success"} else "skipped"


def together(jobs: list[Job]) -> str:
    """One word for several jobs."""
    results = {job.result for job in jobs}
    for worst in ("failure", "cancelled", "success"):
        if worst in results:
            return worst
    return "skipped"
