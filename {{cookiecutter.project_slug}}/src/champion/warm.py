"""Start stages from a process that has imported the libraries already.

Each stage is a process of its own, and importing scikit-learn, skops and SHAP takes it longer than
working on a small table. `champion repro` keeps one process that imports them once, while the
first stages run, and forks a child for each stage. Linux only; elsewhere, and whenever anything
about it fails, a stage simply starts cold.
"""

import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = "CHAMPION_WARM"
STAGES = ("validate", "split", "train", "evaluate", "explain", "card")
# In the order in which the stages need them; in small steps, as a stage waits for the one begun.
LIBRARIES = ("pandas", "pandera.pandas", "pandera.backends.pandas", "pyarrow.dataset",
             "scipy.sparse", "scipy.special", "scipy.optimize", "scipy.stats",
             "sklearn.preprocessing", "sklearn.ensemble", "skops.io", "matplotlib.pyplot",
             "shap")  # fmt: skip


@contextmanager
def stages(python: Path, variables: dict[str, str]) -> Iterator[None]:
    """Keep a warm process while the block runs; a variable leads the stages to it."""
    if sys.platform != "linux":
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        address = os.path.join(folder, "socket")
        # Its standard input is what tells it that nobody needs it any more.
        server = subprocess.Popen(
            [python, "-m", "champion.warm", address],
            env={"OMP_NUM_THREADS": "1", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.environ[SOCKET] = address
        try:
            yield
        finally:
            del os.environ[SOCKET]
            server.kill()
            server.wait()


def run(arguments: list[str]) -> int | None:
    """Run a stage in a fork of the warm process; return its exit code, or None for a cold start."""
    address = os.environ.get(SOCKET)
    if not address or arguments[:1] not in [[stage] for stage in STAGES]:
        return None
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(address)
            socket.send_fds(server, ["\0".join(arguments).encode()], [0, 1, 2])
        except OSError:
            return None
        code = server.recv(1)
    if not code:
        print(f"champion {arguments[0]}: the stage was killed.", file=sys.stderr)
    return code[0] if code else 1


def serve(address: str) -> None:
    """Import the libraries; meanwhile and afterwards, fork a child for each request."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stage
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        libraries = iter(LIBRARIES)
        gc.disable()  # imports leave no garbage, and a search would write to shared pages
        wait: float | None = 0.0
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [], wait)
            if sys.stdin in ready:
                return  # whoever started this is gone
            if ready:
                connection, _ = listening.accept()
                answer(connection, listening)
            elif library := next(libraries, None):
                with suppress(ImportError):
                    importlib.import_module(library)
            else:
                wait = None


def answer(connection: socket.socket, listening: socket.socket) -> None:
    """Fork; the child runs the stage with the client's input and output and sends its exit code."""
    message, files, _, _ = socket.recv_fds(connection, 65536, 3)
    if os.fork():
        connection.close()
        for file in files:
            os.close(file)
        return
    code = 1
    gc.freeze()
    gc.enable()
    try:
        listening.close()
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        threading.Thread(target=end_with, args=[connection], daemon=True).start()
        from champion.cli import main

        os.environ.pop(SOCKET, None)
        code = main(message.decode().split("\0"))
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([code]))
    os._exit(code)


def end_with(client: socket.socket) -> None:
    """End this process when the client ends: whoever kills a stage means the work, too."""
    with suppress(OSError):
        client.recv(1)
    os._exit(1)


if __name__ == "__main__":
    serve(sys.argv[1])
