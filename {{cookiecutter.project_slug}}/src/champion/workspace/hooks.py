"""Git's hooks: pre-commit runs the checks and sends large files, three small ones bring them."""

import os
import re
import stat
from pathlib import Path

from champion.errors import Refusal
from champion.workspace.environment import WINDOWS, Environment
from champion.workspace.git import config, git

CHECKED = ("pre-commit", "pre-push")
BRINGING = ("post-checkout", "post-merge", "post-rewrite")
MARK = "# champion: bring the large files of the commits that are checked out now"


def install(environment: Environment) -> None:
    """Install the hooks, unless the person keeps hooks elsewhere."""
    elsewhere = config("core.hooksPath")
    if elsewhere:
        print(
            f"Git takes its hooks from {elsewhere} (core.hooksPath): none were installed here, so "
            "run `pre-commit run` and `python -m champion push-files` yourself."
        )
        return
    folder = Path(git("rev-parse", "--git-path", "hooks"))
    folder.mkdir(parents=True, exist_ok=True)
    install_checked(environment, folder)
    for name in BRINGING:
        hook = folder / name
        if not hook.exists() or MARK in hook.read_text(encoding="utf-8", errors="replace"):
            write(hook, bringing(environment))


def install_checked(environment: Environment, folder: Path) -> None:
    """Let pre-commit install its own, and give them the environment that they name."""
    line = f"export PATH={quoted(environment.bin)}:$PATH"
    hooks = [folder / name for name in CHECKED]
    if all(hook.exists() and line in hook.read_text(encoding="utf-8") for hook in hooks):
        return
    kinds = [argument for name in CHECKED for argument in ("-t", name)]
    done = environment.capture("-m", "pre_commit", "install", *kinds)
    if done.returncode:
        raise Refusal(f"pre-commit could not install its hooks: {done.stdout.strip()}", code=1)
    for hook in hooks:
        text = hook.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^export PATH=.*\n", "", text)
        write(hook, text.replace("# end templated\n", f"# end templated\n{line}\n"))


def bringing(environment: Environment) -> str:
    """A hook that is silent, quick and can break nothing."""
    return (
        f"#!/bin/sh\n{MARK}\n"
        f"[ -d src/champion ] || exit 0\n"
        f"{quoted(environment.python)} src/champion storage --offline >/dev/null 2>&1 || true\n"
    )


def quoted(path: Path) -> str:
    """A path for Git's shell, which on Windows too wants /c/folder."""
    text = path.as_posix()
    if WINDOWS:
        text = re.sub(r"^([A-Za-z]):", lambda drive: f"/{drive[1].lower()}", text)
    return "'" + text.replace("'", "'\\''") + "'"


def write(hook: Path, text: str) -> None:
    """Write an executable file, all at once."""
    part = hook.with_name(f"{hook.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.chmod(part.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    os.replace(part, hook)
