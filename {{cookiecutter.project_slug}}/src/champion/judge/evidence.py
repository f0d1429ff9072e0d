"""Reading tables that nobody vouches for: predictions, and the holdout that they are about.

A table is read only as far as it can be what it should be: a plain file of a plausible size, with
the columns that are asked for, as many rows as the holdout, in its order.
"""

import csv
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from champion.errors import Refusal
from champion.judge.difference import Array, Case
from champion.settings import Settings

Names = list[str] | None

ROLES = ("row_id", "y_true", "group")
MOST_ROWS = 50_000_000
MOST_BYTES = 8_000_000_000  # of a file
BYTES_A_CELL = 400  # of memory, while a table is read
SPARE = 2_000_000_000  # bytes of memory on top of that
MOST_COLUMNS = 2_000
FOOTER = 16_000_000  # bytes of a Parquet file's description of itself
BATCH = 65_536
SUM = 1e-3  # by which the probabilities of a row may miss one


class Invalid(Refusal):
    """The evidence cannot be used; exit code 2."""


def read(path: Path, wanted: Names, most: int = MOST_ROWS) -> pa.Table:
    """Read some columns of a CSV or Parquet file.

    Parameters
    ----------
    wanted : the columns that must be there; None: all.
    most : rows that are accepted.

    Raises
    ------
    Invalid : it is no plain file, no such table, too large, or damaged.
    """
    name = path.name
    try:
        found = path.lstat()
    except OSError as error:
        raise Invalid(f"{name} is not there or cannot be read.") from error
    if not stat.S_ISREG(found.st_mode):
        raise Invalid(f"{name} is no plain file (a link, a folder or a device): send the file.")
    if found.st_size > MOST_BYTES:
        raise Invalid(f"{name} has {found.st_size:,} bytes, at most {MOST_BYTES:,} are read.")
    try:
        with path.open("rb") as file, bounded_memory(most * len(wanted or range(8))):
            parquet = file.read(4) == b"PAR1"
            file.seek(0)
            batches = from_parquet(file, wanted, most) if parquet else from_csv(file, wanted)
            return collected(batches, most)
    except Refusal as refusal:
        raise Invalid(f"{name} {refusal}") from refusal
    except MemoryError as error:
        raise Invalid(f"{name} takes more memory than its rows should: it is damaged.") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Invalid(f"{name} is neither Parquet nor CSV, or is damaged.") from error


@contextmanager
def bounded_memory(cells: int) -> Iterator[None]:
    """Let a bomb end in a MemoryError instead of taking the machine; not on Windows."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    allowed = used + SPARE + cells * BYTES_A_CELL
    if before[0] != resource.RLIM_INFINITY:
        allowed = min(allowed, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (allowed, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def from_parquet(file: BinaryIO, wanted: Names, most: int) -> Iterator[pa.RecordBatch]:
    limits = {"thrift_string_size_limit": FOOTER, "thrift_container_size_limit": 1_000_000}
    parquet = pq.ParquetFile(file, pre_buffer=False, **limits)
    check_columns(parquet.schema_arrow.names, wanted)
    if parquet.metadata.num_rows > most:
        raise Refusal(f"says that it has {parquet.metadata.num_rows:,} rows, at most {most:,} fit.")
    return parquet.iter_batches(batch_size=BATCH, columns=wanted, use_threads=False)


def from_csv(file: BinaryIO, wanted: Names) -> Iterator[pa.RecordBatch]:
    """A holdout's columns are text, as a CSV does not say what they are; scores are numbers."""
    names = next(csv.reader([file.readline(1_000_000).decode("utf-8-sig")]), [])
    check_columns(names, wanted)
    file.seek(0)
    plain = "y_true" in names
    types = {n: pa.string() if plain or n == "row_id" else pa.float64() for n in names}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, include_columns=wanted
    )
    return iter(pyarrow.csv.open_csv(file, convert_options=convert))


