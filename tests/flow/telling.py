"""What the API is told of a run while it goes on: its jobs, their steps and tokens, its artifacts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.artifacts import Artifact, Artifacts
from actions.result import Job, Run
from github import GitHub, Repository, Token, runs, state
from github.service import BOT
from github.state import ACTIONS_APP


def tell(github: GitHub, repository: Repository, record: state.Run, run: Run) -> None:
    """Bring the record of a run up to date with what became of it so far."""
    shown = [job for job in record.jobs if job.attempt == run.attempt]
    for job in run.jobs[len(shown) :]:
        shown.append(runs.add_job(github, repository, record, job.name, []))
    for job, told in zip(run.jobs, shown, strict=True):
        told.steps[:] = steps(job)
        if job.conclusion and not told.check.conclusion:
            runs.finish_job(told, job.conclusion)
        if job.token and not job.token.live:
            github.tokens.pop(job.token.value, None)
        elif job.token and job.token.value not in github.tokens:
            github.tokens[job.token.value] = Token(
                job.token.value,
                github.user(BOT),
                repository,
                job.token.permissions,
                fork=run.event.untrusted,
                app=ACTIONS_APP,
                workflow=True,
            )


def steps(job: Job) -> list[dict[str, Any]]:
    """The steps as the API lists them; the runner's own is the first."""
    if not job.steps:
        return []
    first = {"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1}
    return [first] + [
        {
            "name": step.name,
            "status": "completed" if step.conclusion else "in_progress",
            "conclusion": step.conclusion or None,
            "number": number,
        }
        for number, step in enumerate(job.steps, 2)
    ]


@dataclass
class Shelf(Artifacts):
    """Artifacts that the API lists, too; what it deletes or lets expire is gone."""

    github: GitHub = field(kw_only=True)
    records: dict[int, state.Run] = field(kw_only=True)

    def __post_init__(self) -> None:
        self.ids = iter(self.github.number, None)

    def upload(
        self, run_id: int, attempt: int, name: str, files: dict[str, Path], again: bool
    ) -> Artifact:
        made = super().upload(run_id, attempt, name, files, again)
        record = self.records[run_id]
        with self.github.lock:
            listed = [one for one in record.artifacts if one.id in self.stored]
            told = state.Artifact(id=made.id, name=name, content=made.file.read_bytes(), run=record)
            record.artifacts[:] = [*listed, told]
        return made

    def of(self, run_id: int) -> list[Artifact]:
        listed = {one.id for one in self.records[run_id].artifacts if not one.expired}
        return [one for one in super().of(run_id) if one.id in listed]
