"""The REST API, a file a subject; importing it registers every path."""

from . import (
    checks,
    commits,
    contents,
    dispatches,
    environments,
    issues,
    labels,
    pulls,
    references,
    releases,
    repositories,
    reviews,
    rulesets,
    runs,
)

__all__ = [
    "checks",
    "commits",
    "contents",
    "dispatches",
    "environments",
    "issues",
    "labels",
    "pulls",
    "references",
    "releases",
    "repositories",
    "reviews",
    "rulesets",
    "runs",
]
