"""Reading tables as they come."""

import datetime
import io
import os
import string
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from champion.errors import BadData
from champion.tables.read import read_folder, read_table, write_parquet


def put(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_finds_separator_and_line_end(tmp_path: Path, separator: str, end: str) -> None:
    rows = [["a", "b c", "d"], ["1", "x, y; z" if separator not in ",;" else "x", "2.5"]] * 2
    text = end.join(separator.join(row) for row in [rows[0], *[rows[1]] * 5])
    df = read_table(put(tmp_path, text))
    assert list(df.columns) == ["a", "b c", "d"]
    assert df["d"].tolist() == [2.5] * 5
    assert df["a"].dtype == "int64"


def test_decimal_commas_do_not_hide_a_semicolon(tmp_path: Path) -> None:
    df = read_table(put(tmp_path, "x;y\n" + "1,5;2,5\n" * 5))
    assert list(df.columns) == ["x", "y"]
    assert df["x"].tolist() == ["1,5"] * 5  # left for schema.py to read


def test_excel_names_its_separator(tmp_path: Path) -> None:
    df = read_table(put(tmp_path, "sep=;\r\na;b\r\n1;2\r\n"))
    assert df.to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "latin-1"])
def test_finds_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = put(tmp_path, "größe,café\n1,naïve\n2,Ünal\n".encode(encoding))
    df = read_table(path)
    assert list(df.columns) == ["größe", "café"]
    assert df["café"].tolist() == ["naïve", "Ünal"]


def test_encoding_is_decided_over_the_whole_file(tmp_path: Path) -> None:
    text = "a,b\n" + "x,y\n" * 60_000 + "é,y\n"
    assert read_table(put(tmp_path, text.encode("cp1252")))["a"].iloc[-1] == "é"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "2", ""], "float64"),
        (["1", "-2", "30"], "int64"),
        (["1.5", "1e3", "-.5"], "float64"),
        (["007", "123"], "str"),
        (["0", "0.5", "-0.25"], "float64"),
        (["+49123", "+49124"], "str"),
        (["1,5", "2,5"], "str"),
        (["2020-01-01", "2020-01-02"], "str"),
        (["True", "False"], "str"),
        (["0x10", "0x11"], "str"),
        (["1_000", "2_000"], "str"),
        (["12345678901234567890", "1"], "str"),
        (["9007199254740993", ""], "float64"),
        (["1", "?", "3"], "float64"),
        (["1", "n/a", "-"], "float64"),
        (["1", "two"], "str"),
        (["", "", "NA"], "str"),
        ([" 1", "2 "], "int64"),
    ],
)
def test_only_plain_numbers_become_numbers(tmp_path: Path, values: list[str], dtype: str) -> None:
    text = "a,b\n" + "".join(f'"{value}",x\n' for value in values)
    assert read_table(put(tmp_path, text))["a"].dtype == dtype


def test_a_late_word_makes_the_whole_column_text(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f"{i},1\n" for i in range(300_000)) + "late,1\n"
    df = read_table(put(tmp_path, text))
    assert df["a"].iloc[[0, -1]].tolist() == ["0", "late"]


def test_quoted_values_hold_line_ends_quotes_and_separators(tmp_path: Path) -> None:
    df = read_table(put(tmp_path, 'a,"b\nc"\n1,"x\n""y"", z"\n2,w\n'))
    assert list(df.columns) == ["a", "b\nc"]
    assert df.iloc[0, 1] == 'x\n"y", z'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("  \n ", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 values where the header has 2"),
        ("a,b\n1,2\n3,4,secret\n", "line 3 has 3 values"),
        ('a,b\n1,"x\ny"\n3\n', "line 4 has 1 values"),
        ('a,b\n1,2\n3,"secret', "never closed"),
        ("a,\r,y\n1,2,3\n", "line 1 ends at a carriage return"),
        ("a,b\n1,2\nse\rcret,2\n", "line 3 ends at a carriage return"),
        ('a,"\r"\n1,2\n3\n', "line 4 has 1 values"),
        ("a,b\r1,2\r3\r", "line 3 has 1 values"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        ("a, a\n1,2\n", "two columns named 'a'"),
        ("a,,c\n1,2,3\n", "no name for column 2"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text table"),
        (os.urandom(5000) + b"\0", "not a text table"),
    ],
)
def test_broken_text_is_refused_in_a_sentence(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    with pytest.raises(BadData, match=says) as refused:
        read_table(put(tmp_path, content))
    assert "secret" not in str(refused.value)
    assert "t.csv" in str(refused.value)


def test_a_ragged_line_far_down_is_named(tmp_path: Path) -> None:
    text = "a,b\n" + "1,2\n" * 700_000 + "1,2,3\n" + "1,2\n" * 10
    with pytest.raises(BadData, match="line 700002 has 3 values"):
        read_table(put(tmp_path, text))


@pytest.mark.parametrize("name", ["cat.png", "a.JPG", "x.wav", "x.xlsx", "x.json", "x"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadData, match=r"no table|neither CSV nor Parquet"):
        read_table(put(tmp_path, "x", name))


def test_a_parquet_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(1000)}).to_parquet(path)
    whole = path.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadData, match="cut off"):
            read_table(path)


