"""Pull requests from the push to the merge button: what the judge says of models and data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Bake
from pull_requests import ProjectHost, new_host, published
from ready import answers, evidence, said, trained


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made


def test_a_better_model_is_merged(host: ProjectHost) -> None:
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    host.settle()
    assert host.gate(pull).state == "success"


def test_ready(host: ProjectHost) -> None:
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    right = answers(ada)
    trained(host, pull, evidence(ada, 0.9 * said(ada) + 0.1 * right))
    host.settle()
    for run in host.runs:
        print(
            run.name,
            run.event.name,
            run.conclusion,
            [(j.name, j.conclusion, j.reason) for j in run.jobs],
        )
        for j in run.jobs:
            for s in j.all_steps():
                print("   ", s.name, s.conclusion, round(s.seconds, 2))
    print(host.run("judge").log[-3000:])
    print([(s.state, s.description, s.sha[:7]) for s in host.home.statuses])
    assert host.gate(pull).state == "success"
