"""Where things are in the project. Every path is relative to its root, where commands run."""

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType

from champion.errors import Refusal

RAW = Path("data/raw")
VALID = Path("data/valid.parquet")
TRAIN = Path("data/train.parquet")
HOLDOUT = Path("data/holdout.parquet")
MODEL = Path("model.skops")
PREDICTIONS = Path("predictions.parquet")
REPORTS = Path("reports")
SOURCE = Path("src")
TRACKER = SOURCE / "tracker.py"  # there if one was chosen


def package_name(source: Path = SOURCE) -> str:
    """The name of the user's package: the one in `src` that is not the engine."""
    found = sorted(p.parent.name for p in source.glob("*/__init__.py"))
    mine = [name for name in found if name != "champion"]
    if len(mine) != 1:
        raise Refusal(
            f"{source} must hold one package beside champion, found {', '.join(mine) or 'none'}: "
            "keep data.py, schema.py and model.py together in one."
        )
    return mine[0]


def user_module(name: str) -> ModuleType:
    """Import `data`, `schema` or `model` of the user's package.

    Raises
    ------
    Refusal : the file is missing or does not run; says which line.
    """
    package = package_name()
    source = str(SOURCE.resolve())
    if source not in sys.path:
        sys.path.insert(0, source)
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:
        raise Refusal(
            f"src/{package}/{name}.py cannot be imported: {type(error).__name__}: {error}."
        ) from error


def blame(error: BaseException, quoted: bool = True) -> str:
    """Say what went wrong in the user's code and on which line of it.

    quoted : with the error's own text, which may hold a value of the data
    """
    place = ""
    package = str((SOURCE / package_name()).resolve())
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(package):
            place = f" ({SOURCE / package_name() / Path(frame.filename).name}, line {frame.lineno})"
    lines = str(error).strip().splitlines() if quoted else []
    text = f": {lines[0].rstrip('.')}" if lines else ""
    return f"{type(error).__name__}{text}{place}"
