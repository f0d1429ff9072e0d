"""What happened and may start workflows."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import shapes
from .state import PullRequest, Repository
from .tokens import Token

if TYPE_CHECKING:
    from .service import GitHub

SKIPPING = re.compile(
    r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: ?true$", re.M
)
DISPATCHES = ("workflow_dispatch", "repository_dispatch")


@dataclass(frozen=True)
class Event:
    """An event: `payload` is what a workflow sees as `github.event`."""

    name: str
    action: str | None
    repository: Repository
    actor: str
    reference: str  # GITHUB_REF
    sha: str  # GITHUB_SHA
    payload: dict[str, Any]
    needs_approval: bool = False  # its run is created and waits for a person


def fire(
    github: "GitHub",
    repository: Repository,
    token: Token,
    name: str,
    action: str | None,
    where: tuple[str, str],
    needs_approval: bool = False,
    **payload: Any,
) -> None:
    """Record an event, unless a workflow's own token did it.

    Dispatches start workflows whoever asks; on pull requests, a run that waits for approval.
    """
    if token.quiet and name not in DISPATCHES:
        if name != "pull_request" or action not in ("opened", "reopened", "synchronize"):
            return
        needs_approval = True
    reference, sha = where
    head = payload.get("pull_request", {}).get("head", {}).get("sha", sha)
    message = repository.bare.commit(head).message
    if name in ("push", "pull_request") and SKIPPING.search(message):
        return
    content = {**({"action": action} if action else {}), **payload}
    if name != "schedule":  # which says nothing but its hour
        content["repository"] = shapes.repository(github, repository)
        content["sender"] = shapes.user(github, token.actor)
    login = token.actor.login
    github.events.append(
        Event(name, action, repository, login, reference, sha, content, needs_approval)
    )


def fire_pull(
    github: "GitHub", repository: Repository, token: Token, action: str, pull: PullRequest
) -> None:
    """What happened to a pull request; while it conflicts, nothing runs.

    Its workflows run on the test merge; once it is closed, on the base.
    """
    if action != "closed" and not pull.mergeable:
        return
    where = f"refs/pull/{pull.number}/merge", pull.merge_commit_sha or pull.head_sha
    if pull.merged_at:
        where = f"refs/heads/{pull.base_branch}", where[1]
    author = pull.author.login
    stranger = (
        repository.forks_need_approval
        and pull.head_repository is not repository
        and repository.role(author) in ("none", "read", "triage")
    )
    fire(
        github,
        repository,
        token,
        "pull_request",
        action,
        where,
        needs_approval=stranger,
        number=pull.number,
        pull_request=shapes.pull(github, repository, pull, single=True),
    )
