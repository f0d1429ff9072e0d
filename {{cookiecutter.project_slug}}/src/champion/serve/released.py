"""The model that is live, or an earlier version, with the code that it was made by."""

import contextlib
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from champion.errors import Refusal
from champion.judge.champion import VERSION, Champion, data_of, find, output, tags
from champion.judge.commit import pins
from champion.project import MODEL, SOURCE, TRAIN, package_name
from champion.settings import Settings
from champion.tables.roles import inputs
from champion.workspace.git import default_branch, git, resolve, show
from champion.workspace.objects import place

ABOUT = Path("about.json")
BACKGROUND = Path("background.parquet")  # rows that stand for "unknown" in explanations
ROWS = 100  # of them
LOCK = Path("requirements.txt")
CODE = (str(SOURCE), "gate.yaml", "params.yaml")


@dataclass(frozen=True)
class About:
    """Which model it is: stands in every answer.

    data : the hash of the raw data that it was trained on.
    """

    version: str
    commit: str
    data: str


def released(version: str | None = None) -> Champion:
    """The champion, or the model of a version such as v1.1.0.

    Raises
    ------
    Refusal : there is none; names the versions that there are.
    """
    if version is None:
        if champion := find():
            return champion
        raise Refusal(f"there is no model on {default_branch()} yet: run `make repro` and merge.")
    commit = resolve(f"refs/tags/model@{version}")
    if commit and VERSION.fullmatch(f"model@{version}") and output(commit, "train", MODEL):
        return Champion(commit, version)
    known = [tag.partition("@")[2] for tag in tags() if VERSION.fullmatch(tag)]
    known.sort(key=lambda name: [int(part) for part in name[1:].split(".")])
    there = f"there are {', '.join(known)}" if known else "none was promoted yet"
    raise Refusal(f"there is no version {version!r} of the model: {there}.")


def unpack(champion: Champion, folder: Path) -> Path:
    """Write a model and all that asking it needs into an empty folder, which needs no Git then."""
    commit = champion.commit
    model = output(commit, "train", MODEL)
    assert model
    place(model, folder / MODEL)
    extract(commit, folder)
    about = About(champion.version or commit[:7], commit, data_of(commit))
    (folder / ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n", encoding="utf-8")
    if train := output(commit, "split", TRAIN):
        draw_background(train, folder)
    return folder


def extract(commit: str, folder: Path) -> None:
    """Write a commit's code and settings."""
    packed = folder / "code.tar"
    git("archive", "--format=tar", f"--output={packed.absolute()}", commit, "--", *CODE)
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    packed.unlink()


def draw_background(train: str, folder: Path) -> None:
    """Take a few rows of train; without them only trees can be explained.

    None where a feature is personal: the folder may become an image.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch, TRAIN.name)
        try:
            place(train, path)
        except Refusal:
            return
        table = pd.read_parquet(path)
    with own_code(folder):
        settings = Settings.load()
        X = inputs(table.sample(min(len(table), ROWS), random_state=0), settings)
    if not set(X) & set(settings.data.personal):
        X.to_parquet(folder / BACKGROUND, index=False)


@contextlib.contextmanager
def own_code(folder: Path) -> Iterator[None]:
    """Inside, the user's package is the one of that folder, whatever was imported before."""
    package, path = package_name(folder / SOURCE), str((folder / SOURCE).resolve())

    def forget() -> dict[str, Any]:
        mine = [name for name in sys.modules if name.split(".")[0] == package]
        return {name: sys.modules.pop(name) for name in mine}

    before = forget()
    sys.path.insert(0, path)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path.remove(path)
        forget()
        sys.modules.update(before)


def other_libraries(commit: str) -> bool:
    """Whether the model was made with other versions than those locked here."""
    return pins(show(commit, str(LOCK))) != pins(LOCK.read_text(encoding="utf-8"))
