"""Large files by the hash of their content: out of DVC's cache, from the remote if need be."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from champion.errors import Refusal
from champion.workspace import branch, environment, remote
from champion.workspace.environment import WINDOWS
from champion.workspace.remote import last_words
from champion.workspace.storage import TRANSFER

CACHE = Path(".dvc/cache/files/md5")


def place(name: str, target: Path) -> None:
    """Put the object of that hash at `target`; a folder's with all its files.

    Raises
    ------
    Refusal : it is neither here nor at the remote, is not what its hash says, or leads elsewhere.
    """
    if not name.endswith(".dir"):
        source = find(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    listed = items(name)
    bring([item["md5"] for item in listed])
    for item in listed:
        within = PurePosixPath(item["relpath"])
        parts = re.split(r"[/\\:]", item["relpath"])
        if within.is_absolute() or ".." in parts or len(parts) != len(within.parts):
            raise Refusal(f"the object {name} has a file outside of its folder: do not trust it.")
        if item["md5"].endswith(".dir"):
            raise Refusal(f"the object {name} holds a folder as a file: do not trust it.")
        place(item["md5"], target / within)


def items(name: str) -> list[dict[str, str]]:
    """The files of a folder: `md5` and `relpath` of each.

    Raises
    ------
    Refusal : it is no list of files.
    """
    try:
        listed = json.loads(find(name).read_text(encoding="utf-8"))
        return [{key: str(item[key]) for key in ("md5", "relpath")} for item in listed]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refusal(f"the object {name} is no list of files: do not trust it.") from error


def link(source: Path, target: Path) -> None:
    """As DVC does: read-only, and no second copy of a large file; where that works."""
    try:
        if WINDOWS:  # a read-only file cannot be removed there
            raise OSError
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def find(name: str) -> Path:
    """The object's file in the cache, once its content is what its name says."""
    if not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", name):
        raise Refusal(f"{name[:40]!r} is no hash of an object.")
    path = cached(name)
    bring([name])
    if md5(path) != name.removesuffix(".dir"):
        raise Refusal(
            f"the object {name} is not what its hash says: remove {path}, then `dvc pull`.", code=1
        )
    return path


def bring(names: Sequence[str]) -> None:
    """Bring the objects that the cache lacks from the remote.

    Raises
    ------
    Refusal : one is not there.
    """
    missing = [name for name in dict.fromkeys(names) if not cached(name).exists()]
    if missing and remote.on_branch():
        said = branch.take({name: cached(name) for name in missing})
    elif missing:
        done = environment.find().capture("-c", TRANSFER, "pull", *missing)
        said = last_words(done) if done.returncode else ""
    if lost := next((name for name in missing if not cached(name).exists()), ""):
        raise Refusal(
            f"the object {lost} is neither here nor at the remote ({said or 'it was never sent'}): "
            "ask whoever made it to push it.",
            code=1,
        )
    for name in missing:
        cached(name).chmod(0o444)


def cached(name: str) -> Path:
    return CACHE / name[:2] / name[2:]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def described(path: Path) -> dict[str, Any]:
    """A file's hashes and size in bytes."""
    return {"md5": md5(path), "sha256": sha256(path), "size": path.stat().st_size}
