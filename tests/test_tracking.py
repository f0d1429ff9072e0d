"""DVC compares trainings by itself; a tracker is told what made a model, and can fail without harm."""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from champion import tracking
from champion.judge.champion import output
from champion.judge.changes import flat
from champion.project import MODEL
from champion.settings import Settings
from champion.workspace import objects
from conftest import PROJECT, Bake, BakedProject
from pull_requests import published
from whole_projects import change, commit, copied, until

NOWHERE = "http://127.0.0.1:1"
DEAF = ("CI", "CLOUD", "HEAD_REPOSITORY", "TRACKING_TOKEN", "MLFLOW_TRACKING_URI", "WANDB_API_KEY")
WRITES = """import json, sys
from pathlib import Path
Path("told.json").write_text(sys.stdin.read())
print("told the tracker")
"""
COLUMNS = ("visits", "age", "club", "north", "south", "west", "renewed", "member")


@pytest.fixture
def project(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    baked: Bake,
    monkeypatch: pytest.MonkeyPatch,
) -> BakedProject:
    """A trained project without a tracker; the current folder."""
    project = copied(published(tmp_path_factory, baked), tmp_path / "members")
    monkeypatch.chdir(project.path)
    for name in DEAF:
        monkeypatch.delenv(name, raising=False)
    return project


def adopt(project: BakedProject, tracker: str) -> None:
    """Let the project have a tracker, as if it had been chosen."""
    shutil.copyfile(PROJECT / f".trackers/{tracker}.py", project.path / "src/tracker.py")
    commit(project, f"Adopt {tracker}")


def scores() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("reports/cv.json").read_text())
    return found


def train() -> None:
    """Tell the tracker as the stage does, without training."""
    tracking.trained(scores(), Settings.load().params)


def promote(project: BakedProject, version: str, at: str = "HEAD") -> str:
    sha = project.git("rev-parse", at)
    model = output(sha, "train", MODEL)
    assert model
    return tracking.promoted(version, sha, objects.find(model))


def told(project: BakedProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.path / "told.json").read_text())
    return found


# DVC's own commands


def test_dvc_compares_two_trainings(project: BakedProject) -> None:
    change(project, "params.yaml", model={"kind": "boosted"})
    project.run(sys.executable, "-m", "dvc", "repro", "--quiet", "train")
    commit(project, "Another model")
    for command, told in (
        (("metrics", "diff", "HEAD~1", "--json"), "roc_auc"),
        (("params", "diff", "HEAD~1", "--json"), "model.kind"),
        (("exp", "diff", "HEAD~1", "HEAD", "--json"), "roc_auc"),
        (("exp", "show", "--csv"), "data/train.parquet"),
    ):
        assert told in project.run(sys.executable, "-m", "dvc", *command).stdout


# the tracker


def test_what_is_told_is_what_dvc_lock_says(project: BakedProject) -> None:
    (project.path / "src/tracker.py").write_text(WRITES)
    before = MODEL.read_bytes()
    assert "told the tracker\n" in project.champion("train").stdout
    assert MODEL.read_bytes() == before
    event = told(project)
    assert event["event"] == "trained"
    assert event["project"] == "members"
    assert event["metrics"] == scores()
    params = YAML(typ="safe").load(Path("params.yaml"))
    assert event["params"] == flat({key: params[key] for key in ("model", "train", "cv", "seed")})
    lock = YAML(typ="safe").load(Path("dvc.lock"))["stages"]["train"]
    hashes = {it["path"]: it["md5"] for it in (*lock["deps"], *lock["outs"])}
    tags = event["tags"]
    assert tags["code.commit"] == project.git("rev-parse", "HEAD")
    assert tags["code.changed"]
    assert tags["data.md5"] == hashes["data/train.parquet"]
    assert tags["data.rows"] == scores()["rows"]
    assert f"md5: {tags['data.raw']}\n" in Path("data/raw.dvc").read_text()
    assert tags["environment.lock"] == hashes["requirements.txt"]
    assert tags["environment.python"] == platform.python_version()
    assert tags["environment.libraries.numpy"] == np.__version__
    assert tags["model.md5"] == hashes["model.skops"]
    assert tags["model.sha256"] == objects.sha256(MODEL)
    assert socket.gethostname() not in json.dumps(event)

    commit(project, "Adopt a tracker")
    assert promote(project, "v1.0.0") == ""
    later = told(project)
    assert (later["event"], later["version"]) == ("promoted", "v1.0.0")
    assert [later[key] for key in ("params", "metrics")] == [
        event[key] for key in ("params", "metrics")
    ]
    tags |= {"code.commit": project.git("rev-parse", "HEAD"), "code.changed": False}
    of_the_machine = ("environment.python", "environment.platform", "environment.libraries")
    assert later["tags"] == {
        name: it for name, it in tags.items() if not name.startswith(of_the_machine)
    }


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import sys; sys.exit('no such server')", "no such server."),
        ("import nothing_like_it", "No module named 'nothing_like_it'."),
        ("import http.client as it; raise it.HTTPException('no:\\nway')", "no."),
        ("raise SystemExit(3)", "no reason given."),
        ("import time; time.sleep(60)", "no answer within 1 s."),
    ],
    ids=["refused", "not installed", "of two lines", "silent", "hangs"],
)
def test_a_tracker_that_fails_is_one_sentence(
    project: BakedProject,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    why: str,
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 1.0 if "sleep" in source else 60.0)
    (project.path / "src/tracker.py").write_text(source)
    train()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Warning: src/tracker.py was not told what was trained: {why}")
    assert f" was promoted: {why}" in promote(project, "v1.0.0")


