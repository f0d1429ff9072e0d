"""The remote that needs no account: the orphan branch `dvc-storage` in a worktree of its own.

DVC reads and writes the folder `.dvc/storage`; its objects are named by their content, so two
writers can never disagree and a merge is a union. What is new in the folder becomes a commit on
top of the remote's. Nothing is recorded before it is complete: a process killed anywhere leaves
the folder as it is, and the next one starts from there.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from champion.errors import Refusal
from champion.workspace import orphan
from champion.workspace.git import attempt, git, heads, resolve, variables
from champion.workspace.orphan import SCRATCH

BRANCH = "dvc-storage"
LOCAL = f"refs/heads/{BRANCH}"
FOLDER = Path(".dvc/storage")
TRIES = 8
OBJECT = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")
NOTES = {
    # Git must never rewrite line ends in an object: its name is the hash of its bytes.
    ".gitattributes": "* -text -filter -ident -diff\n",
    "README.md": "The large files of this repository. DVC reads and writes them: `dvc pull`, "
    "`git push`.\nThis branch is only ever added to.\n",
}


def tracking(remote: str = "origin") -> str:
    """The reference to what was last seen of the remote's branch."""
    return f"refs/remotes/{remote}/{BRANCH}"


def prepare(
    online: bool = True,
    remote: str = "origin",
    known: dict[str, str] | None = None,
    bring: bool = True,
) -> None:
    """Make the worktree, new or from the remote's branch, and bring its files.

    Parameters
    ----------
    online : ask the remote; else what Git has fetched already is taken.
    known : the remote's branches, if they were just asked for.
    bring : its files, too; what only adds to the branch does without.
    """
    tip = fetch(remote, known) if online else resolve(tracking(remote))
    here = resolve(LOCAL)
    if not here and not tip:
        here = add_commit(None, {})
        git("update-ref", LOCAL, here)
    elif not here and tip:
        git("update-ref", LOCAL, tip)
    attach()
    for commit in filter(None, (here, tip) if bring else ()):
        fill(commit)
    if tip:
        record(tip)


def fetch(remote: str = "origin", known: dict[str, str] | None = None) -> str | None:
    """Bring the remote's branch up to date here, alone and at first without its past.

    Returns its commit, or None where the remote has no such branch.
    """
    if remote not in git("remote").split():
        return None
    there = (heads(remote) if known is None else known).get(BRANCH)
    seen = resolve(tracking(remote))
    if there and there != seen:
        depth = () if seen else ("--depth", "1")
        refspec = f"+{LOCAL}:{tracking(remote)}"
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *depth, remote, refspec)
        there = resolve(tracking(remote))
        keep_fetching(remote)
    elif seen and not there:
        git("update-ref", "-d", tracking(remote))
    return there


def keep_fetching(remote: str) -> None:
    """Let `git pull` bring the branch in a clone of a single branch too."""
    key = f"remote.{remote}.fetch"
    wanted = attempt("config", "--get-all", key).stdout.split()
    if not any(spec.startswith(("+refs/heads/*:", f"+{LOCAL}:")) for spec in wanted):
        git("config", "--add", key, f"+{LOCAL}:{tracking(remote)}")


def attach() -> None:
    """Make the folder a worktree of the branch, whatever it is now, and keep what is in it."""
    common = "--git-common-dir"
    there = attempt("-C", str(FOLDER), "rev-parse", common) if (FOLDER / ".git").exists() else None
    here = Path(git("rev-parse", common)).resolve()
    if there and there.returncode == 0 and (FOLDER / there.stdout.strip()).resolve() == here:
        return
    (FOLDER / ".git").unlink(missing_ok=True)  # of a folder that was moved or copied
    git("worktree", "prune")
    FOLDER.mkdir(parents=True, exist_ok=True)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        new = Path(scratch, FOLDER.name)
        # Forced, since another worktree of this repository may have the branch too.
        quiet = ("-c", f"core.hooksPath={os.devnull}")
        git(*quiet, "worktree", "add", "--quiet", "--force", "--no-checkout", str(new), BRANCH)
        os.replace(new / ".git", FOLDER / ".git")
        git("worktree", "repair", str(FOLDER))
    show()


def show() -> None:
    """Let `git -C .dvc/storage status` tell the truth; nothing depends on it."""
    attempt("-C", str(FOLDER), "reset", "--quiet")


def objects() -> dict[str, int]:
    """The objects in the folder and their sizes in bytes."""
    found = {}
    for path in FOLDER.glob("files/md5/??/*"):
        name = path.relative_to(FOLDER).as_posix()
        if OBJECT.fullmatch(name):
            found[name] = path.stat().st_size
    return found


