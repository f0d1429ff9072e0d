"""A dvc.lock that training made, read as from a stranger."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from champion.ci.subject import locked_model
from champion.judge.champion import read_yaml
from champion.judge.evidence import Invalid
from champion.project import MODEL, PREDICTIONS, RAW
from champion.workspace.git import show
from champion.workspace.objects import md5

HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")
MOST_BYTES = 1_000_000
MAKES = {"train": MODEL, "evaluate": PREDICTIONS}  # the stages whose word counts
POINTER = f"{RAW.as_posix()}.dvc"
POINTED = {"md5", "size", "nfiles", "hash", "path"}  # what DVC says of a folder


@dataclass(frozen=True)
class Lock:
    """What the stages read and wrote: the hash of each, by its path."""

    deps: dict[str, str]
    outs: dict[str, str]

    @property
    def model(self) -> str:
        return self.outs[MODEL.as_posix()]

    @property
    def predictions(self) -> str:
        return self.outs[PREDICTIONS.as_posix()]


def read(path: Path) -> Lock:
    """Read dvc.lock.

    Raises
    ------
    Invalid : it is none, or lacks a model or its predictions.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("training left no dvc.lock that can be read.") from error
    return parsed(text)


def parsed(text: str) -> Lock:
    content = read_yaml(text)
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(it, dict) for it in stages.values()):
        raise Invalid("training left a dvc.lock without stages.")
    last = [stages.get(name) or {} for name in MAKES]  # a stage that is gone may name old files
    lock = Lock(
        hashes([entry for stage in stages.values() for entry in listed(stage, "deps")]),
        hashes([entry for stage in (*stages.values(), *last) for entry in listed(stage, "outs")]),
    )
    for name, path in MAKES.items():
        if path.as_posix() not in hashes(listed(stages.get(name) or {}, "outs")):
            raise Invalid(f"training left a dvc.lock whose stage {name} makes no {path}.")
    if locked_model(text) != lock.model:
        raise Invalid("training left a dvc.lock that DVC did not write.")
    return lock


def listed(stage: dict[str, Any], key: str) -> list[Any]:
    found = stage.get(key) or []
    return found if isinstance(found, list) else [found]


def hashes(entries: list[Any]) -> dict[str, str]:
    """Path and hash of each entry."""
    found: dict[str, str] = {}
    for entry in entries:
        known = entry if isinstance(entry, dict) else {}
        path, digest = known.get("path"), known.get("md5")
        if not isinstance(path, str) or not isinstance(digest, str) or not HASH.fullmatch(digest):
            raise Invalid("training left a dvc.lock with an entry that is no path and hash.")
        found[path] = digest
    return found


def pointed(commit: str) -> str:
    """The hash of the raw data that a commit tracks, read as from a stranger.

    Raises
    ------
    Invalid : its pointer is not what `make data` writes.
    """
    return named(show(commit, POINTER))


def named(text: str) -> str:
    """The hash that a pointer names; see `pointed`."""
    content = read_yaml(text[:10_000])
    outs = content.get("outs") if isinstance(content, dict) else None
    out: Any = outs[0] if isinstance(outs, list) and len(outs) == 1 else None
    known = isinstance(out, dict) and out.keys() <= POINTED and out.get("path") == RAW.name
    digest = out.get("md5") if known and content.keys() == {"outs"} else None  # no command
    if not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise Invalid(f"{POINTER} does not name the data as `make data` does.")
    return digest


def same(path: Path, digest: str) -> bool:
    """Whether a file is what a lock says of it."""
    return path.is_file() and md5(path) == digest
