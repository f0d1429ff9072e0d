"""The REST API, a file a subject; importing it registers every path."""

from . import (
    activity,
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
    "activity",
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
