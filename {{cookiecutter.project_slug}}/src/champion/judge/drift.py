"""How far the columns of new data have moved from those of the data before."""

import numpy as np
import pandas as pd

BINS = 10
EMPTY = 1e-4  # share of a bin that holds nothing
TOLD = 8
MOVED = 0.1  # below which it is called stable


def drift(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, object]]:
    """The population stability index of each column, the largest first (Siddiqi 2006).

    Σ (p - q) ln(p / q) over the deciles of the data before, or its categories; .1 to .25 is called a
    moderate shift, more a large one.
    """
    found = [
        {"column": name, "measure": "PSI", "value": round(stability(before[name], after[name]), 4)}
        for name in before
        if name in after and before[name].dtype.kind == after[name].dtype.kind
    ]
    found = [it for it in found if float(str(it["value"])) >= MOVED]
    return sorted(found, key=lambda it: -float(str(it["value"])))[:TOLD]


def stability(before: pd.Series, after: pd.Series) -> float:
    """The index of one column; missing values are a bin of their own."""
    if before.dtype.kind in "fM":
        old, new = (column.astype("int64" if column.dtype.kind == "M" else "float64")
                    .where(column.notna()).to_numpy(float) for column in (before, after))  # fmt: skip
        held = old[~np.isnan(old)]
        edges = (
            np.unique(np.quantile(held, np.linspace(0, 1, BINS + 1)[1:-1])) if len(held) else held
        )
        codes = [
            np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x)) for x in (old, new)
        ]
        size = len(edges) + 2
    else:
        both, names = pd.factorize(pd.concat([before, after]), use_na_sentinel=False)
        codes, size = [both[: len(before)], both[len(before) :]], len(names)
    p, q = (np.maximum(np.bincount(c, minlength=size) / max(len(c), 1), EMPTY) for c in codes)
    return float(np.sum((p - q) * np.log(p / q)))
