"""From columns as they were loaded to the few dtypes that every stage counts on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from champion.tables.findings import Finding, first_rows
from champion.tables.read import canonical
from champion.tables.schema import arrow, kind_of, unlisted

Converted = tuple[pd.Series, np.ndarray]  # the column, and where a value could not be converted


def conform(
    df: pd.DataFrame, schema: pandera.DataFrameSchema
) -> tuple[pd.DataFrame, list[Finding]]:
    """Give each column of the schema its dtype; what cannot be converted is missing and found.

    number, integer -> float64; boolean -> boolean; category, text, identifier -> str;
    time -> datetime64[ns]. Columns that the schema does not know are kept, with a warning.

    Returns
    -------
    df : same rows, columns in the same order.
    findings : columns gone (error), values of another type (error), new columns (warning).
    """
    findings = [
        gone(name, df) for name, it in schema.columns.items() if it.required and name not in df
    ]
    columns = {}
    for name in df.columns:
        if name not in schema.columns:
            columns[name] = unknown(df[name])
            findings.append(new(name))
            continue
        it = schema.columns[name]
        series, bad = CONVERT[kind_of(it)](df[name], it.metadata or {})
        columns[name] = series
        count = int(np.count_nonzero(bad))
        if count:
            findings.append(wrong_type(name, kind_of(it), count, bad))
    return pd.DataFrame(columns, index=df.index, copy=False), findings


def gone(name: str, df: pd.DataFrame) -> Finding:
    return Finding(
        "error", name, "gone", len(df), 1.0,
        "the column is gone: restore it, or take it out of schema.py",
    )  # fmt: skip


def new(name: str) -> Finding:
    return Finding(
        "warning", name, "new", 0, 0.0,
        "new column, kept but no feature: add it to schema.py to use it",
    )  # fmt: skip


def wrong_type(name: str, what: str, count: int, bad: np.ndarray) -> Finding:
    names = {
        "number": "no number",
        "integer": "no whole number",
        "boolean": "neither of the two words for true and false",
        "time": "no date in the format of schema.py",
    }
    return Finding(
        "error", name, "type", count, count / len(bad),
        f"wrong type: {names.get(what, f'no {what}')}", first_rows(bad),
    )  # fmt: skip


def as_number(series: pd.Series, how: dict[str, Any]) -> Converted:
    """float64; infinite values are missing."""
    kind_ = series.dtype.kind
    if kind_ in "iufb" and pd.api.types.is_numeric_dtype(series.dtype):
        numbers = series.astype("float64")
        bad = np.zeros(0, bool)
    elif kind_ in "mM":
        return nothing("float64", series), series.notna().to_numpy()
    else:
        held = strings(series)
        numbers = pd.Series(parse(held, how), index=series.index, name=series.name)
        bad = numbers.isna().to_numpy() & held.is_valid().to_numpy()
    values = numbers.to_numpy()
    if np.isinf(values.max(initial=0.0)) or np.isinf(values.min(initial=0.0)) or (
        np.isnan(values.sum()) and np.isinf(values).any()
    ):  # fmt: skip
        numbers = numbers.where(np.isfinite(values))
    return numbers, bad


def parse(held: pa.ChunkedArray, how: dict[str, Any]) -> np.ndarray:
    """Numbers from strings, NaN where there is none."""
    held = pc.utf8_trim_whitespace(held)
    decimal, thousands = how.get("decimal", "."), how.get("thousands", "")
    if thousands:
        grouped = rf"^[-+]?\d{{1,3}}([{thousands}]\d{{3}})*([{decimal}]\d*)?$"
        ungrouped = rf"^[-+]?\d+([{decimal}]\d*)?$"
        fits = pc.match_substring_regex(held, f"{grouped}|{ungrouped}")
        held = pc.if_else(fits, held, pa.scalar(None, held.type))
        held = pc.replace_substring(held, thousands, "")
    if decimal != ".":
        # A point where a comma belongs must not pass for a decimal point.
        held = pc.replace_substring(held, ".", "x")
        held = pc.replace_substring(held, decimal, ".")
    try:
        return held.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        texts = pd.Series(held.to_numpy(), dtype=object)
        return pd.to_numeric(texts, errors="coerce").to_numpy("float64", na_value=np.nan)


def as_integer(series: pd.Series, how: dict[str, Any]) -> Converted:
    numbers, bad = as_number(series, how)
    if series.dtype.kind in "iub":
        return numbers, bad
    values = numbers.to_numpy()
    with np.errstate(invalid="ignore"):
        broken = values != np.trunc(values)
    broken &= ~np.isnan(values)
    if not broken.any():
        return numbers, bad
    return numbers.mask(broken), broken if not len(bad) else bad | broken


def as_boolean(series: pd.Series, how: dict[str, Any]) -> Converted:
    if pd.api.types.is_bool_dtype(series.dtype):
        return series.astype("boolean"), np.zeros(0, bool)
    held = pc.utf8_lower(pc.utf8_trim_whitespace(strings(series)))
    true = is_one_of(held, how.get("true", ["true"]))
    false = is_one_of(held, how.get("false", ["false"]))
    known = true | false
    values = pd.array(true, dtype="boolean")
    values[~known] = pd.NA
    return (
        pd.Series(values, index=series.index, name=series.name),
        ~known & held.is_valid().to_numpy(),
    )


def is_one_of(held: pa.ChunkedArray, of: list[str]) -> np.ndarray:
    lowered = pa.array([word.strip().lower() for word in of], held.type)
    return pc.is_in(held, lowered).to_numpy()


def as_time(series: pd.Series, how: dict[str, Any]) -> Converted:
    if series.dtype.kind == "M":
        return naive(series), np.zeros(0, bool)
    formats = how.get("formats") or ["ISO8601"]
    held = strings(series)
    times = pd.Series(pd.NaT, index=series.index, name=series.name, dtype="datetime64[ns]")
    texts = pd.Series(pc.utf8_trim_whitespace(held).to_numpy(), index=series.index, dtype="str")
    todo = held.is_valid().to_numpy()
    empty = pc.match_substring_regex(held, EMPTY_DATE).to_numpy(zero_copy_only=False)
    todo = todo & (empty != True)  # noqa: E712 - None where missing
    for format_ in formats:
        if not todo.any():
            break
        found = naive(moments(texts[todo], format_))
        times.loc[found.index[found.notna()]] = found.dropna()
        todo &= times.isna().to_numpy() & ~far_future(texts, todo)
    return times, todo


EMPTY_DATE = r"^0{1,4}[./-]0{1,2}[./-]0{1,4}([ T][0:]*)?$"  # 0000-00-00, 00/00/0000
FAR_FUTURE = r"^(9999|2[3-9]\d\d|[3-8]\d{3})-"  # "open end": nanoseconds reach 2262 only


def far_future(texts: pd.Series, todo: np.ndarray) -> np.ndarray:
    out = np.zeros(len(todo), bool)
    out[todo] = texts[todo].str.match(FAR_FUTURE).to_numpy(bool, na_value=False)
    return out


def moments(texts: pd.Series, format_: str) -> pd.Series:
    """Parse strings by one format; NaT where it does not fit."""
    if format_ in ("unix", "unix ms"):
        unit, most = ("s", 9.2e9) if format_ == "unix" else ("ms", 9.2e12)
        numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
        return pd.to_datetime(numbers.where(numbers.abs() < most), unit=unit, errors="coerce")
    zoned = format_ == "ISO8601" or "%z" in format_
    return pd.to_datetime(texts, format=format_, errors="coerce", utc=zoned)


def naive(series: pd.Series) -> pd.Series:
    """datetime64[ns] in UTC without a zone; missing where nanoseconds do not reach."""
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype == "datetime64[ns]":
        return series
    inside = (series > pd.Timestamp.min) & (series < pd.Timestamp.max)
    return series.where(inside).astype("datetime64[ns]")


def as_words(series: pd.Series, how: dict[str, Any]) -> Converted:
    """str. A whole number is written without a point, so that 1.0 is the category "1"."""
    if not isinstance(series.dtype, pd.StringDtype):
        held = strings(series)
    elif how.get("values") is None:
        return series, np.zeros(0, bool)
    else:
        held = arrow(series)
        new = held.filter(unlisted(held, how["values"])).unique()
        if new.equals(pc.utf8_trim_whitespace(new)):
            return series, np.zeros(0, bool)
        held = pc.utf8_trim_whitespace(held)
    return (
        pd.Series(held.to_numpy(), index=series.index, name=series.name, dtype="str"),
        np.zeros(0, bool),
    )


def strings(series: pd.Series) -> pa.ChunkedArray:
    """Any column as Arrow strings."""
    if isinstance(series.dtype, pd.StringDtype):
        return arrow(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return strings(series.astype(series.cat.categories.dtype))
    if pd.api.types.is_float_dtype(series.dtype):
        held = pa.chunked_array([pa.array(series, pa.float64(), from_pandas=True)])
        return canonical(held).cast(pa.large_string())
    texts = series.astype("str")
    if pd.api.types.is_bool_dtype(series.dtype):
        texts = texts.str.lower()
    return arrow(texts)


def unknown(series: pd.Series) -> pd.Series:
    """A column that the schema does not know, in a dtype that Parquet holds."""
    plain = series.dtype.kind in "iufbM" or isinstance(series.dtype, pd.StringDtype)
    return series if plain else series.astype("str")


def nothing(dtype: str, series: pd.Series) -> pd.Series:
    return pd.Series(np.nan, index=series.index, name=series.name, dtype=dtype)


CONVERT: dict[str, Callable[[pd.Series, dict[str, Any]], Converted]] = {
    "number": as_number,
    "integer": as_integer,
    "boolean": as_boolean,
    "category": as_words,
    "time": as_time,
    "text": as_words,
    "identifier": as_words,
}