def test_parquet_types_become_five(tmp_path: Path) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    table = pa.table(
        {
            "int8": pa.array([1, None], pa.int8()),
            "uint64": pa.array([2**64 - 1, 1], pa.uint64()),
            "long": pa.array([2**60 + 1, None], pa.int64()),
            "decimal": pa.array([Decimal("1.25"), None]),
            "dictionary": pa.array(["x", None]).dictionary_encode(),
            "bool": pa.array([True, None]),
            "date": pa.array([datetime.date(2020, 1, 2), datetime.date(9999, 12, 31)]),
            "zoned": pa.array([datetime.datetime(2020, 1, 1, 2, tzinfo=zone), None]),
            "far": pa.array([datetime.datetime(2020, 1, 1), datetime.datetime(9999, 1, 1)]),
            "clock": pa.array([datetime.time(8, 30), None]),
            "duration": pa.array([datetime.timedelta(seconds=90), None]),
            "nothing": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    df = read_table(tmp_path / "t.parquet")
    assert df.dtypes.astype(str).to_dict() == {
        "int8": "float64",
        "uint64": "str",
        "long": "str",
        "decimal": "float64",
        "dictionary": "str",
        "bool": "boolean",
        "date": "datetime64[ns]",
        "zoned": "datetime64[ns]",
        "far": "datetime64[ns]",
        "clock": "str",
        "duration": "float64",
        "nothing": "str",
    }
    assert df["long"][0] == str(2**60 + 1)
    assert df["zoned"][0] == pd.Timestamp("2020-01-01")
    assert df["date"].isna().tolist() == [False, True]
    assert df["far"].isna().tolist() == [False, True]
    assert df["duration"][0] == 90


@pytest.mark.parametrize(
    "values",
    [[b"\x89PNG"], [[1, 2]], [{"bytes": b"x", "path": "a"}]],
    ids=["bytes", "list", "record"],
)
def test_nested_and_binary_columns_are_refused(tmp_path: Path, values: list[object]) -> None:
    pq.write_table(pa.table({"image": values}), tmp_path / "t.parquet")
    with pytest.raises(BadData, match=r"column .image. holds .* not for images"):
        read_table(tmp_path / "t.parquet")


def test_an_unnamed_pandas_index_is_no_column(tmp_path: Path) -> None:
    df = pd.DataFrame({"a": [1, 2, 3]})
    df[df["a"] > 1].to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").columns) == ["a"]


def test_a_folder_is_one_table_typed_as_a_whole(tmp_path: Path) -> None:
    put(tmp_path, "zip,n\n7,1\n8,2\n", "b.csv")
    put(tmp_path, "n;zip\n3;007\n", "a.csv")
    put(tmp_path, "notes", "README.md")
    put(tmp_path, "hidden", ".gitignore")
    df = read_folder(tmp_path)
    assert df["zip"].tolist() == ["007", "7", "8"]
    assert df["n"].tolist() == [3, 1, 2]


def test_a_folder_of_csv_and_parquet_agrees_on_types(tmp_path: Path) -> None:
    put(tmp_path, "a,b\n1.5,x\n", "a.csv")
    pd.DataFrame({"a": [2], "b": [7.0], "c": [True]}).to_parquet(tmp_path / "b.parquet")
    df = read_folder(tmp_path)
    assert df["a"].tolist() == [1.5, 2.0]
    assert df["b"].tolist() == ["x", "7"]
    assert df["c"].isna().tolist() == [True, False]


def test_folders_that_are_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="is empty"):
        read_folder(tmp_path)
    with pytest.raises(BadData, match="no folder"):
        read_folder(tmp_path / "gone")
    put(tmp_path, "a,b\n1,2\n", "a.csv")
    put(tmp_path, "c,d\n1,2\n", "b.csv")
    with pytest.raises(BadData, match="no column in common"):
        read_folder(tmp_path)
    put(tmp_path, "x", "photo.jpg")
    with pytest.raises(BadData, match=r"photo\.jpg is no table"):
        read_folder(tmp_path)


def test_written_tables_have_the_same_bytes_and_come_back(tmp_path: Path) -> None:
    df = pd.DataFrame(
        {
            "n": [1.5, np.nan],
            "s": pd.array(["ä", None], dtype="str"),
            "b": pd.array([True, None], dtype="boolean"),
            "t": pd.array(["2020-01-01", None], dtype="datetime64[ns]"),
        }
    )
    write_parquet(df, tmp_path / "a.parquet")
    write_parquet(df.copy(), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), df)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    write_parquet(pd.DataFrame({"a": [1]}), tmp_path / "a.parquet")
    before = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(pa.ArrowException):
        write_parquet(pd.DataFrame({"a": [1, "x", object()]}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from(',;"\t \n'),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20))
@example(rows=[('"', ","), ("\n", ";")])
def test_what_pandas_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    df = pd.DataFrame([(f"<{a}>", f"<{b}>") for a, b in rows], columns=["first", "second"])
    path = tmp_path_factory.mktemp("read") / "t.csv"
    df.to_csv(path, index=False, lineterminator="\n")
    pd.testing.assert_frame_equal(read_table(path), df.astype("str"))


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400) | st.text(string.printable, max_size=400).map(str.encode))
def test_any_bytes_are_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for suffix in (".csv", ".parquet"):
        path = tmp_path_factory.mktemp("bytes") / f"t{suffix}"
        path.write_bytes(content)
        refused = ""
        try:
            assert len(read_table(path))
        except BadData as error:
            refused = str(error)
        assert refused.isprintable()


def test_floats_keep_every_digit(tmp_path: Path) -> None:
    text = io.StringIO()
    pd.DataFrame({"a": [0.1 + 0.2, 1e-300], "b": ["x", None]}).to_csv(text, index=False)
    df = read_table(put(tmp_path, text.getvalue()))
    assert df["a"].tolist() == [0.1 + 0.2, 1e-300]
    assert df["b"].isna().tolist() == [False, True]
