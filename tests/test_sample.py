"""The bundled sample is what its source says, to the byte."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import PROJECT, TEMPLATE

MONTHS = sorted((PROJECT / "data").glob("*/*.parquet"))


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    script = TEMPLATE / "tests" / "sample" / "build.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("path", MONTHS, ids=lambda path: path.stem)
def test_the_script_rebuilds_the_same_bytes(path: Path, rebuilt: Path) -> None:
    assert (rebuilt / path.relative_to(PROJECT)).read_bytes() == path.read_bytes()


def test_all_flights_of_the_year_in_under_4_mb() -> None:
    assert len(MONTHS) == 12
    assert [path.parent.name for path in MONTHS].count("raw") == 1
    assert sum(path.stat().st_size for path in MONTHS) < 4e6
    assert sum(len(pd.read_parquet(path, columns=["late"])) for path in MONTHS) == 336_776


def test_source_and_licence_are_recorded() -> None:
    text = (PROJECT / "data" / "README.md").read_text()
    assert "CC0" in text
    assert "Bureau of Transportation Statistics" in text
    columns = pd.read_parquet(MONTHS[0]).columns
    assert all(f"`{name}`" in text for name in columns)
