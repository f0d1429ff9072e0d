"""The words of schema.py, and how loaded columns take their dtypes."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors

from champion.tables.conform import conform
from champion.tables.findings import Finding, as_text, percent, printable
from champion.tables.schema import (
    Column,
    boolean,
    category,
    identifier,
    integer,
    kind_of,
    measuring,
    number,
    text,
    time,
)
from conftest import ENGINE


def one(values: Any, it: Column, dtype: str | None = None) -> tuple[pd.Series, list[Finding]]:
    """Conform a single column."""
    df = pd.DataFrame({"c": pd.Series(values, dtype=dtype)})
    table, findings = conform(df, pandera.DataFrameSchema({"c": it}))
    return table["c"], findings


def as_list(series: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in series]


@pytest.mark.parametrize(
    ("it", "values", "expected", "dtype", "wrong"),
    [
        (number(), [1, 2], [1.0, 2.0], "float64", []),
        (number(), ["1", " 2.5 ", None, "x"], [1, 2.5, None, None], "float64", [4]),
        (number(), [np.inf, -np.inf, 1.0], [None, None, 1.0], "float64", []),
        (number(), [1.0, np.nan, np.inf], [1.0, None, None], "float64", []),
        (number(decimal=","), ["1,5", "2", "1.5"], [1.5, 2, None], "float64", [3]),
        (number(thousands=","), ["1,234.5", "12", "1,2"], [1234.5, 12, None], "float64", [3]),
        (number(decimal=",", thousands="."), ["1.234,5", "1234"], [1234.5, 1234], "float64", []),
        (number(), [True, False], [1.0, 0.0], "float64", []),
        (number(), pd.to_datetime(["2020-01-01"]), [None], "float64", [1]),
        (integer(), ["1", "2.0", "2.5"], [1, 2, None], "float64", [3]),
        (integer(), [1.0, np.nan, 0.5], [1, None, None], "float64", [3]),
        (boolean(), ["TRUE", " false", None, "x"], [True, False, None, None], "boolean", [4]),
        (boolean(true=["y", "ja"], false="N"), ["Y", "n", "JA"], [True, False, True], "boolean", []),
        (boolean(true="1", false="0"), [1, 0, np.nan], [True, False, None], "boolean", []),
        (boolean(), pd.array([True, None], dtype="boolean"), [True, None], "boolean", []),
        (category(["1", "2"]), [1, 2.0, np.nan], ["1", "2", None], "str", []),
        (category(["0.5", "1"]), [0.5, 1.0], ["0.5", "1"], "str", []),
        (category(["a"]), ["a", " a ", "b", None], ["a", "a", "b", None], "str", []),
        (category(["a"]), ["a", "a\u00a0", "b"], ["a", "a", "b"], "str", []),
        (category(["true"]), [True], ["true"], "str", []),
        (category(), pd.Categorical(["x", None]), ["x", None], "str", []),
        (text(), [1.0, np.nan], ["1", None], "str", []),
        (identifier(), [2**60 + 1, 1], [str(2**60 + 1), "1"], "str", []),
        (time(), ["2020-01-01", "2020-01-02T03:04:05Z", "x", None], None, "datetime64[ns]", [3]),
        (time("%d.%m.%Y"), ["31.12.2020", "12.31.2020"], None, "datetime64[ns]", [2]),
        (time("%Y%m%d"), [20200131, 20201301], None, "datetime64[ns]", [2]),
        (time(), ["0000-00-00", "9999-12-31"], [None, None], "datetime64[ns]", []),
        (time("unix"), [0, 86400], None, "datetime64[ns]", []),
    ],
)  # fmt: skip
def test_columns_take_their_dtype(
    it: Column, values: Any, expected: list[Any] | None, dtype: str, wrong: list[int]
) -> None:
    series, findings = one(values, it)
    assert str(series.dtype) == dtype
    if expected is not None:
        assert as_list(series) == expected
    rows = [row for f in findings for row in f.rows]
    assert rows == wrong
    assert {f.check for f in findings} <= {"type"}
    assert {f.level for f in findings} <= {"error"}


def test_zones_become_utc_and_formats_are_tried_in_turn() -> None:
    series, _ = one(["2020-01-01T00:00:00+02:00", "2020-01-01T00:00:00-05:00"], time())
    assert as_list(series) == [pd.Timestamp("2019-12-31 22:00"), pd.Timestamp("2020-01-01 05:00")]
    series, _ = one(["31/12/2020", "2020-12-30"], time(["%d/%m/%Y", "ISO8601"]))
    assert as_list(series) == [pd.Timestamp("2020-12-31"), pd.Timestamp("2020-12-30")]
    aware = pd.to_datetime(["2020-06-01T12:00"]).tz_localize("Europe/Berlin")
    assert one(aware, time())[0][0] == pd.Timestamp("2020-06-01 10:00")


def test_pandera_does_not_make_arrow_drop_zones() -> None:
    """Importing pandera sets PYARROW_IGNORE_TIMEZONE, which shifts what load() builds."""
    code = (
        "import datetime, pandera.pandas, champion.tables.schema, pyarrow as pa\n"
        "zone = datetime.timezone(datetime.timedelta(hours=2))\n"
        "made = pa.array([datetime.datetime(2020, 1, 1, 2, tzinfo=zone)])\n"
        "print(made.cast(pa.int64())[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment()
    )
    assert done.stdout == f"{pd.Timestamp('2020-01-01').value // 1000}\n", done.stderr


def clean_environment() -> dict[str, str]:
    unset = {k: v for k, v in os.environ.items() if k != "PYARROW_IGNORE_TIMEZONE"}
    return {**unset, "PYTHONPATH": str(ENGINE)}


def test_columns_gone_and_new_are_found() -> None:
    df = pd.DataFrame({"a": [1], "extra": [[1, 2]]})
    table, findings = conform(df, pandera.DataFrameSchema({"a": number(), "b": number()}))
    assert {(f.level, f.column, f.check) for f in findings} == {
        ("error", "b", "gone"),
        ("warning", "extra", "new"),
    }
    assert table["extra"].tolist() == ["[1, 2]"]  # in a dtype that Parquet holds


@pytest.mark.parametrize(
    ("it", "values", "check", "count", "rows"),
    [
        (number(missing=0.5), [1.0, np.nan], "missing", 1, [2]),
        (number(0, 1), [0.0, 1.0, 1.5, -1, np.nan], "range", 2, [3, 4]),
        (number(quartiles=(1, 2)), [5.0, 5.1, -2.1, np.nan], "outliers", 2, [2, 3]),
        (category(["a"]), ["a", "b", None], "unseen", 1, [2]),
        (identifier(unique=True), ["a", "b", "a"], "duplicates", 1, [3]),
        (time(earliest="2020-01-02"), ["2020-01-01", "2020-01-02", None], "range", 1, [1]),
        (time(latest="2020-01-01"), ["2020-01-01", "2020-01-02", None], "range", 1, [2]),
    ],
)
def test_built_in_checks_count_rows(
    it: Column, values: list[Any], check: str, count: int, rows: list[int]
) -> None:
    series, _ = one(values, it)
    schema = pandera.DataFrameSchema({"c": it})
    with measuring() as measures:
        schema.validate(series.to_frame(), lazy=True)
    (measure,) = [m for m in measures if m.check == check]
    assert (measure.count, measure.rows) == (count, rows)
    assert measure.share == pytest.approx(count / len(values))


def test_no_outliers_where_half_of_the_values_are_one() -> None:
    it = number(quartiles=(1, 1))
    assert [check.name for check in it.checks] == ["missing"]


def test_without_the_stage_a_schema_is_plain_pandera() -> None:
    schema = pandera.DataFrameSchema({"c": number(0, 1)})
    schema.validate(pd.DataFrame({"c": [0.5] * 95 + [2.0] * 5}))
    with pytest.raises(SchemaError):
        schema.validate(pd.DataFrame({"c": [0.5] * 94 + [2.0] * 6}))


def test_checks_of_ones_own_stand_beside_the_built_in_ones() -> None:
    it = integer(0, 9, checks=[pandera.Check.lt(8)])
    schema = pandera.DataFrameSchema(
        {"a": it, "b": number()}, checks=pandera.Check(lambda df: df["a"] <= df["b"])
    )
    with pytest.raises(SchemaErrors) as failed:
        schema.validate(pd.DataFrame({"a": [1.0, 8.0], "b": [0.0, 9.0]}), lazy=True)
    assert len(failed.value.schema_errors) == 2


def test_kinds_are_known_also_of_plain_pandera_columns() -> None:
    made = [number(), integer(), boolean(), category(), time(), text(), identifier()]
    names = ["number", "integer", "boolean", "category", "time", "text", "identifier"]
    assert [kind_of(it) for it in made] == names
    plain = [Column(float), Column("Int64"), Column(bool), Column("datetime64[ns]"), Column(str)]
    assert [kind_of(it) for it in plain] == ["number", "number", "boolean", "time", "category"]


def test_the_table_for_people_is_safe_to_print() -> None:
    finding = Finding(
        "error", "a\x1b[2J\nb", "unseen", 3, 0.0001, "new words", [1, 2, 3], ["\x07x"]
    )
    shown = as_text([finding])
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert len(shown.splitlines()) == 2
    assert as_text([]) == ""
    assert percent(0.0001) == "< 0.1 %"
    assert printable("é") == "é"


DTYPES = {
    "number": "float64",
    "integer": "float64",
    "boolean": "boolean",
    "time": "datetime64[ns]",
}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**70), 2**70),
            st.floats(),
            st.text(max_size=5),
            st.datetimes(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(
        [number, integer, boolean, category, time, text, identifier,
         lambda: category(["a", "1"]), lambda: time(["%d.%m.%Y", "ISO8601"])]
    ),
)  # fmt: skip
def test_any_values_conform_or_are_named(values: list[Any], factory: Any) -> None:
    """Whatever a user's load() gives, the dtype is right and lost values are counted."""
    it = factory()
    before = pd.Series(values, dtype=object)
    series, findings = one(before, it)
    assert str(series.dtype) == DTYPES.get(kind_of(it), "str")
    pandera.DataFrameSchema({"c": Column(it.dtype, nullable=True)}).validate(series.to_frame())
    lost = int((series.isna() & before.notna()).sum())
    named = sum(f.count for f in findings)
    if kind_of(it) in ("number", "integer", "time"):
        assert named <= lost  # infinite values and the end of time are missing, not wrong
    else:
        assert named == lost
