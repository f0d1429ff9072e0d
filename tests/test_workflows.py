"""The workflows pass the linters with no finding."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"


def lint(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    lint(BIN / "zizmor", "--offline", "--strict-collection", "--persona", "pedantic", ".github")


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/workflows/*.yml")), ids=str)
def test_workflows_follow_the_schema(path: Path) -> None:
    lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


@pytest.mark.parametrize("folder", [ROOT, PROJECT], ids=["template", "project"])
def test_dependabot_follows_the_schema(folder: Path) -> None:
    path = folder / ".github" / "dependabot.yml"
    lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", path)
