"""`dvc repro` in the environment, and what to do when DVC is in a state that it cannot explain."""

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path

from champion import warm
from champion.errors import Refusal
from champion.project import RAW
from champion.workspace import environment
from champion.workspace.environment import WINDOWS, typed
from champion.workspace.git import attempt

LOCK = Path("dvc.lock")
POINTER = Path(f"{RAW}.dvc")
RWLOCK = Path(".dvc/tmp/rwlock")
NAMED = re.compile(r"md5: (\w+\.dir)")
CONFLICT = re.compile(rb"(?m)^(<<<<<<<|=======|>>>>>>>)")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.prefix_chars = "\0"  # every option is DVC's
    parser.add_argument("rest", nargs="*", help="options and targets of `dvc repro`")


def run(arguments: argparse.Namespace) -> int:
    return repro(*arguments.rest)


def repro(*rest: str) -> int:
    """Run the pipeline; return DVC's exit code.

    Raises
    ------
    Refusal : dvc.lock is in the middle of a merge, or Git has moved on and the data have not.
    """
    env = environment.find()
    if LOCK.exists() and CONFLICT.search(LOCK.read_bytes()):
        raise Refusal(
            "dvc.lock has conflict markers of a merge: take either side "
            "(git checkout --theirs dvc.lock) and run this again."
        )
    if stale():
        raise Refusal(
            f"{RAW} still holds an earlier version of the data, which DVC would track again: bring "
            f"this commit's with `dvc pull {POINTER}`; if you went back on purpose, `dvc add {RAW}`."
        )
    if holders() and not busy():
        RWLOCK.unlink(missing_ok=True)
    with warm.stages(env.python, env.variables()):
        code = env.call("dvc", "repro", *rest)
    if code and (others := busy()):
        print(
            f"champion repro: another DVC command runs in this folder (process {others}): "
            f"wait for it, then `{typed('repro')}` again.",
            file=sys.stderr,
        )
    if not code and attempt("status", "--porcelain", "--", str(LOCK), "reports").stdout:
        print("Next: git add --all && git commit")
    return code


def stale() -> bool:
    """Whether data/raw is as another commit of data/raw.dvc names it, not as this one does."""
    if not (RAW.is_dir() and POINTER.exists()):
        return False
    named = set(NAMED.findall(POINTER.read_text(encoding="utf-8")))
    history = attempt("log", "--all", "--format=", "--patch", "--", POINTER.as_posix()).stdout
    return bool(earlier := set(NAMED.findall(history)) - named) and digest(RAW) in earlier


def digest(folder: Path) -> str:
    """DVC's hash of a folder: of the list of its files and their hashes."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    listed = []
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            listed.append({"md5": hashlib.file_digest(file, "md5").hexdigest(), "relpath": name})
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def holders() -> set[int]:
    """The processes that hold DVC's locks, or did when they were killed."""
    try:
        held = json.loads(RWLOCK.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    found = [held_by for kinds in held.values() for held_by in kinds.values()]
    flat = [x for some in found for x in (some if isinstance(some, list) else [some])]
    return {holder["pid"] for holder in flat}


def busy() -> str:
    """The processes that hold DVC's locks and are alive."""
    return ", ".join(str(process) for process in sorted(holders()) if alive(process))


def alive(process: int) -> bool:
    if WINDOWS:
        return True  # os.kill would end it
    try:
        os.kill(process, 0)
    except OSError:
        return False
    # A killed process that nobody has waited for is a zombie, for ever in a container without an
    # init; DVC takes it for alive and would wait for it.
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return not Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] != "Z"
