"""Records as the REST API shows them, as far as clients read them."""

from .checks import check, status
from .commits import commit, git_commit, pushed_commit, reference
from .issues import comment, issue, label, pull, review
from .releases import assets, release
from .repositories import Shape, activity, home, repository, time, user
from .runs import artifact, job, run, workflow, workflow_id

__all__ = [
    "Shape",
    "activity",
    "artifact",
    "assets",
    "check",
    "comment",
    "commit",
    "git_commit",
    "home",
    "issue",
    "job",
    "label",
    "pull",
    "pushed_commit",
    "reference",
    "release",
    "repository",
    "review",
    "run",
    "status",
    "time",
    "user",
    "workflow",
    "workflow_id",
]
