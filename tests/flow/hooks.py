"""What shall happen just before a step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actions.place import Place
from actions.result import Step


@dataclass(frozen=True)
class Hook:
    """Befalls the next step of this name or id, in a job and a workflow of these."""

    workflow: str
    job: str
    step: str
    action: Callable[[Place], None]

    def meets(self, place: Place, step: Step) -> bool:
        run, job = place.run, place.job
        return (
            self.workflow in (run.name, Path(run.path).stem)
            and self.job in (job.id, job.name)
            and self.step in (step.id, step.name)
        )

    def __str__(self) -> str:
        return f"{self.workflow} / {self.job} / {self.step}"
