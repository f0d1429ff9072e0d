"""A new file: check it, show what it changes, put it in place, track it. Or change nothing."""

import argparse
import filecmp
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from champion.errors import Refusal
from champion.project import RAW, user_module
from champion.settings import Settings
from champion.stages.validate import Checked, check, load
from champion.tables.conform import conform
from champion.tables.describe import track
from champion.tables.findings import as_text
from champion.tables.identical import mixed, row_hashes
from champion.tables.read import raw_table, refuse_other, table_paths
from champion.tables.rows import row_keys

STAGED = RAW.with_name(".raw-new")
BEFORE = RAW.with_name(".raw-before")
# Among fewer rows than these 5 points are chance; then only what is wrong in most of them counts.
ENOUGH = 500
MOST = 0.5
RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # on Windows


@dataclass
class Change:
    """What a new file does to the table, in rows."""

    before: int
    after: int
    added: int
    changed: int
    removed: int
    duplicate: int  # of the table afterwards, the same as an earlier row in every column


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV or Parquet")
    parser.add_argument(
        "--mode",
        choices=["append", "replace"],
        default="append",
        help="append: beside what is there; replace: instead of the file of that name, or of all",
    )


def run(args: argparse.Namespace) -> int:
    settings = Settings.load()
    recover()
    place = destination(args.file)
    if args.mode == "append" and place.exists() and filecmp.cmp(args.file, place, shallow=False):
        print(f"{place} is this very file: nothing changed.")
        return 0
    with staged(args.file.expanduser(), place.name, args.mode) as folder:
        checked = check(load(folder, settings), settings)
        alone = check_alone(folder / place.name, folder, settings)
        change = compare(current(settings), checked.table, settings)
        report(change, checked, alone, place.name)
        if checked.failed or (alone and alone.failed):
            print("Nothing was changed.")
            return 1
        del checked, alone
        swap(folder)
    print(f"{place} is in place and tracked. Next: make repro.")
    return 0


def destination(file: Path) -> Path:
    """Where the file will be, under a name that is safe everywhere.

    Raises
    ------
    Refusal : there is no such file, it is no table, or it is in data/raw already.
    """
    file = file.expanduser()
    if not file.is_file():
        raise Refusal(f"there is no file {file}: check its name.")
    refuse_other(file)
    if file.resolve().parent == RAW.resolve():
        raise Refusal(f"{file} is in {RAW} already: give a file from elsewhere.")
    name = re.sub(r"[^\w.-]+", "-", file.name).strip("-.")
    return RAW / (f"data-{name}" if RESERVED.match(name) else name)


@contextmanager
def staged(file: Path, name: str, mode: str) -> Iterator[Path]:
    """A copy of data/raw as it would be; gone afterwards unless it was put in place."""
    kept = [path for path in table_paths(RAW) if path.name != name]
    there = (RAW / name).exists()
    if mode == "append" and there:
        raise Refusal(
            f"{RAW / name} is there with other content: rename the new file, or use replace."
        )
    if mode == "replace" and not there:
        columns = set(raw_table(file).column_names)
        others = [path.name for path in kept if set(raw_table(path).column_names) != columns]
        if others:
            raise Refusal(
                f"{name} has other columns than {', '.join(others)}, so it cannot replace all of "
                f"{RAW}: give it the name of the file that it replaces."
            )
        kept = []
    shutil.rmtree(STAGED, ignore_errors=True)
    try:
        STAGED.mkdir()
        for path in kept:
            link(path, STAGED / path.name)
        for path in RAW.iterdir():
            if path.is_file() and path.suffix.lower() == ".md":
                link(path, STAGED / path.name)
        shutil.copyfile(file, STAGED / name)
        yield STAGED
    finally:
        shutil.rmtree(STAGED, ignore_errors=True)


def link(path: Path, to: Path) -> None:
    """The same file under another name, without a copy where the disk can."""
    try:
        os.link(path.resolve(), to)
    except OSError:
        shutil.copyfile(path, to)


