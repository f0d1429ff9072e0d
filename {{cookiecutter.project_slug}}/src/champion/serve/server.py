"""Serve the model over HTTP: one process a core, until SIGTERM; then what is asked is answered."""

import argparse
import importlib.util
import json
import logging
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from champion.errors import Refusal
from champion.serve.released import ABOUT, released, unpack
from champion.workspace import environment

LOCK = "requirements-serve.txt"
PORT = 8080
GRACE = 30  # seconds for what is being answered when the end comes
HELP = (
    "CHAMPION_LOG: a folder or URL for the prediction log; CHAMPION_MODEL: a folder that "
    "--unpack wrote; CHAMPION_WORKERS, PORT or AIP_HTTP_PORT: where no option says so."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = HELP
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: from everywhere")
    parser.add_argument("--port", type=int, help=f"default: {PORT}")
    parser.add_argument("--workers", type=int, help="processes; default: one a core")
    parser.add_argument("--version", help="such as v1.1.0; default: the one in production")
    parser.add_argument("--unpack", metavar="FOLDER", type=Path,
                        help="write the model and its code there, for an image, and end")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    if arguments.unpack:
        return write(arguments.unpack, arguments.version)
    given = os.environ.get("CHAMPION_MODEL")
    if given:
        if not Path(given, ABOUT).is_file():
            raise Refusal(
                f"CHAMPION_MODEL names {given}, which `champion serve --unpack` did not write."
            )
        return serve(Path(given), arguments)
    with tempfile.TemporaryDirectory(prefix="champion-") as folder:
        return serve(unpack(released(arguments.version), Path(folder)), arguments)


def write(folder: Path, version: str | None) -> int:
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} is not empty: name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    champion = released(version)
    unpack(champion, folder)
    print(f"{folder}: {champion.name}")
    return 0


def serve(folder: Path, arguments: argparse.Namespace) -> int:
    """Run until somebody ends it."""
    libraries()
    import uvicorn

    from champion.serve.impatient import Impatient

    workers = arguments.workers or number("CHAMPION_WORKERS") or cores()
    port = arguments.port or number("AIP_HTTP_PORT") or number("PORT") or PORT
    os.environ["CHAMPION_MODEL"] = str(folder.absolute())
    # uvicorn ends in order, then raises the signal again: what is temporary shall still be removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="champion-metrics-") as shared:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        uvicorn.run(
            "champion.serve.app:create",
            factory=True,
            host=arguments.host,
            port=port,
            workers=workers,
            http=Impatient,
            ws="none",
            access_log=False,
            server_header=False,
            log_config=LOGGING,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE,
        )
    return 0


def libraries() -> None:
    """Add those of the service to the project's environment, if that is not done yet.

    Raises
    ------
    Refusal : they are not there, and it is not for us to install them.
    """
    needed = ("uvicorn", "httptools", "fastapi", "orjson", "prometheus_client")
    gone = [name for name in needed if not importlib.util.find_spec(name)]
    if not gone:
        return
    env = environment.find()
    if not env.kept:
        raise Refusal(f"{env.folder} lacks {', '.join(gone)}: install {LOCK} there.")
    environment.install(env, [LOCK])
    importlib.invalidate_caches()


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number(name: str) -> int | None:
    """A whole number of the environment."""
    text = os.environ.get(name, "")
    if text and not text.isdigit():
        raise Refusal(f"{name} must be a whole number, not {text!r}.")
    return int(text) if text else None


class AsJson(logging.Formatter):
    """A line of JSON each."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__  # its text may quote what was sent
        return json.dumps(told)


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "champion.serve.server.AsJson"}},
    "handlers": {
        "out": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    },
    "loggers": {
        name: {"handlers": ["out"], "level": "INFO", "propagate": False}
        for name in ("uvicorn", "champion")
    },
}
