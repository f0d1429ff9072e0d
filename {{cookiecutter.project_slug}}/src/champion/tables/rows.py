"""Which row is which: identities that survive reordering, new columns and gaps in integers."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal
from champion.settings import Settings

KEY_BYTES = 12


def canonical(column: pd.Series) -> NDArray[np.uint64]:
    """Encode values so that equal ones are equal whatever their dtype: 5, 5.0 and "5".

    Returns
    -------
    (n, 2) unsigned integers, two a value.
    """
    encoded = np.zeros((len(column), 2), np.uint64)
    if pd.api.types.is_datetime64_any_dtype(column):
        encoded[:, 0] = 1
        encoded[:, 1] = column.astype("datetime64[ns]").astype(np.int64).to_numpy().view(np.uint64)
    elif pd.api.types.is_numeric_dtype(column):  # includes booleans
        numbers = column.to_numpy(np.float64, na_value=np.nan) + 0.0  # no negative zero
        encoded[:, 1] = numbers.view(np.uint64)
    else:
        codes, values = pd.factorize(column)
        encoded = np.array([canonical_text(str(v)) for v in values] or [(0, 0)], np.uint64)[codes]
    encoded[column.isna().to_numpy()] = (2, 0)
    return encoded


def canonical_text(value: str) -> tuple[int, int]:
    try:
        return 0, int(np.float64(float(value) + 0.0).view(np.uint64))
    except ValueError:
        digest = blake2b(value.encode(), digest_size=16).digest()
        return int.from_bytes(digest[:8]), int.from_bytes(digest[8:])


def digests(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Hash each row's values of `columns`, in that order, to 24 hexadecimal digits."""
    rows = np.hstack([canonical(table[name]) for name in columns]).tobytes()
    width = 16 * len(columns)
    return [
        blake2b(rows[start : start + width], digest_size=KEY_BYTES).hexdigest()
        for start in range(0, len(rows), width)
    ]


def row_keys(table: pd.DataFrame, settings: Settings) -> NDArray[np.str_]:
    """Name each row by `split.key`; rows with equal keys have equal names.

    Returns
    -------
    (n,) strings of 24 hexadecimal digits.
    """
    key = settings.split.key
    if not key:
        raise Refusal("gate.yaml has no split.key: run `make setup`, which describes the data.")
    missing = [name for name in key if name not in table]
    if missing:
        raise Refusal(
            f"column {missing[0]!r} of gate.yaml's split.key is not in the data: the key must "
            "stay as it is, or rows move between train and holdout; put the column back."
        )
    return np.array(digests(table, key), dtype=f"U{2 * KEY_BYTES}")


def row_ids(table: pd.DataFrame, settings: Settings) -> pd.Series:
    """Name each row uniquely: its key, its answer, and a number among rows that share both.

    With the answer in it, rows that arrive later never rename the rows before them.
    """
    codes, answers = pd.factorize(table[settings.data.target], use_na_sentinel=False)
    told = [digest[:8] for digest in digests(pd.DataFrame({"": answers}), [""])]
    keys = pd.Series(row_keys(table, settings), dtype="str")
    names = keys + "-" + pd.Series(told, dtype="str").take(codes).to_numpy()
    again = names.duplicated()
    if again.any():
        some = names[names.isin(names[again])]
        number = some.groupby(some, sort=False).cumcount()
        number = number[number > 0]
        names[number.index] += "-" + number.astype("str")
    return names


def uniform(names: Sequence[str] | NDArray[np.str_], seed: int) -> NDArray[np.float64]:
    """Map each name to a number in [0, 1) that depends on nothing but the name and the seed."""
    codes, values = pd.factorize(np.asarray(names, dtype=object))
    salt = str(seed).encode()
    drawn = [
        int.from_bytes(blake2b(str(value).encode(), digest_size=8, salt=salt[:16]).digest())
        for value in values
    ]
    return (np.array(drawn, np.uint64) / 2.0**64)[codes]


def in_holdout(table: pd.DataFrame, settings: Settings) -> NDArray[np.bool_]:
    """Say which rows no training may see.

    With a time column: the latest window. Else: a share of the ids, groups or keys, drawn by hash,
    so that rows which share one share a side.

    Returns
    -------
    (n,) booleans.
    """
    data, split = settings.data, settings.split
    if data.time:
        times = table[data.time]
        return (times > times.max() - window(settings)).to_numpy()
    names = digests(table, [data.group]) if data.group else row_keys(table, settings)
    return uniform(names, split.seed) < split.holdout


def window(settings: Settings) -> pd.Timedelta:
    """The length of the holdout's window."""
    text = settings.split.window
    if not text:
        raise Refusal(
            "gate.yaml names a time column but no window: add split.window, for example `7 days`."
        )
    try:
        length = pd.Timedelta(text)
    except ValueError:
        length = pd.Timedelta(0)
    if not length > pd.Timedelta(0):
        raise Refusal(f"gate.yaml: split.window {text!r} is no length of time: write `7 days`.")
    return length
