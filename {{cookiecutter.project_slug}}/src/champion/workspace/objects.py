"""Large files by the hash of their content: out of DVC's cache, from the remote if need be."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from champion.errors import Refusal
from champion.workspace import environment
from champion.workspace.remote import last_words
from champion.workspace.storage import TRANSFER


def place(name: str, target: Path) -> None:
    """Put the object of that hash at `target`; a folder's with all its files.

    Raises
    ------
    Refusal : it is neither here nor at the remote.
    """
    source = find(name)
    if not name.endswith(".dir"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)  # as DVC does: read-only, and no second copy of a large file
        except OSError:
            shutil.copyfile(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    for item in json.loads(source.read_text(encoding="utf-8")):
        place(item["md5"], target / item["relpath"])


def find(name: str) -> Path:
    """The object's file in the cache."""
    path = cached(name)
    if not path.exists():
        done = environment.find().capture("-c", TRANSFER, "pull", name)
        if done.returncode or not path.exists():
            raise Refusal(
                f"the object {name} is neither here nor at the remote ({last_words(done)}): "
                "ask whoever made it to push it.",
                code=1,
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
