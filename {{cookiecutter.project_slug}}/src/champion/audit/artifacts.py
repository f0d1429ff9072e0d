"""Are the files in the remote and in the cache what the ledger and dvc.lock say?

DVC names a file by its md5; the verdict has the model's and the predictions' sha256, which nobody can
make another file for.
"""

import json
import tempfile
from pathlib import Path

from champion.audit.events import lock_of, pointed
from champion.audit.judged import Judged
from champion.audit.remarks import ARTIFACTS, Remark
from champion.ci import standing
from champion.ci.lock import HASH
from champion.errors import Refusal
from champion.judge.events import Event, Ledger
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
Wanted = dict[str, tuple[str, str, str]]  # by hash: what it is, the step that names it, its sha256


def check(ledger: Ledger, online: bool) -> tuple[list[Remark], int]:
    """Compare what is stored of every version with its hashes, the newest version first.

    Parameters
    ----------
    online : ask a remote that is elsewhere; else that is not checked.

    Returns
    -------
    The remarks, and how many files of the remote were looked at.
    """
    found: list[Remark] = []
    seen: set[str] = set()
    for event in reversed(standing.promotions(ledger)):
        wanted = recorded(ledger, event)
        while wanted := {name: it for name, it in wanted.items() if name not in seen}:
            seen |= set(wanted)
            remarks, wanted = look(event.body["version"], wanted, online)
            found += remarks
    return found, len(seen) if all(it.checked for it in found) else 0


def recorded(ledger: Ledger, event: Event) -> Wanted:
    """The objects of a version."""
    judged = Judged.of(ledger.events[event.body["verdict"] - 1])
    commit = event.body["commit"]
    named: Wanted = {}
    if data := pointed(commit):
        named[data] = ("The data", "data", "")
    try:
        locked = lock_of(commit)
    except Refusal:
        return named  # what is wrong with it is told of the event
    named[locked.predictions] = ("The predictions", "verdict", judged.predictions_sha256)
    named[locked.model] = ("The model", "verdict", judged.model_sha256)
    return named


def look(version: str, wanted: Wanted, online: bool) -> tuple[list[Remark], Wanted]:
    """Look at objects of a version; return remarks, and the files of those that are folders."""
    found: list[Remark] = []
    inside: Wanted = {}
    orphan.SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=orphan.SCRATCH) as scratch:
        there, why = copies(list(wanted), Path(scratch), online)
        places = {"the remote": there or Path(scratch, "nothing"), "the cache": CACHE}
        for name, (what, step, digest) in wanted.items():
            for place, folder in places.items():
                path = folder / name[:2] / name[2:]
                if place == "the remote" and not there:
                    text = f"{what} of {version}, {name[:10]}, in the remote: {why}."
                    found.append(Remark(ARTIFACTS, text, version, step, checked=False))
                elif problem := wrong(path, name, digest, place):
                    text = f"{what} of {version} in {place}, {name[:10]}, {problem}."
                    found.append(Remark(ARTIFACTS, text, version, step))
                if name.endswith(".dir") and path.exists():
                    inside |= dict.fromkeys(files(path), ("A file of the data", "data", ""))
    return found, inside


def wrong(path: Path, name: str, digest: str, place: str) -> str:
    """What is wrong with an object, and what to do; empty if nothing is, or the cache lacks it."""
    cure = "`dvc push` where a cache still has it, or take it from the release"
    if place == "the cache":
        cure = f"remove {path.as_posix()}, then `dvc pull`"
    if not path.exists():
        return f"is missing: {cure}" if place != "the cache" else ""
    if md5(path) != name.removesuffix(".dir"):
        return f"is not what its md5 says, it was changed: {cure}"
    if digest and sha256(path) != digest:
        return f"has another sha256 than the verdict records, it was replaced: {cure}"
    return ""


def files(path: Path) -> list[str]:
    """The files of a folder's object; nothing where it is damaged, which its md5 tells."""
    try:
        listed = [str(item["md5"]) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError, RecursionError):
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
