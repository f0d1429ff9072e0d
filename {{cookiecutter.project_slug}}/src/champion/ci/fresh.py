"""New data: the files of data/incoming, beside or in the place of those of data/raw.

One is in Git, and goes into data/raw for good; or it is a .dvc file, such as `dvc import-url` makes,
whose source is asked again at every look. Nothing is sent: another job stores what is left here.
"""

import filecmp
import os
import shutil
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path

from champion.ci import lock
from champion.ci.judged import JUDGED, OBJECTS
from champion.errors import Refusal
from champion.project import RAW
from champion.tables import incoming
from champion.workspace import environment, objects
from champion.workspace.remote import last_words

INCOMING = Path("data/incoming")
POINTER = JUDGED / "raw.dvc"


@dataclass
class Fresh:
    """What is new.

    Parameters
    ----------
    taken : paths that data/raw takes in.
    refused : paths that it does not, each with the reason.
    """

    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def gather() -> Fresh:
    """Take the new files in; leave the pointer and the objects that this makes.

    Raises
    ------
    Refusal : the data so far are not at hand.
    """
    found = Fresh()
    for pointer in sorted(INCOMING.glob("*.dvc")):
        if why := update(pointer):
            found.refused[pointer.as_posix()] = why
    files = [path for path in sorted(INCOMING.glob("*")) if is_data(path)]
    if not files:
        return found
    before = lock.pointed("HEAD")
    shutil.rmtree(RAW, ignore_errors=True)
    objects.place(before, RAW)
    for file in files:
        take(file, found)
    if found.taken:
        keep(before)
    return found


def is_data(path: Path) -> bool:
    """Whether it is meant as data: notes and pointers are not."""
    notes = path.name.startswith(".") or path.suffix.lower() in (".md", ".dvc")
    return path.is_file() and not notes


def update(pointer: Path) -> str:
    """Bring what a .dvc file names, as its source has it now; say why not."""
    verb = "update" if "deps:" in pointer.read_text(encoding="utf-8") else "pull"
    done = environment.find().capture("-m", "dvc", verb, "--quiet", str(pointer))
    return last_words(done) if done.returncode else ""


def take(file: Path, found: Fresh) -> None:
    """Let data/raw take a file in, as `make data` does."""
    print(f"{file}:")
    try:
        place = incoming.destination(file)
        if place.exists() and filecmp.cmp(file, place, shallow=False):
            print(f"{place} is this very file.")
        elif incoming.run(Namespace(file=file, mode="replace" if place.exists() else "append")):
            found.refused[file.as_posix()] = "it does not pass the checks of schema.py"
        else:
            found.taken.append(file.as_posix())
    except Refusal as refusal:
        print(refusal)
        found.refused[file.as_posix()] = str(refusal)


def keep(before: str) -> None:
    """Leave the pointer and the new objects."""
    shutil.copyfile(lock.POINTER, POINTER)
    after = lock.named(POINTER.read_text(encoding="utf-8"))
    there = {item["md5"] for item in objects.items(before)}
    for name in {after, *(item["md5"] for item in objects.items(after))} - there - {before}:
        target = OBJECTS / name[:2] / name[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(objects.cached(name), target)
