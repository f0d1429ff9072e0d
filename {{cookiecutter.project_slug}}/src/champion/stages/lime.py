"""LIME for tables: a weighted linear model of what the estimator says around each row.

Ribeiro, Singh and Guestrin, "Why Should I Trust You?" (2016). Numbers and times are cut at the
quartiles of the background, categories are taken as they are. A perturbed row takes the value of
each column from a row of the background drawn for that column alone; it weighs the more, the more
of its columns fall into the same bins as those of the row that is explained. All rows share the
perturbed ones, so the estimator is asked once.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

SAMPLES = 5000  # perturbed rows
WIDTH = 0.75  # of the kernel, times the root of the number of columns

Array = NDArray[np.float64]


def bins(X: pd.DataFrame, background: pd.DataFrame) -> NDArray[np.intp]:
    """The bin of each value, (rows, columns): of the quartile or the category; what is missing has
    one of its own."""
    return np.column_stack([of_column(X[name], background[name]) for name in X])


def of_column(values: pd.Series, background: pd.Series) -> NDArray[np.intp]:
    if values.dtype.kind not in "fM":
        return pd.Index(background.unique()).get_indexer(values)
    numbers, known = (
        column.astype("int64").where(column.notna()).to_numpy(float)
        if column.dtype.kind == "M"
        else column.to_numpy(float)
        for column in (values, background)
    )
    known = known[~np.isnan(known)]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else known
    return np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers))


def perturbed(background: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Rows whose columns are drawn from the background, each by itself."""
    drawn = random.integers(len(background), size=(SAMPLES, background.shape[1]))
    return pd.DataFrame(
        {
            name: background[name].array.take(drawn[:, place])
            for place, name in enumerate(background)
        }
    )


def local(row: NDArray[np.intp], others: NDArray[np.intp], said: Array) -> tuple[Array, float]:
    """Fit the linear model around one row.

    Parameters
    ----------
    row, others : the bins of the row, and of the perturbed ones.
    said : (perturbed rows, outputs) what the estimator says.

    Returns
    -------
    LIME's weights, by how much each output differs where a column is as in the row,
    (columns, outputs); how well the model fits there, R².
    """
    same = (others == row).astype(float)
    width = WIDTH * np.sqrt(len(row))
    near = np.exp(-(1 - same).sum(axis=1) / (2 * width**2))
    model = Ridge(alpha=1.0).fit(same, said, sample_weight=near)
    return np.atleast_2d(model.coef_).T, float(model.score(same, said, sample_weight=near))


def contributions(
    own: NDArray[np.intp], others: NDArray[np.intp], said: Array
) -> tuple[Array, Array]:
    """How far each column moves the outputs of each row, against the perturbed rows' mean.

    That is LIME's weight times the share of the perturbed rows that have another bin: a column
    in which nearly all rows are alike moves few of them, whatever its weight.

    Returns
    -------
    (rows, columns, outputs); how well each model fits, (rows,).
    """
    found, fits = [], []
    for row in own:
        weights, fit = local(row, others, said)
        found.append(weights * (others != row).mean(axis=0)[:, None])
        fits.append(fit)
    return np.array(found), np.array(fits)
