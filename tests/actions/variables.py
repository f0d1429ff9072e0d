"""The files by which a step sets variables, outputs and paths: `NAME=value`, or NAME<<END … END."""

from collections.abc import Iterator
from pathlib import Path

from .errors import Failed

NAMES = {
    "GITHUB_ENV": "env",
    "GITHUB_OUTPUT": "output",
    "GITHUB_PATH": "path",
    "GITHUB_STATE": "state",
    "GITHUB_STEP_SUMMARY": "summary",
}
SUMMARY_LIMIT = 1024 * 1024  # bytes a step


def empty(folder: Path) -> dict[str, str]:
    """A fresh set of files, as the variables that name them."""
    folder.mkdir(parents=True)
    for name in NAMES.values():
        (folder / name).touch()
    return {variable: str(folder / name) for variable, name in NAMES.items()}


def pairs(path: Path) -> dict[str, str]:
    """What a file sets; later lines win.

    Raises
    ------
    Failed : a line that is neither form.
    """
    return dict(entries(path.read_text(encoding="utf-8-sig")))


def entries(content: str) -> Iterator[tuple[str, str]]:
    lines = iter(content.splitlines())
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line[:equals], line[equals + 1 :]
        elif heredoc >= 0:
            name, end = line[:heredoc], line[heredoc + 2 :]
            taken: list[str] = []
            for inner in lines:
                if inner == end:
                    break
                taken.append(inner)
            else:
                raise Failed(f"Invalid value. Matching delimiter not found '{end}'")
            value = "\n".join(taken)
        else:
            raise Failed(f"Invalid format '{line}'")
        if not name:
            raise Failed(f"Invalid format '{line}'")
        yield name, value


def summary(path: Path) -> str:
    """A step's summary; nothing of one that is too long, as on GitHub."""
    return path.read_text(encoding="utf-8") if path.stat().st_size <= SUMMARY_LIMIT else ""
