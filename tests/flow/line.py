"""Runs in line: of one concurrency group one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from actions.result import Run


@dataclass
class Line:
    """Runs that have begun, and those that are to begin, oldest first."""

    cancel: Callable[[Run], None]
    running: list[Run] = field(default_factory=list)
    waiting: list[Run] = field(default_factory=list)

    def enter(self, run: Run) -> None:
        """Put a run at the end; in its group it may push others out.

        The oldest of a group is the one in progress, begun or not.
        """
        mine = [other for other in (*self.running, *self.waiting) if together(run, other)]
        if run.concurrency and run.concurrency.cancel_in_progress:
            out = mine
        elif run.concurrency and run.concurrency.queue != "max":
            out = mine[1:]
        else:
            out = []
        self.waiting.append(run)
        for other in out:
            self.cancel(other)

    def next(self) -> Run | None:
        """The run to begin now.

        What follows a run that was `requested` comes before it: it takes seconds, the run minutes.
        """
        free: list[Run] = []
        for run in self.waiting:
            if not any(together(run, other) for other in (*self.running, *free)):
                free.append(run)
        early = [run for run in free if run.event.payload.get("action") == "requested"]
        return next(iter(early + free), None)


def together(one: Run, other: Run) -> bool:
    """Whether two runs are of one group."""
    if not one.concurrency or not other.concurrency:
        return False
    return one.concurrency.group.lower() == other.concurrency.group.lower()
