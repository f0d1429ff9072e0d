"""What the service logged: Parquet files, in a folder or behind an fsspec URL, read in pieces.

Columns: request_id, time (UTC), version, score or one column a class, and the features. A table
without `time` is one window as a whole. Names that begin with . or _ are files still being written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from champion.errors import BadData, Refusal, shown
from champion.tables.conform import as_time
from champion.tables.read import TEXT, clean_names, frame, plain, raw_table, typed_table

ID, TIME, VERSION, SCORE = "request_id", "time", "version", "score"
PIECE = 1 << 18  # rows
AHEAD = pd.Timedelta("5 min")  # by which clocks may differ


@dataclass
class Log:
    """A log, and what was met on the way through it.

    Parameters
    ----------
    url : a file, a folder or an fsspec URL.
    since, until : the window, in UTC without a zone; `since` itself is outside.
    now : rows from after it have a clock that is wrong.
    files : how many there are.
    damaged : names of those that do not open; their rows are unknown.
    rows, future, undated : counts, of the window; from the future; of a time that is none.
    latest : the newest time of all.
    """

    url: str
    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None
    now: pd.Timestamp | None = None
    files: int = 0
    damaged: list[str] = field(default_factory=list)
    rows: int = 0
    future: int = 0
    undated: int = 0
    latest: pd.Timestamp | None = None
    dated: bool = False

    def pieces(self, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows of the window, some at a time, with a column `time` of datetime64 if there is one.

        columns : those to read, where a file has them; all.

        Raises
        ------
        Refusal : the URL is of a kind that is not installed, or a file is no Parquet or CSV.
        """
        system, paths = found(self.url)
        self.files = len(paths)
        for path in paths:
            try:
                for table in self.tables(system, path, columns):
                    piece = self.inside(table)
                    if len(piece):
                        self.rows += len(piece)
                        yield piece
            except (pa.ArrowException, OSError, BadData):
                if not self.since or not older(system, path, self.since):
                    self.damaged.append(shown(Path(path).name, 80))

    def tables(self, system: Any, path: str, columns: list[str] | None) -> Iterator[pa.Table]:
        """A file, some rows at a time; row groups that end before the window are not read."""
        if Path(path).suffix.lower() in TEXT:
            yield typed_table(raw_table(Path(path)), Path(path))
            return
        with system.open(path, "rb") as opened, pq.ParquetFile(opened) as file:
            names = clean_names(file.schema_arrow.names, shown(Path(path).name, 80))
            groups = []
            for number in range(file.num_row_groups):
                end = newest(file.metadata.row_group(number))
                if end is None or self.since is None or end > self.since:
                    groups.append(number)
                else:
                    self.latest = end if self.latest is None else max(end, self.latest)
            held = [name for name in names if columns is None or name in columns]
            for batch in file.iter_batches(PIECE, groups, held):
                yield pa.Table.from_batches([batch])

    def inside(self, table: pa.Table) -> pd.DataFrame:
        """The rows of the window, without times in the future."""
        piece = framed(table)
        if TIME not in piece or (self.until is None and self.now is None):
            return piece
        self.dated = True
        times = as_time(piece[TIME], {})[0]
        piece[TIME] = times
        self.undated += int(times.isna().sum())
        latest = times.max()
        if not pd.isna(latest):
            self.latest = latest if self.latest is None else max(latest, self.latest)
        if self.now is not None:
            self.future += int((times > self.now + AHEAD).sum())
        end = self.until if self.until is not None else self.now
        kept = times <= end
        if self.since is not None:
            kept &= times > self.since
        return piece if kept.all() else piece[kept].reset_index(drop=True)


def found(url: str) -> tuple[Any, list[str]]:
    """The file system of a URL, and its tables, sorted by name; none where there is nothing yet."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise Refusal(f"{shown(url)} cannot be opened: {shown(str(error))}.") from error
    try:
        if system.isfile(path):
            return system, [path]
        return system, [name for name in sorted(system.find(path)) if is_table(name)]
    except FileNotFoundError:
        return system, []


def is_table(path: str) -> bool:
    """Whether it is a finished Parquet file."""
    parts = Path(path).parts
    return parts[-1].endswith(".parquet") and not parts[-1].startswith((".", "_"))


def newest(group: Any) -> pd.Timestamp | None:
    """The latest time of a row group, as its statistics say; None where they do not."""
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == TIME:
            told = column.statistics
            if told is None or not told.has_min_max or not hasattr(told.max, "year"):
                return None
            return naive(told.max)
    return None


def naive(time: Any) -> pd.Timestamp:
    """A moment in UTC, without a zone."""
    moment = pd.Timestamp(time)
    return moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment


def older(system: Any, path: str, since: pd.Timestamp) -> bool:
    """Whether a file was last written before the window, so that it holds nothing of it."""
    try:
        return naive(system.modified(path)) <= since
    except (NotImplementedError, OSError):
        return False


def framed(table: pa.Table) -> pd.DataFrame:
    """To pandas, in few dtypes; a column of nested things is one of text that fits no schema."""
    for place, name in enumerate(table.column_names):
        try:
            column = plain(table.column(place), name)
        except BadData:
            column = pa.chunked_array([pa.array(["(nested)"] * len(table))])
        table = table.set_column(place, name, column)
    return frame(table)
