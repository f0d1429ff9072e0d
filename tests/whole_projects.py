"""Whole projects for several tests: made once, copied, changed as a user changes them."""

import os
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conftest import BakedProject


def copied(project: BakedProject, folder: Path) -> BakedProject:
    """The same project in another folder."""
    shutil.copytree(project.path, folder, symlinks=True)
    return BakedProject(folder, project.answers, project.said)


def change(project: BakedProject, file: str, **sections: Any) -> None:
    """Write keys of gate.yaml or params.yaml, as a user edits them."""
    yaml = YAML()
    path = project.path / file
    content = yaml.load(path)
    for name, keys in sections.items():
        content[name].update(keys)
    yaml.dump(content, path)


def commit(project: BakedProject, message: str) -> None:
    project.git("add", "--all")
    project.git("commit", "--quiet", "--no-verify", "-m", message)


def made_once(
    name: str, factory: pytest.TempPathFactory, make: Callable[[Path], BakedProject]
) -> BakedProject:
    """Make a project once, also where several processes run the tests."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    ready, failed = base / f"{name}.ready", base / f"{name}.failed"
    try:
        (base / name).mkdir()
    except FileExistsError:
        until(lambda: ready.exists() or failed.exists(), seconds=300)
        assert ready.exists(), failed.read_text()
        return BakedProject(base / name / name, {}, ready.read_text(encoding="utf-8"))
    try:
        project = make(base / name / name)
    except BaseException:
        failed.write_text(traceback.format_exc(), encoding="utf-8")
        raise
    ready.write_text(project.said, encoding="utf-8")
    return project


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    started = time.monotonic()
    while not happened():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
