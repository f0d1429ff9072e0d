"""The words of schema.py: what a column may hold, as pandera columns, and how it is read.

Each function gives a real `pandera.Column`; `checks=` takes your own pandera checks beside the
built-in ones. A built-in check fails when its share grew by more than a limit over the share
seen when the data were described; `champion validate` counts smaller shares too, and warns.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from champion.tables.findings import first_rows

# Importing pandera sets this for Spark, and Arrow then drops the zone of every datetime that a
# user's load() hands it: hours off without a word.
os.environ.pop("PYARROW_IGNORE_TIMEZONE", None)

LIMIT = 0.05  # where schema.py sets none
FENCE = 3.0  # interquartile ranges outside the quartiles (Tukey's "far out")

Words = str | Sequence[str]
Checks = Sequence[pandera.Check]
Column = pandera.Column


@dataclass
class Measure:
    """How many rows of a column fail a built-in check, and how many did when described."""

    column: str
    check: str  # missing, unseen, range, outliers, duplicates
    count: int
    share: float
    seen: float
    rows: list[int] = field(default_factory=list)
    mask: np.ndarray | None = field(default=None, repr=False)  # all of them: (rows,)


_listening: ContextVar[list[Measure] | None] = ContextVar("listening", default=None)


@contextmanager
def measuring() -> Iterator[list[Measure]]:
    """Inside, built-in checks only count: their measures are in the list that this gives."""
    measures: list[Measure] = []
    token = _listening.set(measures)
    try:
        yield measures
    finally:
        _listening.reset(token)


def number(
    low: float | None = None,
    high: float | None = None,
    *,
    quartiles: tuple[float, float] | None = None,
    missing: float | None = 0.0,
    outliers: float = 0.0,
    decimal: str = ".",
    thousands: str = "",
    checks: Checks = (),
) -> Column:
    """A measured or counted quantity; float64.

    Parameters
    ----------
    low, high : the declared range, both included.
    quartiles : the first and third; values beyond 3 times their distance outside are outliers.
    missing, outliers : shares (0 to 1) seen when the data were described.
    decimal, thousands : how numbers are written where the file holds text.
    """
    built_in = [*missing_check(missing), *range_check(low, high)]
    if quartiles and quartiles[0] < quartiles[1]:
        built_in += outlier_check(quartiles, outliers)
    how = {"decimal": decimal, "thousands": thousands}
    return column("number", "float64", [*built_in, *checks], how)


def integer(
    low: float | None = None,
    high: float | None = None,
    *,
    quartiles: tuple[float, float] | None = None,
    missing: float | None = 0.0,
    outliers: float = 0.0,
    thousands: str = "",
    checks: Checks = (),
) -> Column:
    """A whole number; float64, so that it may have gaps. See `number`."""
    it = number(
        low,
        high,
        quartiles=quartiles,
        missing=missing,
        outliers=outliers,
        thousands=thousands,
        checks=checks,
    )
    it.metadata = {**(it.metadata or {}), "kind": "integer"}
    return it


def boolean(
    *,
    true: Words = "true",
    false: Words = "false",
    missing: float | None = 0.0,
    checks: Checks = (),
) -> Column:
    """Yes or no; nullable boolean. `true` and `false`: the words for it, in any case."""
    how = {"true": words(true), "false": words(false)}
    return column("boolean", "boolean", [*missing_check(missing), *checks], how)


def category(
    values: Sequence[str] | None = None, *, missing: float | None = 0.0, checks: Checks = ()
) -> Column:
    """One of a set of words; str. Without `values` any word is fine."""
    built_in = [*missing_check(missing), *unseen_check(values)]
    how = {"values": None if values is None else list(values)}
    return column("category", "str", [*built_in, *checks], how)


def time(
    format: Words | None = None,  # noqa: A002 - pandas' word
    *,
    earliest: str | None = None,
    latest: str | None = None,
    missing: float | None = 0.0,
    checks: Checks = (),
) -> Column:
    """A date or a moment; datetime64[ns], in UTC where the data name a zone.

    Parameters
    ----------
    format : strptime format, or several that are tried in turn; none: ISO 8601.
        "unix" and "unix ms" are seconds and milliseconds since 1970.
    earliest, latest : the declared range, both included.
    """
    low = None if earliest is None else pd.Timestamp(earliest)
    high = None if latest is None else pd.Timestamp(latest)
    built_in = [*missing_check(missing), *range_check(low, high)]
    formats = [] if format is None else words(format)
    return column("time", "datetime64[ns]", [*built_in, *checks], {"formats": formats})


def text(*, missing: float | None = None, checks: Checks = ()) -> Column:
    """Free text, or anything that nobody should look into; str, never a feature."""
    return column("text", "str", [*missing_check(missing), *checks], {})


def identifier(
    *, unique: bool = False, missing: float | None = None, checks: Checks = ()
) -> Column:
    """A name of something; str, never a feature. `unique`: no two rows share one."""
    built_in = [*missing_check(missing), *(unique_check() if unique else [])]
    return column("identifier", "str", [*built_in, *checks], {"unique": unique})


def kind_of(it: Column) -> str:
    """number, integer, boolean, category, time, text or identifier.

    A plain pandera column that somebody wrote by hand is what its dtype says.
    """
    if it.metadata and "kind" in it.metadata:
        return str(it.metadata["kind"])
    dtype = str(it.dtype).lower()
    for name, marks in {
        "boolean": ("bool",),
        "number": ("float", "int", "decimal"),
        "time": ("date", "time"),
    }.items():
        if any(mark in dtype for mark in marks):
            return name
    return "category"


def column(name: str, dtype: str, checks: list[pandera.Check], how: dict[str, Any]) -> Column:
    return Column(dtype, checks=checks, nullable=True, metadata={"kind": name, **how})


def words(value: Words) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def share_check(
    name: str, seen: float, failing: Callable[[pd.Series], np.ndarray | None], **limits: Any
) -> list[pandera.Check]:
    """A check of a whole column: the share of rows where `failing` holds, against `seen`.

    limits : what `failing` goes by, for those who ask one value at a time.

    One number comes back instead of a row each: pandera then builds no table of failure cases,
    which would cost more than the check and hold values.
    """

    def passes(series: pd.Series) -> bool:
        mask = failing(series)
        count = 0 if mask is None else int(np.count_nonzero(mask))
        share = count / max(len(series), 1)
        measures = _listening.get()
        if measures is None:
            return share <= seen + LIMIT
        if count and mask is not None:
            rows = first_rows(mask)
            measures.append(Measure(str(series.name), name, count, share, seen, rows, mask))
        return True

    told = {"seen": seen, **limits}
    return [pandera.Check(passes, name=name, ignore_na=False, statistics=told)]


def missing_check(seen: float | None) -> list[pandera.Check]:
    return [] if seen is None else share_check("missing", seen, missing_mask)


def missing_mask(series: pd.Series) -> np.ndarray | None:
    """Where values are missing; None when nowhere."""
    if isinstance(series.dtype, pd.StringDtype):
        values = arrow(series)
        return values.is_null().to_numpy() if values.null_count else None
    mask = series.isna().to_numpy()
    return mask if mask.any() else None


def range_check(low: Any, high: Any) -> list[pandera.Check]:
    def outside(series: pd.Series) -> np.ndarray | None:
        values = series.to_numpy()
        mask = None
        if low is not None:
            mask = values < (low.to_datetime64() if isinstance(low, pd.Timestamp) else low)
        if high is not None:
            above = values > (high.to_datetime64() if isinstance(high, pd.Timestamp) else high)
            mask = above if mask is None else np.logical_or(mask, above, out=mask)
        return mask

    return (
        []
        if low is None and high is None
        else share_check("range", 0.0, outside, low=low, high=high)
    )


def outlier_check(quartiles: tuple[float, float], seen: float) -> list[pandera.Check]:
    low, high = fences(*quartiles)

    def far(series: pd.Series) -> np.ndarray:
        values = series.to_numpy()
        mask = values < low
        return np.logical_or(mask, values > high, out=mask)

    return share_check("outliers", seen, far)


def fences(first: float, third: float) -> tuple[float, float]:
    """Beyond which a value is an outlier."""
    distance = FENCE * (third - first)
    return first - distance, third + distance


def unseen_check(values: Sequence[str] | None) -> list[pandera.Check]:
    def unseen(series: pd.Series) -> np.ndarray:
        return unlisted(arrow(series), values or []).to_numpy()

    return [] if values is None else share_check("unseen", 0.0, unseen, values=values)


def unlisted(held: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    """Where a word is none of the values; a missing one is not."""
    known = pa.array([*values, None], pa.large_string())
    return pc.invert(pc.is_in(held, known))


def unique_check() -> list[pandera.Check]:
    return share_check("duplicates", 0.0, lambda series: series.duplicated().to_numpy())


def arrow(series: pd.Series) -> pa.ChunkedArray:
    """The Arrow strings of a str column, without a copy where pandas holds them so."""
    held = pa.array(series, from_pandas=True)
    if isinstance(held, pa.Array):
        held = pa.chunked_array([held])
    return held if held.type == pa.large_string() else held.cast(pa.large_string())
