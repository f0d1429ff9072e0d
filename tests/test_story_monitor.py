"""The world changes: what the workflow monitor sees, says and proposes, executed."""

import json
import re
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from conftest import Bake
from github import PullRequest
from github.state import Issue
from moments import Moment, reached
from pull_requests import Person, ProjectHost, members, published

TRACKER = "planted-token-of-a-tracker"
CLOUD = {  # as the action that opens a cloud exports them
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED0KEY", "AWS_SECRET_ACCESS_KEY": "planted+secret/of+a+cloud",
    "AWS_SESSION_TOKEN": "planted-session",
}  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, baked: Bake) -> Moment:
    """A champion in production, and gate.yaml that lets the judge merge."""
    before = published(tmp_path_factory, baked)

    def go(host: ProjectHost) -> None:
        ada = host.clone()
        ada.edit("gate.yaml", monitor={"merge": True})
        ada.commit("Let the judge merge what trains anew")
        ada.push()
        host.settle()

    return reached(tmp_path_factory.mktemp("first"), None, before, go)


@pytest.fixture
def host(tmp_path: Path, first: Moment) -> Iterator[ProjectHost]:
    with first.again(tmp_path) as made:
        yield made


@pytest.fixture
def chat() -> Iterator[tuple[str, list[str]]]:
    """A chat that takes messages: its address, and what it was told."""
    told: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    server.server_close()


def people(start: int, rows: int, seed: int, often: bool) -> pd.DataFrame:
    """Members; or such as visit often, and never seldom."""
    table = members(start, rows, seed)
    return table.assign(visits=table["visits"].abs().clip(upper=2.5)) if often else table


def scores(host: ProjectHost) -> pd.Series:
    """What the model on `main` says of its holdout."""
    stage = YAML(typ="safe").load(host.show("main", "dvc.lock"))["stages"]["evaluate"]
    digest = next(it["md5"] for it in stage["outs"] if it["path"] == "predictions.parquet")
    return pd.read_parquet(BytesIO(stored(host, digest)))["score"]


def log(host: ProjectHost, often: bool = False, rows: int = 900) -> None:
    """What the service logged in this week, and the answers, at the addresses of the variables."""
    table = people(50_000, rows, 9, often)
    table.insert(0, "request_id", [f"r{k}" for k in range(rows)])
    hours = pd.to_timedelta(np.arange(rows) % 140 + 1, unit="h")
    table["time"] = pd.Timestamp.now("UTC").floor("s") - hours
    sure = 4 * table["visits"].abs() + 0.8 * table["age"]  # see `members`
    table["score"] = np.quantile(scores(host), sure.rank(pct=True))
    folder = host.folder / "served"
    folder.mkdir(exist_ok=True)
    table.drop(columns="renewed").to_parquet(folder / "week.parquet")
    table[["request_id", "renewed"]].to_csv(host.folder / "answers.csv", index=False)
    host.actions.variables["MONITOR_LOG"] = folder.as_uri()
    host.actions.variables["MONITOR_LABELS"] = (host.folder / "answers.csv").as_uri()


def newest(host: ProjectHost) -> Person:
    """Ada's clone of `main` as it is now."""
    ada = host.clone()
    ada.main()
    return ada


def bring(ada: Person, rows: int = 6000) -> None:
    """Put a file of newer members into data/incoming of the default branch."""
    folder = ada.path / "data/incoming"
    folder.mkdir(exist_ok=True)
    people(1000, rows, 3, often=True).to_csv(folder / "spring.csv", index=False)
    ada.commit("New members")
    ada.push()


def rows_of(host: ProjectHost, branch: str) -> dict[str, int]:
    """The tables of a branch's data, and their rows."""
    name = YAML(typ="safe").load(host.show(branch, "data/raw.dvc"))["outs"][0]["md5"]
    listed = json.loads(stored(host, name))
    return {it["relpath"]: stored(host, it["md5"]).count(b"\n") - 1 for it in listed}


def stored(host: ProjectHost, name: str) -> bytes:
    """An object of the remote."""
    place = f"dvc-storage:files/md5/{name[:2]}/{name[2:]}"
    return host.home.bare.attempt("show", place).stdout


def issues(host: ProjectHost) -> list[Issue]:
    return [it for it in host.home.issues.values() if not isinstance(it, PullRequest)]


def looks(host: ProjectHost) -> list[dict[str, Any]]:
    return [event["body"] for event in host.ledger() if event["kind"] == "monitor"]


def states(host: ProjectHost) -> list[str]:
    return [look["look"]["state"] for look in looks(host)]


def conclusions(host: ProjectHost, workflow: str = "monitor") -> list[str]:
    return [run.conclusion for run in host.runs if run.name == workflow]


def look(host: ProjectHost, *lost: str) -> None:
    """Let the hour come; the runner of `tell` is lost at each of these requests, then run again."""
    host.schedule()
    for request in lost:
        host.kill("monitor", "tell", "Tell", request)
        host.settle()
        host.rerun(host.run("monitor"), failed=True)
    host.settle()


def test_no_log_is_no_all_clear_and_a_quiet_week_is_one(host: ProjectHost) -> None:
    look(host)
    assert conclusions(host) == ["success"]
    assert "Not known: nothing to watch" in host.run("monitor").summary
    assert "No change" not in host.run("monitor").summary
    assert not looks(host)
    log(host)
    look(host)
    assert conclusions(host) == ["success"] * 2, host.run("monitor").log
    assert states(host) == ["ok"]
    assert "🟢 No change that matters in 900 rows" in host.run("monitor").summary
    assert "monitor.png" in host.show("ledger", "README.md")
    assert not issues(host)
    assert not host.home.pulls