def check_columns(names: list[str], wanted: Names) -> None:
    if len(names) > MOST_COLUMNS:
        raise Refusal(f"has {len(names):,} columns, at most {MOST_COLUMNS:,} are read.")
    for name in dict.fromkeys(["row_id", *(wanted or [])]):
        if names.count(name) != 1:
            raise Refusal(f"must have one column {name!r}, it has {names.count(name)}.")


def collected(batches: Iterator[pa.RecordBatch], most: int) -> pa.Table:
    """Put the batches together, and stop at the first row too many."""
    kept, rows = [], 0
    for batch in batches:
        rows += batch.num_rows
        if rows > most:
            raise Refusal(f"has more than {most:,} rows.")
        kept.append(batch)
    if not rows:
        raise Refusal("has no rows.")
    return pa.Table.from_batches(kept)


def text(column: pa.ChunkedArray, what: str) -> pa.ChunkedArray:
    """A column as strings; whole numbers without decimals."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_floating(kind) and pc.all(pc.equal(pc.floor(column), column)).as_py():
        column = column.cast(pa.int64())
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)
    if not any(is_it(kind) for is_it in (*plain, pa.types.is_large_string)):
        raise Invalid(f"{what} is of type {kind}: text is needed.")
    return column.cast(pa.large_string())


def numbers(column: pa.ChunkedArray, what: str) -> Array:
    """A column as finite float64."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise Invalid(f"{what} is of type {column.type}: numbers are needed.")
    values = column.cast(pa.float64(), safe=False).to_numpy()
    if bad := int(np.count_nonzero(~np.isfinite(values))):
        raise Invalid(f"{what} has {bad:,} values that are missing or no finite number.")
    return values


def scores(
    path: Path, who: str, ids: pa.ChunkedArray, task: str, classes: list[str] | None
) -> Array:
    """Read a table of predictions of the holdout.

    Parameters
    ----------
    who : whose they are, for sentences.
    ids : the holdout's row ids; the predictions must have the same, in that order.
    classes : multiclass: the classes of the holdout; a class without a column has probability 0.

    Returns
    -------
    (n,) or (n, classes)

    Raises
    ------
    Invalid : they cannot be used.
    """
    wanted = None if task == "multiclass" else ["row_id", "score"]
    table = read(path, wanted, most=max(2 * len(ids), 1000))
    check_ids(text(table["row_id"], f"{who}'s row_id"), ids, who)
    if classes is None:
        said = numbers(table["score"], f"{who}'s score")
        if task == "binary" and not ((said >= 0) & (said <= 1)).all():
            raise Invalid(f"{who}'s score must be a probability, between 0 and 1.")
        return said
    columns = [name for name in table.column_names if name != "row_id"]
    if not set(columns) & set(classes):
        raise Invalid(f"{who}'s predictions have no column that is named as a class of y_true.")
    said = np.zeros((len(table), len(classes)))
    total = np.zeros(len(table))
    for name in columns:
        values = numbers(table[name], f"{who}'s column of a class")
        if not ((values >= 0) & (values <= 1)).all():
            raise Invalid(f"{who}'s probabilities must be between 0 and 1.")
        total += values
        if name in classes:
            said[:, classes.index(name)] = values
    if not (np.abs(total - 1) <= SUM).all():
        raise Invalid(f"{who}'s probabilities of a row must sum to one.")
    return said


def check_ids(found: pa.ChunkedArray, ids: pa.ChunkedArray, who: str) -> None:
    """Refuse predictions of other rows, or in another order."""
    if found.equals(ids):
        return
    missing = pc.sum(pc.invert(pc.is_in(ids, found.unique()))).as_py()
    extra = pc.sum(pc.invert(pc.is_in(found, ids))).as_py()
    twice = len(found) - len(found.unique())
    wrong = [
        f"{count:,} of the holdout's {len(ids):,} rows are {what}"
        for count, what in ((missing, "missing"), (twice, "there twice"))
        if count
    ]
    wrong += [f"{extra:,} rows are not in the holdout"] if extra else []
    said = "; ".join(wrong) or "the rows are in another order than the holdout's"
    raise Invalid(f"{who}'s predictions are of other rows: {said}.")


