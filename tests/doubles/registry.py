"""Images as folders: what was built, what was pushed, and a process for each that is run."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any


class Registry:
    """A folder with `built/DIGEST` and `pushed/DIGEST`, the names that they have, and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def set(self, name: str, **values: Any) -> None:
        (self.folder / f"{name}.json").write_text(json.dumps({**self.get(name), **values}))

    def reached(self) -> None:
        if self.get("state").get("down"):
            raise LookupError("received unexpected HTTP status: 503 Service Unavailable")

    def log_in(self, registry: str) -> None:
        self.set("users", **{registry: True})

    def build(self, name: str, context: Path, copied: list[str], given: dict[str, str]) -> str:
        """Keep the files; return the digest."""
        content = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
        for path in sorted(path for part in copied for path in walk(context / part)):
            content.update(f"{path.relative_to(context)}".encode() + path.read_bytes())
        digest = content.hexdigest()
        kept = self.folder / "built" / digest
        for part in copied:
            target = kept / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if (context / part).is_dir():
                shutil.copytree(context / part, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(context / part, target)
        self.set("local", **{name: digest})
        return digest

    def push(self, name: str) -> None:
        if name.partition("/")[0] not in self.get("users"):
            raise LookupError("denied: permission_denied")
        self.reached()
        digest = self.get("local")[name]
        built, pushed = (self.folder / place / digest for place in ("built", "pushed"))
        shutil.copytree(built, pushed, dirs_exist_ok=True)
        self.set("names", **{name: digest})

    def pull(self, name: str) -> None:
        self.reached()
        if name not in self.get("names"):
            raise LookupError("manifest unknown")
        self.set("local", **{name: self.get("names")[name]})

    def pushed(self, digest: str) -> Path:
        folder = self.folder / "pushed" / digest
        if not folder.is_dir():
            raise LookupError(f"manifest for sha256:{digest} not found")
        return folder

    def address(self, folder: Path) -> str:
        """Where the service of an image is; it is started once, and goes on."""
        if known := self.get("services").get(str(folder)):
            return known["address"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder / "engine"),
            "CHAMPION_MODEL": str(folder / "model"),
            "CHAMPION_LOG": str(self.folder / "predictions"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "champion", "serve", "--workers=1", f"--port={port}"]
        with (self.folder / f"{port}.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        address = f"127.0.0.1:{port}"
        self.set("services", **{str(folder): {"address": address, "process": process.pid}})
        return address

    def wait(self, address: str) -> None:
        """Until a service is ready."""
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://{address}/health/ready", timeout=5),
            ):
                return
            time.sleep(0.1)
        raise LookupError("timed out waiting for the condition")

    def stop(self) -> None:
        for service in self.get("services").values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service["process"], signal.SIGKILL)
        (self.folder / "services.json").unlink(missing_ok=True)


def walk(path: Path) -> list[Path]:
    return [it for it in path.rglob("*") if it.is_file()] if path.is_dir() else [path]
