"""What GitHub does between a push and a quiet repository: over real HTTP, Git and processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from small_host import SmallHost

TRAIN = """
on: pull_request
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
      - {name: fit, run: echo fitted}
      - {name: tidy, if: always(), run: echo tidied}
"""
JUDGE = """
on: {workflow_run: {workflows: [train], types: [requested, completed]}}
jobs:
  judge:
    runs-on: ubuntu-latest
    permissions: {statuses: write}
    env:
      TOKEN: ${{ github.token }}
      SHA: ${{ github.event.workflow_run.head_sha }}
      STATE: ${{ github.event.action == 'requested' && 'pending' || github.event.workflow_run.conclusion }}
    steps:
      - {name: say, run: 'api POST "/statuses/$SHA" "{\\"context\\": \\"gate\\", \\"state\\": \\"$STATE\\"}"'}
"""
SAYS_SUCCESS = JUDGE.replace("github.event.workflow_run.conclusion", "'success'")


@pytest.fixture
def host(tmp_path: Path, outside: Path) -> Iterator[SmallHost]:
    with SmallHost(tmp_path) as host:
        yield host


def gate(host: SmallHost, sha: str) -> list[str]:
    """Every state that the gate of a commit has had, oldest first."""
    told = host.ask(f"GET /commits/{sha}/statuses")
    return [status["state"] for status in reversed(told) if status["context"] == "gate"]


def test_a_pull_request_is_trained_then_judged(host: SmallHost) -> None:
    work = host.begin(train=TRAIN, judge=SAYS_SUCCESS)
    assert host.story() == []
    pull = host.open(work, "try")
    host.settle()
    assert gate(host, pull.head_sha) == ["pending", "success"]
    assert host.story() == [
        ("train", "opened", "success"),
        ("judge", "requested", "success"),
        ("judge", "completed", "success"),
    ]
    (told,) = host.ask(f"GET /actions/runs?head_sha={pull.head_sha}")["workflow_runs"]
    run = host.run("train")
    assert (told["id"], told["conclusion"], told["path"]) == (run.id, "success", run.path)
    (job,) = host.ask(f"GET /actions/runs/{run.id}/jobs")["jobs"]
    assert (job["name"], job["conclusion"]) == ("train", "success")
    steps = [(step["number"], step["name"], step["conclusion"]) for step in job["steps"]]
    assert steps == [(1, "Set up job", "success"), (2, "fit", "success"), (3, "tidy", "success")]
    assert host.github.unknown() == []
