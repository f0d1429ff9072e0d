"""Are the files in the remote and in the cache what the ledger and dvc.lock say?

DVC names a file by its md5; the verdict has the model's and the predictions' sha256, which nobody can
make another file for.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from champion.audit.events import lock_of, pointed
from champion.audit.judged import Judged
from champion.audit.remarks import ARTIFACTS, Remark
from champion.ci import standing
from champion.ci.lock import HASH
from champion.errors import Refusal
from champion.judge.events import Event, Ledger
from champion.judge.wording import listed
from champion.workspace import branch, environment, orphan, remote
from champion.workspace.git import resolve
from champion.workspace.objects import CACHE, md5, sha256
from champion.workspace.remote import last_words

# File by file, past DVC's own transfer: that trusts a folder's list, and removes what is damaged.
GET = """
import sys
from pathlib import Path
from dvc.repo import Repo
folder, *names = sys.argv[1:]
with Repo() as repo:
    there = repo.cloud.get_remote_odb()
    for name in names:
        if there.fs.exists(path := there.oid_to_path(name)):
            target = Path(folder, name[:2], name[2:])
            target.parent.mkdir(parents=True, exist_ok=True)
            there.fs.get_file(path, str(target))
"""
BATCH = 50  # files that are copied before they are looked at


@dataclass
class Stored:
    """An object that versions are made of.

    Parameters
    ----------
    what, step : what it is, and the step that names it.
    versions : whose it is, the newest first.
    digests : its sha256, as verdicts have it.
    """

    what: str
    step: str
    versions: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)


def check(ledger: Ledger, online: bool) -> tuple[list[Remark], int]:
    """Compare what is stored of every version with its hashes.

    Parameters
    ----------
    online : ask a remote that is elsewhere; else that is not checked.

    Returns
    -------
    The remarks, and how many files there are to look at.
    """
    known: dict[str, Stored] = {}
    for event in reversed(standing.promotions(ledger)):
        for name, what, step, digest in recorded(ledger, event):
            add(known, name, Stored(what, step, [event.body["version"]], {digest} - {""}))
    found, inside = look(known, online)
    more, _ = look({name: it for name, it in inside.items() if name not in known}, online)
    return [*found, *more], len(known | inside)


def recorded(ledger: Ledger, event: Event) -> Iterator[tuple[str, str, str, str]]:
    """The objects of a version: hash, what it is, the step that names it, its sha256 if known."""
    judged = Judged.of(ledger.events[event.body["verdict"] - 1])
    if data := pointed(event.body["commit"]):
        yield data, "The data", "data", ""
    try:
        locked = lock_of(event.body["commit"])
    except Refusal:
        return  # what is wrong with it is told of the event
    yield locked.predictions, "The predictions", "verdict", judged.predictions_sha256
    yield locked.model, "The model", "verdict", judged.model_sha256


def look(wanted: dict[str, Stored], online: bool) -> tuple[list[Remark], dict[str, Stored]]:
    """Look at objects; return remarks, and the files of those that are folders."""
    found: list[Remark] = []
    inside: dict[str, Stored] = {}
    unseen: dict[str, Stored] = {}
    why = ""
    orphan.SCRATCH.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(wanted), BATCH):
        names = list(wanted)[start : start + BATCH]
        with tempfile.TemporaryDirectory(dir=orphan.SCRATCH) as scratch:
            there, why = copies(names, Path(scratch), online)
            for name in names:
                it = wanted[name]
                found += compare(name, it, there)
                if not there:
                    add(unseen, it.what, it)
                for folder in filter(None, (there, CACHE)):
                    for file in (
                        files(folder / name[:2] / name[2:]) if name.endswith(".dir") else []
                    ):
                        add(inside, file, Stored("A file of the data", it.step, it.versions))
    for what, it in unseen.items():
        text = f"{what} of {listed(it.versions)} in the remote: not checked, {why}."
        found.append(Remark(ARTIFACTS, text, (*it.versions,), it.step, checked=False))
    return found, inside


def add(known: dict[str, Stored], name: str, it: Stored) -> None:
    """Remember an object that another version, too, may be made of."""
    kept = known.setdefault(name, Stored(it.what, it.step))
    kept.versions += [version for version in it.versions if version not in kept.versions]
    kept.digests |= it.digests


def compare(name: str, it: Stored, there: Path | None) -> Iterator[Remark]:
    """Compare the copies of an object with its hashes.

    there : a folder with the remote's copy; None where the remote cannot be looked into
    """
    for place, folder in (("the remote", there), ("the cache", CACHE)):
        path = folder / name[:2] / name[2:] if folder else None
        if path and (problem := wrong(path, name, it.digests, place)):
            text = f"{it.what} of {listed(it.versions)} in {place}, {name[:10]}, {problem}."
            yield Remark(ARTIFACTS, text, (*it.versions,), it.step)


def wrong(path: Path, name: str, digests: set[str], place: str) -> str:
    """What is wrong with an object, and what to do; empty if nothing is, or the cache lacks it."""
    cure = "put the right one back, which a cache or the release still has"
    if place == "the cache":
        cure = f"remove {path.as_posix()}, then `dvc pull`"
    if not path.exists():
        return f"is missing: {cure}" if place != "the cache" else ""
    if md5(path) != name.removesuffix(".dir"):
        return f"is not what its md5 says, it was changed: {cure}"
    if digests - {sha256(path)}:
        return f"has another sha256 than the verdict records, it was replaced: {cure}"
    return ""


def files(path: Path) -> list[str]:
    """The files of a folder's object; nothing where it is missing or damaged, which is told."""
    try:
        listed = [str(item["md5"]) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return [it for it in listed if HASH.fullmatch(it) and not it.endswith(".dir")]


def copies(names: list[str], scratch: Path, online: bool) -> tuple[Path | None, str]:
    """A folder in DVC's form with the remote's own objects, as far as it has them; else why not."""
    url = remote.default()[1]
    if remote.on_branch(url):
        tip = resolve(branch.tracking()) or resolve(branch.LOCAL)
        if not tip:
            return None, f"the branch {branch.BRANCH} was not fetched: run set-up"
        places = [f"files/md5/{it[:2]}/{it[2:]}" for it in names]
        branch.extract(tip, {place: scratch / place for place in places})
        return scratch / "files/md5", ""
    if not remote.scheme(url):
        folder = Path(".dvc", url)
        return (folder / "files/md5", "") if folder.is_dir() else (None, f"{url} is not there")
    if not online:
        return None, f"{remote.scheme(url)}:// is only asked with ONLINE=1"
    done = environment.find().capture("-c", GET, str(scratch.absolute()), *names)
    return (None, last_words(done)) if done.returncode else (scratch, "")
