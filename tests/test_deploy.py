"""What is deployed: manifests, the Dockerfile, the requests of each platform, the smoke test."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pandas as pd
import pytest
from ruamel.yaml import YAML
from starlette.testclient import TestClient

from actions.runner import STOOD_IN
from champion.ci import deploy
from champion.ci.api import Api
from champion.deploy import cluster, smoke
from champion.errors import Refusal
from champion.judge.champion import Champion
from champion.judge.ledger import Event, Ledger
from champion.serve.app import application
from champion.serve.model import Model, read
from champion.serve.openapi import example
from champion.serve.protocols import tensors
from champion.serve.released import released, unpack
from conftest import PROJECT, Bake
from live_model import as_json, rows, write

BIN = Path(sys.executable).parent
FOLDER = PROJECT / "deploy/kubernetes"
IMAGE = f"ghcr.io/ada/members@sha256:{'a' * 64}"
CHAMPION = Champion("c" * 40, "v1.1.0")
PAGE = (PROJECT / "docs/endpoints.md").read_text(encoding="utf-8")


def read_yaml(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(text))


# the choice


@pytest.mark.parametrize(
    ("chosen", "there"),
    [
        ("none", []),
        ("docker", [".github/workflows/deploy.yml", "deploy/Dockerfile", "docs/endpoints.md"]),
        ("kubernetes", ["deploy/Dockerfile", "deploy/kubernetes/production/kustomization.yaml"]),
    ],
)
def test_what_was_not_chosen_is_gone(baked: Bake, chosen: str, there: list[str]) -> None:
    project = baked(deploy=chosen)
    names = {path.relative_to(project.path).as_posix() for path in project.files()}
    assert set(there) <= names
    assert any(name.startswith("deploy/kubernetes/") for name in names) == (chosen == "kubernetes")
    assert any("deploy" in name and "src/" not in name for name in names) == (chosen != "none")
    assert ("docs/endpoints.md" in names) == (chosen != "none")
    assert ("/deploy/ " in (project.path / ".github/CODEOWNERS").read_text()) == (chosen != "none")


# the Dockerfile


def test_hadolint_finds_nothing() -> None:
    command = [str(BIN / "hadolint"), "--no-color", str(PROJECT / "deploy/Dockerfile")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_base_is_pinned_and_can_be_chosen() -> None:
    text = (PROJECT / "deploy/Dockerfile").read_text()
    assert re.search(r"(?m)^ARG BASE=\S+:3\.12\.\d+-slim\S*@sha256:[0-9a-f]{64}$", text)
    assert set(re.findall(r"(?m)^FROM (\S+)", text)) == {"${BASE}"}
    assert "--require-hashes" in text


# the manifests

PLAIN = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name != "kustomization.yaml"]


def valid(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.37.0", strict=True)


def pod_of(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """The specification of the pods that it makes; KServe's has some keys of its own."""
    spec = manifest["spec"]
    if manifest["kind"] == "InferenceService":
        own = {"minReplicas", "maxReplicas", "timeout"}
        return {key: value for key, value in spec["predictor"].items() if key not in own}
    return spec.get("template", {}).get("spec")


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_manifests_are_what_the_api_takes(path: Path) -> None:
    (manifest,) = read_yaml(path.read_text(encoding="utf-8"))
    if manifest["kind"] == "InferenceService":
        assert manifest["apiVersion"] == "serving.kserve.io/v1beta1"
        meta = {"metadata": manifest["metadata"], "spec": pod_of(manifest)}
        manifest = {"apiVersion": "v1", "kind": "Pod", **meta}
    valid(manifest)
    manifest["spec"]["surprise"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(manifest)


@pytest.fixture(params=["staging", "production", "kserve"])
def overlay(
    request: pytest.FixtureRequest, baked: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The name of an overlay and what kustomize makes of it, with the image that deploy.yml names."""
    monkeypatch.chdir(baked(deploy="kubernetes").path)
    monkeypatch.setattr(cluster, "FOLDER", tmp_path)
    folder = cluster.Stage(request.param).written(IMAGE)
    try:
        command = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        STOOD_IN.add("kustomize (overlays are not rendered: no kubectl here)")
        pytest.skip("no kubectl here")
    assert done.returncode == 0, done.stderr
    return request.param, read_yaml(done.stdout)


def test_an_overlay_is_whole_and_restricted(overlay: tuple[str, list[dict[str, Any]]]) -> None:
    name, manifests = overlay
    kinds = {it["kind"]: it for it in manifests}
    if name != "kserve":
        assert set(kinds) == {
            "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget",
            "Service",
        }  # fmt: skip
        for manifest in manifests:
            valid(manifest)
        suffix = "-staging" if name == "staging" else ""
        assert {it["metadata"]["name"] for it in manifests} == {f"model{suffix}"}
        assert (
            kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == f"model{suffix}"
        )
        labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
        for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            spec = kinds[kind]["spec"]
            selector = spec.get("selector") or spec["podSelector"]
            assert selector.get("matchLabels", selector).items() <= labels.items()
            assert "stage" in selector.get("matchLabels", selector), "staging is not production"
    (pod,) = [pod for it in manifests if (pod := pod_of(it))]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert set(container["resources"]) == {"limits", "requests"}
    (mount,) = container["volumeMounts"]
    assert mount["mountPath"] == "/tmp"


# the platforms


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    return write(tmp_path_factory.mktemp("deploy") / "project")


@pytest.fixture(scope="module")
def model(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        return read(unpack(released(), tmp_path_factory.mktemp("unpacked")))


@pytest.fixture
def client(model: Model, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(application(model, str(tmp_path / "log"))) as made:
        yield made


REQUESTS = re.findall(r"```http\n(POST|GET) (\S+)\n(.*?)\n\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("method", "path", "headers", "body"), REQUESTS)
def test_the_requests_of_the_page_are_answered(
    client: TestClient, model: Model, method: str, path: str, headers: str, body: str
) -> None:
    row = example(model)
    tensor = '[{"name": "COLUMN", "datatype": "FP64", "shape": [1], "data": [1.5]}]'
    filled = {
        tensor: json.dumps(tensors(model, row)["inputs"]),
        '{"COLUMN": 1.5}': json.dumps(row),
        '["COLUMN"]': json.dumps(list(row)),
        "[[1.5]]": json.dumps([list(row.values())]),
        "VALUES": ",".join(str(row[name]) for name in model.features),
    }
    for shown, meant in filled.items():
        body = body.replace(shown, meant)
    assert "COLUMN" not in body.replace('"columns"', "")
    given = dict(line.split(": ") for line in headers.splitlines())
    answer = client.request(method, path, content=body, headers=given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(given.get("Accept", "application/json"))


def test_the_page_has_every_platform_and_its_routes_are_there(client: TestClient) -> None:
    assert len(REQUESTS) == 5
    assert re.findall(r"(?m)^## (.*)", PAGE) == [
        "Kubernetes", "Amazon SageMaker", "Vertex AI", "Azure ML",
    ]  # fmt: skip
    asked = set(re.findall(r"(?:GET |path: |health-route=)(/[\w/]+)", PAGE)) - {"/score"}
    assert {"/ping", "/v2/models/model", "/vertex/health", "/health/live"} <= asked
    for path in asked:
        assert client.get(path).status_code == 200, path


def test_the_probes_ask_what_the_service_answers(client: TestClient) -> None:
    text = "".join(path.read_text() for path in PLAIN)
    text += (PROJECT / "deploy/Dockerfile").read_text()
    for path in set(re.findall(r"(/(?:v2/)?(?:health|models)/[\w/]+)", text)):
        assert client.get(path).status_code == 200, path


# the smoke test


@pytest.fixture
def asked(client: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """What was judged: change it as a test likes. The service is asked without a network."""
    holdout = rows(400, seed=5).set_index(pd.Index(range(400), name="row_id"))
    judged = model.predict(holdout)

    def request(url: str, path: str, body: Any = None) -> Any:
        done = client.request("POST" if body else "GET", path, json=body)
        if done.status_code != 200:
            raise smoke.Differs(f"it answers {path} with {done.status_code}.")
        return done.json()

    monkeypatch.setattr(smoke, "request", request)
    monkeypatch.setattr(smoke, "known", lambda commit: (holdout, judged))
    return judged


def test_a_service_that_says_what_was_judged(asked: pd.DataFrame, model: Model) -> None:
    assert smoke.ask("http://x", Champion(model.about.commit, None)) == 400


@pytest.mark.parametrize("change", [1e-7, float("nan")])
def test_a_service_that_says_something_else(
    asked: pd.DataFrame, model: Model, change: float
) -> None:
    asked.iloc[321, 0] += change
    with pytest.raises(smoke.Differs, match="differ from the judged ones"):
        smoke.ask("http://x", Champion(model.about.commit, None))


def test_a_service_of_another_version(asked: pd.DataFrame) -> None:
    with pytest.raises(smoke.AnotherVersion, match=r"not v1\.1\.0"):
        smoke.ask("http://x", CHAMPION)


def test_a_service_that_refuses_the_rows(
    asked: pd.DataFrame, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "as_json", lambda table: [{"size": "large"}])
    with pytest.raises(smoke.Differs, match="with 422"):
        smoke.ask("http://x", Champion(model.about.commit, None))


def test_nobody_answers() -> None:
    with pytest.raises(smoke.Differs, match="does not answer /health/ready"):
        smoke.request("http://127.0.0.1:9", "/health/ready")


def test_a_row_is_sent_to_its_last_digit() -> None:
    table = rows(50)
    sent = pd.DataFrame(json.loads(json.dumps(smoke.as_json(table))))
    assert sent["size"].tolist() == table["size"].tolist()
    assert sent["when"].iloc[0] == "2024-05-01T00:00:00"
    gaps = table["town"].isna()
    assert sent["town"].isna().tolist() == gaps.tolist()
    assert as_json(table[["member"]]) == smoke.as_json(table[["member"]])


# what a cluster that fails leads to


class Cluster:
    """Answers kubectl; its stages run `old`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.told: list[str] = []
        self.images = {"deployment/model-staging": "old@1", "deployment/model": "old@1"}
        self.broken: dict[str, Refusal] = {}  # what kubectl says, by what it is told
        self.wrong: dict[str, Refusal] = {}  # what is found out, by the stage's name
        self.sent: list[dict[str, Any]] = []
        self.kinds = ["promotion", "promotion"]
        monkeypatch.chdir(tmp_path)
        for name in ("staging", "production"):
            Path(cluster.OVERLAYS, name).mkdir(parents=True)
        monkeypatch.setattr(cluster, "kubectl", self.kubectl)
        monkeypatch.setattr(deploy, "asked", self.asked)
        monkeypatch.setattr(deploy, "live", lambda *_: CHAMPION)
        monkeypatch.setattr(deploy.ledger, "newest", lambda: ("", ""))
        monkeypatch.setattr(deploy.ledger, "read", lambda commit: self.ledger())
        monkeypatch.setattr(Api, "post", lambda api, path, body: self.sent.append(body["inputs"]))
        for name, value in {
            "IMAGE": "new@2", "VERSION": "v1.1.0", "KUBE_CONFIG": "x", "KUBE_NAMESPACE": "n",
            "BASE": "main",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)

    def kubectl(self, *arguments: str) -> str:
        said = " ".join(arguments)
        for part, error in self.broken.items():
            if part in said:
                raise error
        if arguments[0] == "get":
            return self.images[arguments[1]]
        if arguments[0] in ("apply", "set"):
            self.told.append(said.replace(".champion/cluster/", ""))
        return ""

    def asked(self, stage: cluster.Stage, champion: Champion) -> int:
        if error := self.wrong.get(stage.name):
            raise error
        return 9

    def ledger(self) -> Ledger:
        versions = ["v1.0.0", "v1.1.0"][-len(self.kinds) :]
        return Ledger(
            [
                Event(number, kind, "", "", "", {"version": version})
                for number, (kind, version) in enumerate(zip(self.kinds, versions, strict=True), 1)
            ]
        )

    def deploy(self) -> int:
        return deploy.deploy(Api("http://x", "ada/members", "t"))


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return Cluster(monkeypatch, tmp_path)


APPLIED = ["apply --kustomize staging", "apply --kustomize production"]


def test_staging_then_production(stages: Cluster) -> None:
    assert stages.deploy() == 0
    assert (stages.told, stages.sent) == (APPLIED, [])


def test_production_that_answers_wrongly_gets_back_what_it_had(stages: Cluster) -> None:
    stages.wrong["production"] = smoke.Differs("its predictions differ.")
    assert stages.deploy() == 1
    assert stages.told == [*APPLIED, "set image deployment/model model=old@1"]
    assert stages.sent == [
        {"version": "v1.0.0", "reason": "v1.1.0 in production: its predictions differ."}
    ]


def test_what_a_killed_run_applied_is_not_what_to_go_back_to(
    stages: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE", "old@1")
    stages.wrong["staging"] = smoke.Differs("its predictions differ.")
    assert stages.deploy() == 1
    assert stages.told == APPLIED[:1]
    assert [sent["version"] for sent in stages.sent] == ["v1.0.0"]


def test_pods_that_do_not_get_ready_never_reach_production(stages: Cluster) -> None:
    stages.broken["rollout status deployment/model-staging"] = Refusal("timed out.")
    assert stages.deploy() == 1
    assert "set image deployment/model-staging model=old@1" in stages.told
    assert not {told for told in stages.told if told.endswith("production")}
    assert [sent["version"] for sent in stages.sent] == ["v1.0.0"]


@pytest.mark.parametrize("kinds", [["promotion"], ["promotion", "rollback"]])
def test_a_first_version_and_one_that_was_put_back_have_none_before(
    stages: Cluster, kinds: list[str]
) -> None:
    """Else two versions that both fail would take turns for ever."""
    stages.kinds = kinds
    stages.wrong["staging"] = smoke.Differs("it is silent.")
    assert stages.deploy() == 1
    assert stages.sent == []


def test_a_cluster_that_is_not_reached_is_nobodys_fault(stages: Cluster) -> None:
    stages.broken["apply"] = Refusal("kubectl apply failed: refused", 1)
    with pytest.raises(Refusal, match="refused"):
        stages.deploy()
    assert stages.sent == []


def test_a_version_that_is_not_in_production_any_more_is_left_to_the_next_run(
    stages: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSION", "v1.0.0")
    assert stages.deploy() == 0
    assert stages.told == []


def test_credentials_are_gone_afterwards(stages: Cluster) -> None:
    stages.deploy()
    assert not (cluster.FOLDER / "config").exists()


# the image, before it is published


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What docker was told; `smoke.ask` says that all is well."""
    told: list[str] = []

    def call(*arguments: str) -> str:
        told.append(arguments[0])
        said = {"run": "c1\n", "port": "127.0.0.1:4000\n", "image": f"{IMAGE}\n"}
        return said.get(arguments[0], "")

    monkeypatch.setattr(deploy, "docker", call)
    monkeypatch.setattr(deploy, "live", lambda *_: CHAMPION)
    monkeypatch.setattr(deploy, "wait", lambda url: None)
    monkeypatch.setattr(smoke, "ask", lambda url, champion: 9)
    monkeypatch.setenv("NAME", "ghcr.io/ada/members:v1.1.0")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    return told


@pytest.mark.parametrize("built", ["sha256:1", ""])
def test_an_image_is_pushed_once(
    docker: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: str
) -> None:
    monkeypatch.setenv("BUILT", built)
    assert deploy.ship() == 0
    assert docker == ["run", "port", "rm", *(["push"] if built else []), "image"]
    assert IMAGE.partition("@")[2] in (tmp_path / "output").read_text()


def test_an_image_that_answers_wrongly_is_not_published(
    docker: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(url: str, champion: Champion) -> int:
        raise smoke.Differs("its predictions differ.")

    monkeypatch.setenv("BUILT", "sha256:1")
    monkeypatch.setattr(smoke, "ask", ask)
    with pytest.raises(smoke.Differs):
        deploy.ship()
    assert docker == ["run", "port", "logs", "rm"], "the container is gone, nothing is pushed"


@pytest.mark.parametrize("chosen", ["workflow", ""])
def test_promotion_starts_it_where_the_project_has_it(
    monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    sent = []
    monkeypatch.setenv("BASE", "main")
    monkeypatch.setattr(deploy, "show", lambda commit, path: chosen)
    monkeypatch.setattr(Api, "post", lambda api, path, body: sent.append((path, body["ref"])))
    deploy.start(Api("http://x", "ada/members", "t"), "HEAD")
    wanted = [("actions/workflows/deploy.yml/dispatches", "main")]
    assert sent == (wanted if chosen else [])


@pytest.mark.parametrize("there", ["sbom.spdx.json", "model.skops"])
def test_a_release_has_the_bill_of_materials_of_the_newest_image(
    monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    told = []
    release = {"assets": [{"name": there, "id": 7}], "upload_url": "http://x"}
    monkeypatch.setattr(deploy, "live", lambda *_: CHAMPION)
    monkeypatch.setattr(Api, "get", lambda api, path: release)
    monkeypatch.setattr(Api, "delete", lambda api, path: told.append(path))
    monkeypatch.setattr(Api, "upload", lambda api, url, file: told.append(file.name))
    assert deploy.sbom(Api("http://x", "ada/members", "t")) == 0
    gone = ["releases/assets/7"] if there == "sbom.spdx.json" else []
    assert told == [*gone, "sbom.spdx.json"]
