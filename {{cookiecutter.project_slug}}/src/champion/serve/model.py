"""A model that can be asked: with its version, its schema and its own code."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from numpy.typing import NDArray

from champion.errors import BadData, Refusal
from champion.models import load_model, scores
from champion.project import MODEL, user_module
from champion.serve.checks import Columns, Compiled, Fault, check_table, part_of
from champion.serve.quick import compiled, plain
from champion.serve.released import (
    ABOUT,
    BACKGROUND,
    About,
    other_libraries,
    own_code,
    released,
    unpack,
)
from champion.settings import Settings
from champion.tables.roles import features

Scores = NDArray[np.float64]
TRIED = 300  # rows on which the quick way must say what the model says


@dataclass
class Model:
    """The live model, or an earlier one.

    Parameters
    ----------
    estimator : as it was trained.
    schema : of the features alone.
    kept : the columns of schema.py that are no feature and may be logged.
    checks : what a row must hold.
    background : rows of train that stand for "unknown" in explanations, where there are any.
    """

    about: About
    estimator: Any
    settings: Settings
    schema: pandera.DataFrameSchema
    kept: pandera.DataFrameSchema
    checks: Compiled
    background: pd.DataFrame | None
    quick: Callable[[Columns], Scores] | None = None

    @property
    def task(self) -> str:
        return str(self.settings.data.task)

    @property
    def features(self) -> list[str]:
        """The columns that a row must have, in the order of schema.py."""
        return self.checks.features

    @property
    def classes(self) -> list[str]:
        """The classes of several, in the order of their scores."""
        return [str(c) for c in self.estimator.classes_] if self.task == "multiclass" else []

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """What the model says of the rows of a table that has the features' columns.

        Returns
        -------
        same index: `score` (the probability of the positive class, or the number), or the
        probability of each class in a column of its name.

        Raises
        ------
        BadData : the schema refuses a row; says which, and why.
        """
        conformed, faults = self.check(table)
        if faults:
            first = faults[0]
            raise BadData(
                f"{sum(len(f.rows) for f in faults):,} values cannot be predicted; the first, row "
                f"{first.rows[0] + 1}, column {first.column!r}: {first.message}."
            )
        said = scores(self.estimator, conformed, self.task)
        return pd.DataFrame(
            said.reshape(len(said), -1), columns=self.classes or ["score"], index=table.index
        )

    def check(self, table: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
        """Features as the model takes them; the rows that the schema refuses.

        Raises
        ------
        BadData : a feature's column is missing.
        """
        gone = [name for name in self.features if name not in table]
        if gone:
            raise BadData(
                f"the table has no column {', '.join(map(repr, gone))}, which the model needs."
            )
        conformed, faults = check_table(table, self.schema)
        booleans = list(conformed.select_dtypes("boolean"))
        return conformed.astype(dict.fromkeys(booleans, "float64")), faults

    def scores(self, columns: Columns) -> Scores:
        """What the model says of columns that `checks` has read; see `models.scores`."""
        if self.quick is None:
            return scores(self.estimator, self.checks.frame(columns), self.task)
        said = self.quick(columns)
        if not np.isfinite(said).all():
            raise Refusal("the model predicts values that are no finite numbers: look at model.py.")
        return said


def load(version: str | None = None) -> Model:
    """The live model, or that of a version such as "v1.1.0"; anywhere inside the project."""
    here = Path.cwd()
    root = next((p for p in (here, *here.parents) if (p / "gate.yaml").is_file()), here)
    with contextlib.chdir(root), tempfile.TemporaryDirectory(prefix="champion-") as folder:
        champion = released(version)
        if other_libraries(champion.commit):
            print(
                f"The {champion.name} was trained with other versions than requirements.txt has.",
                file=sys.stderr,
            )
        return read(unpack(champion, Path(folder)))


def read(folder: Path) -> Model:
    """Load what `unpack` wrote."""
    with own_code(folder):
        settings = Settings.load()
        about = About(**json.loads(ABOUT.read_text(encoding="utf-8")))
        estimator = load_model(MODEL)
        schema, names = user_module("schema").schema, features(settings)
        background = pd.read_parquet(BACKGROUND) if BACKGROUND.exists() else None
    hidden = {settings.data.target, *settings.data.personal, *names}
    kept = [name for name in schema.columns if name not in hidden]
    checks = Compiled(schema, names, kept)
    model = Model(
        about, estimator, settings, part_of(schema, names), part_of(schema, kept), checks,
        background,
    )  # fmt: skip
    model.quick = quick(model)
    return model


def quick(model: Model) -> Callable[[Columns], Scores] | None:
    """A quicker way to the same scores, where there is one."""
    tried = of_every_kind(model)
    prepare = compiled(model.estimator, tried)
    if prepare is None:
        return None
    estimator, task = model.estimator[-1], model.task

    def said(columns: Columns) -> Scores:
        Z = prepare(columns)
        if task == "regression":
            return np.asarray(estimator.predict(Z), float).ravel()
        found = np.asarray(estimator.predict_proba(Z), float)
        return found[:, 1] if task == "binary" else found

    try:
        same = np.array_equal(
            said({name: plain(tried[name]) for name in tried}), scores(model.estimator, tried, task)
        )
    except Exception:  # whatever an estimator of somebody else's does not like
        return None
    return said if same else None


def of_every_kind(model: Model) -> pd.DataFrame:
    """Rows of every kind that a request may hold: words, numbers, times and, where they were, gaps."""
    random = np.random.default_rng(0)
    columns: Columns = {}
    for question in model.checks.questions:
        if question.kind in ("number", "integer", "boolean"):
            low = question.low if question.low is not None else -1e3
            high = question.high if question.high is not None else low + 1e3
            values: list[Any] = random.uniform(low, high, TRIED).tolist()
            if question.kind != "number":
                values = [float(round(value)) for value in values]
            missing: Any = np.nan
        elif question.kind == "time":
            days = random.uniform(0, 4000, TRIED)
            values = [pd.Timestamp("2014-01-01") + pd.Timedelta(day, "D") for day in days]
            missing = None
        else:
            words = sorted(question.listed or {"a", "b"})
            values = [words[i % len(words)] for i in range(TRIED)]
            missing = None
        if not question.missing:
            values[: TRIED // 20] = [missing] * (TRIED // 20)
        random.shuffle(values)
        columns[question.name] = values
    return model.checks.frame(columns)
