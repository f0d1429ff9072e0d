"""Columns as counts over bins that the training data draw, by day.

Counts are all that drift asks for. So live data are read once and in pieces, however many they are,
and the answer is exactly that of the whole table.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from champion.judge.drift import BINS
from champion.tables.schema import arrow

RAREST = 0.01  # share of the rows that makes a category a bin of its own
MOST_WORDS = 30
FEWEST_DAYS = 5  # that show how alike the rows of a day are

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass
class Bins:
    """The bins of one column.

    A column of n bins has n + 3 codes: the bins; two for what the training data do not hold, below
    and above their range or an unseen word; one for a missing value.

    Parameters
    ----------
    edges : (n - 1,) the upper ends of a number's bins but the last, which belong to the bin.
    low, high : the smallest and the largest number.
    words : (n - 1,) the frequent categories, most frequent first; the last bin is for the others.
    known : all of them.
    """

    name: str
    kind: str  # number or category
    edges: Array = field(default_factory=lambda: np.zeros(0))
    low: float = 0.0
    high: float = 0.0
    words: pa.Array | None = None
    known: pa.Array | None = None

    @property
    def count(self) -> int:
        return len(self.edges if self.words is None else self.words) + 1

    @property
    def size(self) -> int:
        return self.count + 3

    @property
    def names(self) -> list[str]:
        """The bins in words: for people, and of use only where values may be shown."""
        if self.words is not None:
            return [*(str(word) for word in self.words.to_pylist()), "others"]
        ends = [f"{edge:.4g}" for edge in self.edges]
        if not ends:
            return [f"{self.low:.4g}"]
        return [f"≤ {ends[0]}", *(f"… {end}" for end in ends[1:]), f"> {ends[-1]}"]

    def codes(self, column: pd.Series) -> Codes:
        """The code of each value; (rows,)."""
        if self.words is None:
            values = column.to_numpy("float64", na_value=np.nan)
            codes = np.searchsorted(self.edges, values)
            codes[values < self.low] = self.count
            codes[values > self.high] = self.count + 1
            codes[np.isnan(values)] = self.count + 2
            return codes
        assert self.known is not None
        # A word is looked up once, however many rows hold it.
        held = arrow(column).combine_chunks().dictionary_encode()
        others = pc.if_else(pc.is_in(held.dictionary, self.known), self.count - 1, self.count)
        found = pc.coalesce(pc.index_in(held.dictionary, self.words), others.cast(pa.int32()))
        place = np.append(found.to_numpy(zero_copy_only=False), self.count + 2).astype(np.intp)
        indices = held.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
        return place[indices]


def draw(name: str, column: pd.Series) -> Bins | None:
    """The bins of a column of training data; None where it has no value, or is a time.

    Times only ever move on.
    """
    if column.dtype.kind == "M" or not column.notna().any():
        return None
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy("float64", na_value=np.nan)
        return numbers(name, values[~np.isnan(values)])
    return categories(name, arrow(column).drop_null())


def numbers(name: str, values: Array) -> Bins:
    """Deciles; a bin a value where there are as few."""
    few = np.unique(values[: 100 * BINS])
    if len(few) <= BINS:
        few = np.unique(values)
    deciles = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    ends = few if len(few) <= BINS else np.unique(deciles)
    low, high = float(values.min()), float(values.max())
    return Bins(name, "number", ends[ends < high].astype(float), low, high)


def categories(name: str, values: pa.ChunkedArray) -> Bins:
    """The frequent words; the rest together."""
    counted = values.combine_chunks().value_counts()
    counts = counted.field("counts").to_numpy()
    order = np.argsort(-counts, kind="stable")
    known = counted.field("values").take(pa.array(order))
    frequent = int(np.count_nonzero(counts[order][:MOST_WORDS] >= RAREST * len(values)))
    return Bins(name, "category", words=known[:frequent], known=known)


class Counts:
    """How often each code of a column occurs, day by day."""

    def __init__(self, bins: Bins) -> None:
        self.bins = bins
        self.alone: Array | None = None  # of training data: see `alone`
        self.days: dict[int, Array] = {}

    def add(self, column: pd.Series, days: Codes, names: Codes) -> None:
        """Count some rows.

        days : (rows,) the place of each row's day in `names`.
        """
        size = self.bins.size
        flat = np.bincount(days * size + self.bins.codes(column), minlength=len(names) * size)
        for name, counted in zip(names.tolist(), flat.reshape(-1, size).astype(float), strict=True):
            self.days[name] = self.days.get(name, 0.0) + counted

    @property
    def table(self) -> Array:
        """(days, codes), the earliest day first."""
        rows = [self.days[day] for day in sorted(self.days)]
        return np.array(rows, float).reshape(-1, self.bins.size)

    @property
    def spread(self) -> Array:
        """(days, bins): the values that are there, those beyond the range in its outer bins."""
        counts, table = self.bins.count, self.table
        inside = table[:, :counts].copy()
        inside[:, 0 if self.bins.kind == "number" else -1] += table[:, counts]
        inside[:, -1] += table[:, counts + 1]
        return inside

    @property
    def missing(self) -> Array:
        """(days, 2): values that are missing, and those that are there."""
        table = self.table
        return np.column_stack([table[:, -1], table[:, :-1].sum(axis=1)])

    @property
    def beyond(self) -> tuple[int, int]:
        """On how many days there are numbers below the training data's range, and above it."""
        below, above = np.count_nonzero(
            self.table[:, self.bins.count : self.bins.count + 2], axis=0
        )
        return int(below), int(above)

    @property
    def new(self) -> Array:
        """(days, 2): values unlike any of the training data, and the others that are there."""
        table, counts = self.table, self.bins.count
        return np.column_stack(
            [table[:, counts : counts + 2].sum(axis=1), table[:, :counts].sum(axis=1)]
        )


def alone(column: pd.Series, days: Codes) -> Array:
    """How many values of each day of training data are unlike those of all its other days.

    Live data hold so many that are new without any change (Good 1953): numbers beyond the range of
    the other days, words that no other day has. Without days each row is one of its own.

    Returns
    -------
    (days, 2) : those values, and the others that are there.
    """
    held = column.notna().to_numpy()
    days, count = days[held], int(days.max(initial=0)) + 1
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy("float64", na_value=np.nan)[held]
        lows, highs = values, values
        if count > 1:
            ends = pd.Series(values).groupby(days).agg(["min", "max"])
            lows, highs = ends["min"].to_numpy(), ends["max"].to_numpy()
        if len(lows) < 2:
            return np.zeros((0, 2))
        unlike = (values < np.partition(lows, 1)[1]) | (values > np.partition(highs, -2)[-2])
    else:
        codes = pd.factorize(column[held])[0]
        seen = np.unique(codes * count + days) // count if count > 1 else codes
        unlike = (np.bincount(seen, minlength=1) == 1)[codes]
    return np.column_stack([np.bincount(days, side, count) for side in (unlike, ~unlike)])


def of_days(times: pd.Series | None, rows: int) -> tuple[Codes, Codes]:
    """The place of each row's day, (rows,), and the days' numbers; all on one without times."""
    if times is None:
        return np.zeros(rows, np.intp), np.zeros(1, np.intp)
    numbers = times.to_numpy("datetime64[D]").astype(np.intp)
    names, places = np.unique(numbers, return_inverse=True)
    return places, names
