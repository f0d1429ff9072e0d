"""GitHub's filter patterns for branches, tags and paths."""

import re
from collections.abc import Iterable

WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether the last pattern that fits a name is one without `!`."""
    matched = False
    for pattern in patterns:
        if expression(pattern.removeprefix("!")).fullmatch(name):
            matched = not pattern.startswith("!")
    return matched


def expression(pattern: str) -> re.Pattern[str]:
    """`*` stops at a slash, `**` does not; `?` and `+` speak of the character before them."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\+|\[[^]]+\])", pattern)
    return re.compile(
        "".join(
            WILD.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts
        )
    )
