"""The same answers from plain values: no DataFrame, no dispatch of scikit-learn by column.

One row through a ColumnTransformer takes thousands of steps of pandas for a handful of look-ups.
Here an encoder is a table of what it said once of each word. Nothing is believed: `compiled` asks
both ways about rows of every kind, and gives None unless they agree to the last bit.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.serve.checks import Columns

Array = NDArray[np.float64]
Part = Callable[[Columns, int], Array]  # a block of the matrix, (rows, columns)
NEW = "\0 no word of any table"


def compiled(model: Any, rows: pd.DataFrame) -> Callable[[Columns], Array] | None:
    """What a pipeline's estimator sees of some rows, from plain columns.

    Parameters
    ----------
    model : only a pipeline of a ColumnTransformer and an estimator has a quick way.
    rows : features as training has them, to compare the two ways on.

    Returns
    -------
    None where there is no quick way, or it says something else.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline) or len(model.steps) != 2:
        return None
    columns = model.steps[0][1]
    if type(columns) is not ColumnTransformer:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of words that are asked on purpose
            parts = [part for it in columns.transformers_ if (part := of(columns, it, rows))]
        transform = joined(parts)
        wanted = columns.transform(rows)
        if not isinstance(wanted, np.ndarray):  # a sparse matrix: not worth another way
            return None
        said = transform({name: plain(rows[name]) for name in rows})
    except Exception:  # whatever a transformer of somebody else's does not like
        return None
    same = said.shape == wanted.shape and np.array_equal(said, wanted, equal_nan=True)
    return transform if same else None


def plain(column: pd.Series) -> list[Any]:
    if column.dtype.kind == "f":
        return column.tolist()
    return [None if pd.isna(value) else value for value in column]


def joined(parts: list[Part]) -> Callable[[Columns], Array]:
    def transform(columns: Columns) -> Array:
        count = len(next(iter(columns.values())))
        return np.concatenate([part(columns, count) for part in parts], axis=1)

    return transform


def of(columns: Any, it: tuple[str, Any, Any], rows: pd.DataFrame) -> Part | None:
    """One transformer of the ColumnTransformer, in its order."""
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

    _, transformer, chosen = it
    chosen = [chosen] if isinstance(chosen, str) else chosen
    named = isinstance(chosen, list) and all(isinstance(name, str) for name in chosen)
    names = chosen if named else list(rows.columns[chosen])
    if not names or transformer == "drop":
        return None
    if transformer == "passthrough" or (
        type(transformer) is FunctionTransformer and transformer.func is None
    ):
        return numbers(names)
    if type(transformer) in (OrdinalEncoder, OneHotEncoder):
        return words(transformer, names)
    if all(rows[name].dtype.kind == "f" for name in names):
        return on_numbers(transformer, names)
    return on_frame(transformer, names, rows)


def numbers(names: list[str]) -> Part:
    def part(columns: Columns, _: int) -> Array:
        return np.array([columns[name] for name in names], float).T

    return part


def words(encoder: Any, names: list[str]) -> Part:
    """An encoder says the same of a word whatever stands beside it: a look-up for each column."""
    known = [[v for v in of_column if isinstance(v, str)] for of_column in encoder.categories_]
    first = [(words_ or [NEW])[0] for words_ in known]
    widths = getattr(encoder, "_n_features_outs", [1] * len(names))
    ends = np.cumsum(widths)
    tables = []
    for place, (words_, width, end) in enumerate(zip(known, widths, ends, strict=True)):
        asked: list[Any] = [*words_, None, NEW]
        frame = pd.DataFrame(
            {
                name: pd.Series(asked if i == place else [first[i]] * len(asked), dtype="str")
                for i, name in enumerate(names)
            }
        )
        said = encoder.transform(frame)
        block = np.asarray(said.toarray() if hasattr(said, "toarray") else said, float)
        block = block[:, end - width : end]
        tables.append({word: block[row] for row, word in enumerate(asked)})

    def part(columns: Columns, count: int) -> Array:
        out = np.empty((count, ends[-1]))
        start = 0
        for name, table, end in zip(names, tables, ends, strict=True):
            new = table[NEW]
            for row, word in enumerate(columns[name]):
                out[row, start:end] = table.get(word, new)
            start = end
        return out

    return part


def on_numbers(transformer: Any, names: list[str]) -> Part:
    """Any transformer of numbers, on a matrix."""
    nameless = without_names(copy.deepcopy(transformer))
    take = numbers(names)

    def part(columns: Columns, count: int) -> Array:
        made = nameless.transform(take(columns, count))
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, float)

    return part


def without_names(transformer: Any) -> Any:
    """Let it forget the names of its columns: it would warn of their absence each time."""
    for it in [transformer, *(step for _, step in getattr(transformer, "steps", []))]:
        it.__dict__.pop("feature_names_in_", None)
    return transformer


def on_frame(transformer: Any, names: list[str], rows: pd.DataFrame) -> Part:
    """Anything else, as it is, on its own columns."""
    dtypes = rows.dtypes

    def part(columns: Columns, _: int) -> Array:
        frame = pd.DataFrame({n: pd.Series(columns[n], dtype=dtypes[n]) for n in names})
        made = transformer.transform(frame)
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, float)

    return part
