"""The template's own commands: `python tests/run.py demo|tour|test|bench|lock`. See the Makefile.

Makes what it needs in `.venv`, from hash-pinned locks: with uv where present, else venv and pip.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

TOOLS = [ROOT / "requirements.txt"]
ALL = [
    *TOOLS,
    *(PROJECT / f"requirements{part}.txt" for part in ("", "-dev", "-notebook", "-serve")),
    *(PROJECT / f".trackers/{name}.txt" for name in ("mlflow", "wandb")),
    ROOT / "requirements-test.txt",
]


def main() -> int:
    if tuple(sys.version_info[:2]) < (3, 11):
        return fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")
    verbs = {"demo": demo, "tour": tour, "test": test, "bench": bench, "lock": lock}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        return fail(f"usage: python tests/run.py {'|'.join(verbs)}")
    for program in ("git", "make"):
        if not shutil.which(program):
            return fail(f"{program} is not installed: install it first.")
    # A stage that may not write byte code compiles pandas and scikit-learn at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PATH"] = os.pathsep.join([str(BIN), os.environ["PATH"]])
    return verbs[sys.argv[1]](sys.argv[2:])


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def say(message: str) -> None:
    print(f"\n\033[1m{message}\033[0m" if sys.stdout.isatty() else f"\n{message}", flush=True)


def call(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command, showing it; leave with its exit code if it fails."""
    command = ("make", "--no-print-directory", *command[1:]) if command[0] == "make" else command
    shown = " ".join(Path(part).name if Path(part).is_absolute() else str(part) for part in command)
    print(f"$ {shown}", flush=True)
    code = subprocess.run([str(part) for part in command], cwd=folder).returncode
    if code:
        sys.exit(code)


def environment(locks: list[Path]) -> None:
    """Make `.venv` hold these locks; quick when it does already."""
    if locks != TOOLS:
        environment(TOOLS)  # brings uv
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    stamp = VENV / f"{locks[-1].stem}.stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say(f"Installing into {VENV.name} ({', '.join(lock.name for lock in locks)})")
    requirements = [part for lock in locks for part in ("-r", lock)]
    uv = shutil.which("uv")
    if not PYTHON.is_file():
        call(
            *([uv, "venv", "-q", "-p", sys.executable] if uv else [sys.executable, "-m", "venv"]),
            VENV,
        )
    if uv:
        call(uv, "pip", "install", "-p", PYTHON, "--require-hashes", "-q", *requirements)
    else:
        call(PYTHON, "-m", "pip", "install", "--require-hashes", "-q", *requirements)
    stamp.write_text(wanted)


def generate(folder: Path, *answers: str) -> Path:
    """Run cookiecutter in `folder`; return the project's path."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    call(PYTHON, "-m", "cookiecutter", ROOT, "--no-input", *answers, folder=folder)
    return (set(folder.iterdir()) - before).pop()


def fresh(kind: str) -> Path:
    """A folder that does not exist yet: nothing of an earlier run is lost."""
    number = 1
    while (ROOT / kind / str(number)).exists():
        number += 1
    return ROOT / kind / str(number)


def demo(_: list[str]) -> int:
    """The sample project, from nothing to its first champion."""
    started = time.monotonic()
    environment(TOOLS)
    say("1. Generate a project")
    project = generate(fresh("demo"))
    say("2. Set it up: environment, remote, schema")
    call("make", "setup", folder=project)
    say("3. Train the first champion: validate, split, train, evaluate, explain, card")
    call("make", "repro", folder=project)
    seconds = time.monotonic() - started
    say(f"Done in {seconds:.0f} s. Where to look, in {project.relative_to(ROOT)}:")
    for path, what in {
        "reports/holdout.json": "the result on rows that no training saw, overall and by slice",
        "reports/figures": "ROC, calibration, confusion",
        "reports/explanation": "what the model looks at",
        "reports/model_card.html": "the model card: what it is for, on which data, how good",
        "src/flight_delays/model.py": "the model: change it, then `make repro`",
        "data/later": "more months: `make data FILE=data/later/flights-2013-02.parquet`",
    }.items():
        if not (project / path).exists():
            return fail(f"{path} is missing.")
        print(f"  {path:<28}{what}")
    return 0


def tour(_: list[str]) -> int:
    """The long story."""
    environment(ALL)
    call(PYTHON, ROOT / "tests" / "tour.py", fresh("tour"))
    return 0


def test(arguments: list[str]) -> int:
    """Format, lint, types, then every test."""
    environment(ALL)
    say("Format, lint and types")
    call(BIN / "ruff", "format", "--check", ".")
    call(BIN / "ruff", "check", ".")
    call(BIN / "mypy")
    say("Tests")
    call(PYTHON, "-m", "pytest", *(arguments or ["-n", "3", "--dist", "worksteal"]))
    return 0


def bench(arguments: list[str]) -> int:
    """Every figure that the README quotes."""
    environment(ALL)
    call(PYTHON, ROOT / "tests" / "benchmarks" / "run.py", *arguments)
    return 0


def lock(_: list[str]) -> int:
    """Rewrite the template's locks and the generated project's."""
    environment(TOOLS)
    call(PYTHON, ROOT / "tests" / "lock.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