def everything(host: ProjectHost) -> bytes:
    """All that anybody can read: logs, pages, artifacts, issues, statuses and every commit."""
    found = [f"{run.log}\n{run.summary}".encode() for run in host.runs]
    for run in host.home.runs:
        for artifact in run.artifacts:
            with zipfile.ZipFile(BytesIO(artifact.content)) as archive:
                found += [archive.read(name) for name in archive.namelist()]
    for issue in host.home.issues.values():
        found += [it.body.encode() for it in (issue, *issue.comments)]
    found.append(repr(host.home.statuses).encode())
    found.append(host.home.bare.git("log", "--all", "--patch", "--text").encode())
    return b"\n".join(found)


def test_drift_ends_as_a_new_champion(host: ProjectHost, chat: tuple[str, list[str]]) -> None:
    """One issue and one pull request, though runners are lost midway."""
    address, told = chat
    host.actions.secrets |= {"MONITOR_WEBHOOK": address, "TRACKING_TOKEN": TRACKER}
    host.machine.variables.update(CLOUD)
    host.home.actions_may_open_pulls = True
    log(host, often=True)
    ada = newest(host)
    bring(ada)
    look(host, "POST .*/git-receive-pack", "POST .*/pulls$")
    assert conclusions(host)[-1] == "success", host.run("monitor").log
    assert set(conclusions(host)[:-1]) == {"failure"}
    assert states(host) == ["alert"]
    (issue,) = issues(host)
    (pull,) = host.home.pulls
    assert issue.state == "open"
    assert issue.labels == ["monitor"]
    assert issue.title == "Monitor: visits has moved"
    for words in (
        "`visits` has moved |",
        "/raw/ledger/files/000003/monitor.png",
        "**What it costs.** ROC AUC is ",
        f"**What is done.** #{pull.number} trains anew",
        "Champion `v1.0.0`",
    ):
        assert words in issue.body, issue.body
    assert host.show("ledger", "files/000003/monitor.png")
    card = host.show("ledger", "files/000003/model_card.md")
    assert "**v1.0.0**, last looked at by event 3 of the ledger" in card
    assert "visits has moved." in card.partition("## Monitoring")[2].partition("##")[0]
    page = host.show("ledger", "README.md")
    assert "Its model card: [v1.1.0](files/000005/model_card.md)." in page
    assert host.files(pull.head_sha) & {"data/incoming/spring.csv"} == set()

    assert pull.merged_at, host.run("judge").log
    assert host.gate(pull).description.startswith("Better:")
    verdict = next(it for it in reversed(host.ledger()) if it["kind"] == "verdict")
    assert verdict["body"]["policy"] == "maintain"
    assert [it["body"]["version"] for it in host.ledger() if it["kind"] == "promotion"] == [
        "v1.0.0",
        "v1.1.0",
    ]
    log(host, often=True)
    look(host)
    assert states(host) == ["alert", "ok"], host.run("monitor").log
    assert issue.state == "closed"
    assert issue.comments[-1].body.startswith("It is over.")
    assert [text.partition(" http")[0] for text in told] == [
        "ada/members: Monitor: visits has moved",
        "ada/members: It is over: no alert any more",
    ]
    assert ada.audit()[0] == "Sound: 2 versions, 6 events"
    assert {run.name for run in host.runs} >= {"train", "judge", "promote", "monitor"}
    shown = everything(host)
    for secret in (*CLOUD.values(), TRACKER, address):
        assert secret.encode() not in shown
    assert not re.search(rb"ghs_[0-9a-f]{36}", shown), "a job's token"
    for run in host.runs:
        said = f"{run.log}{run.summary}".replace("basic ***", "")  # of actions/checkout
        assert "***" not in said, "GitHub hid a secret that a step printed"


def test_two_at_once_where_workflows_may_not_open_pull_requests(host: ProjectHost) -> None:
    """The first meets a GitHub that does not answer; the second makes that good, and is not red."""
    log(host, often=True)
    ada = newest(host)
    source = host.folder / "autumn.csv"
    people(20_000, 300, 4, often=True).to_csv(source, index=False)
    there = "data/incoming/autumn.csv"
    ada.run(sys.executable, "-m", "dvc", "import-url", "--quiet", str(source), there)
    people(20_000, 600, 4, often=True).to_csv(source, index=False)  # by now it holds more
    bring(ada)
    host.github.faults.fail("POST .*/issues$", 503, times=5)
    host.schedule()
    look(host)
    assert conclusions(host) == ["failure", "success"], host.run("monitor").log
    assert states(host) == ["alert"] * 2, "the look is not lost"
    (issue,) = issues(host)
    (branch,) = [name for name in host.branches() if name.startswith("retrain/")]
    assert host.files("main") - host.files(branch) == {"data/incoming/spring.csv"}
    assert rows_of(host, branch) == {"members.csv": 600, "spring.csv": 6000, "autumn.csv": 600}
    assert f"/compare/main...{branch}?expand=1" in issue.body
    assert "Allow GitHub Actions to create and approve pull requests" in issue.body
    assert not host.home.pulls