def holdout(path: Path) -> pa.Table:
    """Read the holdout: `row_id`, `y_true`, perhaps `group`, and slice columns."""
    table = read(path, None)
    check_columns(table.column_names, ["y_true"])
    ids = text(table["row_id"], "the holdout's row_id")
    if ids.null_count or len(ids.unique()) < len(ids):
        raise Invalid("the holdout's row_id is missing or double in some rows.")
    if table["y_true"].null_count:
        raise Invalid("the holdout's y_true is missing in some rows.")
    return table.set_column(table.column_names.index("row_id"), "row_id", ids)


def task_of(table: pa.Table, settings: Settings) -> str:
    """The task: gate.yaml's, else what y_true looks like."""
    if settings.data.task:
        return settings.data.task
    truth = table["y_true"]
    values = pc.count_distinct(truth).as_py()
    if values <= 2:
        return "binary"
    return "regression" if numeric(truth) is not None and values > 20 else "multiclass"


def numeric(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column as numbers, also where a CSV gave text; None where that is not what it holds."""
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def case(
    holdout_path: Path,
    challenger: Path,
    champion: Path | None,
    anchor: Path | None,
    settings: Settings,
) -> Case:
    """Read everything that a verdict needs.

    Raises
    ------
    Invalid : some of it cannot be used.
    """
    table = holdout(holdout_path)
    task = task_of(table, settings)
    y, classes = truth(table, task, settings)
    ids = table["row_id"]
    said = scores(challenger, "the challenger", ids, task, classes)
    if copies(said, y):
        raise Invalid(
            "the challenger's scores are the answers themselves: too good to be true, a leak?"
        )
    groups = None
    if "group" in table.column_names:
        codes = text(table["group"], "group").combine_chunks().dictionary_encode("encode").indices
        groups = codes.to_numpy().astype(np.intp)
    columns = settings.data.slices or table.column_names
    return Case(
        task,
        y,
        said,
        scores(champion, "the champion", ids, task, classes) if champion else None,
        scores(anchor, "the anchor", ids, task, classes) if anchor else None,
        groups,
        table.select(
            [c for c in columns if c in table.column_names and c not in ROLES]
        ).to_pandas(),
    )


def truth(table: pa.Table, task: str, settings: Settings) -> tuple[Array, list[str] | None]:
    """y as `Case` has it, and the classes of a multiclass task."""
    column = table["y_true"]
    if task == "regression":
        values = numeric(column)
        if values is None:
            raise Invalid("the holdout's y_true holds text: a regression needs numbers.")
        return numbers(values, "the holdout's y_true"), None
    names = text(column, "the holdout's y_true")
    classes = sorted(names.unique().to_pylist())
    if task == "multiclass":
        return pc.index_in(names, pa.array(classes, pa.large_string())).to_numpy().astype(
            float
        ), classes
    positive = settings.data.positive
    chosen = str(positive).removesuffix(".0") if positive is not None else None
    if chosen not in classes:
        chosen = next((name for name in ("1", "true", "True") if name in classes), None)
    if chosen is None:
        raise Invalid(
            "the holdout's y_true must be 0 and 1 or true and false; else --set data.positive=NAME "
            "says which class the score is the probability of."
        )
    if len(classes) > 2:
        raise Invalid(f"the holdout's y_true has {len(classes)} classes, a binary task has two.")
    return pc.equal(names, chosen).to_numpy(zero_copy_only=False).astype(float), None


def copies(said: Array, y: Array) -> bool:
    """Whether the scores are the labels themselves."""
    wanted = np.eye(said.shape[1])[y.astype(int)] if said.ndim == 2 else y
    return bool(np.ptp(y) > 0) and bool(np.allclose(said, wanted, rtol=1e-9, atol=1e-9))
