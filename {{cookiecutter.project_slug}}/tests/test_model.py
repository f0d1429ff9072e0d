"""Your model: it can be built, fitted, asked and saved. Add what it must know."""

from pathlib import Path

import numpy as np
import pandas as pd

from champion.models import load_model, save_model, scores
from champion.settings import Settings
from champion.stages.train import fitted
from champion.tables.roles import answers, inputs


def test_it_learns_from_a_few_rows_and_answers_for_each(
    rows: pd.DataFrame, settings: Settings
) -> None:
    X = inputs(rows, settings)
    model = fitted(settings, X, answers(rows, settings))
    said = scores(model, X, str(settings.data.task))
    assert len(said) == len(rows)
    assert np.isfinite(said).all()


def test_its_file_holds_only_trusted_types_and_answers_alike(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path
) -> None:
    X = inputs(rows, settings)
    model = fitted(settings, X, answers(rows, settings))
    save_model(model, tmp_path / "model.skops")
    again = load_model(tmp_path / "model.skops")
    task = str(settings.data.task)
    np.testing.assert_array_equal(scores(again, X, task), scores(model, X, task))
