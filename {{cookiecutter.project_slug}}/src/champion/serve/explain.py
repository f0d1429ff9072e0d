"""Why the model says what it says of a row: SHAP or LIME, in the columns of the data."""

import dataclasses
import warnings
from typing import Any

from champion.errors import Refusal
from champion.serve.checks import Columns
from champion.serve.model import Model, of_every_kind
from champion.stages.explain import explanation

SECONDS = 5.0  # of the method's own work


class Explainer:
    """Explains a few rows by the method that the stage `explain` uses for this model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # Trees need no rows to compare with, only some to tell which column each number is of.
        self.background = of_every_kind(model) if model.background is None else model.background
        params = model.settings.params
        quick = dataclasses.replace(params.explain, seconds=SECONDS)
        self.settings = dataclasses.replace(
            model.settings, params=dataclasses.replace(params, explain=quick)
        )

    def explain(self, columns: Columns) -> dict[str, Any]:
        """How far each column moved the output of each row.

        Raises
        ------
        Refusal : no method that is quick enough fits the model.
        """
        X = self.model.checks.frame(columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of column names, which these methods take away
            found = explanation(self.model.estimator, X, self.settings, self.background)
        if self.model.background is None and found.method != "trees":
            raise Refusal("there are no rows of train here, and this model needs some to compare.")
        if not found.adds_up:
            raise Refusal("SHAP's values do not add up to what this model says.")
        if len(found.values) < len(X):
            raise Refusal(f"{len(X)} rows take too long for this model: ask for fewer.")
        names, classes = list(X.columns), self.model.classes
        rows = []
        for values in found.values.round(9).tolist():  # (features, outputs)
            moved = dict(zip(names, values, strict=True))
            if classes:
                rows.append({n: dict(zip(classes, v, strict=True)) for n, v in moved.items()})
            else:
                rows.append({name: value[0] for name, value in moved.items()})
        return {"method": found.method, "scale": found.scale, "explanations": rows}
