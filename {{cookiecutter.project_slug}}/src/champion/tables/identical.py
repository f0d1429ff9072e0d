"""Which rows are the same in every column."""

import numpy as np
import pandas as pd
import pyarrow as pa

from champion.tables.schema import arrow

BLOCK = 1 << 15  # rows that stay in the processor's cache


def duplicated(table: pd.DataFrame) -> np.ndarray:
    """Rows that are the same as an earlier one, shape (rows,)."""
    return pd.Series(row_hashes(table)).duplicated().to_numpy()


def row_hashes(table: pd.DataFrame) -> np.ndarray:
    """A 64-bit hash of each row, shape (rows,): equal rows of one table have equal ones."""
    total = np.zeros(len(table), np.uint64)
    for name in table:
        values = bits(table[name])
        for start in range(0, len(total), BLOCK):
            part = total[start : start + BLOCK]
            part ^= values[start : start + BLOCK]
            mix(part)
    return total


def bits(column: pd.Series) -> np.ndarray:
    """64 bits a value, equal for equal ones and for missing ones."""
    if isinstance(column.dtype, pd.StringDtype):
        held = arrow(column).combine_chunks().dictionary_encode()
        held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
        return held.indices.fill_null(-1).to_numpy().astype(np.int64).view(np.uint64)
    if column.dtype.kind == "M":
        return column.astype("int64").to_numpy().view(np.uint64)
    if column.dtype.kind in "iu":
        return column.to_numpy().astype(np.int64).view(np.uint64)
    return (column.to_numpy("float64", na_value=np.nan) + 0.0).view(np.uint64)


def mixed(values: np.ndarray) -> np.ndarray:
    """Spread every bit over all 64."""
    values = values.copy()
    mix(values)
    return values


def mix(values: np.ndarray) -> None:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), in place."""
    values += np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
