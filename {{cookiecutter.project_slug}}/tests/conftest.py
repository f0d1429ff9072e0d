"""The data and the settings, read once for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: see champion/cli.py

from champion.project import RAW
from champion.settings import Settings
from champion.stages.validate import Checked, check, labelled, load


@pytest.fixture(scope="session", autouse=True)
def project() -> Iterator[Path]:
    """Every path is relative to the project's own folder."""
    root = Path(__file__).resolve().parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield root


@pytest.fixture(scope="session")
def settings(project: Path) -> Settings:
    return Settings.load()


@pytest.fixture(scope="session")
def checked(settings: Settings) -> Checked:
    """The raw data as `load` gives them, and what `schema.py` says about them."""
    return check(load(RAW, settings), settings)


@pytest.fixture(scope="session")
def rows(checked: Checked, settings: Settings) -> pd.DataFrame:
    """A few hundred rows with a target, every class among them."""
    table = labelled(checked.table, settings.data.target)
    some = table.sample(min(len(table), 300), random_state=0)
    if settings.data.task != "regression":
        some = pd.concat([some, table.groupby(settings.data.target, observed=True).head(5)])
    return some[~some.index.duplicated()].sort_index()
