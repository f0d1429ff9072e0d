"""The image as it is built and run: where buildah is, for real."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actions.runner import STOOD_IN
from champion.deploy import smoke
from champion.deploy.image import CONTEXT, assemble
from champion.serve.model import read
from champion.serve.released import released, unpack
from conftest import PROJECT
from containers import Containers, installable
from live_model import as_json, commit, rows, run, write

NAME = "localhost/left:v1.0.0"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Containers:
    if not installable():
        STOOD_IN.add("the image (neither built nor run: no buildah here)")
        pytest.skip("no buildah here")
    made = Containers(tmp_path_factory.mktemp("containers") / "store")
    made.make_base("localhost/base")
    return made


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A repository with a version in production."""
    root = write(tmp_path_factory.mktemp("image") / "project")
    shutil.copytree(PROJECT / "deploy", root / "deploy")
    shutil.copytree(PROJECT / "src/champion", root / "src/champion")
    shutil.copyfile(PROJECT / "requirements-serve.txt", root / "requirements-serve.txt")
    commit(root, "Deploy", "model@v1.0.0", "model#production#1")
    return root


@pytest.fixture(scope="module")
def image(containers: Containers, repository: Path) -> str:
    options = ("--with", "buildah", "--base", "localhost/base", "--name", "left")
    command = (sys.executable, "-m", "champion", "image", *options)
    done = run(repository, *command, **containers.variables)
    assert "Built left:v1.0.0" in done.stdout
    return NAME


def test_what_goes_into_an_image(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of a version with its package; the service and its lock; nothing else."""
    monkeypatch.chdir(repository)
    assemble(released())
    assert {path.name for path in CONTEXT.iterdir()} == {
        "engine",
        "model",
        "requirements-serve.txt",
    }
    assert [path.name for path in (CONTEXT / "engine").iterdir()] == ["champion"]
    assert {path.name for path in (CONTEXT / "model").iterdir()} == {
        "about.json", "background.parquet", "gate.yaml", "model.skops", "params.yaml", "src",
    }  # fmt: skip
    assert [path.name for path in (CONTEXT / "model/src").iterdir()] == ["made"]
    assert not list(CONTEXT.rglob("__pycache__"))


def test_an_image_says_what_it_is(containers: Containers, image: str, repository: Path) -> None:
    about = containers.described(image)
    sha = run(repository, "git", "rev-parse", "HEAD").stdout.strip()
    labels = about["Labels"]
    assert labels["org.opencontainers.image.version"] == "v1.0.0"
    assert labels["org.opencontainers.image.revision"] == sha
    assert labels["champion.data"] == f"{0:032d}.dir"
    assert about["User"] == "10001:10001"
    assert about["ExposedPorts"] == {"8080/tcp": {}}
    assert about["Healthcheck"]["Test"][:2] == ["CMD", "python3"]


@pytest.fixture(scope="module")
def container(containers: Containers, image: str) -> Iterator[tuple[str, Path]]:
    """A container of the image, and where its files are."""
    made = containers.buildah("from", image)
    yield made, Path(containers.buildah("mount", made))
    containers.buildah("rm", made)


def test_only_what_serves_is_installed(container: tuple[str, Path]) -> None:
    root = container[1]
    lock = (PROJECT / "requirements-serve.txt").read_text()
    wanted = {re.sub(r"[-_.]+", "-", name) for name in re.findall(r"(?m)^([\w.-]+)==", lock)}
    found = {
        re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower()
        for path in root.glob("venv/lib/*/site-packages/*.dist-info")
    }
    assert {"uvicorn", "scikit-learn"} <= found <= wanted
    assert not found & {"dvc", "gto", "pip", "matplotlib", "pytest"}
    programs = {path.name for path in root.glob("*bin/*")} | {
        path.name for path in root.glob("usr/*/bin/*")
    }
    assert not {name for name in programs if re.match(r"pip|gcc|cc|make|git", name)}
    assert not list(root.glob("usr/local/lib/python3*/ensurepip"))
    written = [p for p in root.rglob("*") if not p.is_symlink() and p.stat().st_mode & 0o002]
    assert [path.relative_to(root).as_posix() for path in written] == ["tmp"]


def test_it_serves_what_the_model_says(
    containers: Containers, container: tuple[str, Path], image: str, repository: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As SageMaker starts it, as a user without rights, writing to /tmp alone."""
    name, root = container
    about = containers.described(image)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    containers.buildah("config", "--env", f"PORT={port}", "--env", "CHAMPION_WORKERS=1", name)
    url, started = f"http://127.0.0.1:{port}", time.time()
    command = ["buildah", "run", name, "--", *about["Entrypoint"], "serve"]
    output = tmp_path / "log"
    with output.open("w") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **containers.variables}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        until_ready(url, process, output)
        monkeypatch.chdir(repository)
        (tmp_path / "out").mkdir()
        table = rows(50, seed=3)
        said = smoke.request(url, "/predict", {"rows": as_json(table)})
        assert said["model"]["version"] == "v1.0.0"
        expected = read(unpack(released(), tmp_path / "out")).predict(table)["score"]
        scores = [row["score"] for row in said["predictions"]]
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)
        containers.buildah("run", name, "--", *about["Healthcheck"]["Test"][1:])
        assert containers.buildah("run", name, "--", "id", "-u") == "10001"
        end(output)
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert '"stopped"' in output.read_text()
    assert len(list(root.glob("tmp/predictions/*/*.parquet"))) == 1
    changed = [
        path.relative_to(root).parts[0]
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mtime > started
    ]
    assert set(changed) <= {"tmp", "etc", "run"}, "etc and run are buildah's own"
    with pytest.raises(smoke.Differs, match="does not answer"):
        smoke.request(url, "/health/live")


def end(output: Path) -> None:
    """What a platform does; buildah would kill. Its containers see this machine's processes."""
    found = re.search(r"Started server process \[(\d+)\]", output.read_text())
    assert found
    assert b"champion" in Path(f"/proc/{found[1]}/cmdline").read_bytes()
    os.kill(int(found[1]), signal.SIGTERM)


def until_ready(url: str, process: subprocess.Popen, output: Path) -> None:
    for _ in range(300):
        try:
            smoke.request(url, "/health/ready")
            return
        except smoke.Differs:
            assert process.poll() is None, output.read_text()
            time.sleep(0.2)
    raise AssertionError(output.read_text())
