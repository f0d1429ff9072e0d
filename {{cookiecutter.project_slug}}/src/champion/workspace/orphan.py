"""Orphan branches that are only ever added to, whoever else writes them at the same time.

A commit is made on top of the newest one through an index of its own and pushed without force:
either somebody else was faster, and one starts again from theirs, or all of it is there.
"""

import random
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from champion.errors import Refusal
from champion.workspace.git import attempt, config, git, identity, reason, variables

SCRATCH = Path(".dvc/tmp")
NOTHING = "0" * 40  # the hash of what is not there


def scratch() -> Path:
    """Where index files of one's own are made."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    return SCRATCH


def store(files: Mapping[str, bytes]) -> dict[str, str]:
    """Write contents as Git's objects, byte by byte; return their hashes, by the same names."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        paths = [Path(scratch, str(number)) for number in range(len(files))]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content)
        return dict(zip(files, hashes(paths), strict=True))


def hashes(paths: Sequence[Path]) -> list[str]:
    """Write files as Git's objects, as they are; return their hashes."""
    listed = "".join(f"{path.as_posix()}\n" for path in paths)
    return git("hash-object", "-w", "--no-filters", "--stdin-paths", text=listed).split()


def prefetch(commit: str, paths: Collection[str]) -> None:
    """Bring files of a commit at once, where a clone without them would bring one by one."""
    if config("remote.origin.promisor") != "true":
        return
    listed = git("rev-list", "--objects", "--no-walk", "--missing=print", commit).splitlines()
    missing = {line[1:] for line in listed if line.startswith("?")}
    entries = (line.partition("\t") for line in git("ls-tree", "-r", "-z", commit).split("\0"))
    wanted = {head.split()[2] for head, _, path in entries if path in set(paths)} & missing
    if wanted:
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin")
        listed = sorted(wanted)
        git(
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            *flags,
            "origin",
            text="\n".join(listed),
        )


def sizes(objects: Sequence[str]) -> list[int]:
    """How many bytes Git's objects have, by their hashes; 0 of one that is missing."""
    lines = git("cat-file", "--batch-check=%(objectsize)", text="\n".join([*objects, ""]))
    return [int(line) if line.isdigit() else 0 for line in lines.splitlines()] if objects else []


def contents(objects: Sequence[str]) -> list[bytes]:
    """Read Git's objects by their hashes, all in one process.

    Raises
    ------
    Refusal : one is missing or damaged.
    """
    done = subprocess.run(
        ["git", "cat-file", "--batch", "--buffer"],
        env=variables(),
        input="".join(f"{name}\n" for name in objects).encode(),
        capture_output=True,
    )
    found, start = [], 0
    for name in objects:
        end = done.stdout.find(b"\n", start)
        head = done.stdout[start:end].split()
        if end < 0 or len(head) != 3:
            raise Refusal(f"Git's object {name} cannot be read: run `git fsck`.", code=1)
        start = end + 1 + int(head[2])
        found.append(done.stdout[end + 1 : start])
        start += 1  # a line end follows
    return found


def add_commit(
    parent: str | None,
    objects: Mapping[str, str],
    message: str,
    date: str = "",
    without: Collection[str] = (),
    merged: str = "",
) -> str:
    """Commit objects on top of `parent`, through an index of its own.

    Parameters
    ----------
    objects : the hash of each, by its path.
    date : of the commit; the same one makes the same commit again.
    without : paths that are gone afterwards.
    merged : a second parent, of which nothing else is taken.

    Returns
    -------
    The commit, which no reference names yet.
    """
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        index = Path(scratch, "index")
        git("read-tree", parent or "--empty", index=index)
        lines = "".join(f"100644 {digest}\t{path}\0" for path, digest in objects.items())
        lines += "".join(f"0 {NOTHING}\t{path}\0" for path in without)
        git("update-index", "-z", "--index-info", text=lines, index=index)
        tree = git("write-tree", index=index)
    parents = [word for each in (parent, merged) if each for word in ("-p", each)]
    dated = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    return git(*identity(), "commit-tree", tree, *parents, "-m", message, extra=dated)


def push(
    commit: str, branch: str, remote: str = "origin", on: str = ""
) -> subprocess.CompletedProcess[str]:
    """Send a commit, never forced; see `outrun` and `why` where that failed.

    Parameters
    ----------
    on : the parent of the commit, where the branch must be there: one that was deleted stays away.
    """
    return attempt(
        *("-c", "push.followTags=false", "push", "--no-verify", "--porcelain"),
        *((f"--force-with-lease=refs/heads/{branch}:{on}",) if on else ()),
        *(remote, f"{commit}:refs/heads/{branch}"),
    )


def outrun(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a push or an update failed only because somebody else's came first."""
    answer = next((line for line in done.stdout.splitlines() if line.startswith("!")), "")
    signs = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value")
    return any(sign in answer + done.stderr for sign in signs) and "declined" not in answer


def why(done: subprocess.CompletedProcess[str]) -> str:
    """Why a push failed: what a hook of the remote said, else Git's own reason."""
    said = [x for x in done.stderr.splitlines() if x.startswith("remote: ") and x[8:].strip()]
    answer = next((line for line in done.stdout.splitlines() if line.startswith("!")), "")
    return reason(said[0] if said else answer.rpartition("\t")[2] or done.stderr)


def turns(most: int) -> Iterator[int]:
    """Count attempts, with a longer rest after each that was outrun."""
    for turn in range(most):
        yield turn
        time.sleep(random.uniform(0.1, 0.5) * (turn + 1))
