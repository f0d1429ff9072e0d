"""The Python environment that verbs, stages and hooks run in."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from champion.errors import Refusal

VENV = Path(".venv")
JUDGE = ("requirements.txt", "requirements-storage.txt")
PROMOTE = (*JUDGE, "requirements-tracking.txt")
LOCKS = (*PROMOTE, "requirements-dev.txt")
LEAN = {"train": LOCKS, "judge": JUDGE, "promote": PROMOTE}
CHATTER = (" + ", " - ", " ~ ", "  Using", "  Down", "Requirement already", "Looking in")
WINDOWS = os.name == "nt"
# Git sets these for its hooks; they would point other Git commands at the wrong index or folder.
HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Environment:
    """A folder with a Python and its libraries; `kept` means that set-up may install into it."""

    folder: Path
    kept: bool = True

    @property
    def bin(self) -> Path:
        return self.folder / ("Scripts" if WINDOWS else "bin")

    @property
    def python(self) -> Path:
        return self.bin / ("python.exe" if WINDOWS else "python")

    def variables(self) -> dict[str, str]:
        """The variables for a command in this environment."""
        # Without bytecode every stage compiles its libraries again.
        dropped = (*HOOK_VARIABLES, "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "__PYVENV_LAUNCHER__")
        variables = {key: value for key, value in os.environ.items() if key not in dropped}
        variables["PATH"] = os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)])
        variables["VIRTUAL_ENV"] = str(self.folder)
        variables["PYTHONSAFEPATH"] = "1"  # no module is taken from the folder of the repository
        if not self.kept:
            paths = [str(Path("src").resolve()), os.environ.get("PYTHONPATH", "")]
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return variables

    def call(self, module: str, *arguments: str) -> int:
        """Run `python -m MODULE` in the open; return its exit code."""
        sys.stdout.flush()
        command = [str(self.python), "-m", module, *arguments]
        with subprocess.Popen(command, env=self.variables()) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue  # the terminal has told it too: let it clean up

    def capture(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python ARGUMENTS` quietly; its output and errors come back together."""
        return subprocess.run(
            [str(self.python), *arguments],
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )


def shared() -> Environment | None:
    """The environment that the variable CHAMPION_VENV names; somebody else keeps it."""
    named = os.environ.get("CHAMPION_VENV")
    if not named:
        return None
    environment = Environment(Path(named).absolute(), kept=False)
    if not environment.python.exists():
        raise Refusal(f"CHAMPION_VENV names {named}, which holds no Python environment.")
    return environment


def find() -> Environment:
    """The environment to use: CHAMPION_VENV, `.venv`, else the one that runs this.

    Raises
    ------
    Refusal : there is none yet.
    """
    if environment := shared():
        return environment
    own = Environment(VENV.absolute())
    if own.python.exists():
        return own
    if importlib.util.find_spec("dvc"):
        return Environment(Path(sys.prefix), kept=False)
    raise Refusal(f"there is no environment yet: run `{typed('setup')}` first.")


def typed(verb: str, make: str = "", plain: str = "") -> str:
    """What to type for a verb on this machine; Windows has no make."""
    if shutil.which("make") and Path("Makefile").exists():
        return f"make {verb} {make}".strip()
    program = "python src/champion" if verb == "setup" else "python -m champion"
    return f"{program} {verb} {plain}".strip()


def make(locks: Sequence[str] = LOCKS) -> Environment:
    """Make `.venv` and install the locks, if that is not done yet.

    Raises
    ------
    Refusal : the environment cannot be made or a library cannot be installed.
    """
    if environment := shared():
        return environment
    environment = Environment(VENV.absolute())
    if not probe(environment):
        create()
    found = probe(environment)
    if not found:
        raise Refusal(".venv was made but its Python does not run: remove it and try again.")
    version, site = found
    stamp = VENV / "champion.stamp"
    mark = fingerprint(version, locks)
    if not stamp.exists() or stamp.read_text() != mark:
        install(environment, [name for name in locks if Path(name).exists()])
        stamp.write_text(mark)
    add_source(site)
    return environment


def probe(environment: Environment) -> tuple[str, str] | None:
    """Version and library folder of a working Python >= 3.11; None if it must be made anew."""
    code = "import sys, sysconfig; assert sys.version_info >= (3, 11);"
    code += "print(sys.version.split()[0]); print(sysconfig.get_path('purelib'))"
    try:
        done = environment.capture("-I", "-c", code)
    except OSError:
        return None
    version, _, site = done.stdout.strip().partition("\n")
    return None if done.returncode else (version, site)


def fingerprint(version: str, locks: Sequence[str]) -> str:
    """What the environment was made from."""
    digest = hashlib.sha256(version.encode())
    for name in locks:
        if Path(name).exists():
            digest.update(name.encode() + b"\0" + Path(name).read_bytes())
    return digest.hexdigest()


def create(folder: Path = VENV) -> None:
    """Make an empty environment of the Python that runs this."""
    if folder.exists():
        print(f"Removing {folder.name}, whose Python does not run")
        shutil.rmtree(folder)
    uv = shutil.which("uv")
    print(f"Making {folder.name} with {'uv' if uv else 'venv'} (Python {sys.version.split()[0]})")
    sys.stdout.flush()
    if uv:
        command = [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)]
    else:
        command = [sys.executable, "-m", "venv", str(folder)]
    if subprocess.run(command).returncode:
        cure = "see above" if uv else "on Debian and Ubuntu install python3-venv, or install uv"
        raise Refusal(f"{folder.name} cannot be made: {cure}.")


def install(environment: Environment, locks: list[str]) -> None:
    """Install hash-pinned requirements, with the installer's own progress."""
    names = " and ".join(locks)
    uv = shutil.which("uv")
    files = [argument for lock in locks for argument in ("-r", lock)]
    print(f"Installing {names} with {'uv' if uv else 'pip (uv is faster)'}")
    sys.stdout.flush()
    if uv:
        command = [uv, "pip", "install", "--python", str(environment.python)]
    else:
        if environment.capture("-m", "pip", "--version").returncode:
            environment.capture("-m", "ensurepip")
        command = [str(environment.python), "-m", "pip", "install", "--no-compile"]
        command += ["--disable-pip-version-check", "--no-input"]
    if narrated([*command, "--require-hashes", *files]):
        raise Refusal(
            f"{names} could not be installed, see above: nothing is lost, "
            f"run `{typed('setup')}` again."
        )


def narrated(command: list[str]) -> int:
    """Run an installer, showing its progress but not every package; return its exit code."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(CHATTER):
                print(line.rstrip() if "rror" in line else line.rstrip()[:100], flush=True)
    return process.returncode


def add_source(site: str) -> None:
    """Put `src` on the environment's path; relative, so that the folder can be moved."""
    line = os.path.relpath("src", site) + "\n"
    pointer = Path(site, "project-source.pth")
    if not pointer.exists() or pointer.read_text(encoding="utf-8") != line:
        pointer.write_text(line, encoding="utf-8")
