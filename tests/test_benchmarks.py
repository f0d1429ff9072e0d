"""The benchmarks still run; nothing is timed here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import TEMPLATE

FOLDER = TEMPLATE / "tests" / "benchmarks"


@pytest.mark.parametrize(
    ("names", "tables", "shown"),
    [
        ("judge monitoring", 11, r"\| +5,000 \| +[0-9.]+ \| +[0-9]+ \|"),
        ("pipeline serving validation pull_requests", 5, r"\| bare polars +\| 2,078 \|"),
    ],
)
def test_they_run_at_a_tiny_size_and_write_their_tables(
    names: str, tables: int, shown: str, tmp_path: Path
) -> None:
    out = tmp_path / "tables.md"
    command = [sys.executable, str(FOLDER / "run.py"), *names.split(), "--trial", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    written = out.read_text(encoding="utf-8")
    assert written == done.stdout
    assert len(re.findall("(?m)^### ", written)) == tables
    assert re.search(rf"(?m)^{shown}", written)


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-evidently.txt"])
def test_the_peers_are_pinned_by_hash_and_name_no_index(lock: str) -> None:
    text = (FOLDER / lock).read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^[a-z0-9].*\n(?:^ .*\n)*", text)
    assert "".join(entries) == text
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
