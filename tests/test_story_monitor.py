"""The world changes: what the workflow monitor sees, says and proposes, executed."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conftest import Bake
from github import PullRequest
from github.state import Issue
from moments import Moment, reached
from pull_requests import Person, ProjectHost, members, published
from ready import said

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

        def log_message(self, format: str, *args: Any) -> None:
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


def log(host: ProjectHost, often: bool = False, rows: int = 900) -> None:
    """What the service logged in this week, and the answers, at the addresses of the variables."""
    table = people(50_000, rows, 9, often)
    table.insert(0, "request_id", [f"r{k}" for k in range(rows)])
    hours = pd.to_timedelta(np.arange(rows) % 140 + 1, unit="h")
    table["time"] = pd.Timestamp.now("UTC").floor("s") - hours
    table["score"] = np.quantile(said(host.published), table["age"].rank(pct=True))
    folder = host.folder / "served"
    folder.mkdir(exist_ok=True)
    table.drop(columns="renewed").to_parquet(folder / "week.parquet")
    table[["request_id", "renewed"]].to_csv(host.folder / "answers.csv", index=False)
    host.actions.variables["MONITOR_LOG"] = folder.as_uri()
    host.actions.variables["MONITOR_LABELS"] = (host.folder / "answers.csv").as_uri()


def bring(ada: Person, rows: int = 6000) -> None:
    """Put a file of newer members into data/incoming of the default branch."""
    ada.main()
    folder = ada.path / "data/incoming"
    folder.mkdir(exist_ok=True)
    people(1000, rows, 3, often=True).to_csv(folder / "spring.csv", index=False)
    ada.commit("New members")
    ada.push()


def issues(host: ProjectHost) -> list[Issue]:
    return [it for it in host.home.issues.values() if not isinstance(it, PullRequest)]


def looks(host: ProjectHost) -> list[dict[str, Any]]:
    return [event["body"] for event in host.ledger() if event["kind"] == "monitor"]


def test_a_quiet_week(host: ProjectHost) -> None:
    log(host)
    host.schedule()
    host.settle()
    run = host.run("monitor")
    print(run.log[-5000:])
    assert run.conclusion == "success", run.log
    (look,) = looks(host)
    assert look["look"]["state"] == "ok", look
    assert not issues(host)


def test_drift(host: ProjectHost, chat) -> None:
    log(host, often=True)
    host.actions.secrets["MONITOR_WEBHOOK"] = chat[0]
    host.home.actions_may_open_pulls = True
    bring(host.clone("bob"))
    host.schedule()
    host.settle()
    for run in host.runs:
        print(run.name, run.conclusion)
    print(host.run("monitor").log[-6000:])
    print(host.run("judge").log[-3000:])
    print([ (i.title, i.body, i.state) for i in issues(host)])
    print([(e["kind"], e["body"].get("verdict"), e["body"].get("version")) for e in host.ledger()])
    print(chat[1])
    Path("/tmp/work/monflow-scratch/issue.md").write_text(issues(host)[0].body)
    Path("/tmp/work/monflow-scratch/monitor.png").write_bytes(host.home.bare.attempt("show", f"ledger:files/000003/monitor.png").stdout)
    host.schedule()
    host.settle()
    print(host.run("monitor").log[-6000:])
    print([ (i.title, i.body, i.state, i.comments) for i in issues(host)])
    print(chat[1])
