"""Evidence is written by somebody who may want it to pass: hostile, broken, and merely unusual."""

import io
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from champion.cli import main
from conftest import ENGINE

ROWS = 120
IDS = [f"row {i}" for i in range(ROWS)]
RANDOM = np.random.default_rng(5)
Y = RANDOM.permutation(np.arange(ROWS) % 2)
SCORE = np.clip(0.5 + 0.3 * (Y - 0.5) + RANDOM.normal(0, 0.2, ROWS), 0.01, 0.99)
CLASSES = ["a b", "né, ñ", '"q"']
EVIL = "\x1b[31mred\r\nsecret\u202e\x07"


def predictions(score: Any = SCORE, ids: Any = IDS) -> pa.Table:
    return pa.table({"row_id": ids, "score": score})


def holdout(y: Any = Y, ids: Any = IDS, **columns: Any) -> pa.Table:
    return pa.table({"row_id": ids, "y_true": y, **columns})


def as_csv(table: pa.Table) -> bytes:
    return table.to_pandas().to_csv(index=False).encode()


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def changed(values: Any, row: int, value: Any) -> Any:
    copy = list(values)
    copy[row] = value
    return copy


class Desk:
    """A folder with evidence that is in order until a test changes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.put("champion", predictions(SCORE[::-1].copy()))
        self.put("challenger", predictions())
        self.put("holdout", holdout())

    def put(self, role: str, content: Any) -> None:
        self.file(role).write_bytes(
            as_parquet(content) if isinstance(content, pa.Table) else content
        )

    def file(self, role: str) -> Path:
        return self.path / f"{role}.table"

    def command(self, *more: str) -> list[str]:
        tables = [str(self.file(role)) for role in ("champion", "challenger", "holdout")]
        out = str(self.path / "out.json")
        return ["compare", *tables[:2], "--holdout", tables[2], "--out", out, *more]

    def compare(self, *more: str) -> tuple[int, dict[str, Any], str]:
        """Run it: exit code, verdict file, what was printed."""
        before = {path: path.lstat().st_mtime_ns for path in self.path.iterdir()}
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(self.command(*more))
        after = {path: path.lstat().st_mtime_ns for path in self.path.iterdir()}
        written = {path.name for path, when in after.items() if before.get(path) != when}
        assert written <= {"out.json"}, "nothing else is written"
        said = out.getvalue() + err.getvalue()
        assert all(letter == "\n" or letter.isprintable() for letter in said)
        file = self.path / "out.json"
        return code, json.loads(file.read_text()) if file.exists() else {}, said

    def refused(self, *more: str) -> str:
        """Run it on what must not count; return the one sentence."""
        code, file, said = self.compare(*more)
        assert code == 2
        assert (file["verdict"], file["merge"]) == ("invalid", False)
        (reason,) = file["reasons"]
        assert reason in said
        assert "\n" not in reason
        assert reason[0].isupper()
        assert reason[-1] in ".?"
        assert len(reason) < 250
        return reason


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def nested(depth: int) -> pa.Array:
    kind = pa.float64()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.nulls(ROWS, kind)


NOT_SCORES = {
    "text": [str(value) for value in SCORE],
    "dictionary of text": pa.array([str(value) for value in SCORE]).dictionary_encode(),
    "list": [[value] for value in SCORE],
    "struct": [{EVIL: value} for value in SCORE],
    "map": pa.array([[("secret", 1)]] * ROWS, pa.map_(pa.string(), pa.int8())),
    "deep": nested(20),
    "too deep": nested(60),
    "decimal": [Decimal(f"{value:.3f}") for value in SCORE],
    "bool": SCORE > 0.5,
    "bytes": [b"\xff"] * ROWS,
    "no type": pa.nulls(ROWS),
    "time": pa.array(np.arange(ROWS), pa.timestamp("s")),
    "duration": pa.array(np.arange(ROWS), pa.duration("s")),
    "uint64": (SCORE * 2.0**64).astype("uint64"),
    "extension": pa.ExtensionArray.from_storage(
        pa.opaque(pa.float64(), EVIL, EVIL), pa.array(SCORE)
    ),
}
VALUES = (np.nan, np.inf, -np.inf, None, -0.01, 1.01, 1e300)


@pytest.mark.parametrize("score", NOT_SCORES.values(), ids=NOT_SCORES)
def test_scores_of_another_type(desk: Desk, score: Any) -> None:
    desk.put("challenger", predictions(score))
    assert desk.refused().startswith("The challenger's ")


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("role", ["champion", "challenger"])
@pytest.mark.parametrize("to", [as_parquet, as_csv])
def test_score_that_is_no_probability(
    desk: Desk, role: str, value: Any, to: Callable[[pa.Table], bytes]
) -> None:
    desk.put(role, to(predictions(changed(SCORE, 7, value))))
    assert desk.refused().startswith(f"The {role}'s score ")


ROWS_OF_OTHERS = {
    "missing": (predictions(SCORE[1:], IDS[1:]), "1 missing"),
    "extra": (predictions([*SCORE, 0.5], [*IDS, "secret"]), "1 unknown"),
    "double": (predictions([*SCORE, 0.5], [*IDS, IDS[0]]), "1 double"),
    "replaced": (predictions(SCORE, changed(IDS, 3, IDS[4])), "1 missing, 1 double"),
    "reordered": (predictions(SCORE[::-1], IDS[::-1]), "another order"),
    "swapped": (predictions(SCORE, [IDS[1], IDS[0], *IDS[2:]]), "another order"),
    "gaps": (predictions(SCORE, changed(IDS, 3, None)), "1 missing, 1 unknown"),
    "no ids": (predictions(SCORE, pa.nulls(ROWS)), f"{ROWS} missing"),
    "numbers": (predictions(SCORE, np.arange(ROWS)), f"{ROWS} missing"),
    "infinite": (predictions(SCORE, [np.inf, *range(ROWS - 1)]), f"{ROWS} missing"),
    "many times": (predictions(np.tile(SCORE, 20), IDS * 20), "2,400 rows"),
    "none": (predictions(SCORE[:0], IDS[:0]), "no rows"),
    "lists": (predictions(SCORE, [[i] for i in IDS]), "type list"),
    "not UTF-8": (
        predictions(
            SCORE,
            pa.Array.from_buffers(pa.string(), ROWS, pa.array([b"\xff\xfe"] * ROWS).buffers()),
        ),
        "damaged",
    ),
}


@pytest.mark.parametrize(("table", "words"), ROWS_OF_OTHERS.values(), ids=ROWS_OF_OTHERS)
def test_predictions_of_other_rows(desk: Desk, table: pa.Table, words: str) -> None:
    desk.put("challenger", table)
    assert words in desk.refused()


HOLDOUTS = {
    "double ids": (holdout(ids=changed(IDS, 3, IDS[4])), "row_id"),
    "gap in ids": (holdout(ids=changed(IDS, 3, None)), "row_id"),
    "no y_true": (predictions(), "y_true"),
    "gap in y_true": (holdout(changed(Y, 3, None)), "y_true"),
    "NaN in y_true": (holdout(np.where(Y, 1.0, np.nan)), "y_true"),
    "infinite y_true": (holdout(np.where(Y, 1.0, np.inf)), "y_true"),
    "huge y_true": (holdout(Y * 1e30), "y_true"),
    "y_true beyond int64": (holdout(Y.astype("uint64") + 2**63), "y_true"),
    "y_true in lists": (holdout([[value] for value in Y]), "type list"),
    "y_true in structs": (holdout([{EVIL: value} for value in Y]), "type struct"),
    "group in lists": (holdout(group=[[1]] * ROWS), "type list"),
    "slice in lists": (holdout(part=[[1]] * ROWS), "type list"),
    "slice of bytes": (holdout(part=[b"\xff"] * ROWS), "type binary"),
    "two of a name": (
        pa.Table.from_arrays([pa.array(IDS), *[pa.array(Y)] * 3], ["row_id", "y_true", "s", "s"]),
        "share a name",
    ),
    "two groups": (
        pa.Table.from_arrays(
            [pa.array(IDS), *[pa.array(Y)] * 3], ["row_id", "y_true", "group", "group"]
        ),
        "share a name",
    ),
    "2001 columns": (holdout(**{f"c{i}": Y for i in range(1999)}), "2,001 columns"),
}


@pytest.mark.parametrize(("table", "words"), HOLDOUTS.values(), ids=HOLDOUTS)
def test_holdout_that_cannot_be_used(desk: Desk, table: pa.Table, words: str) -> None:
    desk.put("holdout", table)
    reason = desk.refused()
    assert "holdout" in reason
    assert words in reason


def multiclass(values: Any, **more: Any) -> pa.Table:
    return pa.table(
        {"row_id": IDS, **{name: values[:, i] for i, name in enumerate(CLASSES)}, **more}
    )


LABELS = RANDOM.integers(0, 3, ROWS)
SHARES = RANDOM.dirichlet([1, 1, 1], ROWS)
NUMBERS = RANDOM.normal(size=ROWS)
COPIES = {
    "binary": (holdout(), predictions(Y.astype(float))),
    "binary, whole": (holdout(Y == 1), predictions(Y)),
    "multiclass": (holdout([CLASSES[i] for i in LABELS]), multiclass(np.eye(3)[LABELS])),
    "regression": (holdout(NUMBERS), predictions(NUMBERS)),
}


@pytest.mark.parametrize(("truth", "copy"), COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("to", [as_parquet, as_csv])
def test_labels_copied(
    desk: Desk, truth: pa.Table, copy: pa.Table, to: Callable[[pa.Table], bytes]
) -> None:
    desk.put("champion", copy)
    desk.put("challenger", to(copy))
    desk.put("holdout", to(truth))
    assert "too good to be true" in desk.refused()


WRONG_SHARES = {
    "sum": (multiclass(SHARES * 0.99), "sum to one"),
    "negative": (multiclass(SHARES * np.array([1, 1, -1])), "between 0 and 1"),
    "text": (multiclass(SHARES, secret=IDS), "type string"),
    "gap": (multiclass(np.where(SHARES < 0.01, np.nan, SHARES)), "missing"),
    "no class": (predictions(), "no column"),
    "two of a name": (
        pa.Table.from_arrays([pa.array(IDS), *[pa.array(SCORE)] * 2], ["row_id", "a b", "a b"]),
        "share a name",
    ),
}


@pytest.mark.parametrize(("table", "words"), WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_multiclass_that_is_no_distribution(desk: Desk, table: pa.Table, words: str) -> None:
    desk.put("holdout", holdout([CLASSES[i] for i in LABELS]))
    desk.put("challenger", table)
    reason = desk.refused()
    assert words in reason
    assert "secret" not in reason


SOUND = {
    "floats": holdout(Y.astype(float)),
    "half floats": holdout(Y.astype("float16")),
    "booleans": holdout(Y == 1),
    "text": holdout(Y.astype(str)),
    "large text": holdout(pa.array(Y.astype(str), pa.large_string())),
    "text views": holdout(pa.array(Y.astype(str), pa.string_view())),
    "dictionary": holdout(pa.array(Y.astype(str)).dictionary_encode()),
    "dictionary of numbers": holdout(pa.array(Y).dictionary_encode()),
    "words": holdout(pa.array(["no", "né, ñ"]).take(pa.array(Y))),
    "groups": holdout(group=pa.array(np.arange(ROWS) // 2, mask=np.arange(ROWS) < 4)),
    "groups of text": holdout(group=[f"g {i // 2}" if i > 4 else None for i in range(ROWS)]),
    "groups of days": holdout(group=pa.array((np.arange(ROWS) // 2).astype("int32"), pa.date32())),
}


@pytest.mark.parametrize("table", SOUND.values(), ids=SOUND)
@pytest.mark.parametrize("to", [as_parquet, as_csv])
def test_unusual_holdout_is_read(
    desk: Desk, table: pa.Table, to: Callable[[pa.Table], bytes]
) -> None:
    _, usual, _ = desk.compare()
    desk.put("holdout", to(table))
    code, file, _ = desk.compare("--set", 'data.positive="né, ñ"')
    assert code != 2
    assert file["metric"]["delta"] == pytest.approx(usual["metric"]["delta"])
    assert file["metric"]["delta"] > 0
    grouped = "group" in table.column_names
    assert (file["metric"]["se"] == pytest.approx(usual["metric"]["se"])) is not grouped


SAME_IDS = {
    "views": pa.array(IDS, pa.string_view()),
    "dictionary": pa.array(IDS).dictionary_encode(),
    "large": pa.array(IDS, pa.large_string()),
}


@pytest.mark.parametrize("ids", SAME_IDS.values(), ids=SAME_IDS)
def test_ids_of_another_text_type(desk: Desk, ids: pa.Array) -> None:
    desk.put("challenger", predictions(ids=ids))
    assert desk.compare()[0] != 2


@pytest.mark.parametrize("kind", ["int64", "int16", "uint64", "float64", "float16"])
@pytest.mark.parametrize("to", [as_parquet, as_csv])
def test_whole_numbers_are_ids(desk: Desk, kind: str, to: Callable[[pa.Table], bytes]) -> None:
    numbers = np.arange(ROWS)
    desk.put("holdout", to(holdout(ids=numbers)))
    desk.put("champion", predictions(ids=numbers.astype(kind)))
    desk.put("challenger", to(predictions(ids=numbers)))
    assert desk.compare()[0] != 2


@pytest.mark.parametrize("to", [as_parquet, as_csv])
def test_all_tasks(desk: Desk, to: Callable[[pa.Table], bytes]) -> None:
    desk.put("holdout", to(holdout([CLASSES[i] for i in LABELS])))
    for role, share in (("champion", 0.0), ("challenger", 0.5)):
        desk.put(role, to(multiclass((1 - share) * SHARES + share * np.eye(3)[LABELS])))
    assert desk.compare()[1]["verdict"] == "better"
    desk.put("holdout", to(holdout(NUMBERS)))
    for role, noise in (("champion", 1.0), ("challenger", 0.5)):
        desk.put(role, to(predictions(NUMBERS + noise * RANDOM.normal(size=ROWS))))
    assert desk.compare()[1]["verdict"] == "better"


def test_slices_of_every_kind(desk: Desk) -> None:
    gaps = np.arange(ROWS) % 3 == 0
    columns = {
        "whole": pa.array(np.arange(ROWS) % 2, mask=gaps),
        "share": np.where(gaps, np.nan, 1.0),
        "flag": Y == 1,
        "day": pa.array((np.arange(ROWS) % 2).astype("int32"), pa.date32()),
        "far day": pa.array([2**30] * ROWS, pa.date32()),
        "zone": pa.array([1] * ROWS, pa.timestamp("s", "Mars/Olympus")),
        "word": pa.array(["né", "ñ"] * (ROWS // 2), mask=gaps),
        "nothing": pa.nulls(ROWS),
        EVIL: [EVIL] * ROWS,
    }
    desk.put("holdout", holdout(**columns))
    options = ("--set", "gate.min_slice=30", "--set", "gate.metric=accuracy")
    code, file, _ = desk.compare(*options)
    assert code != 2
    found = {(part["column"], part["value"]) for part in file["slices"]}
    assert {
        ("whole", "1"), ("whole", "(missing)"), ("flag", "true"), ("day", "1970-01-02"),
        ("word", "né"), ("share", "(missing)"), ("nothing", "(missing)"), (EVIL, EVIL),
    } <= found  # fmt: skip
    file = desk.compare(*options, "--set", "data.slices=[day]")[1]
    assert {part["column"] for part in file["slices"]} == {"day"}
    desk.put("challenger", predictions(1 - SCORE))
    reasons = desk.compare(*options, "--set", f"data.slices=[{json.dumps(EVIL)}]")[1]["reasons"]
    assert EVIL in reasons[0]


def test_numbers_beyond_all_use(desk: Desk) -> None:
    desk.put("holdout", holdout(NUMBERS))
    desk.put("champion", predictions(NUMBERS + 1))
    desk.put("challenger", predictions(changed(NUMBERS, 3, -1e200)))
    assert "score" in desk.refused()


def test_slice_named_twice(desk: Desk) -> None:
    desk.put("holdout", holdout(part=["a"] * ROWS))
    code, file, _ = desk.compare("--set", "data.slices=[part, part]", "--set", "gate.min_slice=30")
    assert code != 2
    assert [part["column"] for part in file["slices"]] == ["part"]


TABLE = as_csv(predictions())
CSV = {
    "empty": b"",
    "a newline": b"\n",
    "header alone": b"row_id,score\n",
    "header without an end": b"row_id,score",
    "UTF-16": TABLE.decode().encode("utf-16"),
    "UTF-16 without a mark": TABLE.decode().encode("utf-16-le"),
    "Latin-1": TABLE.replace(b"row 3,", b"row \xff,"),
    "Latin-1 header": b"\xff" + TABLE,
    "NUL": TABLE[:40] + b"\0" * 9 + TABLE[40:],
    "NUL first": b"\0" + TABLE,
    "old Mac": TABLE.replace(b"\n", b"\r"),
    "semicolons": TABLE.replace(b",", b";"),
    "open quote": TABLE.replace(b"row 3,", b'"row 3,'),
    "open quote in the header": b'row_id,"score\n' + TABLE,
    "quotes": b"row_id,score\n" + b'"' * 3_000_000,
    "giant line": b"row_id,score\n" + b"a" * 5_000_000,
    "giant header": b"a" * 5_000_000,
    "many columns": b"row_id,score" + b",x" * 1_000_000 + b"\n",
    "many cells": b"row_id,score\n" + b"," * 3_000_000,
    "a cell more": TABLE.replace(b"row 3,", b"row 3,0.5,"),
    "text for a number": TABLE.replace(b"row 3,", b"row 3,\x1b[31msecret"),
    "two scores": TABLE.replace(b"row_id,score", b"row_id,score,score"),
    "zip": b"PK\x03\x04" + bytes(1000),
}


@pytest.mark.parametrize("content", CSV.values(), ids=CSV)
@pytest.mark.parametrize("role", ["challenger", "holdout"])
def test_broken_csv(desk: Desk, role: str, content: bytes) -> None:
    desk.put(role, content)
    reason = desk.refused()
    assert f"{role}'s" in reason
    assert "secret" not in reason


FINE = {
    "mark": b"\xef\xbb\xbf" + TABLE,
    "Windows": TABLE.replace(b"\n", b"\r\n"),
    "blank lines": TABLE + b"\n\n",
    "no end": TABLE.rstrip(),
    "quoted": TABLE.replace(b"row_id", b'"row_id"').replace(b"row 3,", b'"row 3",'),
}


@pytest.mark.parametrize("content", FINE.values(), ids=FINE)
def test_csv_as_programs_write_it(desk: Desk, content: bytes) -> None:
    _, usual, _ = desk.compare()
    desk.put("challenger", content)
    assert desk.compare()[1] == usual


def varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def footer(columns: list[bytes], rows: int, groups: int = 0, more: bytes = b"") -> bytes:
    """A Parquet file that is nothing but its description (Thrift's compact protocol)."""

    def many(items: list[bytes]) -> bytes:
        return b"\xfc" + varint(len(items)) + b"".join(items)

    root = b"\x48\x01s\x15" + varint(2 * len(columns)) + b"\0"
    empty = b"\x19\x0c\x16\x00\x16\x00\x00"
    said = b"\x15\x04\x19" + many([root, *columns]) + b"\x16" + varint(2 * rows)
    said += b"\x19" + many([empty] * groups) + more + b"\0"
    return b"PAR1" + said + len(said).to_bytes(4, "little") + b"PAR1"


def column(name: bytes, kind: int = 5) -> bytes:
    return b"\x15" + varint(2 * kind) + b"\x25\x00\x18" + varint(len(name)) + name + b"\0"


PLAIN = [column(b"row_id", 6), column(b"score")]
DEEP = [b"\x35\x02\x18\x01a\x15\x02\0"] * 100_000
LONG = b"\x19\x1c\x18\x01k\x18" + varint(20_000_000) + b"x" * 20_000_000 + b"\0"
LIES = {
    "a billion rows": (footer(PLAIN, 10**9), "1,000,000,000 rows"),
    "more rows than there are atoms": (footer(PLAIN, 2**62), "rows"),
    "rows without data": (footer(PLAIN, ROWS), "no rows"),
    "empty row groups": (footer(PLAIN, 0, groups=200_000), "damaged"),
    "deep": (footer([*PLAIN, *DEEP, column(b"x")], ROWS), "damaged"),
    "wide": (footer([*PLAIN, *(column(b"c%d" % i) for i in range(5_000))], ROWS), "5,002 columns"),
    "very wide": (footer([*PLAIN, *[column(b"c")] * 900_000], ROWS), "damaged"),
    "two of a name": (footer([*PLAIN, column(b"score")], ROWS), "it has 2"),
    "talkative": (footer(PLAIN, ROWS, more=LONG), "length"),
    "size of its own beyond it": (b"PAR1" + b"\xff" * 100 + b"\xff\xff\xff\x7fPAR1", "length"),
    "encrypted": (footer(PLAIN, ROWS)[:-1] + b"E", "damaged"),
}


@pytest.mark.parametrize(("content", "words"), LIES.values(), ids=LIES)
def test_parquet_that_lies_about_itself(desk: Desk, content: bytes, words: str) -> None:
    desk.put("challenger", content)
    reason = desk.refused()
    assert reason.startswith("The challenger's table ")
    assert words in reason


def test_row_groups_without_rows_are_fine(desk: Desk) -> None:
    with pq.ParquetWriter(desk.file("challenger"), predictions().schema) as writer:
        for part in (predictions()[:0], predictions()[:50], predictions()[:0], predictions()[50:]):
            writer.write_table(part)
    assert desk.compare()[0] != 2


@pytest.mark.parametrize("name", ["champion", "holdout"])
def test_truncated_anywhere(desk: Desk, name: str) -> None:
    whole = desk.file(name).read_bytes()
    for length in {*range(0, len(whole), 61), *range(13), *range(len(whole) - 13, len(whole))}:
        desk.put(name, whole[:length])
        assert f"{name}'s table" in desk.refused()


FILES: dict[str, Callable[[Path, Path], Any]] = {
    "link": lambda path, other: path.symlink_to(other),
    "link to a device": lambda path, other: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path, other: path.symlink_to("nowhere"),
    "link to itself": lambda path, other: path.symlink_to(path),
    "folder": lambda path, other: path.mkdir(),
    "queue": lambda path, other: os.mkfifo(path),
    "socket": lambda path, other: socket.socket(socket.AF_UNIX).bind(os.path.relpath(path)),
    "nothing": lambda path, other: None,
}


@pytest.mark.skipif(os.name == "nt", reason="needs links, queues and sockets")
@pytest.mark.parametrize("role", ["champion", "challenger", "holdout"])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_no_plain_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, role: str, make: Callable[[Path, Path], Any]
) -> None:
    monkeypatch.chdir(desk.path)
    path = desk.file(role)
    path.rename(desk.path / "other")
    make(path, desk.path / "other")
    reason = desk.refused()
    assert reason.startswith(f"The {role}'s table is ")


