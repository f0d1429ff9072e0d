"""DVC's default remote: where large files live."""

import configparser
import re
import subprocess
from pathlib import Path

from champion.errors import Refusal
from champion.workspace import branch
from champion.workspace.environment import Environment

CONFIG = Path(".dvc/config")
PLUGINS = {"s3": "dvc-s3", "gs": "dvc-gs", "azure": "dvc-azure", "ssh": "dvc-ssh"}
MISSING = "do not exist neither locally nor on remote"  # what `dvc push` says and exits 0


def default() -> tuple[str, str]:
    """Name and URL of DVC's default remote.

    Raises
    ------
    Refusal : there is none.
    """
    parser = configparser.RawConfigParser(strict=False)
    parser.read([CONFIG, Path(".dvc/config.local")], encoding="utf-8")
    name = parser.get("core", "remote", fallback="")
    url = parser.get(f"'remote \"{name}\"'", "url", fallback="").strip("'\"")
    if not url:
        raise Refusal(
            f"{CONFIG} names no default remote: add one with `dvc remote add -d storage URL`."
        )
    return name, url


def on_branch(url: str | None = None) -> bool:
    """Whether large files live on the orphan branch of this repository."""
    url = default()[1] if url is None else url
    return "://" not in url and Path(".dvc", url).resolve() == branch.FOLDER.resolve()


def scheme(url: str) -> str:
    """`s3` of s3://bucket; empty for a folder."""
    found = re.match(r"(\w[\w+.-]+)://", url)
    return found[1].lower() if found else ""


def push(env: Environment, *options: str) -> bool:
    """Let DVC copy what the remote lacks; False if some files are nowhere to be found.

    Raises
    ------
    Refusal : the remote cannot be written.
    """
    done = env.capture("-m", "dvc", "push", *options)
    if done.returncode:
        raise Refusal(f"dvc push failed: {last_words(done)}", code=1)
    return MISSING not in done.stdout


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The line in which DVC says why."""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    line = (errors or lines or ["no reason given"])[-1]
    return re.sub(r"^ERROR: (unexpected error - )?", "", line)


def dvc(env: Environment, *arguments: str) -> None:
    """Run one DVC command.

    Raises
    ------
    Refusal : it failed, with DVC's own reason.
    """
    done = env.capture("-m", "dvc", *arguments)
    if done.returncode:
        raise Refusal(f"dvc {arguments[0]} failed: {last_words(done)}", code=1)
