"""A step's process: its shell, its end."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .errors import Failed

SHELLS = {
    "": "bash -e {0}",
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
}


def command(shell: str, script: Path) -> list[str]:
    """How GitHub runs a script in a shell; "" is the default one.

    Raises
    ------
    Failed : there is no such shell here.
    """
    pattern = SHELLS.get(shell, shell)
    if "{0}" not in pattern:
        raise Failed(f"There is no shell {shell} here.")
    return [part.replace("{0}", str(script)) for part in shlex.split(pattern)]


def call(
    words: list[str],
    folder: Path,
    variables: dict[str, str],
    log: Path,
    deadline: float,
    interrupted: Callable[[], bool],
    groups: list[int],
) -> str:
    """Run a process group, its output to `log`.

    Parameters
    ----------
    interrupted : asked again and again: whether the job is to stop.
    groups : the group is added, so that what it leaves behind can be ended with the job.

    Returns
    -------
    success, failure or cancelled.

    Raises
    ------
    Failed : it cannot start, or is not done at `deadline`, of the monotonic clock.
    """
    with log.open("w") as output:
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"{words[0]}: {error.strerror}: {error.filename}") from None
    groups.append(process.pid)
    while True:
        try:
            return "failure" if process.wait(0.05) else "success"
        except subprocess.TimeoutExpired:
            pass
        stopped, late = interrupted(), time.monotonic() > deadline
        if stopped or late:
            end(process.pid)
            process.wait()
        if stopped:
            return "cancelled"
        if late:
            raise Failed("The action has timed out.")


def end(group: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
