"""Open the notebook, or run it without a window."""

import argparse
from pathlib import Path

from champion.errors import Refusal
from champion.workspace import environment
from champion.workspace.environment import Environment

NOTEBOOK = Path("notebooks/explore.ipynb")
LOCKS = ["requirements.txt", "requirements-notebook.txt"]
EXECUTE = """
import sys
from pathlib import Path
import nbclient, nbformat
path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
client = nbclient.NotebookClient(
    notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}}
)
try:
    client.execute()
except nbclient.exceptions.CellExecutionError as error:
    sys.exit(str(error))
print(f"{path}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells ran")
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--execute", action="store_true", help="run it without a window; changes nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    if not NOTEBOOK.exists():
        raise Refusal(f"there is no {NOTEBOOK.as_posix()}.")
    env = environment.find()
    needed = "nbclient, ipykernel" if arguments.execute else "jupyterlab, ipykernel"
    if env.capture("-c", f"import {needed}").returncode:
        install(env)
    if arguments.execute:
        done = env.capture("-c", EXECUTE, str(NOTEBOOK))
        print(done.stdout.strip())
        return done.returncode
    return env.call("jupyterlab", str(NOTEBOOK))


def install(env: Environment) -> None:
    """Add the notebook's libraries to the environment."""
    if not env.kept:
        raise Refusal(f"{env.folder} lacks the notebook's libraries: install {LOCKS[1]} there.")
    environment.install(env, LOCKS)
