"""Workflows executed as GitHub documents it, on this machine: `prepare`, `execute`, `again`.

Jobs run one after the other, those that others need first. Nothing here starts a run by itself:
what follows from a run, and how many run at a time, is for the caller.
"""

from collections.abc import Iterator

from .errors import Refused
from .events import Event, dispatch_inputs, starts
from .jobs import concurrency
from .language import Tree, language
from .legs import Needs, known, needed, run_legs, together
from .local import is_local
from .repository import Machine, Repository
from .result import STAND_IN, Job, Run
from .stand_ins import STAND_INS, stand_in

STOOD_IN: set[str] = set()  # the actions that did not run for real in this process


def load(repository: Repository, path: str, commit: str) -> Tree:
    """Read a workflow from a commit.

    Raises
    ------
    Refused : it is not there, or no workflow.
    """
    return language().parse("workflow", path, repository.show(commit, path))


def prepare(repository: Repository, path: str, event: Event, machine: Machine | None = None) -> Run:
    """A run that has not begun: its id and its concurrency group are known.

    Raises
    ------
    Refused : the workflow is wrong, or does not start on this event.
    """
    tree = load(repository, path, event.sha)
    if not starts(tree, event):
        raise Refused(f"{path} does not start on {event.name} of {event.ref}.")
    return first(repository, path, tree, event, machine)


def first(
    repository: Repository, path: str, tree: Tree, event: Event, machine: Machine | None = None
) -> Run:
    """The first attempt of a run of a workflow that has been read, and starts on this event."""
    name, inputs = tree.get("name") or path, dispatch_inputs(tree, event)
    run = Run(
        next(repository.ids), repository, machine or Machine(), path, name, event, tree, inputs
    )
    run.concurrency = concurrency(tree.get("concurrency"), known(run))
    return run


def execute(run: Run) -> Run:
    """Run every job that is to run, to the end.

    Raises
    ------
    Refused : something in it cannot be executed here.
    """
    check(run)
    needs: Needs = {}
    for name in ordered(run.tree["jobs"]):
        legs = [job for job in run.kept if job.id == name]
        if legs:
            run.jobs += legs
        else:
            legs = run_legs(run, name, needs)
        needs[name] = {"result": together(legs), "outputs": {}}
        for leg in legs:
            needs[name]["outputs"].update({key: one for key, one in leg.outputs.items() if one})
    run.artifacts = run.repository.artifacts.of(run.id)
    run.conclusion = together(run.jobs)
    STOOD_IN.update(name for name in run.how(STAND_IN) if name.split(" ")[0] in STAND_INS)
    return run


def again(run: Run, failed: bool = False, by: str = "") -> Run:
    """The next attempt of a run, of the same commit and event: it has not begun either.

    Parameters
    ----------
    failed : only the jobs that did not succeed, and those that need them.
    by : who asks for it; `github.actor` stays who caused the event.
    """
    return Run(
        run.id,
        run.repository,
        run.machine,
        run.path,
        run.name,
        run.event,
        run.tree,
        run.inputs,
        run.concurrency,
        run.attempt + 1,
        triggered_by=by,
        kept=done(run) if failed else [],
    )


def done(run: Run) -> list[Job]:
    """The jobs that neither failed nor wait for one that did."""
    broken: set[str] = set()
    for name in ordered(run.tree["jobs"]):
        ended = {job.result for job in run.jobs if job.id == name}
        if not ended <= {"success", "skipped"} or needed(run.tree["jobs"][name]) & broken:
            broken.add(name)
    return [job for job in run.jobs if job.id not in broken]


def check(run: Run) -> None:
    """Refuse what cannot be executed before anything is."""
    for name, tree in run.tree["jobs"].items():
        if "uses" in tree:
            raise Refused(f"Job {name} calls a workflow: that is not executed here.")
        for step in tree["steps"]:
            if "run" not in step and not is_local(step.get("uses", "")):
                stand_in(step.get("uses", ""), run.machine)


def ordered(trees: Tree) -> Iterator[str]:
    """Jobs as written, after those that they need."""
    done: list[str] = []
    while len(done) < len(trees):
        name = next(
            name for name, tree in trees.items() if name not in done and needed(tree) <= set(done)
        )
        done.append(name)
        yield name
