"""What the API is told of a run while it goes on: its jobs, their steps and tokens, its artifacts."""

import hashlib
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
    """The artifacts that the API lists, and no others: what it has is what a step is given."""

    github: GitHub = field(kw_only=True)
    repository: Repository = field(kw_only=True)

    def __post_init__(self) -> None:
        self.ids = iter(self.github.number, None)

    def upload(
        self, run_id: int, attempt: int, name: str, files: dict[str, Path], again: bool
    ) -> Artifact:
        made = super().upload(run_id, attempt, name, files, again)
        record, content = self.record(run_id), made.file.read_bytes()
        told = state.Artifact(id=made.id, name=name, content=content, run=record)
        with self.github.lock:
            others = [one for one in record.artifacts if one.name != name]
            record.artifacts[:] = [*others, told]
        return made

    def of(self, run_id: int) -> list[Artifact]:
        with self.github.lock:
            listed = [one for one in self.record(run_id).artifacts if not one.expired]
            return [self.taken(one) for one in listed]

    def taken(self, told: state.Artifact) -> Artifact:
        """An artifact as it is listed now, whoever changed or made it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{told.id}.zip"
        file.write_bytes(told.content)
        attempt = self.stored[told.id].attempt if told.id in self.stored else told.run.attempt
        digest = f"sha256:{hashlib.sha256(told.content).hexdigest()}"
        size = len(told.content)
        kept = Artifact(told.id, told.name, told.run.id, attempt, file, size, digest)
        self.stored[told.id] = kept
        return kept

    def record(self, run_id: int) -> state.Run:
        return next(run for run in self.repository.runs if run.id == run_id)
