"""The service against `mlflow models serve` and MLServer: one model, one machine, one run."""

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as parquet
from flights import Project, packages
from measure import median, proportional
from report import Report
from validation import peers

SCRIPTS = Path(__file__).parent / "scripts"
LOCKS = {name: Path(__file__).parent / f"serving-{name}.txt" for name in ("mlflow", "mlserver")}
ROUNDS = 3
SECONDS = 5.0  # of load
MANY = 100_000  # requests to one server, for whether it grows
SAME = 1e-9  # how far two servers' scores may be apart
LOOP = """
import json, sys, time
from pathlib import Path
import champion
model = champion.load()
rows = json.loads(Path(sys.argv[1]).read_text())
tables = [model.checks.frame(model.checks.check([row])[0]) for row in rows[:200]]
said = [float(model.estimator.predict_proba(table)[0, 1]) for table in tables]
best = 1e9
for _ in range(3):
    started = time.perf_counter()
    for table in tables:
        model.estimator.predict_proba(table)
    best = min(best, (time.perf_counter() - started) / len(tables))
print(json.dumps({"seconds": best, "said": said}))
"""
ROWS = """
import json, sys
import champion, pandas as pd
names = champion.load().features
table = pd.read_parquet("data/holdout.parquet")[names].head(2000)
print(json.dumps({"names": names, "rows": json.loads(table.to_json(orient="records"))}))
"""


@dataclass
class Server:
    """A server and how it is asked.

    Parameters
    ----------
    path, body : where, and of some rows as a client sends them.
    scores : out of its answer.
    """

    name: str
    command: list[str | Path]
    ready: str
    path: str
    body: Callable[[list[dict[str, Any]]], Any]
    scores: Callable[[Any], list[float]]
    variables: dict[str, str]
    port: int = 0  # where its settings name one


def benchmark(report: Report, project: Project, trial: bool) -> None:
    """Serve the model that is trained now; the project's branch is as before in the end."""
    project.champion("repro")
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@b", "-c", "core.hooksPath=/dev/null"]
    project.run("git", "add", "--all")
    project.run(*git, "commit", "--quiet", "--allow-empty", "-m", "Train")
    try:
        compare(report, project, trial)
    finally:
        project.run("git", "reset", "--quiet", "HEAD~1")


def compare(report: Report, project: Project, trial: bool) -> None:
    """Ask each server for single rows and for 100 rows, by one client and by eight."""
    seconds = 0.3 if trial else SECONDS
    if not trial:
        install(report, project)
    folder = project.path.parent / "serving"
    folder.mkdir()
    sample = project.python("-c", ROWS).answer
    (folder / "features.json").write_text(json.dumps(sample["names"]))
    (folder / "rows.json").write_text(json.dumps(sample["rows"]))
    loop = project.python("-c", LOOP, folder / "rows.json", OMP_NUM_THREADS="1").answer
    servers = [ours(project)]
    if not trial:
        servers += [mlflow(report, project, folder), mlserver(report, project, folder)]
    measured: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    for turn in range(1 if trial else ROUNDS):
        for server in servers:  # in turns, so that a busy minute is everybody's
            report.progress(f"{server.name}, round {turn + 1}")
            measured[server.name].append(
                once(project, server, folder, sample["rows"], loop["said"], seconds)
            )
    table, rates = [], {}
    for name, runs in measured.items():
        cells = {key: median([run[key] for run in runs]) for key in runs[0]}
        rates[name] = cells
        table.append(
            [name, f"{cells['start']:.1f}", f"{cells['memory'] / 1e6:.0f}"]
            + [part for kind in ("1 1", "1 8", "100 1", "100 8") for part in (
                f"{cells[f'{kind} rate']:.0f}", f"{cells[f'{kind} p50']:.2f}",
                f"{cells[f'{kind} p99']:.2f}")]
        )  # fmt: skip
    mine = rates[servers[0].name]
    each = 1 / mine["1 1 rate"]
    note = (
        f"A call of `predict_proba` on one row, in a loop in one process: "
        f"{1000 * loop['seconds']:.2f} ms; a request of one row by one client takes "
        f"{each / loop['seconds']:.2f} times that. "
    )
    if len(servers) > 1:
        for kind, said in (("1 1", "one row, one client"), ("1 8", "one row, eight clients"),
                           ("100 1", "100 rows, one client")):  # fmt: skip
            best = max(rates[server.name][f"{kind} rate"] for server in servers[1:])
            note += f"{said}: {mine[f'{kind} rate'] / best:.1f} x the best peer. "
    many = 200 if trial else MANY
    early, late = lasting(project, folder, sample["rows"], seconds, many)
    note += f"After {many // 10:,} requests ours holds {early}, after {many:,} {late}. "
    columns = [f"{rows} x {clients}{unit}" for rows, clients in ((1, 1), (1, 8), (100, 1), (100, 8))
               for unit in (" /s", " p50", " p99")]  # fmt: skip
    report.table(
        "Serving: the sample's model, rows x clients",
        ["server", "start s", "MB", *columns],
        table,
        note + "Each server has one worker; all give the same scores. Requests a second, and "
        "milliseconds of a request; *MB*: proportional set size after the load. Ours also checks "
        f"each row against the schema and logs it. Median of {len(next(iter(measured.values())))} "
        f"rounds of {seconds:g} s.",
    )


