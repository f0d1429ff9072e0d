"""What is merged goes live, and can go back."""

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


def tags(host: ProjectHost) -> list[str]:
    return sorted(host.home.bare.references("refs/tags"))


def test_first(host: ProjectHost) -> None:
    host.dispatch("promote.yml")
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
    print(host.run("promote").log[-6000:])
    print(tags(host), [(r.tag, [a.name for a in r.assets]) for r in host.home.releases])
    assert tags(host) == ["model#production#1", "model@v1.0.0"]
