"""Rewrite every lock: those of the generated project, then the template's own."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
TRACKERS = sorted(PROJECT.glob(".trackers/*.py"))
sys.path.insert(0, str(PROJECT / "src"))

from champion.workspace.lock import asked_by, compiled, on_top  # noqa: E402


def lock_project() -> None:
    """Lock in a project that was just generated, as its users do."""
    with tempfile.TemporaryDirectory() as folder:
        baked = Path(cookiecutter(str(ROOT), no_input=True, output_dir=folder, accept_hooks=False))
        environment = {**os.environ, "CHAMPION_VENV": sys.prefix}
        command = [sys.executable, "src/champion", "lock", *sys.argv[1:]]
        subprocess.run(command, cwd=baked, env=environment, check=True)
        for path in [*baked.glob("requirements*.txt"), *baked.glob(".locks/*.txt")]:
            shutil.copyfile(path, PROJECT / path.relative_to(baked))


def lock_trackers() -> None:
    """Lock what each tracker asks for, so that it fits every other lock of the project."""
    uv = shutil.which("uv") or "uv"
    base = PROJECT / "requirements.txt"
    below = [*sorted(PROJECT.glob("requirements*.txt")), *sorted(PROJECT.glob(".locks/*.txt"))]
    for script in TRACKERS:
        lock = script.with_suffix(".txt")
        constraints = tuple(part for path in below for part in ("-c", str(path)))
        text = compiled(uv, asked_by(script), lock, (*sys.argv[1:], *constraints))
        lock.write_text(on_top(text, [base]), encoding="utf-8", newline="\n")
        below.append(lock)


def lock_template() -> None:
    """Lock the tools of `make demo`, and on top of the project's locks those of `make test`."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    uv = shutil.which("uv") or "uv"
    project = [PROJECT / f"requirements{part}.txt" for part in ("", "-dev", "-notebook", "-serve")]
    project += [script.with_suffix(".txt") for script in TRACKERS]
    tools, tests = ROOT / "requirements.txt", ROOT / "requirements-test.txt"
    for group, file, others in (("demo", tools, project), ("test", tests, [*project, tools])):
        constraints = tuple(part for path in others for part in ("-c", str(path)))
        text = compiled(uv, groups["dependency-groups"][group], file, constraints)
        text = on_top(text, others) if group == "test" else text
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    lock_project()
    lock_trackers()
    lock_template()