def stored(commit: str | None) -> set[str]:
    """The names in a commit."""
    return set(git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")) if commit else set()


def pending(remote: str = "origin") -> dict[str, int]:
    """The objects here that the remote, as last seen, lacks; and their sizes."""
    there = stored(resolve(tracking(remote)))
    return {name: size for name, size in objects().items() if name not in there}


def drop_damaged(names: Iterable[str]) -> bool:
    """Remove objects whose content is not what their name says; True if there was one."""
    damaged = [name for name in names if not sound(name)]
    if damaged:
        # DVC takes it that the files of a folder are all there when the folder's list is.
        damaged += [name for name in objects() if name.endswith(".dir")]
    for name in set(damaged):
        drop(name)
    return bool(damaged)


def sound(name: str) -> bool:
    """Whether an object's content is what its name says."""
    with (FOLDER / name).open("rb") as file:
        content = hashlib.file_digest(file, "md5").hexdigest()
    return content == name.removeprefix("files/md5/").replace("/", "").removesuffix(".dir")


def drop(name: str) -> None:
    """Remove an object, which DVC has made read-only."""
    (FOLDER / name).chmod(0o644)
    (FOLDER / name).unlink()


def fill(commit: str) -> None:
    """Bring the objects of a commit that the folder lacks, each complete or not at all."""
    extract_objects(commit, FOLDER / "files/md5")


def extract_objects(commit: str, folder: Path) -> None:
    """Write all objects of a commit into a folder that has DVC's form; what is there stays."""
    places = {name: folder / name.removeprefix("files/md5/")
              for name in stored(commit) if OBJECT.fullmatch(name)}  # fmt: skip
    extract(commit, {name: path for name, path in places.items() if not path.exists()})


def take(wanted: Mapping[str, Path]) -> str:
    """Write objects of the branch, named by their hashes, where they are wanted; say why not."""
    tip = resolve(tracking()) or resolve(LOCAL)
    try:
        tip = tip or fetch()
    except Refusal as refusal:
        return str(refusal)
    files = {f"files/md5/{name[:2]}/{name[2:]}": path for name, path in wanted.items()}
    for name, path in files.items():
        if (FOLDER / name).exists():  # it may not be sent yet
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(FOLDER / name, path)
    if tip:
        there = stored(tip)
        left = {name: path for name, path in files.items() if name in there and not path.exists()}
        extract(tip, left)
    return "" if tip else f"there is no branch {BRANCH}"


def extract(commit: str, wanted: Mapping[str, Path]) -> None:
    """Write files of a commit, each complete or not at all."""
    if not wanted:
        return
    orphan.prefetch(commit, wanted)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    command = ["git", "cat-file", "--batch"]
    with (
        tempfile.TemporaryDirectory(dir=SCRATCH) as scratch,
        subprocess.Popen(
            command, env=variables(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for name, target in wanted.items():
            process.stdin.write(f"{commit}:{name}\n".encode())
            process.stdin.flush()
            kind, _, size = process.stdout.readline().decode().strip().rpartition(" ")
            if not kind.endswith(" blob"):
                continue
            left = int(size) + 1  # a line end follows
            part = Path(scratch, "object")
            with part.open("wb") as file:
                while left > 1:
                    chunk = process.stdout.read(min(left - 1, 1 << 20))
                    if not chunk:
                        raise Refusal(f"{name} of {BRANCH} cannot be read: run `git fsck`.", code=1)
                    left -= file.write(chunk)
            process.stdout.read(1)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)


def add_commit(parent: str | None, new: dict[str, int]) -> str:
    """Commit the objects on top of `parent`.

    Returns the commit, which no reference names yet.
    """
    names = sorted(new)
    added = dict(zip(names, orphan.hashes([FOLDER / name for name in names]), strict=True))
    have = stored(parent)
    notes = {name: text.encode() for name, text in NOTES.items() if name not in have}
    message = f"Add {counted(new)}" if new else "Make the remote"
    return orphan.add_commit(parent, {**added, **orphan.store(notes)}, message)


def record(commit: str, remote: str = "origin") -> None:
    """Remember that the remote has this commit."""
    git("update-ref", tracking(remote), commit)
    if resolve(LOCAL) != commit:
        git("update-ref", LOCAL, commit)
        show()


def send(
    remote: str = "origin", known: dict[str, str] | None = None, wanted: set[str] | None = None
) -> dict[str, int]:
    """Send what the remote lacks: fetch, union, push; never forced, again if someone was faster.

    Parameters
    ----------
    known : the remote's branches, if they were just asked for.
    wanted : only these objects; others may not have been meant for everybody.

    Returns
    -------
    The objects that were sent and their sizes.

    Raises
    ------
    Refusal : the remote takes nothing, or others were faster every time.
    """
    for _ in orphan.turns(TRIES):
        tip = fetch(remote, known)
        new = pending(remote)
        if wanted is not None:
            new = {name: size for name, size in new.items() if name in wanted}
        if tip and not new:
            record(tip, remote)
            return {}
        commit = add_commit(tip, new)
        done = orphan.push(commit, BRANCH, remote)
        if done.returncode == 0:
            record(commit, remote)
            keep_fetching(remote)
            return new
        if not orphan.outrun(done):
            raise Refusal(
                f"{remote} did not take the files ({orphan.why(done)}): nothing is lost, push again.",
                code=1,
            )
        known = None
    raise Refusal(
        f"{remote} changed under {TRIES} attempts to send files: nothing is lost, push again.",
        code=1,
    )


def counted(objects: dict[str, int]) -> str:
    """How many and how much, for people: 3 large files (4.2 MB)."""
    files = "1 large file" if len(objects) == 1 else f"{len(objects)} large files"
    return f"{files} ({human(sum(objects.values()))})"


def human(size: float) -> str:
    """A size in bytes for people: 310 kB, 4.2 MB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit != "MB" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