def check_alone(file: Path, folder: Path, settings: Settings) -> Checked | None:
    """Look at the new rows alone: among many old ones a broken month would pass unseen.

    None where it cannot be loaded alone: then data.py joins it to another.
    """
    if table_paths(folder) == [file]:
        return None
    with only(file, folder) as single:
        try:
            table = load(single, settings)
        except Refusal:
            return None
        checked = check(table, settings)
    if len(table) < ENOUGH:
        checked.findings = [f for f in checked.findings if f.share >= MOST]
    return checked


@contextmanager
def only(file: Path, folder: Path) -> Iterator[Path]:
    """A folder with just this file."""
    single = folder.with_name(f"{folder.name}-alone")
    shutil.rmtree(single, ignore_errors=True)
    try:
        single.mkdir()
        link(file, single / file.name)
        yield single
    finally:
        shutil.rmtree(single, ignore_errors=True)


def current(settings: Settings) -> pd.DataFrame | None:
    """The table as it is; None if it does not load, which a replacement may be meant to cure."""
    try:
        return conform(load(RAW, settings), user_module("schema").schema)[0]
    except Refusal:
        return None


def compare(before: pd.DataFrame | None, after: pd.DataFrame, settings: Settings) -> Change:
    """Count rows by identity (split.key) and content."""
    duplicate = int(pd.Series(row_hashes(after)).duplicated().sum())
    if before is None:
        return Change(0, len(after), len(after), 0, 0, duplicate)
    shared = [name for name in before if name in after and before[name].dtype == after[name].dtype]
    both = row_hashes(pd.concat([before[shared], after[shared]], ignore_index=True))
    old, new = unmatched(both[: len(before)], both[len(before) :])
    gone, came = before[old], after[new]
    if len(gone) and len(came) and all(k in gone and k in came for k in settings.split.key):
        names = np.concatenate([row_keys(gone, settings), row_keys(came, settings)])
        keys = pd.factorize(names)[0].astype(np.uint64)
        lost, _ = unmatched(keys[: len(gone)], keys[len(gone) :])
        removed = int(lost.sum())
    else:
        removed = len(gone)
    changed = len(gone) - removed
    return Change(len(before), len(after), len(came) - changed, changed, removed, duplicate)


def unmatched(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of each have no partner in the other, where equal ones pair off one by one."""
    first, second = (numbered(values) for values in (a, b))
    return ~np.isin(first, second), ~np.isin(second, first)


def numbered(values: np.ndarray) -> np.ndarray:
    """Make equal values distinct by their order."""
    number = pd.Series(values).groupby(values).cumcount().to_numpy().astype(np.uint64)
    return mixed(values ^ mixed(number))


def report(change: Change, checked: Checked, alone: Checked | None, name: str) -> None:
    if checked.findings:
        print(as_text(checked.findings))
    errors = [f for f in alone.findings if f.level == "error"] if alone else []
    if errors:
        print(f"\nIn {name} alone:\n{as_text(errors)}")
    print(
        f"\n{change.before:,} rows before, {change.after:,} after: {change.added:,} added, "
        f"{change.changed:,} changed, {change.removed:,} removed, {change.duplicate:,} duplicate."
    )


def swap(folder: Path) -> None:
    """Put the staged folder in place and track it; on failure put the old one back."""
    os.rename(RAW, BEFORE)
    try:
        os.rename(folder, RAW)
        track()
    except BaseException:
        shutil.rmtree(RAW, ignore_errors=True)
        os.rename(BEFORE, RAW)
        raise
    shutil.rmtree(BEFORE, ignore_errors=True)


def recover() -> None:
    """Undo a run that was killed between two renames."""
    if BEFORE.exists():
        if RAW.exists():
            shutil.rmtree(BEFORE)
        else:
            os.rename(BEFORE, RAW)
