"""Reading and writing tables: CSV and Parquet, one file or a folder of them."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from champion.errors import BadData
from champion.tables import delimited
from champion.tables.delimited import read_delimited, typed

TEXT = delimited.SUFFIXES
SUFFIXES = TEXT | {".parquet"}
NOT_TABLES = {
    "images": {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".heic"},
    "audio": {".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac"},
    "video": {".mp4", ".avi", ".mov", ".mkv"},
}
SMALL = r"^[-+]?\d{1,3}$"
GROUPED = r"^[-+]?[1-9]\d{0,2}([.,]\d{3})+$"  # 730.542 or 730,542: by thousands, it seems
BIG = 2**53  # the largest range of whole numbers that float64 holds exactly


def read_table(path: Path | str) -> pd.DataFrame:
    """Read one CSV (.csv, .tsv, .txt) or Parquet file.

    Columns of plain numbers become numbers; dates, decimal commas and words stay strings.

    Raises
    ------
    BadData : missing, not a table, cut off, or column names that are empty or double.
    """
    path = Path(path)
    return frame(typed_table(raw_table(path), path))


def read_folder(folder: Path | str) -> pd.DataFrame:
    """Read all tables of a folder, sorted by name, below one another.

    Raises
    ------
    BadData : no table in it, a file that is none, or tables without a common column.
    """
    paths = table_paths(Path(folder))
    tables = [raw_table(path) for path in paths]
    common = set(tables[0].column_names).intersection(*(t.column_names for t in tables[1:]))
    if not common:
        raise BadData(
            f"the tables {', '.join(p.name for p in paths)} have no column in common: "
            "say in data.py how they are joined."
        )
    # Text is typed as a whole, so that one file's "007" keeps another's 7 from becoming a number.
    text = [table for table, path in zip(tables, paths, strict=True) if path.suffix.lower() in TEXT]
    if len(text) == len(tables):
        return frame(typed_table(below(text), paths[0]))
    return frame(
        below([typed_table(table, path) for table, path in zip(tables, paths, strict=True)])
    )


def table_paths(folder: Path) -> list[Path]:
    """The tables of a folder, sorted by name; hidden files and notes (.md) do not count."""
    if not folder.is_dir():
        raise BadData(f"there is no folder {folder}: `dvc pull` fetches data that are tracked.")
    paths = sorted(
        p for p in folder.iterdir() if not p.name.startswith(".") and p.suffix.lower() != ".md"
    )
    if not paths:
        raise BadData(f"{folder} is empty: put a CSV or Parquet file there, or run `dvc pull`.")
    for path in paths:
        refuse_other(path)
    return paths


def refuse_other(path: Path) -> None:
    """Refuse what is no table by its name."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise BadData(f"{path} is a folder: put the tables themselves beside one another.")
    if suffix in SUFFIXES:
        return
    for kind, suffixes in NOT_TABLES.items():
        if suffix in suffixes:
            raise BadData(
                f"{path.name} is no table: this project is for tables, not for {kind}; "
                "put features of each file into a CSV or Parquet table instead."
            )
    raise BadData(f"{path.name} is neither CSV nor Parquet: export it as one of them.")


def raw_table(path: Path) -> pa.Table:
    """The table with clean column names; text is not typed yet."""
    if not path.exists():
        raise BadData(f"there is no file {path}: check its name.")
    refuse_other(path)
    table = read_delimited(path) if path.suffix.lower() in TEXT else read_parquet(path)
    return table.rename_columns(clean_names(table.column_names, path.name))


def read_parquet(path: Path) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadData(f"{path.name} is not a Parquet file or was cut off: get it again.") from error
    unnamed = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop_columns(unnamed)  # the unnamed index of a pandas table
    if table.num_rows == 0 or table.num_columns == 0:
        raise BadData(f"{path.name} has no rows: give it at least one.")
    return table


def clean_names(names: Sequence[str], where: str) -> list[str]:
    """Strip the ends of column names; refuse empty and double ones."""
    clean = [str(name).removeprefix("\ufeff").strip() for name in names]
    for position, name in enumerate(clean, start=1):
        if not name:
            raise BadData(f"{where} has no name for column {position}: name it in the header.")
        if clean.index(name) != position - 1:
            raise BadData(f"{where} has two columns named {name!r}: rename or remove one.")
    return clean


