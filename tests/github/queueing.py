"""The merge queue: pull requests merged one after the other, each tried first."""

from typing import TYPE_CHECKING

from . import pushes, rules, shapes
from .answers import Refused
from .events import fire
from .merging import combined
from .pulls import tip
from .state import Entry, PullRequest, Repository

if TYPE_CHECKING:
    from .service import GitHub

BOT = "github-merge-queue[bot]"


def enqueue(github: "GitHub", repository: Repository, pull: PullRequest) -> None:
    """Put a pull request in line; its own head must have passed, and need not be up to date."""
    if pull.state == "closed" or pull.draft or not pull.mergeable:
        raise Refused(405, "Pull Request is not mergeable")
    if missing := rules.missing_checks(repository, pull):
        raise Refused(405, f'Required status check "{missing[0]}" is expected.')
    repository.queue.append(Entry(pull, pull.head_sha))


def advance(github: "GitHub", repository: Repository) -> bool:
    """Try, merge or drop the first in line; whether anything was to be done."""
    if not repository.queue:
        return False
    entry = repository.queue[0]
    pull, base = entry.pull, tip(repository, entry.pull.base_branch)
    required, _ = rules.required(repository, pull.base_branch)
    checks = [(entry.sha, each["context"], each.get("integration_id")) for each in required]
    changed = pull.state == "closed" or pull.head_sha != entry.head_sha or not pull.mergeable
    if changed or base is None or any(rules.failed(repository, *check) for check in checks):
        leave(github, repository, entry)
    elif entry.base_sha != base:
        attempt(github, repository, entry, base)
    elif all(rules.passed(repository, *check) for check in checks):
        token = github.system(github.user(BOT))
        with pushes.moving(github, repository, token):
            repository.bare.point(f"refs/heads/{pull.base_branch}", entry.sha)
        leave(github, repository, entry)
    else:
        return False
    return True


def attempt(github: "GitHub", repository: Repository, entry: Entry, base: str) -> None:
    """Merge on a branch of its own, and ask for its checks."""
    token, bare = github.system(github.user(BOT)), repository.bare
    drop_branch(repository, entry)
    entry.base_sha, entry.sha = base, combined(repository, entry.pull, base)
    with pushes.moving(github, repository, token):
        bare.point(entry.branch, entry.sha)
    fire(
        github,
        repository,
        token,
        "merge_group",
        "checks_requested",
        (entry.branch, entry.sha),
        merge_group={
            "head_sha": entry.sha,
            "head_ref": entry.branch,
            "base_sha": base,
            "base_ref": f"refs/heads/{entry.pull.base_branch}",
            "head_commit": shapes.pushed_commit(bare.commit(entry.sha)),
        },
    )


def leave(github: "GitHub", repository: Repository, entry: Entry) -> None:
    repository.queue.remove(entry)
    drop_branch(repository, entry)


def drop_branch(repository: Repository, entry: Entry) -> None:
    if entry.sha:
        repository.bare.point(entry.branch, None)
