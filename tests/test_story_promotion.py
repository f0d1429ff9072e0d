"""What is merged goes live, and can go back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Bake
from pull_requests import ProjectHost, new_host, published


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made


def tags(host: ProjectHost) -> list[str]:
    return sorted(
        name.removeprefix("refs/tags/") for name in host.home.bare.references("refs/tags")
    )


def test_first(host: ProjectHost) -> None:
    host.dispatch("promote.yml")
    host.settle()
    assert tags(host) == ["model#production#1", "model@v1.0.0"]
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    host.settle()
    assert host.gate(pull).state == "success", host.run("judge").log
    host.ask(f"PUT /pulls/{pull.number}/merge", body={})
    host.settle()
    host.dispatch("promote.yml", version="v1.0.0", reason="it was fairer")
    host.settle()
    assert tags(host)[:3] == [f"model#production#{n}" for n in (1, 2, 3)]