def test_a_forks_training_is_nobodys(
    project: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "src/tracker.py").write_text(WRITES)
    monkeypatch.setenv("GITHUB_REPOSITORY", "ada/members")
    for repository, heard in (("eve/members", False), ("ada/members", True)):
        monkeypatch.setenv("HEAD_REPOSITORY", repository)
        train()
        assert (project.path / "told.json").exists() == heard


def test_no_value_and_no_model_of_a_personal_column_is_told(project: BakedProject) -> None:
    (project.path / "src/tracker.py").write_text(WRITES)
    train()
    event = told(project)
    assert event["model"] == str(MODEL.absolute())
    assert not re.findall(rf"(?<!\w)({'|'.join(COLUMNS)})(?!\w)", json.dumps(event))
    change(project, "gate.yaml", data={"personal": ["age"]})
    train()
    assert told(project)["model"] is None
    change(project, "gate.yaml", data={"leave_out": ["age"]})
    commit(project, "Ages are personal, and left out")
    for at, sent in (("HEAD", True), ("HEAD~1", False)):  # the older one learned from ages
        promote(project, "v1.0.0", at)
        assert bool(told(project)["model"]) == sent


# MLflow


@pytest.fixture(scope="module", autouse=True)
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A real MLflow server that is on its way up, with a store and files of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
             "--backend-store-uri", "sqlite:///store.db", "--artifacts-destination", "files"],
            cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    yield SimpleNamespace(uri=f"http://127.0.0.1:{port}", process=server, log=folder / "log")
    os.killpg(server.pid, 15)
    server.wait()


