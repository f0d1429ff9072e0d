"""Reading a table that nobody vouches for.

It is read only as far as it can be what it should be: a plain file of a plausible size, with the
columns that are asked for and not too many rows. Nothing of it gets into a message, neither a value
nor a name.
"""

import csv
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from champion.errors import Refusal

Names = list[str] | None

MOST_ROWS = 50_000_000
MOST_COLUMNS = 2_000
MOST_BYTES = 8_000_000_000  # of a file
MEMORY = 5_000_000_000  # bytes that reading all tables may take; ten million rows take four
FOOTER = 16_000_000  # bytes of a Parquet file's description of itself
BATCH = 65_536


class Invalid(Refusal):
    """The evidence cannot be used; exit code 2."""


def read(path: Path, whose: str, wanted: Names, most: int = MOST_ROWS) -> pa.Table:
    """Read some columns of a CSV or Parquet file.

    Parameters
    ----------
    whose : "the holdout", for sentences.
    wanted : the columns that must be there; None: all.
    most : rows that are accepted.

    Raises
    ------
    Invalid : it is no plain file, no such table, too large, or damaged.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Refusal("is no plain file (a link, a folder or a device): send the file.")
        if found.st_size > MOST_BYTES:
            raise Refusal(f"has {found.st_size:,} bytes, at most {MOST_BYTES:,} are read.")
        with path.open("rb") as file:
            return parsed(file, wanted, most)
    except Refusal as refusal:
        raise Invalid(f"{whose}'s table {refusal}") from refusal
    except MemoryError as error:
        raise Invalid(f"{whose}'s table takes more memory than its rows should.") from error
    except (OSError, ValueError) as error:
        raise Invalid(f"{whose}'s table is not there or cannot be read.") from error


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let a bomb end in a refusal instead of taking the machine; Linux only."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [used + MEMORY, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    except MemoryError as error:
        raise Invalid(f"the tables take more than {MEMORY:,} bytes of memory.") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def parsed(file: BinaryIO, wanted: Names, most: int) -> pa.Table:
    parquet = file.read(4) == b"PAR1"
    file.seek(0)
    try:
        batches = from_parquet(file, wanted, most) if parquet else from_csv(file, wanted)
        return collected(batches, most)
    except MemoryError:
        raise
    except (pa.ArrowException, csv.Error, OSError, ValueError, OverflowError) as error:
        if parquet:
            raise Refusal("is a damaged Parquet file.") from error
        raise Refusal(
            "is neither Parquet nor sound CSV: UTF-8, commas, lines of one length, scores that are "
            "numbers."
        ) from error


def from_parquet(file: BinaryIO, wanted: Names, most: int) -> Iterator[pa.RecordBatch]:
    file.seek(-8, os.SEEK_END)
    if int.from_bytes(file.read(4), "little") > FOOTER:
        raise Refusal("is a Parquet file that describes itself at too great a length.")
    limits = {"thrift_string_size_limit": FOOTER, "thrift_container_size_limit": 50_000}
    parquet = pq.ParquetFile(file, pre_buffer=False, **limits)
    check_columns(parquet.schema_arrow.names, wanted)
    if parquet.metadata.num_rows > most:
        raise Refusal(f"says that it has {parquet.metadata.num_rows:,} rows, at most {most:,} fit.")
    return parquet.iter_batches(batch_size=BATCH, columns=wanted, use_threads=False)


def from_csv(file: BinaryIO, wanted: Names) -> Iterator[pa.RecordBatch]:
    """A holdout's columns are text, as a CSV does not say what they are; scores are numbers."""
    names = next(csv.reader([file.readline(1_000_000).decode("utf-8-sig")]), [])
    check_columns(names, wanted)
    plain = "y_true" in names
    types = {n: pa.string() if plain or n == "row_id" else pa.float64() for n in names}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, include_columns=wanted
    )
    options = pyarrow.csv.ReadOptions(column_names=names, use_threads=False)
    return iter(pyarrow.csv.open_csv(file, read_options=options, convert_options=convert))


def check_columns(names: list[str], wanted: Names) -> None:
    if len(names) > MOST_COLUMNS:
        raise Refusal(f"has {len(names):,} columns, at most {MOST_COLUMNS:,} are read.")
    for name in dict.fromkeys(["row_id", *(wanted or [])]):
        if names.count(name) != 1:
            raise Refusal(f"must have one column {name!r}, it has {names.count(name)}.")
    if wanted is None and len(set(names)) < len(names):
        raise Refusal("has columns that share a name.")


def collected(batches: Iterator[pa.RecordBatch], most: int) -> pa.Table:
    """Put the batches together, and stop at the first row too many."""
    kept, rows = [], 0
    for batch in batches:
        rows += batch.num_rows
        if rows > most:
            raise Refusal(f"has more than {most:,} rows.")
        batch.validate(full=True)  # else Arrow trusts offsets, indices and UTF-8
        kept.append(batch)
    if not rows:
        raise Refusal("has no rows.")
    table = pa.Table.from_batches(kept)
    return pa.table([plain(column) for column in table.columns], table.column_names)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as one of the few types that the rest is about."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        kind = pa.large_string()
    elif pa.types.is_timestamp(kind):
        kind = pa.timestamp(kind.unit)
    types = pa.types
    known = (types.is_large_string, types.is_integer, types.is_floating, types.is_boolean,
             types.is_date, types.is_time, types.is_timestamp, types.is_decimal, types.is_null)  # fmt: skip
    if not any(is_it(kind) for is_it in known):
        raise Refusal(
            f"has a column of type {word(kind)}: text, numbers, truth values or dates are needed."
        )
    return column.cast(kind)


def word(kind: pa.DataType) -> str:
    """A type's name without what the file may have put into it."""
    return re.sub("[^a-z_].*", "", str(kind), flags=re.DOTALL).removeprefix("large_")
