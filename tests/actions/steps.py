"""The steps of a job or of a composite action, one after the other."""

import time
from pathlib import Path
from typing import Any

from . import local, log, processes, variables
from .errors import Failed, Lost
from .language import Tree, text
from .place import Place, Scope
from .result import COMPOSITE, REAL, STAND_IN, Step
from .stand_ins import Call, stand_in

SUCCESS = {"${{": "success()"}


def run_steps(place: Place, trees: list[Tree], scope: Scope, into: list[Step]) -> None:
    """Run them all: each condition decides for itself."""
    for number, tree in enumerate(trees):
        into.append(begin(tree, number))
        place.machine.before(place, into[-1])
        place.interrupted()
        run_step(place, tree, into[-1], scope)
        if place.lost:
            raise Lost


def begin(tree: Tree, number: int) -> Step:
    uses = tree.get("uses", "")
    how = REAL if not uses else COMPOSITE if local.is_local(uses) else STAND_IN
    name = tree.get("name") or f"Run {uses or text(tree['run']).splitlines()[0]}"
    return Step(tree.get("id", f"__{number}"), text(name), how, uses.split("@")[0])


def run_step(place: Place, tree: Tree, step: Step, scope: Scope) -> None:
    """Decide whether a step runs, run it, and tell the ones after it how it ended."""
    started = time.monotonic()
    forgives = False
    try:
        env = texts(place.evaluate(tree.get("env", {}), scope))
        forgives = truthy(place.evaluate(tree.get("continue-on-error", False), scope, env))
        if truthy(place.evaluate(tree.get("if", SUCCESS), scope, env)):
            step.name = text(place.evaluate(tree.get("name"), scope, env)) or step.name
            step.outcome = perform(place, tree, step, scope, env)
        else:
            step.outcome = "skipped"
    except Failed as error:
        fail(place, step, str(error))
    forgiven = forgives and step.outcome == "failure"
    step.conclusion = "success" if forgiven else step.outcome
    step.seconds = time.monotonic() - started
    if "id" in tree:
        scope.steps[step.id] = {
            "outputs": step.outputs,
            "outcome": step.outcome,
            "conclusion": step.conclusion,
        }
    if step.conclusion == "failure":
        scope.status = "failure"


def fail(place: Place, step: Step, message: str) -> None:
    message = place.run.masks.hide(message)
    step.outcome = "failure"
    step.log = "\n".join(filter(None, [step.log, f"Error: {message}"]))
    step.annotations.append(("error", message))


def perform(place: Place, tree: Tree, step: Step, scope: Scope, env: dict[str, str]) -> str:
    minutes = float(place.evaluate(tree.get("timeout-minutes", 360), scope, env))
    deadline = min(scope.deadline, time.monotonic() + minutes * place.machine.minute)
    if "run" in tree:
        return shell(place, tree, step, scope, env, deadline)
    given = texts(place.evaluate(tree.get("with", {}), scope, env))
    if step.how == COMPOSITE:
        inner = Scope(env={**scope.env, **env}, deadline=deadline)
        return composite(place, tree["uses"], given, step, scope, inner)
    call = Call(tree["uses"], given, place, step, place.variables(scope, env))
    stand_in(tree["uses"], place.machine)(call)
    step.log = place.run.masks.hide(step.log)
    return "success"


def shell(
    place: Place, tree: Tree, step: Step, scope: Scope, env: dict[str, str], deadline: float
) -> str:
    """Run a script for real."""
    wanted = {key: tree.get(key) for key in ("run", "shell", "working-directory")}
    about = place.evaluate(wanted, scope, env)
    folder = place.temp / f"step{next(place.numbers)}"
    files = variables.empty(folder)
    script = folder / "script"
    script.write_text(text(about["run"]) + "\n", encoding="utf-8")
    windows = place.contexts["runner"]["os"] == "Windows"
    name = about["shell"] or scope.defaults.get("shell") or ("pwsh" if windows else "")
    where = about["working-directory"] or scope.defaults.get("working-directory", "")
    output = folder / "log"
    try:
        return processes.call(
            processes.command(name, script),
            place.workspace / where,
            {**place.variables(scope, env), **files},
            output,
            deadline,
            place.interrupted,
            place.groups,
        )
    finally:
        keep(place, step, files, output)


def keep(place: Place, step: Step, files: dict[str, str], output: Path) -> None:
    """Take over what a step printed and set."""
    printed = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
    step.log, step.annotations = log.read(printed, place.run.masks)
    paths = {name: Path(file) for name, file in files.items()}
    step.summary = place.run.masks.hide(variables.summary(paths["GITHUB_STEP_SUMMARY"]))
    step.outputs.update(variables.pairs(paths["GITHUB_OUTPUT"]))
    environment = variables.pairs(paths["GITHUB_ENV"])
    if "NODE_OPTIONS" in environment:
        raise Failed("Can't store NODE_OPTIONS in GITHUB_ENV.")
    place.env.update(environment)
    for line in paths["GITHUB_PATH"].read_text().splitlines():
        place.path.insert(0, line)


def composite(
    place: Place, uses: str, given: dict[str, str], step: Step, outer: Scope, scope: Scope
) -> str:
    """Run the steps of an action of the repository's own, in a scope of their own."""
    tree, folder = local.load(place, uses)
    inputs = {
        name: text(place.evaluate((about or {}).get("default", ""), outer))
        for name, about in (tree.get("inputs") or {}).items()
    }
    for name in sorted(set(given) - set(inputs)):
        step.annotations.append(("warning", f"Unexpected input '{name}'"))
    github = {**place.contexts["github"], "action_path": str(folder)}
    scope.contexts = {"inputs": {**inputs, **given}, "github": github}
    run_steps(place, tree["runs"]["steps"], scope, step.steps)
    outputs = {name: about["value"] for name, about in (tree.get("outputs") or {}).items()}
    step.outputs.update(texts(place.evaluate(outputs, scope)))
    return place.status(scope)


def texts(tree: Tree) -> dict[str, str]:
    return {name: text(value) for name, value in tree.items()}


def truthy(value: Any) -> bool:
    return bool(value) or isinstance(value, dict | list)
