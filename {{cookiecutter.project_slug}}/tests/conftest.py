"""The data and the settings, read once for all tests."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pandas as pd
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: see champion/cli.py

from champion.errors import Refusal
from champion.project import RAW
from champion.settings import Settings
from champion.stages.validate import Checked, check, labelled, load


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a refusal as its sentence: a traceback quotes the data that it came from."""
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, Refusal):
        report.longrepr = str(call.excinfo.value)
    return report


@pytest.fixture(scope="session", autouse=True)
def project() -> Iterator[Path]:
    """Every path is relative to the project's own folder; a failing test prints no rows."""
    root = Path(__file__).resolve().parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for kind in (pd.DataFrame, pd.Series):
            patch.setattr(kind, "__repr__", lambda it: f"<{type(it).__name__} of {it.shape}>")
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
    if checked.failed:
        pytest.skip("the data are not as schema.py says: see tests/test_data.py")
    table = labelled(checked.table, settings.data.target)
    some = table.sample(min(len(table), 300), random_state=0)
    if settings.data.task != "regression":
        some = pd.concat([some, table.groupby(settings.data.target, observed=True).head(5)])
    return some[~some.index.duplicated()].sort_index()
