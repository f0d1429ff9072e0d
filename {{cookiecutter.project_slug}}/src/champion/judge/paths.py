"""What changed paths can have changed, and which policy that asks for. Standard library only."""

import re
from collections.abc import Iterable
from fnmatch import fnmatch

# What the pipeline writes says nothing of what a person changed.
RESULTS = ("dvc.lock", "reports/*")
STATED = ("card.yaml",)  # what people say of the model: the pipeline repeats it in the card
DATA = ("data/raw.dvc", "data/raw/*")
INCOMING = ("data/incoming/*",)  # until data/raw takes it in
LOCKED = ("requirements*.txt", "pyproject.toml", ".dvc/config")
HARMLESS = (*STATED, "*.md", "LICENSE", "docs/*", "deploy/*", "tests/*", "notebooks/*", ".gitignore",
            *INCOMING, ".pre-commit-config.yaml", "Makefile",
            "src/champion/audit/*", "src/champion/deploy/*", "src/champion/monitor/*",
            "src/champion/serve/*", "src/champion/workspace/*", "src/tracker.py")  # fmt: skip
READ_BY_DVC = re.compile(r"\.dvc$|(^|/)(dvc\.yaml|dvc\.lock|\.dvcignore)$")  # in every folder
PROSE = ("*.md", "LICENSE", "docs/*")  # no test reads these
# A change of these needs the owner: once merged they say how models are judged, or run with the
# judge's rights. See .github/CODEOWNERS.
OWNED = ("gate.yaml", "src/*", ".github/*", "Makefile", "deploy/*", *LOCKED, "GNUmakefile", "makefile", "uv.toml", ".venv/*", ".dvc/config.local",
         )  # fmt: skip


# In src a file can stand in the way of another of its name, in the standard library even; not these.
FREE = re.compile(r"src/(?!champion/)\w+/(?!.*\b(?:__init__|schema)\b)[\w/]+\.py")


def owned(paths: Iterable[str]) -> list[str]:
    """The paths that have an owner."""
    return [path for path in matching(paths, OWNED) if not FREE.fullmatch(path)]


def matching(paths: Iterable[str], patterns: tuple[str, ...]) -> list[str]:
    """The paths that a pattern names; `folder/*` is all that is below, else depths are equal."""
    return [
        path
        for path in paths
        if any(
            fnmatch(path, pattern)
            and (pattern[-2:] == "/*" or path.count("/") == pattern.count("/"))
            for pattern in patterns
        )
    ]


def kind(paths: list[str]) -> str:
    """nothing, data, lock or model: what the changed paths can have changed."""
    harmless = [path for path in matching(paths, HARMLESS) if not READ_BY_DVC.search(path)]
    left = set(paths) - {*matching(paths, RESULTS), *harmless}
    for name, patterns in (("data", DATA), ("lock", LOCKED)):
        if left and left == set(matching(left, patterns)):
            return name
    return "model" if left else "nothing"


def policy(paths: list[str]) -> str:
    """New data and new libraries must do no harm; a new model must be better."""
    return "maintain" if kind(paths) in ("data", "lock") else "improve"


def trains(paths: list[str]) -> bool:
    """Whether the pipeline is to run: also for a card, or a dvc.lock that nothing explains."""
    return bool(matching(paths, (*RESULTS, *STATED))) or kind(paths) != "nothing"


def tests(paths: list[str]) -> bool:
    """Whether the project's tests are to run: they read its data."""
    return trains(paths) or bool(matching(paths, ("tests/*",)))


def shaping(paths: list[str]) -> list[str]:
    """Those that make the model what it is; the workflows only say where that happens."""
    return [path for path in paths if trains([path]) and not path.startswith(".github/")]
