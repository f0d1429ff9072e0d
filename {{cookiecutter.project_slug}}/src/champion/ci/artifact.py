"""What the training of a pull request left, read as from a stranger. Standard library only.

A zip file with `dvc.lock`, `reports/NAME.json`, perhaps `seconds.json`, and `objects/xx/REST`: what
the default branch's remote lacks, under DVC's names, which are the hashes of their content.
"""

import hashlib
import os
import re
import shutil
import stat
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import IO

from champion.errors import Refusal

NAME = "train"
FOLDER = Path(".champion/artifact")
OBJECT = re.compile(r"objects/([0-9a-f]{2}/[0-9a-f]{30}(?:\.dir)?)")
PLACES = {  # of a file, and the most bytes it may have
    r"dvc\.lock": 1_000_000,
    r"reports/[a-z_]{1,40}\.json": 5_000_000,
    r"seconds\.json": 1_000,
    r"(verdict|sketch|subject|promotion)\.json": 5_000_000,  # what judge and promote leave
    OBJECT.pattern: 2_000_000_000,
}
MOST_FILES = 20_000
MOST_BYTES = 8_000_000_000
CHUNK = 1 << 20


class Hostile(Refusal):
    """It is not what `champion ci pack` makes."""


def download(source: IO[bytes], target: Path) -> None:
    """Write an artifact's zip file, up to the most bytes that one may have.

    Raises
    ------
    Hostile : it has more.
    Refusal : the connection broke.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while chunk := received(source):
            if file.tell() + len(chunk) > MOST_BYTES:
                raise Hostile(f"what training left has more than {MOST_BYTES:,} bytes.")
            file.write(chunk)


def received(source: IO[bytes]) -> bytes:
    """The next bytes of a download; none at its end."""
    try:
        chunk = source.read(CHUNK)
        if not chunk and getattr(source, "length", None):
            raise EOFError("the end is missing")
    except (OSError, HTTPException, EOFError) as error:
        raise Refusal(f"an artifact could not be downloaded: {error}.", code=1) from error
    return chunk


def unpack(archive: Path, folder: Path) -> None:
    """Write the files that may be in an artifact; objects only if they are what their names say.

    Raises
    ------
    Hostile : something else is in it, it is too large, or no zip file. Nothing is left then.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            check(entries)
            for entry in entries:
                with opened.open(entry) as source:
                    extract(source, entry, folder / entry.filename)
    except Hostile:
        shutil.rmtree(folder)
        raise
    except Exception as error:  # zipfile raises many kinds: a damaged file must not get further
        shutil.rmtree(folder)
        raise Hostile("what training left is a damaged zip file.") from error


def check(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse an artifact by its table of contents."""
    if len(entries) > MOST_FILES:
        raise Hostile(f"what training left has {len(entries):,} files, at most {MOST_FILES:,} fit.")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise Hostile("what training left holds a file twice.")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.flag_bits & 1:
            raise Hostile("what training left holds something that is no plain file.")
        if entry.file_size > most(entry.filename):
            raise Hostile("what training left holds a file that is too large.")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise Hostile(f"what training left unpacks to more than {MOST_BYTES:,} bytes.")


def most(name: str) -> int:
    """The most bytes that a file of this name may have."""
    for place, size in PLACES.items():
        if re.fullmatch(place, name):
            return size
    raise Hostile("what training left holds a file that does not belong there.")


def extract(source: IO[bytes], entry: zipfile.ZipInfo, target: Path) -> None:
    """Write one file, no longer than it said."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.md5(usedforsecurity=False), entry.file_size
    with target.open("xb") as file:
        while chunk := source.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise Hostile("what training left holds a file that is longer than it says.")
            digest.update(chunk)
            file.write(chunk)
    named = OBJECT.fullmatch(entry.filename)
    if named and named[1].replace("/", "").removesuffix(".dir") != digest.hexdigest():
        raise Hostile("what training left holds an object that is not what its hash says.")


def take_objects(folder: Path, cache: Path) -> None:
    """Put an artifact's objects into DVC's cache; what is there already stays."""
    for path in sorted(folder.glob("objects/*/*")):
        target = cache / path.relative_to(folder / "objects")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.chmod(0o444)
            os.link(path, target)
