"""What starts a workflow, what it may do, what is refused: as GitHub documents it."""

import sys
from pathlib import Path
from typing import Any

import pytest

from actions.errors import Refused
from actions.events import Event, starts
from actions.filters import matches
from actions.language import language
from actions.matrix import expand
from actions.permissions import granted
from actions.result import Concurrency, Run
from actions.runner import execute
from small_workflow import CHECKOUT, FORK, PIN, World, new_world

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs the jobs of other systems")


@pytest.fixture
def world(tmp_path: Path, outside: Path) -> World:
    return new_world(tmp_path)


@pytest.mark.parametrize(
    ("on", "event", "wanted"),
    [
        ("push", Event("push", ""), True),
        ("[push, pull_request]", Event("schedule", ""), False),
        ("{push: {branches: [main]}}", Event("push", "", "refs/heads/other"), False),
        ("{push: {branches: [main]}}", Event("push", "", "refs/tags/main"), False),
        ("{push: {tags: ['v*']}}", Event("push", "", "refs/tags/v1"), True),
        ("{push: {tags: ['v*']}}", Event("push", "", "refs/heads/v1"), False),
        ("{push: {branches-ignore: ['b/**']}}", Event("push", "", "refs/heads/b/c"), False),
        ("{push: {branches-ignore: ['b/**']}}", Event("push", "", "refs/heads/c"), True),
        ("{push: {paths: ['docs/**']}}", Event("push", "", changed=("a", "docs/b/c")), True),
        ("{push: {paths: ['docs/**']}}", Event("push", "", changed=("a",)), False),
        ("{push: {paths-ignore: ['*.md']}}", Event("push", "", changed=("a.md",)), False),
        ("{push: {paths-ignore: ['*.md']}}", Event("push", "", changed=("a.md", "b")), True),
        ("push", Event("push", "", message="typo [skip ci]"), False),
        ("pull_request", Event("pull_request", "", payload={"action": "synchronize"}), True),
        ("pull_request", Event("pull_request", "", payload={"action": "closed"}), False),
        (
            "{pull_request: {types: [ready_for_review], branches: [main]}}",
            Event("pull_request", "", payload={"action": "ready_for_review", **FORK}),
            True,
        ),
        (
            "{pull_request: {branches: [release]}}",
            Event("pull_request", "", payload={"action": "opened", **FORK}),
            False,
        ),
        (
            "{workflow_run: {workflows: [train], types: [completed]}}",
            Event(
                "workflow_run",
                "",
                payload={"action": "completed", "workflow_run": {"name": "train"}},
            ),
            True,
        ),
        (
            "{workflow_run: {workflows: [train], types: [completed]}}",
            Event(
                "workflow_run",
                "",
                payload={"action": "requested", "workflow_run": {"name": "train"}},
            ),
            False,
        ),
        (
            "{workflow_run: {workflows: [train]}}",
            Event(
                "workflow_run",
                "",
                payload={"action": "completed", "workflow_run": {"name": "test"}},
            ),
            False,
        ),
        (
            "{merge_group: {branches: [main]}}",
            Event("merge_group", "", payload={"merge_group": {"base_ref": "refs/heads/main"}}),
            True,
        ),
        ("{schedule: [{cron: '1 2 * * 1'}]}", Event("schedule", ""), True),
    ],
)
def test_what_starts_a_workflow(on: str, event: Event, wanted: bool) -> None:
    text = f"on: {on}\njobs: {{a: {{runs-on: x, steps: [run: y]}}}}"
    assert starts(language().parse("workflow", "w.yml", text), event) is wanted


@pytest.mark.parametrize(
    ("patterns", "name", "wanted"),
    [
        (["*"], "a/b", False),
        (["**"], "a/b", True),
        (["**/README.md"], "README.md", True),
        (["v[12].[0-9]+"], "v1.20", True),
        (["v[12].[0-9]+"], "v3.1", False),
        (["*.jsx?"], "page.js", True),
        (["a.c"], "abc", False),
        (["*", "!b*"], "b1", False),
        (["!b*", "*"], "b1", True),
    ],
)
def test_filter_patterns(patterns: list[str], name: str, wanted: bool) -> None:
    assert matches(patterns, name) is wanted


DISPATCH = """
on:
  workflow_dispatch:
    inputs:
      policy: {type: choice, options: [maintain, override], default: maintain}
      dry: {type: boolean}
      number: {type: string, required: true}
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - if: "!inputs.dry"
        run: echo "${{ inputs.policy }} ${{ inputs.number }} ${{ toJSON(inputs.dry) }}"
"""


def dispatch(world: World, **inputs: str) -> Run:
    return world.run(DISPATCH, name="workflow_dispatch", payload={"inputs": inputs})