def up(server: SimpleNamespace) -> bool:
    assert server.process.poll() is None, server.log.read_text()
    try:
        with urllib.request.urlopen(f"{server.uri}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_mlflow_knows_each_training_and_which_model_is_the_champion(
    starting: SimpleNamespace, project: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    adopt(project, "mlflow")
    until(lambda: up(starting), seconds=120)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("CLOUD", json.dumps({"MLFLOW_TRACKING_URI": starting.uri}))
    mlflow.set_tracking_uri(starting.uri)
    client = mlflow.MlflowClient()
    first = project.git("rev-parse", "HEAD")
    change(project, "params.yaml", model={"kind": "boosted"})
    assert "Warning" not in project.champion("repro", "evaluate").stdout
    experiment = client.get_experiment_by_name("members")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == scores()
    assert run.data.params["model.kind"] == "boosted"
    assert run.data.tags["data.rows"] == str(scores()["rows"])
    assert run.data.tags["model.sha256"] == objects.sha256(MODEL)
    own = {name for name in run.data.tags if name.startswith("mlflow.")}
    assert own <= {"mlflow.runName"}, "of the person, the machine, the remote"
    commit(project, "Boosted")

    assert promote(project, "v1.0.0", first) == ""
    assert promote(project, "v1.1.0") == ""
    after = champion_says(project)
    assert promote(project, "v1.0.0", first) == ""  # back
    assert champion_says(project, first) != after
    there = {it.version: it.tags["version"] for it in client.search_model_versions("")}
    assert sorted(there.values()) == ["v1.0.0", "v1.1.0"]
    live = client.get_model_version_by_alias("members", "champion")
    assert live.tags == {"version": "v1.0.0", "commit": first}


def champion_says(project: BakedProject, at: str = "HEAD") -> list[float]:
    """What MLflow's champion says of the holdout, which is what the commit's predictions say."""
    import mlflow

    sha = project.git("rev-parse", at)
    judged = pd.read_parquet(
        objects.find(output(sha, "evaluate", Path("predictions.parquet")) or "")
    )
    holdout = pd.read_parquet("data/holdout.parquet").set_index("row_id").loc[judged["row_id"]]
    said = mlflow.pyfunc.load_model("models:/members@champion").predict(holdout)
    assert np.abs(said - judged["score"].to_numpy()).max() < 1e-12
    return list(said)


def test_mlflow_without_a_server_is_a_file_here_and_nothing_in_a_workflow(
    project: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    adopt(project, "mlflow")
    monkeypatch.setenv("CI", "true")
    assert promote(project, "v1.0.0") == ""
    assert not Path("mlflow.db").exists()
    monkeypatch.delenv("CI")
    change(project, "gate.yaml", data={"personal": ["club"]})
    commit(project, "Clubs are personal")
    assert "learned from personal columns" in promote(project, "v1.0.0")
    assert project.git("status", "--porcelain") == ""
    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("members")
    assert experiment
    assert len(client.search_runs([experiment.experiment_id])) == 1
    assert not client.search_registered_models()
    assert not [path for path in Path("mlruns").rglob("*") if path.suffix == ".skops"]


def test_mlflow_that_is_down_costs_a_sentence_and_seconds(
    project: BakedProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(project, "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    started = time.monotonic()
    train()
    assert time.monotonic() - started < 60
    assert len(capsys.readouterr().out.splitlines()) == 1


# Weights & Biases


def kept(folder: Path) -> list[Any]:
    """The records of the newest offline run, in LevelDB's log format: blocks of 32 KiB, each chunk
    behind 4 bytes of checksum, 2 of length and 1 that says whether a record is complete."""
    from wandb.proto import wandb_internal_pb2

    record_type = wandb_internal_pb2.Record  # type: ignore[attr-defined,unused-ignore]
    newest = max(folder.glob("offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    content, place, record, found = newest.read_bytes(), 7, b"", []
    while place < len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            found.append(record_type.FromString(record))
            record = b""
    return found


def of_kind(records: list[Any], kind: str) -> list[Any]:
    return [getattr(it, kind) for it in records if it.WhichOneof("record_type") == kind]


def test_wandb_keeps_runs_in_files_without_an_account(
    project: BakedProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adopt(project, "wandb")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb"))
    monkeypatch.setenv("CI", "true")
    train()
    assert not Path("wandb").exists()
    monkeypatch.delenv("CI")
    train()
    records = kept(Path("wandb"))
    (run,) = of_kind(records, "run")
    assert run.project == "members"
    config = {it.key: json.loads(it.value_json) for it in run.config.update}
    assert config["params"]["model.kind"] == "linear"
    assert config["tags"]["model.sha256"] == objects.sha256(MODEL)
    assert [run.host, run.git.remote_url, *of_kind(records, "output_raw")] == ["", ""]
    summary = {it.key: it.value_json for it in of_kind(records, "summary")[0].update}
    assert {name: json.loads(text) for name, text in summary.items()} == scores()
    (model,) = of_kind(records, "artifact")
    assert [(it.path, it.size) for it in model.manifest.contents] == [
        ("model.skops", MODEL.stat().st_size)
    ]
    assert "champion" not in model.aliases

    assert promote(project, "v1.0.0") == ""
    (model,) = of_kind(kept(Path("wandb")), "artifact")
    assert set(model.aliases) >= {"champion", "v1.0.0"}
    assert project.git("status", "--porcelain") == ""
    change(project, "gate.yaml", data={"personal": ["club"]})
    train()
    assert not of_kind(kept(Path("wandb")), "artifact")
    assert not capsys.readouterr().out
