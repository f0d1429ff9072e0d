"""The generated project on flights of any number: January, the year, the year many times."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measure import Measured, run

# After the benchmarks' own folder: both have a pull_requests.py.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import fork_server

TEMPLATE = Path(__file__).resolve().parents[2]
SAMPLE = TEMPLATE / "{{cookiecutter.project_slug}}" / "data"
JANUARY, YEAR = 27_004, 336_776  # rows


class Project:
    """A project made by `generate` in a folder; with an environment of its own or this one."""

    def __init__(self, folder: Path, shared: bool = False) -> None:
        self.path = folder / "flight-delays"
        self.variables = environment(folder)
        self.shared = shared
        if shared:
            self.variables["CHAMPION_VENV"] = str(fork_server.environment())

    @property
    def interpreter(self) -> Path:
        """The Python of its environment; before set-up, this one."""
        if self.shared:
            return fork_server.python()
        own = self.path / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        return own if own.exists() else Path(sys.executable)

    def run(self, *command: str | Path, **extra: str) -> Measured:
        """Measure a command in the project."""
        return run(list(command), self.path, {**self.variables, **extra})

    def python(self, *arguments: str | Path, **extra: str) -> Measured:
        """Measure Python with the project's source on its path."""
        return self.run(self.interpreter, *arguments, PYTHONPATH="src", **extra)

    def champion(self, *arguments: str) -> Measured:
        """Measure a verb."""
        return self.python("-m", "champion", *arguments)

    def fill(self, rows: int) -> int:
        """Put about that many flights into data/raw, one file a month; return how many.

        Fewer than January's are every n-th of them. Each further year is the first one, moved by
        365 days, so that no row is another's copy.
        """
        raw = self.path / "data" / "raw"
        shutil.rmtree(raw)
        raw.mkdir()
        if rows < JANUARY // 2:
            months, step = 1, JANUARY // rows
        else:
            months, step = whole_months(rows), 1
        samples = sorted(SAMPLE.glob("*/*.parquet"), key=lambda path: path.name)
        total = 0
        for number in range(months):
            year, month = divmod(number, 12)
            table = pq.read_table(samples[month])
            if step > 1:
                table = table.take(pa.array(range(0, len(table), step)))
            place = table.column_names.index("departure")
            moved = pc.add(table.column(place), pa.scalar(timedelta(days=365 * year)))
            moved = moved.cast(table.schema.field(place).type)
            table = table.set_column(place, "departure", moved)
            pq.write_table(
                table, raw / f"flights-{2013 + year}-{month + 1:02}.parquet", compression="zstd"
            )
            total += len(table)
        return total

    def forget(self) -> None:
        """Undo `dvc repro`: no result, no cache; the raw data stay tracked."""
        for name in ("valid", "train", "holdout"):
            (self.path / "data" / f"{name}.parquet").unlink(missing_ok=True)
        for name in ("dvc.lock", "model.skops", "predictions.parquet"):
            (self.path / name).unlink(missing_ok=True)
        for name in ("reports", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        self.python("-m", "dvc", "add", "--quiet", "data/raw")


def whole_months(rows: int) -> int:
    """Months with about that many flights; whole years from one year on."""
    years = round(rows / YEAR)
    return 12 * years if years else max(1, round(12 * rows / YEAR))


def generate(folder: Path) -> Measured:
    """Generate the sample project in `folder`."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", TEMPLATE, "deploy=none"]
    return run(command, folder, environment(folder))


def environment(folder: Path) -> dict[str, str]:
    """The variables for commands that keep what they cache outside a project in `folder`."""
    outside = folder / "outside"
    outside.mkdir(parents=True, exist_ok=True)
    settings = outside / "cookiecutter.yaml"
    settings.write_text(f'cookiecutters_dir: "{outside}/a"\nreplay_dir: "{outside}/b"\n')
    # Without byte code every process compiles its libraries; the rest would change what is timed.
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "CHAMPION_VENV", "OMP_NUM_THREADS")
    return {
        **{name: value for name, value in os.environ.items() if name not in dropped},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "COOKIECUTTER_CONFIG": str(settings),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(outside / "dvc"),
    }


def packages(python: Path | str, *names: str) -> str:
    """Name the installed versions, as Markdown."""
    code = "import sys; from importlib.metadata import version\n"
    code += "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    command = [str(python), "-c", code, *names]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
