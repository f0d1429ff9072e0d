"""Which format dates are written in, decided over a whole column."""

import itertools
import re

import numpy as np
import pandas as pd

from champion.tables.conform import EMPTY_DATE, moments, naive

ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?$"
DATES = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%m.%d.%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y",
    "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%d%b%Y",
    "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%a, %d %b %Y", "%a %b %d %Y",
    "%A, %B %d, %Y", "%Y%m%d",
]  # fmt: skip
TIMES = ["", "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p"]
CLOCKS = ["%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f"]
MOST = 4  # formats in one column
ORDERLY = 8  # values whose order says something
PROBE = 300  # values that a format is tried on first


def date_formats(values: pd.Series) -> list[str] | None:
    """The formats that together read every value, or None where they are no dates.

    Parameters
    ----------
    values : distinct strings in the order they first appear, none missing.

    Notes
    -----
    Day and month are told apart by the whole column: by a value over 12, else by which reading
    is in order, else by the usual one (month first between slashes).
    """
    values = values[~values.str.match(EMPTY_DATE)]
    if values.empty or not values.head(PROBE).str.contains(r"\d").all():
        return None
    formats: list[str] = []
    rest = values
    while len(rest) and len(formats) < MOST:
        best = best_format(rest, formats)
        if best is None:
            return None
        formats.append(best)
        rest = rest[read(rest, best).isna().to_numpy()]
    return formats if rest.empty else None


def best_format(rest: pd.Series, taken: list[str]) -> str | None:
    """The format that reads the most of the values."""
    probe = (
        rest if len(rest) <= PROBE else rest.iloc[np.linspace(0, len(rest) - 1, PROBE, dtype=int)]
    )
    scores = {f: int(read(probe, f).notna().sum()) for f in candidates(probe.iloc[0], taken)}
    most = max(scores.values(), default=0)
    if not most:
        return None
    close = [f for f, score in scores.items() if score >= 0.9 * most]
    if len(close) > 1:
        totals = {f: int(read(rest, f).notna().sum()) for f in close}
        close = [f for f in close if totals[f] == max(totals.values())]
    return close[0] if len(close) == 1 else likelier(close, rest)


def candidates(example: str, taken: list[str]) -> list[str]:
    """Formats that fit the outer form of an example."""
    if re.match(ISO, example):
        return ["ISO8601"]
    joined = [
        f"{date}{join}{time}" if time else date
        for date, time in itertools.product(DATES, TIMES)
        for join in ((" ", "T", ", ") if time else ("",))
    ]
    possible = [f for f in [*joined, *CLOCKS] if shape(f) == loose(example)]
    return [f for f in possible if swapped(f) not in taken]


def shape(format_: str) -> str:
    """A format with digits as 9 and words as a."""
    if format_ == "%Y%m%d":
        return "9"
    return re.sub(r"%\w", "9", re.sub(r"%[aAbBp]|T", "a", format_))


def loose(example: str) -> str:
    """An example with runs of digits as 9 and of letters as a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", example))


def swapped(format_: str) -> str:
    """The same format with day and month exchanged."""
    return format_.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")


def likelier(formats: list[str], values: pd.Series) -> str:
    """Of formats that read the same values: the one in which they are in order, else the usual."""
    orderly = {f: order(read(values, f).dropna()) for f in formats}
    best = max(orderly.values())
    if best > 0.9 and len(values) >= ORDERLY:
        formats = [f for f in formats if orderly[f] == best]
    slashes = "/" in formats[0]
    month_first = [f for f in formats if f.find("%m") < f.find("%d")]
    day_first = [f for f in formats if f not in month_first]
    return ((month_first if slashes else day_first) or formats)[0]


def order(times: pd.Series) -> float:
    """The share of neighbours that rise (or fall): 1 for a sorted column."""
    steps = np.diff(times.to_numpy().astype("int64"))
    return max(float(np.mean(steps > 0)), float(np.mean(steps < 0))) if len(steps) else 0.0


def read(values: pd.Series, format_: str) -> pd.Series:
    if format_ == "ISO8601":
        fits = values.str.match(ISO)
        return naive(moments(values.where(fits), format_))
    return naive(moments(values, format_))


def number_format(values: pd.Series) -> str | None:
    """The format of dates written as numbers: 20130131, or seconds or milliseconds since 1970."""
    low, high = values.min(), values.max()
    if low >= 19000101 and high <= 21001231:
        texts = values.astype("int64").astype("str")
        return "%Y%m%d" if read(texts, "%Y%m%d").notna().all() else None
    if low >= 1900 and high <= 2100:
        return "%Y"
    if low >= 1e8 and high <= 5e9:
        return "unix"
    return "unix ms" if low >= 1e11 and high <= 5e12 else None
