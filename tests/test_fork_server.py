"""A fork of the server does what a Python of its own does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fork_server
from whole_projects import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are Linux's")

ABOUT = """
import atexit, json, os, sys, threading
shells = ("PWD", "OLDPWD", "SHLVL", "_")  # own variables
variables = {name: os.environ[name] for name in sorted(os.environ) if name not in shells}
atexit.register(print, "at exit")
print(json.dumps([sys.argv, sys.path[:2], os.getcwd(), variables, sys.stdin.read(),
                  __name__, sorted(name for name in sys.modules if "champion" in name)]))
print("to whom it concerns", file=sys.stderr)
threading.Timer(0.1, print, ["a thread"]).start()
"""

# From 3.12 on Python warns where a process with threads forks; a fork has one that watches.
FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore")
os.fork() or os._exit(7)
os.wait()
sys.exit(5)
"""


def run(
    python: str | Path, folder: Path, source: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    package = folder / "src/champion"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__main__.py").write_text(source)
    return subprocess.run(
        [python, "-m", "champion", "a", "b c"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src", "LANG": "C.UTF-8", **variables},
        input="some input",
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    "source",
    [
        ABOUT,
        "print('ä' * 100_000)",
        "raise SystemExit(3)",
        "raise SystemExit('a sentence')",
        "raise SystemExit(None)",
        "import os; print('lost', end=''); os._exit(4)",
        "import os; os.kill(os.getpid(), 9)",
        FORKS,
        "import sys, subprocess as s; print(s.run([sys.executable, '-c', 'print(1)']).returncode)",
    ],
)
def test_a_command_ends_and_says_what_it_would(tmp_path: Path, source: str) -> None:
    forked = run(fork_server.python(), tmp_path, source)
    cold = run(sys.executable, tmp_path, source)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        cold.returncode,
        cold.stdout,
        cold.stderr,
    )


def test_an_error_is_shown_with_its_line(tmp_path: Path) -> None:
    failed = run(fork_server.python(), tmp_path, "\n\n1 / 0")
    assert failed.returncode == 1
    assert '__main__.py", line 3, in <module>' in failed.stderr
    assert failed.stderr.endswith("ZeroDivisionError: division by zero\n")


LOADED = "import sys; print('pandas' in sys.modules, sys.executable)"


def test_a_fork_has_the_libraries_and_a_peculiar_start_is_cold(tmp_path: Path) -> None:
    python = str(fork_server.python())
    assert run(python, tmp_path, LOADED).stdout == f"True {python}\n"
    cold = f"False {sys.executable}\n"
    assert run(python, tmp_path, LOADED, PYTHONHASHSEED="1").stdout == cold
    (tmp_path / "src/sitecustomize.py").touch()
    assert run(python, tmp_path, LOADED).stdout == cold


STAYS = """
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "100"])
pathlib.Path("pids.new").write_text(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
time.sleep(100)
"""


def test_who_kills_the_client_ends_the_work(tmp_path: Path) -> None:
    package = tmp_path / "src/champion"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(STAYS)
    client = subprocess.Popen(
        [fork_server.python(), "-m", "champion"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src"},
    )
    until((tmp_path / "pids").exists)
    client.kill()
    client.wait()
    for pid in (tmp_path / "pids").read_text().split():
        until(lambda pid=pid: not running(pid), seconds=10)  # type: ignore[misc]


def running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
