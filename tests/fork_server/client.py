"""`client.py ADDRESS OWN PYTHON -m MODULE …`: run it in a fork of the process at an address.

OWN is the program that started this, which the module is to take for its interpreter; PYTHON runs
whatever that process cannot. Imports next to nothing: this is what each start costs.
"""

import _socket
import marshal
import os
import signal
import sys

MODULES = {"champion", "champion.warm", "dvc", "mypy", "pytest"}  # none becomes another program
PLAIN = {
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
}  # of Python's own variables those that a fork follows


def main(address: str, own: str, python: str, command: list[str]) -> None:
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    peculiar = {name for name in os.environ if name.startswith("PYTHON")} - PLAIN or any(
        os.path.exists(f"{folder}/sitecustomize.py") for folder in folders
    )
    server = _socket.socket(_socket.AF_UNIX)
    try:
        if peculiar or command[:1] != ["-m"] or command[1] not in MODULES:
            raise OSError
        server.connect(address)
    except OSError:
        os.execv(python, [python, *command])
    content = marshal.dumps((own, command[1:], os.getcwd(), dict(os.environ)))
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)
    server.sendmsg([len(content).to_bytes(8, "big")], [rights])
    server.sendall(content)
    code = server.recv(1)
    if not code:
        os.kill(os.getpid(), signal.SIGKILL)  # as the fork was
    os._exit(code[0])


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