def test_inputs_are_typed_and_have_defaults(world: World) -> None:
    assert dispatch(world, number="7").log == "maintain 7 false"
    assert dispatch(world, number="7", dry="true").log == ""


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Required input 'number' not provided"),
        ({"number": "7", "policy": "other"}, "not one of"),
        ({"number": "7", "dry": "perhaps"}, "is a boolean"),
        ({"number": "7", "extra": "1"}, "Unexpected inputs"),
    ],
)
def test_wrong_inputs_start_nothing(world: World, inputs: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message):
        dispatch(world, **inputs)


def test_concurrency_is_told_before_the_run(world: World) -> None:
    run = world.prepare("""
        concurrency: {group: "judge-${{ github.ref_name }}", queue: max}
        jobs:
          job:
            runs-on: ubuntu-latest
            concurrency: {group: one, cancel-in-progress: "${{ github.ref != 'x' }}"}
            steps: [run: "true"]
    """)
    assert run.concurrency == Concurrency("judge-main", queue="max")
    execute(run)
    assert run.job("job").concurrency == Concurrency("one", cancel_in_progress=True)


# What is refused

REFUSED = {
    "the schema": ("jobs: {job: {runs-on: x, steps: [run: y], color: red}}", "Unexpected value"),
    "an unknown need": (
        "jobs: {a: {runs-on: x, steps: [run: y]}, b: {runs-on: x, needs: c, steps: [run: y]}}",
        "depends on unknown",
    ),
    "a wrong context": ("jobs: {job: {runs-on: x, if: secrets.A, steps: [run: y]}}", "'secrets'"),
    "an unknown function": (
        "jobs: {job: {runs-on: x, steps: [run: '${{ upper(1) }}']}}",
        "'upper'",
    ),
    "an unpinned action": (
        "jobs: {job: {runs-on: x, steps: [uses: actions/checkout@v7]}}",
        "actions/checkout@v7 is not pinned",
    ),
    "an action without a stand-in": (
        f"jobs: {{job: {{runs-on: x, steps: [uses: ada/rocket@{PIN}]}}}}",
        "no stand-in for ada/rocket",
    ),
    "an input that a stand-in does not know": (
        f"jobs: {{job: {{runs-on: x, steps: [{{uses: {CHECKOUT}, with: {{lfs: true}}}}]}}}}",
        "knows no input lfs",
    ),
    "a container": ("jobs: {job: {runs-on: x, container: a, steps: [run: y]}}", "wants container"),
    "a called workflow": ("jobs: {job: {uses: ./.github/workflows/a.yml}}", "calls a workflow"),
}


@pytest.mark.parametrize(("workflow", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_executed_is_refused(world: World, workflow: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        world.run(workflow)


def test_an_action_that_is_a_program_is_refused(world: World) -> None:
    program = "name: a\ndescription: b\nruns: {using: node24, main: a.js}"
    with pytest.raises(Refused, match="no composite action"):
        world.steps("- uses: $/a", {"a/action.yml": program})


def test_a_workflow_runs_only_on_its_events(world: World) -> None:
    with pytest.raises(Refused, match="does not start on push"):
        world.run("on: issues\njobs: {job: {runs-on: x, steps: [run: y]}}")


# Matrices, by the examples of GitHub's documentation


@pytest.mark.parametrize(
    ("matrix", "legs"),
    [
        ({}, [{}]),
        ({"a": [1, 2], "b": ["x"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        ({"a": [1, 2], "exclude": [{"a": 1}]}, [{"a": 2}]),
        ({"include": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        (
            {
                "fruit": ["apple", "pear"],
                "animal": ["cat", "dog"],
                "include": [
                    {"color": "green"},
                    {"color": "pink", "animal": "cat"},
                    {"fruit": "apple", "shape": "circle"},
                    {"fruit": "banana"},
                    {"fruit": "banana", "animal": "cat"},
                ],
            },
            [
                {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
                {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
                {"fruit": "pear", "animal": "cat", "color": "pink"},
                {"fruit": "pear", "animal": "dog", "color": "green"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        ),
    ],
)
def test_matrices(matrix: dict[str, Any], legs: list[dict[str, Any]]) -> None:
    assert expand(matrix) == legs


@pytest.mark.parametrize(
    ("workflow", "job", "default", "untrusted", "held"),
    [
        (None, None, "read", False, {"contents": "read", "packages": "read"}),
        ({}, None, "write", False, {}),
        ({"contents": "write"}, {"issues": "write"}, "read", False, {"issues": "write"}),
        ({"contents": "write"}, {}, "write", False, {}),
        (
            None,
            {"contents": "write", "issues": "none", "id-token": "write"},
            "read",
            True,
            {"contents": "read"},
        ),
    ],
)
def test_permissions(
    workflow: Any, job: Any, default: str, untrusted: bool, held: dict[str, str]
) -> None:
    assert granted(workflow, job, default, untrusted) == {"metadata": "read", **held}


def test_all_permissions_in_a_word() -> None:
    assert set(granted("write-all", None, "read", False).values()) - {"read"} == {"write"}
    assert set(granted("read-all", {}, "read", False)) == {"metadata"}
    read = granted("read-all", None, "read", False)
    assert set(read.values()) == {"read"}
    assert "id-token" not in read
