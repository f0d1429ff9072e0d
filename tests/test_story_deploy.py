"""A promoted version becomes an image and reaches the cluster, also where runs are killed; one that
answers wrongly goes back.
"""

import json
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.place import Place
from actions.repository import Environment
from actions.runner import STOOD_IN
from actions.stand_ins import DOUBLES
from conftest import PROJECT, Bake
from doubles.registry import Registry
from flow.hooks import Hook
from pull_requests import Person, ProjectHost, machine, new_host, published
from whole_projects import until

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


def end_up(host: ProjectHost, registry: Registry) -> list[str]:
    """Let deploy run until it is done, while its runs are killed; how each of them ended."""

    def lose_after_staging(place: Place) -> None:
        def lose() -> None:
            until(lambda: bool(done(registry)))
            place.lose()

        threading.Thread(target=lose).start()

    host.before("deploy", "image", "ship", lambda: registry.set("state", down=True))
    host.settle()
    registry.set("state", down=False)
    later = [step.name for step in host.run("deploy").job("image").steps]
    (pushed,) = [name for name in later if name.startswith("Run anchore/sbom-action@")]
    for step in (pushed, later[-1]):
        host.kill("deploy", "image", step)
        host.rerun(host.run("deploy"))
        host.settle()
    host.hooks.append(Hook("deploy", "deploy", "Deploy", lose_after_staging))
    for _ in range(2):
        host.rerun(host.run("deploy"))
        host.settle()
    return [run.conclusion for run in host.runs if run.name == "deploy"]


def test_a_version_is_deployed_once_and_one_that_answers_wrongly_goes_back(
    host: ProjectHost, registry: Registry
) -> None:
    ada = host.clone()
    add_deployment(ada)
    assert end_up(host, registry) == [*["failure"] * 4, "success"], host.run("deploy").log
    run = host.run("deploy")
    assert [job.id for job in run.jobs] == ["image", "deploy"]
    assert "docker push failed: received unexpected HTTP status: 503" in host.runs[-5].log
    first = [("apply", "model-staging", "v1.0.0"), ("apply", "model", "v1.0.0")]
    assert done(registry) == [first[0], *first], "the run after the kill applied both"
    assert len(registry.get("names")) == len(list((registry.folder / "pushed").iterdir())) == 1
    assert registry.get("cluster") == {"namespace": "models"}
    assert registry.get("deployments")["deployment/model"].startswith(f"{IMAGE}@sha256:")
    (release,) = host.home.releases
    assert [asset.name for asset in release.assets].count("sbom.spdx.json") == 1
    built = host.runs[-2].job("image")  # the run after it had the image to take
    attested = [step.log for step in built.steps if "attest" in step.name]
    assert [line.startswith(f"{IMAGE}: sha256:") for line in attested] == [True, True]

    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    host.settle()
    host.ask(f"PUT /pulls/{pull.number}/merge", body={})
    host.before("deploy", "image", "Package", lambda: forge(registry))
    host.before("deploy", "deploy", "Deploy", lambda: spoil(registry))
    host.settle()
    deploys = [run for run in host.runs if run.name == "deploy"]
    assert [run.conclusion for run in deploys[5:]] == ["failure", "success"]
    assert "no run of deploy is known that published it" in deploys[5].log
    assert "predictions differ from the judged ones" in deploys[5].log
    back = [("apply", "model-staging", "v1.1.0"), ("set", "model-staging", "v1.0.0")]
    assert done(registry)[3:] == [*back, *first], "production never ran it"
    assert "docker/build-push-action" not in [
        step.action for step in deploys[6].job("image").steps if step.outcome == "success"
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
