"""A Python that starts in milliseconds: what `python` is for the steps of the stories.

Importing pandas, scikit-learn and DVC takes most steps longer than what they do. So one process
imports them once, and each command runs in a fork of it, with the caller's folder, variables and
files, and with none of the project's own code loaded. Linux only: elsewhere, and for whatever a
fork cannot stand in for, it is the Python of these tests.
"""

import atexit
import functools
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OWN = Path(sys.prefix)


@functools.cache
def environment() -> Path:
    """A folder like a virtual environment's, with this one's programs; it ends with the tests."""
    if sys.platform != "linux":
        return OWN
    folder = Path(kept().name)
    address, programs = folder / "socket", folder / "bin"
    programs.mkdir()
    for program in (OWN / "bin").iterdir():
        if not program.name.startswith("python"):
            (programs / program.name).symlink_to(program)
    python = programs / "python"
    client = shlex.join([sys.executable, "-IS", str(HERE / "client.py"), str(address), str(python)])
    python.write_text(f'#!/bin/sh\nexec {client} {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen(64)  # from now on: who comes before the libraries are there waits
        # Its standard input is what tells it that nobody needs it any more.
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", str(listening.fileno())],
            env={
                **{name: it for name, it in os.environ.items() if not name.startswith("PYTHON")},
                "LANG": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
            },
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    atexit.register(server.communicate)
    return folder


def python() -> Path:
    """The program `python` of that folder."""
    return environment() / "bin" / "python" if sys.platform == "linux" else Path(sys.executable)


@functools.cache
def kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fork-server-")
