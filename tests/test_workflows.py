"""The workflows and composite actions, the template's and a project's, pass the linters."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from actions import language

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
FOLDERS = [pytest.param(ROOT, id="template"), pytest.param(PROJECT, id="project")]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*")) + sorted(PROJECT.glob(".github/workflows/*"))
ACTIONS = sorted(PROJECT.glob(".github/actions/*/*"))
IGNORED = {PROJECT / ".github/workflows/judge.yml": ["dangerous-triggers"]}

# What actionlint says of a syntax that is newer than itself.
NEWER = [
    r'unexpected key "queue" for "concurrency" section\. .*',
    r'specifying action "\$/[\w./-]+" in invalid format because ref is missing\. .*',
]
PIN = re.compile(r"(?P<uses>[\w.-]+/[\w./-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix().removeprefix(f"{PROJECT.name}/")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name)


def lint(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def mappings(tree: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a file, steps and jobs among them."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from mappings(part)


def test_all_are_looked_at() -> None:
    assert {path.name for path in WORKFLOWS} >= {"test.yml", "train.yml", "judge.yml"}
    assert {path.parent.name for path in ACTIONS} >= {"setup", "comment"}
    assert {path.suffix for path in WORKFLOWS} | {path.name for path in ACTIONS} == {
        ".yml",
        "action.yml",
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_zizmor_finds_nothing(folder: Path) -> None:
    options = ("--offline", "--strict-collection", "--no-config", "--persona", "pedantic")
    lint(BIN / "zizmor", *options, folder / ".github")


@each([*WORKFLOWS, *ACTIONS])
def test_nothing_is_ignored_but_one_trigger(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"zizmor: *ignore\[(.*?)\]", text) == IGNORED.get(path, [])
    assert text.count("zizmor:") == len(IGNORED.get(path, []))
    assert "shellcheck" not in text


@each(WORKFLOWS)
def test_workflows_follow_the_schema(path: Path) -> None:
    lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


@each(ACTIONS)
def test_actions_follow_the_schema(path: Path) -> None:
    lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", path)


@pytest.mark.parametrize("folder", FOLDERS)
def test_dependabot_follows_the_schema(folder: Path) -> None:
    path = folder / ".github" / "dependabot.yml"
    lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", path)


def test_actionlint_finds_nothing_but_a_newer_syntax() -> None:
    language.install()
    done = subprocess.run(
        [language.find("node"), language.HERE / "actionlint.mjs"],
        input=json.dumps({str(path): path.read_text(encoding="utf-8") for path in WORKFLOWS}),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    unknown = [one for one in found if not any(re.fullmatch(known, one[2]) for known in NEWER)]
    assert unknown == []
    needless = [known for known in NEWER if not any(re.fullmatch(known, one[2]) for one in found)]
    assert needless == [], "actionlint knows these by now"


@each([path for path in [*WORKFLOWS, *ACTIONS] if "run: " in path.read_text(encoding="utf-8")])
def test_shellcheck_finds_nothing(path: Path, tmp_path: Path) -> None:
    steps = [one for one in mappings(read(path)) if isinstance(one.get("run"), str)]
    assert {step.get("shell", "bash") for step in steps} == {"bash"}
    for number, step in enumerate(steps):
        assert "${{" not in step["run"]
        (tmp_path / str(number)).write_text(f"set -e\n{step['run']}\n", encoding="utf-8")
    lint(BIN / "shellcheck", "--norc", "--shell=bash", *sorted(tmp_path.iterdir()))


@each([*WORKFLOWS, *ACTIONS])
def test_what_is_used_is_pinned_or_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    pinned = [found["uses"] for found in map(PIN.search, re.findall(r"uses: .*", text)) if found]
    used = [one for one in mappings(read(path)) if "uses" in one]
    own = [one for one in used if one["uses"].startswith("$/")]
    assert sorted(one["uses"] for one in used if one not in own) == sorted(pinned)
    for one in own:
        action = read(path.parents[2] / one["uses"][2:] / "action.yml")
        inputs, given = action.get("inputs", {}), set(one.get("with", {}))
        assert {key for key, about in inputs.items() if about.get("required")} <= given
        assert given <= set(inputs)


@each(WORKFLOWS)
def test_a_job_has_just_its_rights_and_an_end(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert isinstance(job["permissions"], dict)
        assert job["timeout-minutes"] > 0
