"""Replaced soon."""

from pathlib import Path
from typing import Any


def write(file: dict[str, Any], folder: Path) -> None:
    (folder / "report.md").write_text(file["verdict"], encoding="utf-8")
