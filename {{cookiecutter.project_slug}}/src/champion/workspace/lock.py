"""Rewrite the locks from pyproject.toml: every file with hashes, for every platform."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from champion.errors import Refusal
from champion.project import TRACKER
from champion.workspace import environment, remote
from champion.workspace.environment import Environment, typed

LOCK = Path("requirements.txt")
STORAGE = Path("requirements-storage.txt")
SERVE = "serve"  # the group of the service, which runs without the rest
NOT_SERVED = ("dvc", "gto", "matplotlib")  # of training, what a service does without
TRACKING = Path("requirements-tracking.txt")
TEMPLATES = Path(".locks")  # in the template: one for each kind of remote
OPTIONS = (
    *("--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"),
    *("--no-header", "--no-annotate", "--quiet", "--python-version", "3.11"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upgrade", action="store_true", help="take the newest of everything")
    parser.add_argument("--storage", action="store_true", help=f"only {STORAGE}")


def run(arguments: argparse.Namespace) -> int:
    uv = find_uv(environment.find())
    extra = ("--upgrade",) if arguments.upgrade else ()
    if not arguments.storage:
        lock_project(uv, extra)
        if TRACKER.exists():
            rewrite(uv, asked_by(TRACKER), TRACKING, extra)
    if TEMPLATES.is_dir():
        for kind, plugin in remote.PLUGINS.items():
            rewrite(uv, [plugin], TEMPLATES / f"{kind}.txt", extra)
    elif needed := remote.PLUGINS.get(remote.scheme(remote.default()[1])):
        rewrite(uv, [needed], STORAGE, extra)
    print(f"Next: {typed('setup')}, which installs what changed")
    return 0


def lock_project(uv: str, extra: tuple[str, ...] = ()) -> None:
    """Lock what pyproject.toml asks for: the project, each group of development, the service."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    print(f"Locking {LOCK}", flush=True)
    text = compiled(uv, project["project"]["dependencies"], LOCK, extra)
    LOCK.write_text(text, encoding="utf-8", newline="\n")
    for group, requirements in project.get("dependency-groups", {}).items():
        path = Path(f"requirements-{group}.txt")
        if group == SERVE:
            asked = [it for it in project["project"]["dependencies"] if name(it) not in NOT_SERVED]
            lock_alone(uv, [*asked, *requirements], path, extra)
        else:
            rewrite(uv, requirements, path, extra)


def asked_by(script: Path) -> list[str]:
    """The requirements in a script's own metadata (PEP 723)."""
    found = re.search(r"(?ms)^# /// script\n(.*?)^# ///$", script.read_text(encoding="utf-8"))
    metadata = re.sub(r"(?m)^# ?", "", found[1]) if found else ""
    asked: list[str] = tomllib.loads(metadata).get("dependencies", [])
    return asked


def lock_storage(env: Environment, plugin: str) -> bool:
    """Lock what DVC needs for a kind of remote; False if that is done already."""
    if STORAGE.exists() and plugin in map(name, entries(STORAGE.read_text(encoding="utf-8"))):
        return False
    rewrite(find_uv(env), [plugin], STORAGE)
    return True


def find_uv(env: Environment) -> str:
    """The uv on PATH, else the environment's own.

    Raises
    ------
    Refusal : there is none.
    """
    found = shutil.which("uv") or shutil.which("uv", path=str(env.bin))
    if not found:
        raise Refusal(f"there is no uv, which writes the lock: run `{typed('setup')}` first.")
    return found


def rewrite(uv: str, requirements: list[str], path: Path, extra: tuple[str, ...] = ()) -> None:
    """Write a lock that lies on top of requirements.txt: what that has is not repeated."""
    print(f"Locking {path}", flush=True)
    path.parent.mkdir(exist_ok=True)
    text = compiled(uv, requirements, path, (*extra, "-c", str(LOCK)))
    path.write_text(on_top(text, [LOCK]), encoding="utf-8", newline="\n")


def lock_alone(uv: str, requirements: list[str], path: Path, extra: tuple[str, ...] = ()) -> None:
    """Write a lock that needs no other: the same versions as in requirements.txt."""
    print(f"Locking {path}", flush=True)
    text = compiled(uv, requirements, path, (*extra, "-c", str(LOCK)))
    path.write_text(text, encoding="utf-8", newline="\n")


def on_top(text: str, below: list[Path]) -> str:
    """A lock without the entries that other locks have on every platform already."""
    known = {
        name(entry)
        for path in below
        for entry in entries(path.read_text(encoding="utf-8"))
        if ";" not in entry.partition("\n")[0]
    }
    return "".join(entry for entry in entries(text) if name(entry) not in known)


def compiled(uv: str, requirements: list[str], path: Path, extra: tuple[str, ...]) -> str:
    """Resolve requirements, keeping the versions that `path` has where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, path.name)
        if path.exists():
            shutil.copyfile(path, output)
        done = subprocess.run(
            [uv, "pip", "compile", "-", *OPTIONS, *extra, "--output-file", str(output)],
            input="\n".join(requirements),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        if done.returncode:
            sys.stderr.write(done.stderr)
            raise Refusal(f"{path} cannot be locked, see above: it stays as it was.", code=1)
        return output.read_text(encoding="utf-8")


def entries(text: str) -> list[str]:
    """The lock's entries: a package, its condition and its hashes."""
    return re.findall(r"(?m)^[A-Za-z0-9].*\n(?:^[ #].*\n)*", text)


def name(entry: str) -> str:
    """The package of an entry: dvc of dvc==3.67.1."""
    return re.split(r"[=<>!~\[ ;]", entry, maxsplit=1)[0].lower()
