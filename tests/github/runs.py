"""Runs of workflows, as whoever executes them reports them."""

from typing import TYPE_CHECKING, Any

from . import shapes
from .bare import Bare
from .events import Event, fire
from .state import ACTIONS_APP, Artifact, CheckRun, Job, Repository, Run, now

if TYPE_CHECKING:
    from .service import GitHub


def start_run(
    github: "GitHub",
    event: Event,
    path: str,
    name: str,
    actor: str | None = None,
    number: int | None = None,
) -> Run:
    """A run of the workflow at `path` that an event started: `requested`, under an id.

    One that waits for a person is over at once, as `action_required`: `approve` begins it.
    """
    repository = event.repository
    pull = event.payload.get("pull_request")
    run = Run(
        id=number or github.number(),
        number=sum(run.path == path for run in repository.runs) + 1,
        path=path,
        name=name,
        event=event.name,
        head_sha=pull["head"]["sha"] if pull else event.sha,
        head_branch=pull["head"]["ref"] if pull else event.reference.split("/", 2)[-1],
        head_repository=github.repositories[pull["head"]["repo"]["full_name"]]
        if pull
        else repository,
        actor=github.user(actor or event.actor),
        triggering_actor=github.user(actor or event.actor),
        title=pull["title"] if pull else first_line(repository.bare, event.sha),
        status="in_progress",
    )
    repository.runs.append(run)
    if event.needs_approval:
        run.status, run.conclusion = "completed", "action_required"
    fire_run(github, repository, run, "requested")
    if event.needs_approval:
        fire_run(github, repository, run, "completed")
    return run


def approve(run: Run) -> None:
    """Let a run that waits for a person begin; it was `requested` when it was made."""
    run.status, run.conclusion, run.started_at = "in_progress", None, now()


def first_line(bare: Bare, sha: str) -> str:
    return bare.commit(sha).message.split("\n")[0]


def rerun(github: "GitHub", repository: Repository, run: Run, actor: str) -> None:
    """Another attempt, of the same commit."""
    run.attempt += 1
    run.status, run.conclusion = "in_progress", None
    run.triggering_actor, run.started_at = github.user(actor), now()
    fire_run(github, repository, run, "requested")


def add_job(
    github: "GitHub", repository: Repository, run: Run, name: str, steps: list[dict[str, Any]]
) -> Job:
    """A job of the run's attempt; it is a check of the head commit as well."""
    check = CheckRun(
        id=github.number(), name=name, sha=run.head_sha, app=ACTIONS_APP, status="in_progress"
    )
    job = Job(check=check, attempt=run.attempt, steps=steps)
    repository.checks.append(check)
    run.jobs.append(job)
    return job


def finish_job(job: Job, conclusion: str) -> None:
    """Give a job its conclusion."""
    job.check.status, job.check.conclusion, job.check.completed_at = "completed", conclusion, now()


def add_artifact(github: "GitHub", run: Run, name: str, content: bytes) -> Artifact:
    """What a run uploaded: the bytes of a zip file."""
    artifact = Artifact(id=github.number(), name=name, content=content, run=run)
    run.artifacts.append(artifact)
    return artifact


def finish_run(github: "GitHub", repository: Repository, run: Run, conclusion: str) -> None:
    """Give a run its conclusion: `completed`, whatever it is."""
    run.status, run.conclusion, run.updated_at = "completed", conclusion, now()
    fire_run(github, repository, run, "completed")


def fire_run(github: "GitHub", repository: Repository, run: Run, action: str) -> None:
    """Tell those who follow the workflow; they run on the default branch's tip."""
    branch = f"refs/heads/{repository.default_branch}"
    sha = repository.bare.resolve(branch)
    if sha is None:
        return
    fire(
        github,
        repository,
        github.system(run.triggering_actor),
        "workflow_run",
        action,
        (branch, sha),
        workflow_run=shapes.run(github, repository, run),
        workflow=shapes.workflow(github, repository, run.path, run.name),
    )
