"""The project of the stories: how people work on it, and what its host tells of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pull_requests
from conftest import Bake, BakedProject
from pull_requests import NAME, ProjectHost, new_host

RUNS = """name: runs
on: pull_request
permissions: {contents: write, statuses: write, pull-requests: write}
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@0000000000000000000000000000000000000000
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - run: python src/champion storage && python -m dvc pull --quiet data/raw.dvc
      - run: wc -l < data/raw/members.csv
"""


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, baked: Bake) -> BakedProject:
    return pull_requests.published(tmp_path_factory, baked)


@pytest.fixture
def host(tmp_path: Path, published: BakedProject) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published) as host:
        yield host


def test_a_person_changes_a_model_and_sends_what_came_of_it(host: ProjectHost) -> None:
    ada, before = host.clone("ada"), host.files("dvc-storage")
    assert {"dvc.lock", "reports/holdout.json", ".github/CODEOWNERS"} <= host.files("main")
    assert "@ada" in host.show("main", ".github/CODEOWNERS")
    assert host.github.events == [], "the host is quiet"
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("better")
    assert "kind: boosted" in host.show("better", "params.yaml")
    ada.champion("repro")
    sha = ada.commit("Results")
    ada.send()
    assert pull.head_sha == sha
    assert host.files("dvc-storage") > before
    assert host.published.git("status", "--porcelain") == "", "nobody works in what is copied"
    ada.main()
    assert ada.git("branch", "--show-current") == "main"
    assert "kind: linear" in (ada.path / "params.yaml").read_text()


def test_the_host_tells_how_a_pull_request_stands(host: ProjectHost) -> None:
    ada = host.clone("ada")
    ada.write("notes.md", "draft\n")
    pull = ada.open("draft", draft=True)
    assert (host.button(pull), host.gate(pull), host.comments(pull)) == ("draft", None, [])
    for state in ("pending", "success"):
        host.ask(f"POST /statuses/{pull.head_sha}", body={"context": "gate", "state": state})
    assert [status.state for status in host.gates(pull)] == ["pending", "success"]
    gate = host.gate(pull.head_sha)
    assert gate
    assert gate.state == "success"
    host.ask(f"POST /issues/{pull.number}/comments", body={"body": "Better."})
    assert host.comments(pull) == ["Better."]
    assert host.ledger() == []


def test_a_workflow_brings_the_data_with_the_projects_own_commands(host: ProjectHost) -> None:
    """Of a colleague's branch and of a stranger's fork, installing nothing."""
    bob, eve = host.clone("bob"), host.fork("eve")
    pulls = []
    for person in (bob, eve):
        shutil.rmtree(person.path / ".github/workflows")
        person.write(".github/workflows/runs.yml", RUNS)
        pulls.append(person.open("try"))
    assert [pull.head_repository.full_name for pull in pulls] == [NAME, "eve/members"]
    host.settle()
    assert [run.conclusion for run in host.runs] == ["success", "success"], host.runs[0].log
    assert {run.job("train").steps[-1].log for run in host.runs} == {str(pull_requests.ROWS + 1)}
    assert [run.event.untrusted for run in host.runs] == [False, True]


def test_strangers_cannot_push(host: ProjectHost) -> None:
    eve = host.fork("eve")
    eve.git("config", "remote.origin.url", host.github.remote(host.home, host.token("eve")))
    eve.write("x", "x")
    with pytest.raises(AssertionError, match="denied to eve"):
        eve.open("try")
