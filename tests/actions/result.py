"""What became of a run."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .artifacts import Artifact
from .events import Event
from .log import Masks
from .permissions import Token
from .repository import Machine, Repository

REAL, STAND_IN, COMPOSITE = "real", "stand-in", "composite"


@dataclass
class Step:
    """A step; `outcome` is before and `conclusion` after `continue-on-error`."""

    id: str
    name: str
    how: str  # real: a shell ran it; stand-in; composite: see its steps
    action: str = ""  # the name of what it uses
    outcome: str = ""  # success, failure, cancelled, skipped
    conclusion: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    annotations: list[tuple[str, str]] = field(default_factory=list)
    summary: str = ""
    seconds: float = 0.0
    steps: list["Step"] = field(default_factory=list)

    def all(self) -> Iterator["Step"]:
        """This one and those inside it."""
        yield self
        for step in self.steps:
            yield from step.all()


@dataclass(frozen=True)
class Concurrency:
    """A group that is to run one at a time: whoever starts runs sees to it."""

    group: str
    cancel_in_progress: bool = False
    queue: str = "single"


@dataclass
class Job:
    """One job, or one leg of a matrix."""

    id: str
    name: str
    matrix: dict[str, Any] = field(default_factory=dict)
    conclusion: str = ""  # success, failure, cancelled, skipped
    result: str = ""  # what `needs` says: a failure that may be is a success
    reason: str = ""  # why no step ran
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    token: Token | None = None
    environment: str = ""
    concurrency: Concurrency | None = None
    keeps_on: bool = False  # its condition holds in a cancelled run, too: it is not stopped

    def step(self, name: str) -> Step:
        """The step of this id or name."""
        (found,) = [step for step in self.all_steps() if name in (step.id, step.name)]
        return found

    def all_steps(self) -> Iterator[Step]:
        for step in self.steps:
            yield from step.all()

    @property
    def log(self) -> str:
        """Everything its steps printed, masked."""
        return "\n".join(step.log for step in self.all_steps() if step.log)


@dataclass
class Run:
    """A run of a workflow: `conclusion` is empty until it is over."""

    id: int
    repository: Repository
    machine: Machine
    path: str
    name: str
    event: Event
    tree: dict[str, Any]
    inputs: dict[str, Any]
    concurrency: Concurrency | None = None
    attempt: int = 1
    triggered_by: str = ""  # who asked for this attempt, if not who caused the event
    conclusion: str = ""
    jobs: list[Job] = field(default_factory=list)
    kept: list[Job] = field(default_factory=list)  # of the attempt before: not run again
    masks: Masks = field(default_factory=Masks)
    artifacts: list[Artifact] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask it to stop, from wherever."""
        self.cancelled.set()

    def job(self, name: str) -> Job:
        """The job of this id or name."""
        (found,) = [job for job in self.jobs if name in (job.id, job.name)]
        return found

    @property
    def log(self) -> str:
        return "\n".join(job.log for job in self.jobs if job.log)

    @property
    def summary(self) -> str:
        """What its page says."""
        steps = (step for job in self.jobs for step in job.all_steps())
        return "\n".join(step.summary for step in steps if step.summary)

    def how(self, kind: str) -> list[str]:
        """What ran for real, or on a stand-in: each step's name, or each action's, once."""
        steps = (step for job in self.jobs for step in job.all_steps())
        ran = [step for step in steps if step.how == kind and step.outcome != "skipped"]
        return list(dict.fromkeys(step.action or step.name for step in ran))
