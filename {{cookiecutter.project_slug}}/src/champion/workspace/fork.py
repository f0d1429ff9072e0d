"""The large files on a fork's orphan branch: a stranger's bytes, kept if their hash is their name."""

import re
from pathlib import Path

from champion.errors import Refusal
from champion.workspace import branch
from champion.workspace.git import git, resolve, show

REFERENCE = f"refs/adopted/{branch.BRANCH}"
HASH = r"[0-9a-f]{32}(?:\.dir)?"


def bring(url: str, head: str) -> dict[str, int]:
    """Send to origin what a commit names, the fork has and ours lacks; return it with its sizes.

    Raises
    ------
    Refusal : an object is not what its name says; nothing was sent then.
    """
    refspec = f"+{branch.LOCAL}:{REFERENCE}"
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--depth", "1")
    git("fetch", *quiet, url, refspec)
    tip = resolve(REFERENCE)
    assert tip
    branch.prepare()
    named = pointed(head)
    brought = take(tip, named)
    check(brought)
    brought += take(tip, inside(named))
    check(brought)
    return branch.send(wanted=set(brought))


def pointed(head: str) -> set[str]:
    """The objects that the pointers of a commit name."""
    files = git("ls-tree", "-r", "-z", "--name-only", head).split("\0")
    pointers = [name for name in files if name.endswith(".dvc") or name == "dvc.lock"]
    text = "\n".join(show(head, name) for name in pointers)
    return {path(name) for name in re.findall(rf"\bmd5: ({HASH})\s", text)}


def path(name: str) -> str:
    """Where an object is, below the remote's folder."""
    return f"files/md5/{name[:2]}/{name[2:]}"


def take(tip: str, wanted: set[str]) -> list[str]:
    """Put into our folder what it lacks; return that."""
    missing = [name for name in sorted(wanted & branch.stored(tip)) if not here(name).exists()]
    branch.extract(tip, {name: here(name) for name in missing})
    return missing


def here(name: str) -> Path:
    return branch.FOLDER / name


def check(brought: list[str]) -> None:
    """Keep nothing if one is damaged: DVC takes a folder for complete when its list is there."""
    damaged = [name for name in brought if not branch.sound(name)]
    if not damaged:
        return
    for name in brought:
        branch.drop(name)
    raise Refusal(
        f"{damaged[0]} of the fork is not what its name says: nothing was sent. Its author has to "
        f"remove it from the branch {branch.BRANCH} and push again.",
        code=1,
    )


def inside(named: set[str]) -> set[str]:
    """The objects in the folders among them."""
    found: set[str] = set()
    for name in named:
        if name.endswith(".dir") and here(name).exists():
            text = here(name).read_text(encoding="utf-8", errors="replace")
            found |= {path(it) for it in re.findall(rf'"md5": ?"({HASH})"', text)}
    return found
