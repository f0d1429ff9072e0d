"""Using the model: over HTTP, on tables, in a notebook."""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from champion.cli import main
from champion.errors import Refusal
from champion.models import scores
from champion.serve import app as service_app
from champion.serve import batches, impatient, log, predict
from champion.serve.app import application
from champion.serve.model import Model, read
from champion.serve.openapi import example
from champion.serve.released import released, unpack
from live_model import as_json, commit, environment, rows, run, train, write
from whole_projects import until

OWN = ["request_id", "row", "time", "version", "score"]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A repository with a model: read it, do not change it."""
    return write(tmp_path_factory.mktemp("live") / "project")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Callable[[str], Model]:
    """Models by task, loaded once."""
    made: dict[str, Model] = {}

    def model(task: str) -> Model:
        if task not in made:
            folder = tmp_path_factory.mktemp(task)
            with contextlib.chdir(write(folder / "project", task)):
                made[task] = read(unpack(released(), folder / "out"))
        return made[task]

    return model


@pytest.fixture
def model(models: Callable[[str], Model]) -> Model:
    return models("binary")


@contextlib.contextmanager
def client(model: Model, place: Path) -> Iterator[TestClient]:
    with TestClient(application(model, str(place)), raise_server_exceptions=False) as it:
        yield it


@pytest.fixture
def asked(model: Model, tmp_path: Path) -> Iterator[TestClient]:
    with client(model, tmp_path / "log") as it:
        yield it


def logged(place: Path) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, sorted(place.glob("*/[!.]*.parquet"))), ignore_index=True)


def of_features(model: Model, count: int, seed: int = 7) -> list[dict[str, Any]]:
    return as_json(rows(count, seed)[model.features])


def wanted(model: Model, sent: list[dict[str, Any]]) -> np.ndarray:
    """What scikit-learn's own way says."""
    table = model.check(pd.DataFrame(sent))[0]
    return scores(model.estimator, table, model.task)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_protocol_gives_the_models_own_answer(
    task: str, models: Callable[[str], Model], tmp_path: Path
) -> None:
    model = models(task)
    sent = of_features(model, 5)
    said = wanted(model, sent)
    best = [model.classes[i] for i in said.argmax(axis=1)] if model.classes else []
    lists = [list(row.values()) for row in sent]
    each: list[Any] = said.tolist()
    if model.classes:
        each = [
            {"class": name, "scores": dict(zip(model.classes, row, strict=True))}
            for name, row in zip(best, each, strict=True)
        ]
    with client(model, tmp_path) as it:

        def post(path: str, **body: Any) -> Any:
            answer = it.post(path, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-model-version"] == model.about.version
            assert answer.headers["x-model-data"] == model.about.data
            return answer.json()

        named = post("/predict", rows=sent)
        assert named["predictions"] == (each if model.classes else [{"score": s} for s in each])
        assert named["model"]["data"] == model.about.data
        for path in ("/v1/models/model:predict", "/vertex", "/invocations"):
            assert post(path, instances=sent) == {"predictions": each}
            assert post(path, instances=lists) == {"predictions": each}
        columns = {name: [row[name] for row in sent] for name in model.features}
        assert post("/v1/models/model:predict", inputs=columns) == {"outputs": each}
        split = {"columns": model.features[::-1], "index": list(range(5)),
                 "data": [line[::-1] for line in lists]}  # fmt: skip
        assert post("/score", input_data=split) == each
        assert post("/score", data=sent) == each
        tensors = [
            {"name": name, "datatype": "BYTES", "shape": [5, 1], "data": values}
            for name, values in columns.items()
        ]
        found = post("/v2/models/model/infer", id="mine", inputs=tensors)
        assert found["id"] == "mine"
        assert found["model_version"] == model.about.version
        outputs = {output["name"]: output for output in found["outputs"]}
        if model.classes:
            assert outputs["class"]["data"] == best
            assert outputs["scores"]["data"] == said.ravel().tolist()
            assert outputs["scores"]["shape"] == [5, 3]
        else:
            assert outputs["score"]["data"] == each
        text = pd.DataFrame(sent).to_csv(index=False, header=False)
        answer = it.post("/invocations", content=text, headers={"content-type": "text/csv"})
        got = [[float(x) for x in line.split(",")] for line in answer.text.splitlines()]
        assert got == said.reshape(5, -1).tolist()


def test_health_and_descriptions(asked: TestClient, model: Model) -> None:
    for path in ("/health/live", "/v2/health/live", "/health/ready", "/v2/health/ready", "/ping",
                 "/", "/v2/models/model/ready", "/vertex/health", "/docs", "/openapi.json"):  # fmt: skip
        assert asked.get(path).status_code == 200, path
    assert asked.get("/v1/models/model").json()["model_version_status"][0]["state"] == "AVAILABLE"
    described = asked.get("/v2/models/model").json()
    assert [it["name"] for it in described["inputs"]] == model.features
    assert asked.get("/nothing").status_code == 404
    assert asked.get("/predict").status_code == 405


def test_vertex_names_its_own_routes_and_port(repository: Path, tmp_path: Path) -> None:
    script = (
        "from champion.serve import protocols as p; print(p.PROTOCOLS[0].path, '/alive' in p.READY)"
    )
    done = run(repository, sys.executable, "-c", script,
               AIP_PREDICT_ROUTE="/predict", AIP_HEALTH_ROUTE="/alive")  # fmt: skip
    assert done.stdout.split() == ["/predict", "True"]


BAD: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "gone": ({"size": ...}, ("size", "gone")),
    "extra": ({"surprise": 1}, ("surprise", "extra")),
    "type": ({"size": "many"}, ("size", "type")),
    "nested": ({"town": ["Ulm"]}, ("town", "type")),
    "unseen": ({"town": "Paris"}, ("town", "unseen")),
    "range": ({"size": 100.5}, ("size", "range")),
    "missing": ({"size": None}, ("size", "missing")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_and_its_values_are_not(
    name: str, asked: TestClient, model: Model, tmp_path: Path
) -> None:
    change, (column, check) = BAD[name]
    sent = of_features(model, 3)
    sent[1] = {k: v for k, v in {**sent[1], **change}.items() if v is not ...}
    answer = asked.post("/predict", json={"rows": sent})
    assert answer.status_code == 422
    (found,) = answer.json()["details"]
    assert (found["row"], found["column"], found["check"]) == (2, column, check)
    assert "Paris" not in answer.text
    assert "many" not in answer.text


def test_bodies_that_hold_no_rows(asked: TestClient, model: Model) -> None:
    def status(path: str, content: bytes, kind: str = "application/json") -> int:
        answer = asked.post(path, content=content, headers={"content-type": kind})
        assert answer.json()["error"].endswith(".")
        return answer.status_code

    for path in ("/predict", "/invocations", "/score", "/vertex", "/v2/models/model/infer",
                 "/v1/models/model:predict", "/explain"):  # fmt: skip
        assert status(path, b"") == 400
        assert status(path, b"{") == 400
        assert status(path, b"[]") == 400
        assert status(path, b"\xff\xfe") == 400
        assert status(path, b'{"instances": [], "rows": [], "inputs": [], "data": []}') == 422
        assert status(path, b'{"instances": 1, "rows": "a", "inputs": {}, "data": {}}') == 422
        assert status(path, b"{}", "image/png") == 415
        assert status(path, b'{"a":' * 2000, "application/json") == 400
    assert status("/invocations", b"1,2,3", "text/csv") == 422
    assert status("/invocations", b"\xff", "text/csv") == 400


def test_limits_on_rows_and_bytes(
    asked: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_app, "MOST_BYTES", 2000)
    sent = of_features(model, 40)
    assert asked.post("/predict", json={"rows": sent}).status_code == 413
    chunked = asked.post("/predict", content=iter([b"x" * 1500, b"x" * 1500]))
    assert chunked.status_code == 413
    monkeypatch.undo()
    assert asked.post("/predict", json={"rows": sent}).status_code == 200
    assert asked.post("/predict", json={"rows": sent * 251}).status_code == 413
    assert asked.post("/explain", json={"rows": sent}).status_code == 413


def test_explanations_add_up_and_do_not_depend_on_the_company(
    asked: TestClient, model: Model
) -> None:
    sent = of_features(model, 4)
    answer = asked.post("/explain", json={"rows": sent}).json()
    assert answer["model"]["version"] == model.about.version
    assert (answer["method"], answer["scale"]) == ("trees", "log-odds")
    said = wanted(model, sent)
    output = np.log(said / (1 - said))
    totals = [sum(row.values()) for row in answer["explanations"]]
    assert np.ptp(output - totals) < 1e-6
    assert set(answer["explanations"][0]) == set(model.features)
    alone = asked.post("/explain", json={"rows": sent[2:3]}).json()
    assert alone["explanations"] == answer["explanations"][2:3]


def test_other_models_are_explained_against_rows_of_train(tmp_path: Path, outside: Path) -> None:
    with contextlib.chdir(write(tmp_path / "project", "binary", "linear")):
        model = read(unpack(released(), tmp_path / "out"))
    assert model.quick is not None
    with client(model, tmp_path / "log") as it:
        sent = of_features(model, 2)
        found = it.post("/explain", json={"rows": sent[:1]}).json()
        assert found["method"] == "linear"
        assert any(abs(value) > 0.01 for value in found["explanations"][0].values())
        both = it.post("/explain", json={"rows": sent}).json()
        assert both["explanations"][:1] == found["explanations"]
    model.settings.params.explain.method = "lime"
    with client(model, tmp_path / "log") as it:
        found = it.post("/explain", json={"rows": sent}).json()
        assert (found["method"], found["scale"]) == ("lime", "probability")
        assert any(abs(value) > 0.01 for value in found["explanations"][0].values())
        model.background = None
    with client(model, tmp_path / "log") as it:
        assert it.post("/explain", json={"rows": sent}).status_code == 501


def test_the_log_holds_what_was_asked_and_said_but_no_personal_value(
    models: Callable[[str], Model], tmp_path: Path
) -> None:
    for task, place in (("binary", tmp_path / "a"), ("multiclass", tmp_path / "b")):
        model = models(task)
        sent = as_json(rows(6).drop(columns="note"))
        with client(model, place) as it:
            headers = {"x-request-id": "first"}
            assert it.post("/predict", json={"rows": sent[:4]}, headers=headers).status_code == 200
            refused = it.post("/predict", json={"rows": [{"size": 1}]})
            assert refused.status_code == 422
            second = it.post("/predict", json={"rows": sent[4:]}).json()["request_id"]
        found = logged(place)
        assert list(found["request_id"]) == ["first"] * 4 + [second] * 2
        assert list(found["row"]) == [1, 2, 3, 4, 1, 2]
        assert str(found["time"].dtype) == "datetime64[us, UTC]"
        assert (found["time"] - pd.Timestamp.now("UTC")).abs().max() < pd.Timedelta("1min")
        assert set(found["version"]) == {model.about.version}
        assert list(found["ticket"]) == [row["ticket"] for row in sent]
        assert "mail" not in found
        assert "left" not in found
        named = [f"score_{name}" for name in model.classes] or ["score"]
        said = wanted(model, [{k: row[k] for k in model.features} for row in sent])
        assert found[named].to_numpy().tolist() == said.reshape(6, -1).tolist()
        assert found["size"].tolist() == [row["size"] for row in sent]
        files = [path.read_bytes() for path in place.rglob("*.parquet")]
        assert not any(b"example.org" in content for content in files)


def test_a_personal_feature_is_asked_for_but_not_logged(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.settings.data, "personal", ["mail", "town"])
    with client(model, tmp_path) as it:
        sent = of_features(model, 2)
        assert it.post("/predict", json={"rows": sent}).status_code == 200
        without = {name: value for name, value in sent[0].items() if name != "town"}
        assert it.post("/predict", json={"rows": [without]}).status_code == 422
    found = logged(tmp_path)
    assert len(found) == 2
    assert "size" in found
    assert "town" not in found


def test_a_column_called_like_one_of_the_log(model: Model) -> None:
    taken = log.layout(model).names
    question = model.checks.questions[0]
    before, question.name = question.name, "score"
    try:
        assert log.layout(model).names == [
            "input_score" if name == before else name for name in taken
        ]
    finally:
        question.name = before


class Stuck:
    """Stands for a place that does not answer."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.tables: list[Any] = []

    def write(self, table: Any) -> None:
        if not self.open.is_set():
            raise OSError("away")
        self.tables.append(table)


def test_a_log_that_cannot_be_written_waits_then_drops_and_loses_nothing_else(
    model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log, "MOST_ROWS", 50)
    monkeypatch.setattr(log, "BATCH", 10)
    stuck = Stuck()
    monkeypatch.setattr(log, "Place", lambda url: stuck)
    written: list[int] = []
    dropped: list[int] = []
    it = log.PredictionLog("away", model, written.append, dropped.append)
    columns = model.checks.check(of_features(model, 1))[0]
    for number in range(80):
        it.put(f"r{number}", columns, np.array([0.5]))
    assert sum(dropped) == 30
    stuck.open.set()
    it.close()
    assert not it.thread.is_alive()
    assert sum(written) == 50
    names = [name for table in stuck.tables for name in table["request_id"].to_pylist()]
    assert names == [f"r{number}" for number in range(50)]


def test_a_log_that_never_answers_does_not_keep_the_service_from_ending(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "Place", lambda url: Stuck())
    dropped: list[int] = []
    it = log.PredictionLog("away", model, dropped=dropped.append)
    it.put("r", model.checks.check(of_features(model, 1))[0], np.array([0.5]))
    started = time.monotonic()
    monkeypatch.setattr(log, "CLOSING", 0.2)
    it.close()
    assert time.monotonic() - started < 3
    assert not it.thread.is_alive()
    assert dropped == [1]


def test_the_log_goes_to_any_url(model: Model) -> None:
    import fsspec

    it = log.PredictionLog("memory://bucket/log", model)
    it.put("r", model.checks.check(of_features(model, 1))[0], np.array([0.5]))
    it.close()
    (name,) = fsspec.filesystem("memory").glob("/bucket/log/*/*.parquet")
    with fsspec.filesystem("memory").open(name) as file:
        assert pd.read_parquet(file)["request_id"].tolist() == ["r"]


@pytest.mark.parametrize("place", ["nowhere://x", "file/below"])
def test_an_impossible_log_keeps_nobody_from_an_answer(
    place: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "CLOSING", 0.2)
    Path("file").touch()
    with TestClient(application(model, place)) as it:
        answer = it.post("/predict", json={"rows": of_features(model, 1)})
        assert answer.status_code == 200


def test_requests_that_arrive_together_get_their_own_answers(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = of_features(model, 30)
    said = wanted(model, sent)
    calls: list[int] = []
    original = Model.scores

    def counted(self: Model, columns: dict[str, list[Any]]) -> Any:
        calls.append(len(columns["size"]))
        return original(self, columns)

    monkeypatch.setattr(Model, "scores", counted)

    async def together() -> list[Any]:
        queue = batches.Batches(model)
        parts = [sent[i : i + size] for i, size in ((0, 1), (1, 3), (4, 1), (5, 25))]
        asks = [queue.ask(model.checks.check(part)[0], len(part)) for part in parts]
        return await asyncio.gather(*asks)

    found = asyncio.run(together())
    assert np.array_equal(np.concatenate(found), said)
    assert [len(part) for part in found] == [1, 3, 1, 25]
    assert calls == [30]


def test_one_row_that_the_model_fails_on_fails_alone(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = of_features(model, 3)
    said = wanted(model, [sent[0], sent[2]]).tolist()
    original = Model.scores

    def fragile(self: Model, columns: dict[str, list[Any]]) -> Any:
        if 13.0 in columns["size"]:
            raise ValueError("13")
        return original(self, columns)

    monkeypatch.setattr(Model, "scores", fragile)

    async def together() -> list[Any]:
        queue = batches.Batches(model)
        parts = [sent[:1], [{**sent[1], "size": 13.0}], sent[2:]]
        asks = [queue.ask(model.checks.check(part)[0], 1) for part in parts]
        return await asyncio.gather(*asks, return_exceptions=True)

    first, failed, last = asyncio.run(together())
    assert isinstance(failed, ValueError)
    assert [*first, *last] == said


def test_too_much_at_once_is_told_to_come_back(
    asked: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"rows": of_features(model, 3)}
    monkeypatch.setattr(batches, "MOST_WAITING", 2)
    answer = asked.post("/predict", json=sent)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    monkeypatch.undo()
    monkeypatch.setattr(service_app, "MOST_OPEN", 0)
    assert asked.post("/predict", json=sent).status_code == 503
    monkeypatch.undo()
    assert asked.post("/predict", json=sent).status_code == 200


def test_metrics_count(asked: TestClient, model: Model) -> None:
    def value(start: str) -> float:
        lines = asked.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(start))

    names = ('champion_requests_total{route="/predict",status="200"}', "champion_rows_total",
             'champion_refused_rows_total{check="range"}')  # fmt: skip
    before = [value(name) for name in names]
    sent = of_features(model, 3)
    asked.post("/predict", json={"rows": sent})
    asked.post("/predict", json={"rows": [{**sent[0], "size": 101}]})
    assert [value(name) - old for name, old in zip(names, before, strict=True)] == [1, 3, 1]
    assert f'version="{model.about.version}"' in asked.get("/metrics").text


def test_an_error_of_the_model_is_told_without_a_value(
    asked: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fails(columns: Any) -> Any:
        raise ValueError(f"bad {columns['town']}")

    monkeypatch.setattr(Model, "scores", lambda self, columns: fails(columns))
    answer = asked.post("/predict", json={"rows": of_features(model, 1)})
    assert answer.status_code == 500
    assert answer.json()["error"] == "the model could not answer."
    assert not any(town in answer.text + caplog.text for town in ("Bern", "Ulm", "Wien"))


def test_the_description_holds_against_what_the_service_does(asked: TestClient) -> None:
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    few = settings(max_examples=8, deadline=None, database=None, derandomize=True,
                   phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    for operation in schemathesis.openapi.from_asgi(
        "/openapi.json", asked.app
    ).get_all_operations():

        @few
        @given(case=operation.ok().as_strategy())  # type: ignore[union-attr]
        def holds(case: Any) -> None:
            # A date is more than a string, and a number may come as text.
            case.call_and_validate(
                excluded_checks=[positive_data_acceptance, negative_data_rejection]
            )

        holds()


def test_the_example_of_the_description_is_taken(
    models: Callable[[str], Model], tmp_path: Path
) -> None:
    for task in ("binary", "regression"):
        model = models(task)
        with client(model, tmp_path) as it:
            document = it.get("/openapi.json").json()
            for path, methods in document["paths"].items():
                path = path.replace("{version}", model.about.version)
                for kind, body in methods.get("post", {"requestBody": {"content": {}}})[
                    "requestBody"
                ]["content"].items():
                    text = body["example"]
                    text = text if isinstance(text, str) else json.dumps(text)
                    answer = it.post(path, content=text, headers={"content-type": kind})
                    assert answer.status_code == 200, (path, answer.text)
        assert model.checks.check([example(model)])[1] == []


# A server of its own


class Server:
    """`champion serve` as a process."""

    def __init__(self, root: Path, place: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.place = place
        self.out = (place.parent / f"{place.name}.out").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "champion", "serve", "--port", str(self.port), *options],
            cwd=root,
            env=environment(CHAMPION_LOG=str(place)),
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )
        until(self.ready)

    def ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        with contextlib.suppress(OSError):
            return self.ask("GET", "/health/ready")[0] == 200
        return False

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def said(self) -> str:
        self.out.seek(0)
        return self.out.read()

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def test_a_server_of_two_workers_under_load_loses_no_line_when_it_ends(
    repository: Path, tmp_path: Path
) -> None:
    server = Server(repository, tmp_path / "log", "--workers", "2")
    try:
        with contextlib.chdir(repository):
            model = read(unpack(released(), tmp_path / "out"))
        sent = of_features(model, 1)
        body = json.dumps({"rows": sent})
        said = wanted(model, sent)[0]
        answered: Counter[str] = Counter()

        def load(worker: int) -> None:
            for number in range(10_000):
                name = f"w{worker}-{number}"
                try:
                    status, content = server.ask("POST", "/predict", body, **{"x-request-id": name})
                except (OSError, http.client.HTTPException):
                    return  # it is gone
                assert status == 200
                assert json.loads(content)["predictions"] == [{"score": said}]
                answered[name] += 1

        with ThreadPoolExecutor(6) as pool:
            work = [pool.submit(load, worker) for worker in range(6)]
            until(lambda: len(answered) > 200)
            counted = server.ask("GET", "/metrics")[1].decode()
            assert server.end() == 0
            for one in work:
                one.result()
    finally:
        server.process.kill()
        server.process.wait()
    lines = [line for line in counted.splitlines() if line.startswith("champion_rows_total")]
    assert float(lines[0].split()[1]) >= 200  # of both workers
    found = Counter(logged(tmp_path / "log")["request_id"])
    assert found.keys() >= answered.keys()
    assert set(found.values()) == {1}
    assert not list((tmp_path / "log").rglob(".*"))
    told = [json.loads(line) for line in server.said().splitlines()]
    assert {"ready", "request", "stopped"} <= {line["event"] for line in told}


def test_a_newer_version_takes_over_while_requests_flow(repository: Path, tmp_path: Path) -> None:
    root, place = tmp_path / "project", tmp_path / "log"
    shutil.copytree(repository, root, symlinks=True)
    commit(root, "Tag", "model@v1.0.0", "model#production#1")
    servers = [Server(root, place, "--workers", "1")]
    train(root, "binary", 1)
    commit(root, "Train again", "model@v1.1.0", "model#production#2")
    sent = of_features(loaded(root, "v1.0.0"), 1)
    said = {name: wanted(loaded(root, name), sent)[0] for name in ("v1.0.0", "v1.1.0")}
    assert len(set(said.values())) == 2
    body = json.dumps({"rows": sent})
    answered: dict[str, str] = {}
    over = threading.Event()

    def load(worker: int) -> None:
        for number in itertools.count():
            name = f"w{worker}-{number}"
            status, content = servers[-1].ask("POST", "/predict", body, **{"x-request-id": name})
            assert status == 200, content
            answer = json.loads(content)
            answered[name] = answer["model"]["version"]
            assert answer["predictions"] == [{"score": said[answered[name]]}]
            if over.is_set():
                return

    try:
        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(load, worker) for worker in range(4)]
            try:
                until(lambda: len(answered) > 50)
                servers.append(Server(root, place, "--workers", "1"))
                time.sleep(0.5)  # as the pods do: nobody new is sent to the old one now
                assert servers[0].end() == 0
                seen = len(answered)
                until(lambda: len(answered) > seen + 50)
            finally:
                over.set()
            for one in work:
                one.result()
        assert servers[1].end() == 0
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()
    assert set(answered.values()) == {"v1.0.0", "v1.1.0"}
    kept = logged(place)
    assert dict(zip(kept["request_id"], kept["version"], strict=True)) == answered
    assert len(kept) == len(answered)


def loaded(root: Path, version: str) -> Model:
    with contextlib.chdir(root), tempfile.TemporaryDirectory() as folder:
        return read(unpack(released(version), Path(folder)))


@pytest.fixture
def listening(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server in this process, impatient enough for a test."""
    import uvicorn

    monkeypatch.setattr(impatient, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(service_app, "BODY_SECONDS", 0.3)
    config = uvicorn.Config(
        application(model, str(tmp_path / "log")), port=0, http=impatient.Impatient,
        log_config=None, access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def spoken(port: int, *parts: bytes) -> bytes:
    """Send the parts, then listen until the other side closes or answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as it:
        for part in parts:
            it.sendall(part)
        return it.recv(65536)


HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def test_slow_clients_are_let_go_and_the_others_are_answered(listening: int, model: Model) -> None:
    slow = [socket.create_connection(("127.0.0.1", listening)) for _ in range(50)]
    for it in slow[1:]:  # the first says nothing at all
        it.sendall(b"POST /predict HTT")
    body = json.dumps({"rows": of_features(model, 1)}).encode()
    whole = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    started = time.monotonic()
    assert spoken(listening, whole).startswith(b"HTTP/1.1 200")
    for it in slow:
        it.settimeout(5)
        assert it.recv(1) == b""
        it.close()
    assert spoken(listening, HEAD + b"content-length: 99\r\n\r\n{").startswith(b"HTTP/1.1 408")
    assert time.monotonic() - started < 5
    assert spoken(listening, b"GARBAGE\r\n\r\n").startswith(b"HTTP/1.1 400")
    gone = socket.create_connection(("127.0.0.1", listening))
    gone.sendall(HEAD + b"content-length: 99\r\n\r\n{")
    gone.close()
    assert spoken(listening, whole).startswith(b"HTTP/1.1 200")


# Tables and notebooks


def test_a_table_is_predicted_in_chunks_and_bad_rows_are_set_aside(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with contextlib.chdir(repository):
        model = read(unpack(released(), tmp_path / "out"))
    table = rows(900, 3)
    said = model.predict(table)["score"]
    table.loc[[4, 700], "size"] = 101.0
    table.loc[700, "town"] = "Paris"
    table["flavour"] = "new"
    good = ~table.index.isin([4, 700])
    monkeypatch.setattr(predict, "CHUNK", 100)
    for name, out in (("t.csv", "a.parquet"), ("t.parquet", "b.csv"), ("raw", "c.parquet")):
        path = tmp_path / name
        if name == "raw":
            path.mkdir()
        file = path / "t.parquet" if name == "raw" else path
        table.to_csv(file, index=False) if name == "t.csv" else table.to_parquet(file)
        place = tmp_path / f"log-{out}"
        monkeypatch.setenv("CHAMPION_LOG", str(place))
        with contextlib.chdir(repository):
            assert main(["predict", str(path), str(tmp_path / out)]) == 0
        assert "898 rows predicted" in capsys.readouterr().out
        if out.endswith(".csv"):
            found = pd.read_csv(tmp_path / out, dtype={"version": str})
        else:
            found = pd.read_parquet(tmp_path / out)
        assert list(found) == ["row", "version", "ticket", "score"]
        assert found["row"].tolist() == (np.flatnonzero(good) + 1).tolist()
        assert found["ticket"].tolist() == table["ticket"][good].tolist()
        assert set(found["version"]) == {model.about.version}
        np.testing.assert_allclose(found["score"], said[good], rtol=0, atol=1e-12)
        refused = pd.read_csv(tmp_path / f"{out}.refused.csv")
        assert refused[["row", "ticket", "column", "check"]].to_numpy().tolist() == [
            [5, "T4", "size", "range"], [701, "T700", "size", "range"],
            [701, "T700", "town", "unseen"],
        ]  # fmt: skip
        kept = logged(place).sort_values("row")
        assert kept["row"].tolist() == found["row"].tolist()
        assert kept["request_id"].nunique() == 1
        assert kept["score"].tolist() == said[good].tolist()
        assert "mail" not in kept


def test_what_cannot_be_predicted_is_refused_in_a_sentence(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setenv("CHAMPION_LOG", str(tmp_path / "log"))

    def said(table: str, out: str = "out.parquet") -> str:
        assert main(["predict", str(tmp_path / table), str(tmp_path / out)]) > 0
        return capsys.readouterr().err

    rows(5).drop(columns="size").to_csv(tmp_path / "less.csv", index=False)
    assert said("less.csv") == (
        "champion predict: the table has no column 'size', which the model needs.\n"
    )
    rows(5).to_csv(tmp_path / "good.csv", index=False)
    (tmp_path / "cut.csv").write_text((tmp_path / "good.csv").read_text() + "T9,2024\n")
    assert "cut.csv, line 7 has 2 values" in said("cut.csv")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    assert "not a Parquet file" in said("cut.parquet")
    assert "there is no file" in said("gone.csv")
    assert "ends in .parquet or .csv" in said("less.csv", "out.txt")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAMPION_LOG", str(tmp_path / "file"))
    assert "the prediction log cannot be written" in said("good.csv")
    assert not list(tmp_path.glob("*out*"))


def test_versions(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import champion

    root = tmp_path / "project"
    shutil.copytree(repository, root, symlinks=True)
    commit(root, "Tag", "model@v1.0.0", "model#production#1")
    first = run(root, "git", "rev-parse", "HEAD").stdout.strip()
    train(root, "binary", 1)
    schema = root / "src/made/schema.py"
    schema.write_text(schema.read_text().replace("number(0, 100)", "number(0, 1000)", 1))
    commit(root, "Train again", "model@v1.1.0")
    (root / "src/made/model.py").write_text("raise ImportError('a draft')")
    (root / "notebooks").mkdir()
    monkeypatch.chdir(root / "notebooks")
    drafts = {name: ModuleType(name) for name in ("made", "made.schema", "made.model")}
    for name, module in drafts.items():  # as a notebook has imported them
        monkeypatch.setitem(sys.modules, name, module)
    live = champion.load()
    assert (live.about.version, live.about.commit) == ("v1.0.0", first)
    table = rows(3).assign(size=500.0)
    with pytest.raises(Refusal, match="row 1, column 'size': outside the declared range"):
        live.predict(table)
    newer = champion.load("v1.1.0")
    assert newer.about.version == "v1.1.0"
    assert newer.about.data != live.about.data
    assert len(newer.predict(table)) == 3
    with pytest.raises(
        Refusal, match=r"no version 'v9.9.9' of the model: there are v1.0.0, v1.1.0"
    ):
        champion.load("v9.9.9")
    run(root, "git", "tag", "model#production#2", "HEAD")
    assert champion.load().about.version == "v1.1.0"
    assert Path.cwd() == root / "notebooks"
    mine = {name: it for name, it in sys.modules.items() if name.split(".")[0] == "made"}
    assert mine == drafts


def test_a_changed_object_is_not_served(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(repository, root, symlinks=True)
    with contextlib.chdir(root):
        model = max(
            (root / ".dvc/cache").rglob("*"), key=lambda p: p.is_file() and p.stat().st_size
        )
        os.chmod(model, 0o644)
        model.write_bytes(model.read_bytes() + b"x")
        (tmp_path / "out").mkdir()
        with pytest.raises(Refusal, match="not what its hash says"):
            unpack(released(), tmp_path / "out")
