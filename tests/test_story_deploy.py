"""A promoted version becomes an image and reaches the cluster; one that answers wrongly goes back."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.repository import Environment
from actions.runner import STOOD_IN
from actions.stand_ins import DOUBLES
from conftest import PROJECT, Bake
from doubles.registry import Registry
from pull_requests import Person, ProjectHost, machine, new_host, published

IMAGE = "ghcr.io/ada/members"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path / "registry")
    yield made
    made.stop()


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake, registry: Registry
) -> Iterator[ProjectHost]:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("docker", "kubectl"):
        STOOD_IN.add(f"{name} (a double)")
        command = shlex.join([sys.executable, str(DOUBLES / f"{name}.py")])
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    runner = machine(programs, DOUBLE_REGISTRY=str(registry.folder))
    with new_host(tmp_path, published(tmp_path_factory, baked), runner) as made:
        made.actions.variables["KUBE_NAMESPACE"] = "models"
        secrets = {"KUBE_CONFIG": "apiVersion: v1\nkind: Config\n"}
        made.actions.environments["production"] = Environment(secrets, branches=("main",))
        yield made


def add_deployment(ada: Person) -> None:
    """What `deploy=kubernetes` brings, in a project that was made without."""
    shutil.copytree(PROJECT / "deploy", ada.path / "deploy")
    name = ".github/workflows/deploy.yml"
    shutil.copyfile(PROJECT / name, ada.path / name)
    ada.commit("Deploy")
    ada.push()


def done(registry: Registry) -> list[tuple[str, str, str]]:
    """What the cluster was told: verb, deployment, version."""
    names = {digest: name.rpartition(":")[2] for name, digest in registry.get("names").items()}
    told = registry.get("history").get("done", [])
    return [(verb, name, names[image.rpartition("sha256:")[2]]) for verb, name, image in told]


def test_a_version_is_deployed_and_one_that_answers_wrongly_goes_back(
    host: ProjectHost, registry: Registry
) -> None:
    ada = host.clone()
    add_deployment(ada)
    host.settle()
    run = host.run("deploy")
    assert run.conclusion == "success", run.log
    assert [job.id for job in run.jobs] == ["image", "deploy"]
    first = [("apply", "model-staging", "v1.0.0"), ("apply", "model", "v1.0.0")]
    assert done(registry) == first
    assert registry.get("cluster") == {"namespace": "models"}
    assert registry.get("deployments")["deployment/model"].startswith(f"{IMAGE}@sha256:")
    (release,) = host.home.releases
    assert "sbom.spdx.json" in {asset.name for asset in release.assets}
    attested = [step.log for step in run.job("image").steps if "attest" in step.name]
    assert [line.startswith(f"{IMAGE}: sha256:") for line in attested] == [True, True]

    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    host.settle()
    host.ask(f"PUT /pulls/{pull.number}/merge", body={})
    host.before("deploy", "image", "Package", lambda: forge(registry))
    host.before("deploy", "deploy", "Deploy", lambda: spoil(registry))
    host.settle()
    deploys = [run for run in host.runs if run.name == "deploy"]
    assert [run.conclusion for run in deploys] == ["success", "failure", "success"]
    assert "no run of deploy is known that published it" in deploys[1].log
    assert "predictions differ from the judged ones" in deploys[1].log
    back = [("apply", "model-staging", "v1.1.0"), ("set", "model-staging", "v1.0.0")]
    assert done(registry) == [*first, *back, *first], "production never ran it"
    assert "docker/build-push-action" not in [
        step.action for step in deploys[2].job("image").steps if step.outcome == "success"
    ]
    events = [(it["kind"], it["body"].get("version")) for it in host.ledger()]
    assert events[-2:] == [("promotion", "v1.1.0"), ("rollback", "v1.0.0")]
    assert "v1.1.0 in staging" in host.ledger()[-1]["body"]["reason"]


def forge(registry: Registry) -> None:
    """Somebody who may write publishes an image under the name of a version that is to come."""
    names = registry.get("names")
    registry.set("names", **{f"{IMAGE}:v1.1.0": names[f"{IMAGE}:v1.0.0"]})


def spoil(registry: Registry) -> None:
    """The newest image's model is, once published, another one."""
    names = registry.get("names")
    old, new = (registry.pushed(names[f"{IMAGE}:{it}"]) for it in ("v1.0.0", "v1.1.0"))
    about = json.loads((new / "model/about.json").read_text())
    assert about["version"] == "v1.1.0"
    shutil.copyfile(old / "model/model.skops", new / "model/model.skops", follow_symlinks=False)