def typed_table(table: pa.Table, path: Path) -> pa.Table:
    """Each column as a string, int64, float64, bool or timestamp."""
    text = path.suffix.lower() in TEXT
    if text:
        table = without_thousands(table)
    for i, name in enumerate(table.column_names):
        column = table.column(i)
        table = table.set_column(i, name, typed(column) if text else plain(column, name))
    return table


def without_thousands(table: pa.Table) -> pa.Table:
    """Where other columns have decimal commas, 730.542 is a whole number."""
    strings = {name: table[name] for name in table.column_names if pa.types.is_string(
        table[name].type) or pa.types.is_large_string(table[name].type)}  # fmt: skip
    if not any(every(it, r"^[-+]?\d+,\d+$") and not every(it, GROUPED) for it in strings.values()):
        return table
    for name, column in strings.items():
        if every(column, rf"{SMALL}|{GROUPED}") and not every(column, SMALL):
            place = table.column_names.index(name)
            table = table.set_column(place, name, pc.replace_substring(column, ".", ""))
    return table


def every(column: pa.ChunkedArray, pattern: str) -> bool:
    """Whether there are values and all are of this form; a look at the first ones spares most."""
    for values in (column.slice(0, 100).drop_null(), column.drop_null()):
        if not len(values) or not pc.all(pc.match_substring_regex(values, pattern)).as_py():
            return False
    return True


def plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """One of five types for whatever Parquet holds."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type), name)
    if pa.types.is_boolean(kind):
        return column
    if pa.types.is_integer(kind):
        return whole_numbers(column)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return moments(column)
    if pa.types.is_duration(kind):
        seconds = column.cast(pa.duration("ns")).cast(pa.int64()).cast(pa.float64(), safe=False)
        return pc.divide(seconds, 1e9)
    if pa.types.is_time(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if kind == pa.string_view():
        return column.cast(pa.string())
    raise BadData(
        f"column {name!r} holds {described(kind)}, not plain values: "
        "this project is for tables, not for images, audio or nested records."
    )


def described(kind: pa.DataType) -> str:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "binary objects"
    return "lists" if pa.types.is_list(kind) or pa.types.is_large_list(kind) else "nested records"


def whole_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """int64; strings where a float would lose digits because there are gaps or too many."""
    if column.null_count == len(column):
        return column.cast(pa.float64())
    bounds = pc.min_max(column)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if high > 2**63 - 1 or (column.null_count and max(-low, high) > BIG):
        return column.cast(pa.string())
    return column.cast(pa.int64())


def moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Naive timestamps in UTC; what nanoseconds cannot hold (before 1678, after 2262) is missing."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.timestamp("s"))
    elif kind.tz is not None:
        column = column.cast(pa.timestamp(kind.unit, tz="UTC")).cast(pa.timestamp(kind.unit))
    try:
        return column.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        seconds = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        held = pc.less(pc.abs(seconds), 9_200_000_000)
        return pc.if_else(held, column, pa.scalar(None, column.type)).cast(pa.timestamp("ns"))


def below(tables: list[pa.Table]) -> pa.Table:
    """One below the other; a column of two types becomes numbers if both are, else strings."""
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    for name in names:
        kinds = {t.schema.field(name).type for t in tables if name in t.column_names}
        if len(kinds) > 1:
            kind = pa.float64() if kinds == {pa.int64(), pa.float64()} else pa.string()
            tables = [recast(table, name, kind) for table in tables]
    return pa.concat_tables(tables, promote_options="default")


def recast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    if name not in table.column_names:
        return table
    column = table.column(name)
    if kind == pa.string() and column.type == pa.float64():
        column = canonical(column)
    i = table.column_names.index(name)
    return table.set_column(i, name, column.cast(kind, safe=False))


def canonical(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as text: 1, 0.5; never 1.0."""
    return pc.replace_substring_regex(numbers.cast(pa.string()), r"\.0$", "")


def frame(table: pa.Table) -> pd.DataFrame:
    """To pandas: str, int64, float64, boolean and datetime64[ns]; frees the table as it goes."""
    return table.to_pandas(
        types_mapper={pa.bool_(): pd.BooleanDtype()}.get,
        ignore_metadata=True,
        split_blocks=True,
        self_destruct=True,
    )


def write_parquet(df: pd.DataFrame, path: Path | str) -> None:
    """Write a table: same content, same bytes; all of it or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        table = pa.Table.from_pandas(df, preserve_index=False)
        pq.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