def install(report: Report, project: Project) -> None:
    """Add the service's libraries to the project's environment."""
    report.progress("installing requirements-serve.txt into the project's environment")
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "-p", project.interpreter]
    subprocess.run([*command, "--require-hashes", "-r", project.path / "requirements-serve.txt"],
                   check=True)  # fmt: skip


def ours(project: Project) -> Server:
    variables = {**project.variables, "PYTHONPATH": "src"}
    # A fork would end at once, not in order.
    python = Path(sys.executable) if project.shared else project.interpreter
    return Server(
        "champion serve",
        [python, "-m", "champion", "serve", "--workers", "1", "--port", "PORT"],
        "/health/ready",
        "/predict",
        lambda rows: {"rows": rows},
        lambda answer: [row["score"] for row in answer["predictions"]],
        variables,
    )


def fitted(python: Path, project: Project, peer: str, folder: Path, port: int = 0) -> None:
    command: list[str | Path] = [python, SCRIPTS / "fit_peer.py", peer, folder, str(port)]
    project.run(*command, OMP_NUM_THREADS="1")


def mlflow(report: Report, project: Project, folder: Path) -> Server:
    python = peers(report, LOCKS["mlflow"])
    fitted(python, project, "mlflow", folder)
    names = json.loads((folder / "features.json").read_text())
    path = os.pathsep.join([str(python.parent), project.variables["PATH"]])
    return Server(
        f"mlflow models serve ({packages(python, 'mlflow')})",
        [python, "-m", "mlflow", "models", "serve", "-m", folder / "mlflow", "-p", "PORT",
         "--env-manager", "local", "--workers", "1"],
        "/health",
        "/invocations",
        lambda rows: {"dataframe_split": {
            "columns": names, "data": [[row[name] for name in names] for row in rows]}},
        lambda answer: [row[1] for row in answer["predictions"]],
        {**project.variables, "PATH": path, "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def mlserver(report: Report, project: Project, folder: Path) -> Server:
    python = peers(report, LOCKS["mlserver"])
    port = free_port()
    fitted(python, project, "mlserver", folder, port)
    names = json.loads((folder / "features.json").read_text())

    def body(rows: list[dict[str, Any]]) -> Any:
        words = {name for name in names if isinstance(rows[0][name], str)}
        return {
            "parameters": {"content_type": "pd"},
            "inputs": [
                {
                    "name": name, "shape": [len(rows), 1],
                    "datatype": "BYTES" if name in words else "FP64",
                    "parameters": {"content_type": "str" if name in words else "np"},
                    "data": [
                        math.nan if row[name] is None and name not in words else row[name]
                        for row in rows
                    ],
                }
                for name in names
            ],
            "outputs": [{"name": "predict_proba"}],
        }  # fmt: skip

    return Server(
        f"MLServer ({packages(python, 'mlserver')})",
        [python.parent / "mlserver", "start", folder / "mlserver"],
        "/v2/models/model/ready",
        "/v2/models/model/infer",
        body,
        lambda answer: answer["outputs"][0]["data"][1::2],
        {**project.variables, "PYTHONPATH": str(project.path / "src"), "OMP_NUM_THREADS": "1"},
        port,
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(project: Project, server: Server, folder: Path) -> Iterator[tuple[int, int, float]]:
    """Run a server; gives its port, its process and the seconds until it was ready."""
    port = server.port or free_port()
    command = [str(port) if part == "PORT" else str(part) for part in server.command]
    started = time.perf_counter()
    with (folder / "server.out").open("w") as out:
        process = subprocess.Popen(
            command, cwd=project.path, env=server.variables, stdout=out, stderr=out,
            start_new_session=os.name != "nt",
        )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(OSError):
                if asked(port, "GET", server.ready)[0] == 200:
                    break
            if process.poll() is not None or time.perf_counter() - started > 120:
                raise SystemExit((folder / "server.out").read_text()[-3000:])
            time.sleep(0.02)
        yield port, process.pid, time.perf_counter() - started
    finally:
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)  # its own session: nobody else's
        process.wait(60)


def asked(port: int, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def lasting(
    project: Project, folder: Path, rows: list[dict[str, Any]], seconds: float, many: int
) -> list[str]:
    """What our server holds after a tenth of so many requests of one row, and after all of them.

    Raises
    ------
    SystemExit : it lost a line of the prediction log.
    """
    server, bodies, place = ours(project), folder / "bodies.jsonl", folder / "log"
    server.variables["CHAMPION_LOG"] = str(place)
    bodies.write_text("\n".join(json.dumps(server.body([row])) for row in rows))
    command = [sys.executable, SCRIPTS / "load.py"]
    held, count = [], 0
    with running(project, server, folder) as (port, number, _):
        for wanted in (many // 10, many):
            while count < wanted:
                project.run(*command, str(port), server.path, bodies, "8", str(seconds))
                count = predicted(port)
            process = psutil.Process(number)
            all_of_it = sum(map(proportional, [process, *process.children(recursive=True)]))
            held.append(f"{all_of_it / 1e6:.0f} MB")
    lines = sum(parquet.read_metadata(path).num_rows for path in place.glob("*/*.parquet"))
    if lines != count:
        raise SystemExit(f"champion serve answered {count} rows and logged {lines}.")
    return held


def predicted(port: int) -> int:
    """How many rows our server says that it has answered."""
    lines = asked(port, "GET", "/metrics")[1].decode().splitlines()
    return int(sum(float(it.split()[1]) for it in lines if it.startswith("champion_rows_total")))


def once(
    project: Project, server: Server, folder: Path, rows: list[dict[str, Any]],
    wanted: list[float], seconds: float,
) -> dict[str, float]:  # fmt: skip
    """Start a server, compare its answers, ask it without a pause, end it.

    Raises
    ------
    SystemExit : it says something else than `predict_proba`.
    """
    with running(project, server, folder) as (port, number, start):
        found: dict[str, float] = {"start": start}
        status, content = asked(port, "POST", server.path, server.body(rows[: len(wanted)]))
        if status != 200:
            raise SystemExit(f"{server.name} answers {status}: {content[:2000].decode()}")
        said = server.scores(json.loads(content))
        if max(abs(a - b) for a, b in zip(said, wanted, strict=True)) > SAME:
            raise SystemExit(f"{server.name} says something else than predict_proba.")
        for count in (1, 100):
            parts = [rows[i : i + count] for i in range(0, len(rows) - count, count)]
            bodies = folder / "bodies.jsonl"
            bodies.write_text("\n".join(json.dumps(server.body(part)) for part in parts))
            for clients in (1, 8):
                command: list[str | Path] = [sys.executable, SCRIPTS / "load.py", str(port)]
                command += [server.path, bodies, str(clients), str(seconds)]
                answer = project.run(*command).answer
                found |= {f"{count} {clients} {key}": value for key, value in answer.items()}
        process = psutil.Process(number)
        found["memory"] = sum(map(proportional, [process, *process.children(recursive=True)]))
    return found
