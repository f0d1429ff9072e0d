"""One job, or one leg of its matrix."""

import secrets
import time
from typing import Any

from . import contexts, permissions, processes
from .errors import Failed, Lost, Refused
from .language import Tree, language, text
from .permissions import Token
from .place import Place, Scope
from .repository import Environment
from .result import Concurrency, Job, Run
from .steps import run_steps, texts, truthy


def run_job(run: Run, tree: Tree, job: Job, known: dict[str, Any]) -> None:
    """Run the steps and fill in what became of them.

    Parameters
    ----------
    known : the contexts github, inputs, vars, needs, matrix and strategy.
    """
    for part in ("container", "services"):
        if part in tree:
            raise Refused(f"Job {job.id} wants {part}: there are none here.")
    held = permissions.granted(
        run.tree.get("permissions"),
        tree.get("permissions"),
        run.repository.default_permissions,
        run.event.untrusted,
    )
    job.token = Token(f"ghs_{secrets.token_hex(18)}", held, run.id, job.id)
    run.repository.tokens[job.token.value] = job.token
    try:
        given = environment(run, tree, job, known)
        known = {**known, "vars": {**known["vars"], **given.variables}}
        job.concurrency = concurrency(tree.get("concurrency"), known)
        carry_out(run, tree, job, known, given, job.token)
    except Failed as error:
        job.conclusion, job.reason = "failure", str(error)
    except Lost:
        job.conclusion = "failure"
        job.reason = "The hosted runner lost communication with the server."
    finally:
        job.token.live = False
    forgives = truthy(language().evaluate(tree.get("continue-on-error", False), known))
    job.result = "success" if forgives and job.conclusion == "failure" else job.conclusion


def carry_out(
    run: Run, tree: Tree, job: Job, known: dict[str, Any], given: Environment, token: Token
) -> None:
    """Make the job's place, run its steps there, clear up."""
    own = {} if run.event.untrusted else {**run.repository.secrets, **given.secrets}
    for value in [*own.values(), token.value]:
        run.masks.add(value)
    minutes = float(language().evaluate(tree.get("timeout-minutes", 360), known))
    folder = run.repository.scratch / "jobs" / f"{run.id}-{run.attempt}-{len(run.jobs)}"
    folder.mkdir(parents=True)
    runner = contexts.runner(language().evaluate(tree["runs-on"], known), folder / "temp")
    all_known = {
        **known,
        "github": contexts.in_job(known["github"], job.id, token.value, folder),
        "runner": runner,
        "secrets": {**own, "GITHUB_TOKEN": token.value},
    }
    deadline = time.monotonic() + minutes * run.machine.minute
    place, scope = Place(run, job, folder, all_known, deadline), Scope()
    for level in (run.tree, tree):
        place.env.update(texts(place.evaluate(level.get("env", {}), scope)))
        defaults = place.evaluate((level.get("defaults") or {}).get("run") or {}, scope)
        scope.defaults.update(texts(defaults))
    try:
        run_steps(place, tree["steps"], scope, job.steps)
        if place.status(scope) == "success":
            for work in reversed(place.afterwards):
                work()
    finally:
        for group in place.groups:
            processes.end(group)
    job.conclusion = place.status(scope)
    job.outputs = outputs(run, place, tree, scope)


def outputs(run: Run, place: Place, tree: Tree, scope: Scope) -> dict[str, str]:
    """What the job hands on; nothing that holds a secret."""
    said = texts(place.evaluate(tree.get("outputs") or {}, scope))
    return {name: value for name, value in said.items() if run.masks.hide(value) == value}


def environment(run: Run, tree: Tree, job: Job, known: dict[str, Any]) -> Environment:
    """What the environment that a job names gives it.

    Raises
    ------
    Failed : the environment is not for this branch.
    """
    asked = language().evaluate(tree.get("environment"), known)
    job.environment = text(asked["name"] if isinstance(asked, dict) else asked)
    if not job.environment:
        return Environment()
    return run.repository.environment(job.environment, run.event.ref)


def concurrency(tree: Tree, known: dict[str, Any]) -> Concurrency | None:
    """The group of a workflow or a job."""
    asked = language().evaluate(tree, known)
    if not asked:
        return None
    if isinstance(asked, str):
        return Concurrency(asked)
    cancels = truthy(asked.get("cancel-in-progress", False))
    return Concurrency(text(asked["group"]), cancels, asked.get("queue", "single"))
