"""`server.py SOCKET`: import libraries; then run each command that `client.py` sends in a fork."""

import atexit
import gc
import importlib
import marshal
import os
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import NoReturn

# None of them reads the variables of who imports it: that is what a command sets for itself.
LIBRARIES = (
    "pandas", "pandera.pandas", "pandera.backends.pandas", "pyarrow.dataset", "pyarrow.csv",
    "scipy.sparse", "scipy.special", "scipy.optimize", "scipy.stats", "sklearn.preprocessing",
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "skops.io", "ruamel.yaml",
    "dvc.cli.parser", "dvc.commands.repro", "dvc.repo", "dvc.repo.add", "dvc.repo.fetch",
    "dvc.repo.push", "dvc.repo.reproduce", "dvc.repo.status", "dvc.stage.cache",
)  # fmt: skip
PATH = sys.path[1:]


def main(number: int) -> None:
    """Serve on a socket that listens already, inherited under this number."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=number) as listening:
        for library in LIBRARIES:
            with suppress(ImportError):
                importlib.import_module(library)
        gc.collect()
        gc.freeze()
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                return  # whoever started this is gone
            answer(listening.accept()[0], listening)
            with suppress(ChildProcessError):  # the forks that have ended
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def answer(connection: socket.socket, listening: socket.socket) -> None:
    """Fork; the child becomes the command."""
    head, files, _, _ = socket.recv_fds(connection, 8, 3)
    size, content = int.from_bytes(head, "big"), b""
    while len(content) < size and (part := connection.recv(size - len(content))):
        content += part
    if len(content) < size or os.fork():
        connection.close()
        for file in files:
            os.close(file)
        return
    listening.close()
    own, leave = os.getpid(), os._exit

    def tell(code: int) -> NoReturn:
        """End, and let the client end so; what is forked from this has no client."""
        if os.getpid() == own:
            with suppress(OSError):
                connection.send(bytes([code & 0xFF]))
        leave(code & 0xFF)

    setattr(os, "_exit", tell)  # noqa: B010 - some programs end by it
    code = 1
    try:
        code = become(connection, files, *marshal.loads(content))
    finally:
        tell(code)


def become(
    connection: socket.socket,
    files: list[int],
    own: str,
    command: list[str],
    folder: str,
    variables: dict[str, str],
) -> int:
    """Run `python -m` here as in a process of its own; return its exit code."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(  # noqa: SIM115
        1, "w", encoding="utf-8", errors="surrogateescape", closefd=False,
        buffering=1 if variables.get("PYTHONUNBUFFERED") else -1,
    )  # fmt: skip
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    threading.Thread(target=end_with, args=[connection], daemon=True).start()
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    named = filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))
    first = [] if variables.get("PYTHONSAFEPATH") else [folder]
    sys.path[:] = [*first, *map(os.path.abspath, named), *PATH]
    sys.argv[:] = command
    sys.executable = own
    importlib.import_module("numpy").random.seed()  # else every fork draws the same
    code = 0
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return code


def end_with(client: socket.socket) -> None:
    """End with the client, and with all that was started here: who kills the one means the work."""
    with suppress(OSError):
        client.recv(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
