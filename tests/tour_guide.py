"""What the stories of the tour are told with: commands that are shown, and claims that are checked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run import ROOT, call


def generate(folder: Path, *answers: str) -> Path:
    """Run cookiecutter as typed in `folder`; return the project's path."""
    before = set(folder.iterdir())
    call(sys.executable, "-m", "cookiecutter", ROOT, "--no-input", *answers, folder=folder)
    return (set(folder.iterdir()) - before).pop()


def commit(project: Path, message: str) -> None:
    call("git", "add", "--all", folder=project)
    call("git", "commit", "--quiet", "-m", message, folder=project)


def name_the_author() -> None:
    """Let Git commit on a machine where it has no identity."""
    done = subprocess.run(["git", "config", "user.email"], capture_output=True)
    if done.returncode:
        for who in ("AUTHOR", "COMMITTER"):
            os.environ[f"GIT_{who}_NAME"] = "A Visitor"
            os.environ[f"GIT_{who}_EMAIL"] = "visitor@localhost"


def report(project: Path, name: str) -> Any:
    return json.loads((project / "reports" / f"{name}.json").read_text(encoding="utf-8"))


def mentions(project: Path, text: str) -> list[Path]:
    """The files that people read, or Git keeps, that hold this text."""
    places = [*project.glob("reports/**/*"), *project.glob("src/**/*.py"), *project.glob("*.*")]
    return [path for path in places if path.is_file() and text.encode() in path.read_bytes()]


def output(
    *command: str,
    folder: Path,
    passes: Callable[[int], bool] = lambda code: not code,
    quiet: bool = False,
) -> str:
    """Run a command and return what it says; stop if its exit code is not as told.

    quiet : what it says is shown only if the tour stops there
    """
    if not quiet or command[0] == "make":
        print(f"$ {' '.join(command)}", flush=True)
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    passed = passes(done.returncode)
    if not (quiet and passed):
        print(done.stdout, end="")
        expect(passed, f"exit code {done.returncode}, as it should be")
    return done.stdout


def refused(*command: str, folder: Path) -> str:
    return output(*command, folder=folder, passes=bool)


def tell(line: str) -> None:
    print(f"   {line}", flush=True)


def expect(true: bool, what: str) -> None:
    """Say what holds; stop the tour where it does not."""
    print(f"   {'✓' if true else 'NOT SO:'} {what}", flush=True)
    if not true:
        sys.exit(1)
