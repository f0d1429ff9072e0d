"""Time and memory of a command, with all processes that it starts."""

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

INTERVAL = 0.2  # seconds between looks at the memory
BUDGET = 0.02  # of the time for exact looks, which slow down what they look at
JUMP = 1.05  # a rise that deserves one at once


@dataclass
class Measured:
    """One run of a command.

    seconds : from start to end.
    memory : the most that its processes held together at one moment, in bytes; a page that
        several share counts once (Linux's proportional set size; unshared pages elsewhere).
    lines : what it printed, each with the seconds since the start.
    """

    seconds: float
    memory: int
    lines: list[tuple[float, str]]

    @property
    def answer(self) -> Any:
        """The last line, which is JSON."""
        return json.loads(self.lines[-1][1])


def run(command: list[str | Path], folder: Path, variables: dict[str, str]) -> Measured:
    """Run a command and measure it.

    Raises
    ------
    SystemExit : it failed; shows what it printed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    peak = Peak(process.pid)
    peak.start()
    assert process.stdout
    lines = [(time.perf_counter() - started, line.rstrip()) for line in process.stdout]
    code = process.wait()
    seconds = time.perf_counter() - started
    peak.end()
    if code:
        shown = "\n".join(line for _, line in lines)
        raise SystemExit(f"{' '.join(map(str, command))} failed in {folder}:\n{shown}")
    return Measured(seconds, peak.most, lines)


class Peak(threading.Thread):
    """Watches the memory of a process and of those that it starts."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(number)
        self.most = 0
        self.over = threading.Event()

    def run(self) -> None:
        highest, rest = 0, 0.0
        while not self.over.wait(INTERVAL):
            with suppress(psutil.Error):
                processes = [self.root, *self.root.children(recursive=True)]
                # Shared pages count once in each process here: cheap, and an upper bound.
                bound = sum(map(resident, processes))
                started = time.perf_counter()
                if bound > JUMP * highest or (bound > self.most and started > rest):
                    self.most = max(self.most, sum(map(proportional, processes)))
                    highest = max(highest, bound)
                    ended = time.perf_counter()
                    rest = ended + (ended - started) / BUDGET

    def end(self) -> None:
        self.over.set()
        self.join()


def resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        held = process.memory_full_info()
        return int(getattr(held, "pss", held.uss))
    return 0


def median(values: list[float]) -> float:
    return statistics.median(values)


def repeat(times: int, once: Callable[[], Measured]) -> Measured:
    """Measure several times: the run of median length, with the highest memory of all."""
    runs = sorted((once() for _ in range(times)), key=lambda run: run.seconds)
    middle = runs[(times - 1) // 2]
    return Measured(middle.seconds, max(run.memory for run in runs), middle.lines)
