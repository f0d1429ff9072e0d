"""What live data say, gathered piece by piece in memory that does not grow with them."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.judge.difference import Case
from champion.monitor.columns import Counts, of_days
from champion.monitor.labels import Hashes, Labels, coded, conformed, hashes, id_of
from champion.monitor.log import SCORE, TIME, VERSION, Log
from champion.monitor.quality import Quality
from champion.monitor.reference import Reference, answered, predicted
from champion.project import user_module
from champion.settings import Settings

MOST = 1_000_000  # rows with an answer, and ids, that are kept
MOST_VERSIONS = 5
Array = NDArray[np.float64]


class Sample:
    """At most so many rows, drawn by the hash of their id: rows of one id stay together."""

    def __init__(self, most: int = MOST) -> None:
        self.most, self.level = most, np.uint64(np.iinfo(np.uint64).max)
        self.parts: list[pd.DataFrame] = []
        self.kept = 0
        self.total = 0

    def add(self, ids: Hashes, columns: dict[str, NDArray] | None = None) -> None:
        self.total += len(ids)
        table = pd.DataFrame({"id": ids, **(columns or {})})
        table = table[ids <= self.level]
        self.parts.append(table)
        self.kept += len(table)
        if self.kept > 2 * self.most:
            self.thin()

    def thin(self) -> None:
        """Keep the rows whose hash is lowest."""
        table = self.table
        if len(table) > self.most:
            self.level = np.partition(table["id"].to_numpy(), self.most - 1)[self.most - 1]
            table = table[table["id"] <= self.level]
        self.parts, self.kept = [table], len(table)

    @property
    def table(self) -> pd.DataFrame:
        return pd.concat(self.parts, ignore_index=True) if self.parts else pd.DataFrame({"id": []})


@dataclass
class Live:
    """The live data.

    Parameters
    ----------
    inputs, predictions : counts on the reference's bins; a column is missing that was never there.
    target : counts of the answers.
    others : rows that another version than the champion predicted.
    scored : rows that the champion predicted.
    versions : those versions.
    """

    inputs: dict[str, Counts]
    predictions: dict[str, Counts]
    target: Counts | None
    quality: Quality
    labelled: Sample = field(default_factory=Sample)
    ids: Sample = field(default_factory=Sample)
    versions: set[str] = field(default_factory=set)
    rows: int = 0
    scored: int = 0
    others: int = 0


def gather(log: Log, labels: Labels | None, it: Reference, settings: Settings) -> Live:
    """Read the log once."""
    names = list(it.inputs)
    live = Live({}, {}, it.target and Counts(it.target.bins),
                Quality(user_module("schema"), names))  # fmt: skip
    data = settings.data
    wanted = [*names, *it.classes, SCORE, VERSION, TIME, "request_id", data.target]
    wanted += [data.id] if data.id else []
    for piece in log.pieces(wanted):
        take(piece, labels, live, it, settings)
    return live


def take(
    piece: pd.DataFrame, labels: Labels | None, live: Live, it: Reference, settings: Settings
) -> None:
    """Count some rows."""
    live.rows += len(piece)
    dated = TIME in piece and piece[TIME].dtype.kind == "M" and piece[TIME].notna().all()
    days, names = of_days(piece[TIME] if dated else None, len(piece))
    table = live.quality.take(piece)
    for name, counts in it.inputs.items():
        if name in table:
            column = table[name]
            column = column.astype("float64") if column.dtype == "boolean" else column
            if (column.dtype.kind == "f") == (counts.bins.kind == "number"):
                live.inputs.setdefault(name, Counts(counts.bins)).add(column, days, names)
    named = id_of(piece, settings)
    ids = None if named is None else hashes(piece[named])
    if ids is not None:
        live.ids.add(ids[piece[named].notna().to_numpy()])
    own = of_champion(piece, live, it)
    said = scores(piece, it)
    if said is None or not own.any():
        return
    live.scored += int(own.sum())
    columns = predicted(said, it.case.task, it.classes)
    for name, counts in it.predictions.items():
        mine = live.predictions.setdefault(name, Counts(counts.bins))
        mine.add(columns[name][own], days[own], names)
    y = answers(piece, ids, labels, it, settings)
    told = own & ~np.isnan(y) & ~np.isnan(said.reshape(len(said), -1)).any(axis=1)
    if not told.any():
        return
    if live.target is not None:
        live.target.add(answered(y[told], it.case.task, it.classes)["target"], days[told], names)
    kept: dict[str, NDArray] = {"y": y[told], "day": names[days][told]}
    kept |= {f"score {k}": s for k, s in enumerate(said.reshape(len(said), -1)[told].T)}
    for name in it.case.slices:
        if name in table:
            kept[f"slice {name}"] = table[name][told].astype("str").to_numpy(object)
    if ids is None:  # as different as hashes are
        ids = pd.util.hash_array(np.arange(live.rows - len(piece), live.rows))
    live.labelled.add(ids[told], kept)


def of_champion(piece: pd.DataFrame, live: Live, it: Reference) -> NDArray[np.bool_]:
    """Which rows the champion predicted; all, where the log or its tag names no version."""
    version = it.champion.version if it.champion else None
    if version is None or VERSION not in piece:
        return np.ones(len(piece), bool)
    named = piece[VERSION].astype("str")
    own = named.isin([version, version.removeprefix("v"), f"model@{version}"]).to_numpy(bool)
    live.versions |= set(named[~own].unique()[:MOST_VERSIONS])
    live.others += int((~own).sum())
    return own


def scores(piece: pd.DataFrame, it: Reference) -> Array | None:
    """What was predicted, (rows,) or (rows, classes); NaN where that is no prediction.

    None where no column holds predictions.
    """
    names = [name for name in it.classes if name in piece] or [SCORE]
    if not set(names) <= set(piece):
        return None
    if it.case.task == "multiclass" and names == [SCORE]:
        return None
    said = np.zeros((len(piece), max(len(it.classes), 1)))
    for name in names:
        values = pd.to_numeric(piece[name], errors="coerce").to_numpy("float64", na_value=np.nan)
        good = np.isfinite(values)
        if it.case.task != "regression":
            good &= (values >= 0) & (values <= 1)
        said[:, it.classes.index(name) if it.classes else 0] = np.where(good, values, np.nan)
    return said if it.case.task == "multiclass" else said[:, 0]


def answers(
    piece: pd.DataFrame,
    ids: Hashes | None,
    labels: Labels | None,
    it: Reference,
    settings: Settings,
) -> Array:
    """The answers that are known, (rows,): by id, else the table's own; NaN for the others."""
    y = np.full(len(piece), np.nan)
    if labels is not None:
        if ids is not None:
            y = labels.of(ids)
    elif settings.data.target in piece:
        told = piece[settings.data.target].notna().to_numpy()
        held = conformed(piece[settings.data.target][told])
        y[told] = np.where(held.notna(), coded(held, settings, it.classes), np.nan)
    return y


def live_case(live: Live, it: Reference) -> tuple[Case, NDArray[np.intp]]:
    """The rows with an answer, each request once, and the places of their days."""
    table = live.labelled.table.drop_duplicates("id", ignore_index=True)
    said = table[[n for n in table if str(n).startswith("score ")]].to_numpy(float)
    slices = table[[n for n in table if str(n).startswith("slice ")]]
    slices = slices.rename(columns=lambda name: name.removeprefix("slice "))
    said = said if it.case.task == "multiclass" else said[:, 0]
    days = np.unique(table["day"], return_inverse=True)[1]
    return Case(it.case.task, table["y"].to_numpy(float), said, slices=slices), days
