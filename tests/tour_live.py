"""The tour's live model: served and asked; another one takes its place, is put back, comes again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actions.stand_ins import DOUBLES
from flow import Host
from run import call, say
from tour_guide import expect, output, tell
from tour_judge import dvc, python
from tour_months import events
from tour_pull_requests import address

START = 120.0  # seconds, with the service's libraries to install
FLIGHT = """
import pandas as pd, sys
holdout = pd.read_parquet("data/holdout.parquet").set_index("row_id")
said = pd.read_parquet("predictions.parquet").set_index("row_id").score
row = said.idxmax()
print(holdout.loc[[row]].assign(said=said[row], row=row).to_json(orient="records", date_format="iso"))
"""


def served(host: Host, project: Path) -> None:
    """The model that was merged, fetched by its stage and asked over HTTP."""
    say("5. The model is used")
    files, bare = project.parent / "files", project.parent / "bare.git"
    call("git", "clone", "--quiet", "--bare", address(host), bare, folder=project)
    tell("A bare clone holds no large file; a clone of the branch dvc-storage holds all of them.")
    options = ("--quiet", "--depth=1", "--branch=dvc-storage")
    call("git", "clone", *options, f"file://{bare}", files, folder=project)
    fetched = project.parent / "fetched.skops"
    names = ("artifacts", "get", str(bare), "model", "--stage", "production")
    command = (*dvc(project), *names, "--remote-config", f"url={files}", "--out", str(fetched))
    call(*command, folder=project)
    same = fetched.read_bytes() == (project / "model.skops").read_bytes()
    expect(same, "what DVC fetches from there is the live model")
    with serving(project) as service:
        expect(service.version() == "v1.1.0", "it serves v1.1.0")
        ask(service, project)


def ask(service: "Service", project: Path) -> None:
    """One flight, and why; what the service says is what was judged."""
    (known,) = json.loads(output(str(python(project)), "-c", FLIGHT, folder=project, quiet=True))
    names = [it["name"] for it in service.ask("/v2/models/model")["inputs"]]
    flight = {name: known[name] for name in names}
    tell(f"POST /predict {json.dumps({'rows': [flight]})}")
    answer = service.ask("/predict", rows=[flight])
    tell(json.dumps(answer))
    score = answer["predictions"][0]["score"]
    expect(abs(score - known["said"]) < 1e-9, f"{score:.0%} that it is late, as was judged")
    tell("POST /explain says what moved that, in log-odds:")
    moved = service.ask("/explain", rows=[flight])["explanations"][0]
    for name in sorted(moved, key=lambda name: -abs(moved[name]))[:4]:
        tell(f"| {name:<12} {moved[name]:+.2f}   {flight[name]}")
    said = output("make", "explain-row", f"ROW={known['row']}", folder=project)
    expect(f"{score:.1%}" in said, "the same of a row of the holdout, without a service")


def taken_back(host: Host, project: Path) -> None:
    """The newest version is taken back, and put into production again."""
    say("   Somebody misses flights since then: back to v1.1.0")
    rollback(host, project, "v1.1.0", "more passengers miss their flight")
    said = output("make", "history", folder=project)
    expect("production  v1.1.0" in said, "v1.1.0 is in production again, and the ledger says why")
    (issue,) = [it for it in host.home.issues.values() if it.title == "Go back to v1.1.0"]
    tell(f"issue #{issue.number} links the pull request that takes the branch back, too")
    with serving(project) as service:
        expect(service.version() == "v1.1.0", "a service that starts now serves v1.1.0")

    say("   It was the weather: February's model comes again")
    rollback(host, project, "v1.2.0", "it was the weather")
    host.ask(f"PATCH /issues/{issue.number}", "you", {"state": "closed"})
    said = output("make", "history", folder=project)
    expect("production  v1.2.0" in said, "v1.2.0 is in production")


def rollback(host: Host, project: Path, version: str, reason: str) -> None:
    """Type `make rollback` as somebody whom the GitHub CLI knows, and let the workflow run."""
    before = dict(os.environ)
    os.environ["PATH"] = os.pathsep.join([str(DOUBLES), os.environ["PATH"]])
    os.environ |= {"GH_TOKEN": host.token("you").secret, "GITHUB_API_URL": host.github.api}
    try:
        output("make", "rollback", f"VERSION={version}", f"REASON={reason}", folder=project)
    finally:
        os.environ.clear()
        os.environ.update(before)
    host.settle()
    last = events(host, "promotion", "rollback")[-1]
    tell(f"the ledger: {last['kind']} to {last['body']['version']}, “{last['body']['reason']}”")


class Service:
    """A running service."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **body: Any) -> Any:
        """What a route answers; with a body, to a POST."""
        content = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            self.url + path, content, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def version(self) -> str:
        return str(self.ask("/v2")["version"])


@contextlib.contextmanager
def serving(project: Path) -> Iterator[Service]:
    """Inside, `make serve` runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"$ make serve PORT={port}", flush=True)
    folder = project.parent / "service"
    folder.mkdir(exist_ok=True)
    with (folder / f"{port}.log").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "serve", f"PORT={port}"],
            cwd=project,
            env={**os.environ, "CHAMPION_LOG": str(folder / "predictions")},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield ready(process, Service(port), said.name)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def ready(process: subprocess.Popen[bytes], service: Service, log: str) -> Service:
    """Wait for it; stop the tour if it ends."""
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            service.ask("/health/ready")
            return service
        time.sleep(0.1)
    print(Path(log).read_text(encoding="utf-8"))
    raise SystemExit("NOT SO: the service is ready")
