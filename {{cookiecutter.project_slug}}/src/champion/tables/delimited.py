"""Text tables as they come: any separator, encoding and line end. Read as strings, then typed."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from champion.errors import BadData

SUFFIXES = {".csv", ".tsv", ".txt"}
SEPARATORS = ",;\t|"
MISSING = ["", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "nan", "NULL", "null", "None"]
# Words that stand for a missing value only where every other value of the column is a number.
PLACEHOLDERS = ["?", "-", "--", ".", "..", "*", "na", "n.a.", "N.A.", "none", "#DIV/0!", "#VALUE!"]
NUMBER = r"^-?(0|[1-9]\d*)?(\.\d+)?([eE][+-]?\d+)?$"
NAME = r"^(\+|-?0[\dxX])"  # 007, +49 and 0x1F are names, though they would pass for numbers
CHUNK = 1 << 24
HEAD = 1 << 17
BLOCK = 1 << 22


@dataclass
class Layout:
    """How a text file is written."""

    encoding: str
    separator: str
    names: list[str]
    skip: int  # physical lines before the first row
    quotes: int  # in all; with none, no value holds a line end


def read_delimited(path: Path) -> pa.Table:
    """Read a text table with every column a string, missing values null.

    Raises
    ------
    BadData : empty, binary, cut off, or a row with another number of values; names the line.
    """
    layout = survey(path)
    ragged: list[object] = []

    def note(row: object) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(path, *options(layout, note))
    except (pa.ArrowInvalid, UnicodeError):
        ragged.append(None)
    if ragged or (layout.quotes % 2 and cut_off(path, layout)):
        raise BadData(broken_line(path, layout))  # Arrow's own text would quote the line
    if table.num_rows == 0:
        raise BadData(f"{path.name} has a header and no rows: give it at least one.")
    return table.rename_columns(layout.names)


def chunks(path: Path) -> Iterator[pa.Table]:
    """Read a text table part by part, some megabytes each.

    Raises
    ------
    BadData : as `read_delimited`; the rows before the bad one came out.
    """
    layout = survey(path)
    ragged: list[object] = []

    def note(row: object) -> str:
        ragged.append(row)
        return "skip"

    try:
        with arrow_csv.open_csv(path, *options(layout, note)) as reader:
            for batch in reader:
                if ragged:
                    break
                yield pa.Table.from_batches([batch]).rename_columns(layout.names)
    except (pa.ArrowInvalid, UnicodeError):
        ragged.append(None)
    if ragged or (layout.quotes % 2 and cut_off(path, layout)):
        raise BadData(broken_line(path, layout))


def options(layout: Layout, note: Callable[[object], str]) -> tuple[Any, Any, Any]:
    """For Arrow: how to read, to parse and to convert; `note` is told of rows that do not fit."""
    columns = [f"c{i}" for i in range(len(layout.names))]
    return (
        arrow_csv.ReadOptions(
            column_names=columns,
            skip_rows=layout.skip,
            encoding=layout.encoding,
            block_size=BLOCK,
        ),
        arrow_csv.ParseOptions(
            delimiter=layout.separator,
            newlines_in_values=layout.quotes > 0,
            invalid_row_handler=note,
        ),
        arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=MISSING,
            strings_can_be_null=True,
        ),
    )


def survey(path: Path) -> Layout:
    """Look through the whole file once for its encoding, and at its head for the rest."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip():
        raise BadData(f"{path.name} is empty: give a table with a header and rows.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, quotes = "utf-16", 2
    else:
        encoding, quotes = scan(path)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
    whole = len(head) < HEAD
    first = text.partition("\n")[0].strip()
    if re.fullmatch(r"sep=[,;\t|]", first):  # Excel's own mark
        separator, text, marks = first[-1], text.partition("\n")[2], 1
    else:
        separator, marks = sniff(text, whole), 0
    names, lines = header(path, text, separator)
    return Layout(encoding, separator, names, marks + lines, quotes)


def semicolons(path: Path) -> bool:
    """Whether this is a text table whose values semicolons separate."""
    return path.suffix.lower() in SUFFIXES and survey(path).separator == ";"


def scan(path: Path) -> tuple[str, int]:
    """Find the encoding, and count the quotes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, quotes = "utf-8", 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if b"\0" in chunk:
                raise BadData(
                    f"{path.name} is not a text table: save it as CSV or Parquet and try again."
                )
            quotes += chunk.count(b'"')
            if encoding == "utf-8":
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    encoding = "cp1252"
            if encoding == "cp1252" and any(byte in chunk for byte in b"\x81\x8d\x8f\x90\x9d"):
                encoding = "latin-1"
    if encoding == "utf-8":
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            encoding = "cp1252"
    return encoding, quotes


def sniff(text: str, whole: bool) -> str:
    """The separator that gives most rows as many values as the header has."""
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error:
            continue
        rows = [row for row in (rows if whole or len(rows) < 3 else rows[:-1]) if row]
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        score = (round(sum(len(row) == width for row in rows) / len(rows), 1), width)
        if score > best_score:
            best, best_score = separator, score
    return best


def header(path: Path, text: str, separator: str) -> tuple[list[str], int]:
    """The column names, and the number of physical lines they end on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if row:
                return row, reader.line_num
    except csv.Error:
        pass
    raise BadData(f"{path.name} has no readable header: its first line must name the columns.")


def records(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Each record after the header with the physical line it ends on."""
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding=layout.encoding, errors="replace", newline="") as file:
        for _ in range(layout.skip):
            file.readline()
        reader = csv.reader(file, delimiter=layout.separator, strict=True)
        for row in reader:
            if row:
                yield layout.skip + reader.line_num, row


def cut_off(path: Path, layout: Layout) -> bool:
    """Whether the file ends inside a quoted value, which Arrow would let pass."""
    try:
        for _ in records(path, layout):
            pass
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def broken_line(path: Path, layout: Layout) -> str:
    """A sentence about the first line that does not fit; shows no value."""
    width, line = len(layout.names), layout.skip
    try:
        for line, row in records(path, layout):
            if len(row) != width:
                if stray := lone_return(path, layout, line):
                    return (
                        f"{path.name}, line {stray} ends at a carriage return that other lines do "
                        "not end with: remove it, or quote the name or value that holds it."
                    )
                return (
                    f"{path.name}, line {line} has {len(row)} values where the header has {width}: "
                    "mend that line, or get the file again if it was cut off."
                )
    except csv.Error:
        return (
            f"{path.name} has a quoted value after line {line} that is never closed properly: "
            "mend it, or get the file again if it was cut off."
        )
    return f"{path.name} cannot be read as a table: save it again as UTF-8 CSV or as Parquet."


def lone_return(path: Path, layout: Layout, broken: int) -> int:
    """The first line that a lone \\r ends, of the header's last, the broken one and that before it.

    0 if none is, or where the file ends all its lines so.
    """
    near, found, usual = {layout.skip, broken - 1, broken}, 0, True
    with path.open(encoding=layout.encoding, errors="replace", newline="") as file:
        for number, line in enumerate(file, start=1):
            usual = usual and not line.endswith("\n")
            if number in near and line.endswith("\r"):
                found = found or number
    return 0 if usual else found


def typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers if every value is a plain one ('.' decimal, no leading zeros), else strings."""
    head = column.slice(0, 2000).drop_null()
    if pc.any(pc.match_substring_regex(head, r"^\s|\s$")).as_py():
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(
            pc.is_in(column, pa.array(MISSING)), pa.scalar(None, pa.string()), column
        )
        head = column.slice(0, 2000).drop_null()
    plain = pc.match_substring_regex(head, NUMBER)
    if len(head) and pc.sum(plain).as_py() < 0.5 * len(head):
        return column
    if not len(head) and column.null_count == len(column):
        return column
    if pc.any(pc.match_substring_regex(column, NAME)).as_py():
        return column
    try:
        return numbers(column)
    except pa.ArrowInvalid:
        missing = pc.fill_null(pc.is_in(column, pa.array(PLACEHOLDERS)), False)
    if not pc.any(missing).as_py():
        return column
    try:
        return numbers(pc.if_else(missing, pa.scalar(None, pa.string()), column))
    except pa.ArrowInvalid:
        return column


def numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """int64, else float64, else (whole numbers of which a float would lose digits) as it was.

    Raises
    ------
    pa.ArrowInvalid : a value is no number.
    """
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        floats = column.cast(pa.float64())
    long = pc.match_substring_regex(column, r"^-?\d{16,}$")
    return column if pc.any(long).as_py() else floats
