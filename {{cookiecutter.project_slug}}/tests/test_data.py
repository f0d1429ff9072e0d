"""Your data contract: what must hold for every table that comes in. Add to it."""

from champion.settings import Settings
from champion.stages.validate import Checked


def test_load_gives_rows_with_a_target(checked: Checked, settings: Settings) -> None:
    assert settings.data.target in checked.loaded
    assert checked.loaded[settings.data.target].notna().any()


def test_the_data_are_as_schema_py_says(checked: Checked) -> None:
    assert [finding for finding in checked.findings if finding.level == "error"] == []
