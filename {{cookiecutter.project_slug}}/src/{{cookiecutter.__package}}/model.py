"""The model. Yours: any estimator in the style of scikit-learn.

Free text is no feature until you say how to read it. For a column `notes`, declare it `category()`
in schema.py; then, with TfidfVectorizer and TruncatedSVD from scikit-learn, here:

    def filled(notes): return notes.fillna("")
    topics = TruncatedSVD(20, random_state=0)
    words = make_pipeline(FunctionTransformer(filled), TfidfVectorizer(min_df=5), topics)
    CATEGORIES = make_column_selector("^(?!notes$)", dtype_exclude=["number", "datetime"])

and `("notes", words, "notes")` first in the list below. `make repro` says what to add to TRUSTED.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

# What a model's file may hold beside plain scikit-learn and NumPy. Loading refuses all else:
# a model is data that came from somewhere.
TRUSTED = [
    f"{__name__}.calendar",
    f"{__name__}.calendar_names",
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]

NUMBERS = make_column_selector(dtype_include="number")
TIMES = make_column_selector(dtype_include="datetime")
CATEGORIES = make_column_selector(dtype_exclude=["number", "datetime"])


def build_model(params: dict[str, Any]) -> Pipeline:
    """Return the estimator, not yet fitted.

    Parameters
    ----------
    params : the section `model` of params.yaml, with `task` (binary, multiclass or regression)
        and `seed` added. `kind` chooses the model; the section of that name holds its arguments.

    Notes
    -----
    It is fitted on a DataFrame of numbers (missing: NaN), strings and times, and on booleans
    (binary), class names or numbers. Categories become numbers, not scikit-learn's native
    categories: for those SHAP's explanations are wrong without a word.
    """
    kind = params.get("kind", "boosted")
    arguments = params.get(kind) or {}
    regression = params["task"] == "regression"
    if kind == "boosted":
        boosted = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return make_pipeline(as_numbers(), boosted(random_state=params["seed"], **arguments))
    if kind == "linear":
        if regression:
            return make_pipeline(as_scaled_columns(), Ridge(**arguments))
        return make_pipeline(
            as_scaled_columns(), LogisticRegression(**{"max_iter": 1000, **arguments})
        )
    raise ValueError(f"model.kind is {kind!r}: build_model knows boosted and linear")


def as_numbers() -> ColumnTransformer:
    """One column in, one out; times become parts of the calendar."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    return ColumnTransformer(
        [("category", codes, CATEGORIES), ("time", calendar_parts(), TIMES)],
        remainder="passthrough",
    )


def as_scaled_columns() -> ColumnTransformer:
    """One column a category; numbers filled and scaled."""
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("category", one_hot, CATEGORIES),
            ("time", make_pipeline(calendar_parts(), scaled), TIMES),
            ("number", scaled, NUMBERS),
        ]
    )


def calendar_parts() -> FunctionTransformer:
    return FunctionTransformer(calendar, feature_names_out=calendar_names)


def calendar(times: pd.DataFrame) -> pd.DataFrame:
    """Month, day, weekday and hour of each time."""
    parts = {
        f"{name}_{part}": getattr(column.dt, part).astype("float64")
        for name, column in times.items()
        for part in ("month", "day", "dayofweek", "hour")
    }
    return pd.DataFrame(parts, index=times.index)


def calendar_names(_: FunctionTransformer, names: list[str]) -> list[str]:
    return [f"{n}_{part}" for n in names for part in ("month", "day", "dayofweek", "hour")]
