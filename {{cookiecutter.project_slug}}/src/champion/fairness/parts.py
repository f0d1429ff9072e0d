"""The parts of a holdout that are looked at one by one: the values of a column, and pairs of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.settings import Settings
from champion.tables.roles import class_names

SMALLEST = 30  # rows
FEWEST_GROUPS = 10  # of rows that depend on each other, for any claim
MOST = 30  # of a column, the largest
MOST_COLUMNS = 5  # of data.slices that are crossed with each other
MOST_SEARCHED = 50  # columns that a search for weak parts looks at
MISSING = "(missing)"


@dataclass(frozen=True)
class Part:
    """Rows that share the values of some columns; `rows` has shape (n,)."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    rows: NDArray[np.bool_]


def labels(column: pd.Series, hidden: bool = False, most: int = MOST) -> pd.Series:
    """The part that each row is in, as text; missing where the value is.

    Numbers and times of more than `most` different values are cut into quarters of the rows.

    Parameters
    ----------
    hidden : no value may be shown: quarters are counted from the lowest, values from the most
        frequent.
    """
    if column.dtype.kind in "fiuM" and column.nunique() > most:
        return quarters(column, hidden)
    names = class_names(column).astype("str")
    if not hidden:
        return names
    return names.map({name: f"value {n}" for n, name in enumerate(ranked(names), 1)}).astype("str")


def ranked(names: pd.Series) -> dict[str, int]:
    """The values and their rows, the most frequent first; of equally frequent ones by name."""
    sizes = names.value_counts().sort_index(kind="stable")
    return sizes.sort_values(ascending=False, kind="stable").to_dict()


def quarters(column: pd.Series, hidden: bool) -> pd.Series:
    """The quarter of its rows that a number or a time is in: `3 … 7.5`."""
    held = column.dropna()
    edges = held.quantile([0.25, 0.5, 0.75]).drop_duplicates().to_numpy()
    codes = pd.Series(np.searchsorted(edges, held.to_numpy(), side="left"), held.index)
    names = {}
    for place, (code, inside) in enumerate(held.groupby(codes), 1):
        low, high = (end(value) for value in (inside.min(), inside.max()))
        names[code] = f"quarter {place}" if hidden else low if low == high else f"{low} … {high}"
    return codes.map(names).reindex(column.index).astype("str")


def end(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return f"{value:.6g}"


def of_slices(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The columns that data.slices names, as labels; a personal one's values are hidden."""
    data = settings.data
    named = {name: labels(table[name], hidden=name in data.personal) for name in data.slices}
    return pd.DataFrame(named, index=table.index)


def of_columns(
    features: pd.DataFrame, slices: pd.DataFrame, settings: Settings, most: int
) -> pd.DataFrame:
    """Labels of whatever a search may look into: the slices, and the features beside them.

    Values that nobody asked to be shown are hidden unless report.show_values is set.
    """
    data, hide = settings.data, not settings.report.show_values
    found = {str(name): slices[name] for name in slices}
    for name in features:
        if name not in found and len(found) < MOST_SEARCHED:
            found[str(name)] = labels(features[name], hide or name in data.personal, most)
    return pd.DataFrame(found, index=features.index)


def unsearched(searched: pd.DataFrame, features: pd.DataFrame) -> Iterator[str]:
    """A sentence where the search leaves columns out."""
    if count := len(set(features) - set(searched)):
        yield f"The search for weak parts leaves out {count:,} features, the last ones."


def singles(table: pd.DataFrame) -> Iterator[Part]:
    """The largest values of each column, the most frequent first."""
    for column in table:
        names = table[column].fillna(MISSING)
        for name in list(ranked(names))[:MOST]:
            yield Part((str(column),), (name,), names.eq(name).to_numpy())


def pairs(table: pd.DataFrame) -> Iterator[Part]:
    """The largest intersections of each two columns, the most frequent first."""
    named = table.iloc[:, :MOST_COLUMNS].fillna(MISSING)
    for one, other in combinations(named, 2):
        sizes = named.groupby([one, other], sort=True).size()
        for first, second in sizes.sort_values(ascending=False, kind="stable").index[:MOST]:
            rows = named[one].eq(first).to_numpy() & named[other].eq(second).to_numpy()
            yield Part((str(one), str(other)), (first, second), rows)


def left_out(table: pd.DataFrame) -> Iterator[str]:
    """A sentence for each column and pair of which not every row is in a part that is told."""
    named = table.fillna(MISSING)
    crossed = combinations(named.iloc[:, :MOST_COLUMNS], 2)
    for columns in [*((column,) for column in named), *crossed]:
        sizes = named.groupby(list(columns), sort=False).size().sort_values(ascending=False)
        told = sizes.head(MOST)
        told = told[told >= SMALLEST]
        name, what = " and ".join(map(str, columns)), "values" if len(columns) == 1 else "pairs"
        if told.empty:
            yield f"{name}: none of {len(sizes):,} {what} has {SMALLEST} rows of the holdout."
        elif len(told) < len(sizes):
            yield (
                f"{name}: {len(sizes) - len(told):,} of {len(sizes):,} {what} are left out "
                f"({sizes.sum() - told.sum():,} rows): they have fewer than {SMALLEST} rows, or are "
                f"not among the {MOST} largest."
            )
    for column in table:
        if table[column].isna().all():
            yield f"{column}: every row of the holdout lacks it."
    if table.shape[1] > MOST_COLUMNS:
        yield f"Intersections are those of the first {MOST_COLUMNS} slices."