LAUGHS = "\n".join(
    ["    - &l0 [x, x, x]"]
    + [f"    - &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
)
GATES = {
    "open brace": "{",
    "list": "[]",
    "bytes": b"\xff\xfe\0",
    "NUL": "gate:\0",
    "laughs": f"gate:\n  guards:\n{LAUGHS}",
    "laughs in columns": f"data:\n  slices:\n{LAUGHS}",
    "itself": "gate: {guards: &g [{f1: *g}]}",
    "tag of Python": "gate: !!python/object/apply:os.system [echo]",
    "tag": "gate: !secret {}",
    "broken number": "gate: {margin: !!int x}",
    "broken date": "gate: {margin: 2001-99-99}",
    "twice": "gate: {metric: f1, metric: brier}",
    "evil name twice": 'gate: {"\\e[31m\\u202e\\n": 1, "\\e[31m\\u202e\\n": 2}',
    "evil key": '"\\e[31m": 1',
    "evil value": 'gate: {metric: "\\e[31mred\\nline"}',
    "half a letter": 'gate: {metric: "\\ud800"}',
    "endless number": "gate: {margin: 1" + "0" * 5000 + "}",
    "endless text": "gate: {max_looks: " + "x" * 50_000 + "}",
    "no number": "gate: {margin: .nan}",
    "infinite": "gate: {margin: .inf}",
    "negative": "gate: {margin: -1}",
    "guard of no number": "gate: {guards: [{f1: .nan}]}",
    "guard of infinity": "gate: {guards: [{f1: .inf}]}",
    "guard with a number for a name": "gate: {guards: [{1: 0.1}]}",
    "guard without a name": "gate: {guards: [{~: 0.1}]}",
    "guards": "gate: {guards: [" + "f1, " * 9000 + "]}",
    "no such task": "data: {task: clustering}",
    "deep": "[" * 1_200,
    "deep maps": "{a: " * 1_000,
    "long": "#" * 1_000_000,
    "two": "gate: {}\n---\ngate: {}",
    "params": "params: {seed: 1}",
}


@pytest.mark.parametrize("text", GATES.values(), ids=GATES)
def test_damaged_gate(desk: Desk, text: str | bytes) -> None:
    gate = desk.path / "gate.yaml"
    gate.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, file, said = desk.compare("--gate", str(gate))
    assert (code, file) == (2, {})
    assert said.count("\n") == 1
    assert "gate.yaml" in said
    assert len(said) < 500 + len(str(gate))


@pytest.mark.parametrize(
    "pair", ["gate.margin=.nan", "gate.metric=[", "gate.metric=\x1b[", "gate.x=1", "x", "a=!b c"]
)
def test_damaged_setting(desk: Desk, pair: str) -> None:
    code, file, said = desk.compare("--set", pair)
    assert (code, file) == (2, {})
    assert said.count("\n") == 1


@pytest.mark.parametrize("option", ["--look=0", "--merges=-1"])
def test_count_that_cannot_be(desk: Desk, option: str) -> None:
    assert desk.compare(option)[:2] == (2, {})


def test_refusal_for_machines(desk: Desk) -> None:
    desk.put("challenger", b"")
    code, file, said = desk.compare("--format", "json")
    assert code == 2
    assert json.loads(said) == file


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_verdict_is_not_written_through_a_link(desk: Desk) -> None:
    (desk.path / "out.json.partial").symlink_to(desk.file("champion"))
    (desk.path / "out.json").symlink_to(desk.file("holdout"))
    before = [desk.file(role).read_bytes() for role in ("champion", "holdout")]
    with redirect_stdout(io.StringIO()):
        main(desk.command())
    assert [desk.file(role).read_bytes() for role in ("champion", "holdout")] == before
    assert not (desk.path / "out.json").is_symlink()


def test_verdict_does_not_replace_a_folder(desk: Desk) -> None:
    (desk.path / "out.json").mkdir()
    with redirect_stderr(io.StringIO()) as said:
        assert main(desk.command()) == 2
    assert "no plain file" in said.getvalue()


MEASURED = """
import resource, sys
from champion.cli import main
from champion.judge import untrusted
untrusted.MEMORY = 1_000_000_000
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_bomb_is_defused(desk: Desk) -> None:
    # A dictionary of one value: small on disk, 5 GB as it asks to be read.
    same = pa.DictionaryArray.from_arrays(np.zeros(ROWS, "int32"), pa.array(["x" * 40_000_000]))
    desk.put("holdout", as_parquet(holdout(s=same), compression="zstd", store_schema=False))
    assert desk.file("holdout").stat().st_size < 50_000
    done = process("-c", MEASURED, *desk.command())
    *_, reason, peak = done.stdout.splitlines()
    assert done.returncode == 2
    assert reason == "The holdout's table takes more memory than its rows should."
    assert int(peak) < 1_600


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ENGINE), **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_terminal_that_knows_ascii_alone(desk: Desk) -> None:
    desk.put("holdout", holdout(part=["né"] * ROWS))
    command = desk.command("--set", "gate.min_slice=30")
    done = process("-m", "champion", *command, PYTHONIOENCODING="ascii")
    assert "part = n\\xe9" in done.stdout
    assert done.returncode != 2


FUZZ = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WHOLE = [
    as_parquet(predictions(), compression=compression, use_dictionary=dictionary, row_group_size=50)
    for compression in ("none", "zstd")
    for dictionary in (True, False)
] + [TABLE]


def mutated(content: bytes, seed: int) -> bytes:
    """Flip, cut, repeat or overwrite some bytes; where Parquet describes itself more often."""
    rare = random.Random(seed)
    found = bytearray(content)
    for _ in range(rare.choice((1, 1, 2, 8))):
        at = rare.randrange(len(found))
        if rare.random() < 0.5:
            at = max(at, len(found) - 600)
        match rare.randrange(4):
            case 0:
                found[at] ^= 1 << rare.randrange(8)
            case 1:
                del found[at : at + rare.randrange(1, 9)]
            case 2:
                found[at:at] = found[at : at + 20]
            case 3:
                found[at : at + 4] = rare.choice((b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x80" * 4))
        if not found:
            break
    return bytes(found)


@FUZZ
@given(st.sampled_from(WHOLE), st.integers(0, 2**32), st.sampled_from(["challenger", "holdout"]))
def test_mutated_table(desk: Desk, whole: bytes, seed: int, role: str) -> None:
    Desk(desk.path).put(role, mutated(whole, seed))
    desk.compare()


@FUZZ
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"PAR1", b"row_id,score\n", b"row_id,y_true\n"])
)
def test_random_bytes(desk: Desk, content: bytes, start: bytes) -> None:
    for role in ("challenger", "holdout"):
        Desk(desk.path).put(role, start + content)
        assert f"{role}'s" in desk.refused()


@FUZZ
@given(st.text("abgte:{}[]!&*\"'\n %-1.,<>|?~\\ue\0\ud800", max_size=60))
def test_random_gate(desk: Desk, text: str) -> None:
    gate = desk.path / "gate.yaml"
    gate.write_bytes(f"gate: {text}".encode(errors="surrogatepass"))
    assert desk.compare("--gate", str(gate))[0] in (0, 1, 2)
