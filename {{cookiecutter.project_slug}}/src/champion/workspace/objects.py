"""Large files by the hash of their content: out of DVC's cache, from the remote if need be."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath

from champion.errors import Refusal
from champion.workspace import environment
from champion.workspace.environment import WINDOWS
from champion.workspace.remote import last_words
from champion.workspace.storage import TRANSFER


def place(name: str, target: Path) -> None:
    """Put the object of that hash at `target`; a folder's with all its files.

    Raises
    ------
    Refusal : it is neither here nor at the remote, is not what its hash says, or leads elsewhere.
    """
    source = find(name)
    if not name.endswith(".dir"):
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    for item in json.loads(source.read_text(encoding="utf-8")):
        within = PurePosixPath(item["relpath"])
        parts = re.split(r"[/\\:]", item["relpath"])
        if within.is_absolute() or ".." in parts or len(parts) != len(within.parts):
            raise Refusal(f"the object {name} has a file outside of its folder: do not trust it.")
        if item["md5"].endswith(".dir"):
            raise Refusal(f"the object {name} holds a folder as a file: do not trust it.")
        place(item["md5"], target / within)


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
    if not path.exists():
        done = environment.find().capture("-c", TRANSFER, "pull", name)
        if done.returncode or not path.exists():
            raise Refusal(
                f"the object {name} is neither here nor at the remote ({last_words(done)}): "
                "ask whoever made it to push it.",
                code=1,
            )
    if md5(path) != name.removesuffix(".dir"):
        raise Refusal(
            f"the object {name} is not what its hash says: remove {path}, then `dvc pull`.", code=1
        )
    return path


def cached(name: str) -> Path:
    return Path(".dvc/cache/files/md5", name[:2], name[2:])


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
