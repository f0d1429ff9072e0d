"""Merging a pull request, where the rules let it."""

from typing import TYPE_CHECKING

from . import pushes, rules
from .answers import Refused
from .pulls import merged, tip
from .state import PullRequest, Repository
from .tokens import Token

if TYPE_CHECKING:
    from .service import GitHub

METHODS = ("merge", "squash")


def merge(
    github: "GitHub",
    repository: Repository,
    token: Token,
    pull: PullRequest,
    method: str = "merge",
    expected: str | None = None,
) -> str:
    """Merge it if the rules let it; return the new commit of the base."""
    bare, base = repository.bare, tip(repository, pull.base_branch)
    if pull.merged_at or pull.state == "closed" or pull.draft or not pull.mergeable or not base:
        raise Refused(405, "Pull Request is not mergeable")
    if expected and expected != pull.head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    if rules.behind(repository, pull):
        raise Refused(405, "Head branch is out of date with the base branch")
    if missing := rules.missing_checks(repository, pull):
        raise Refused(405, f'Required status check "{missing[0]}" is expected.')
    with pushes.moving(github, repository, token):
        sha = combined(repository, pull, base, method)
        bare.point(f"refs/heads/{pull.base_branch}", sha)
        merged(github, repository, token, pull, sha)
    return sha


def combined(repository: Repository, pull: PullRequest, base: str, method: str = "merge") -> str:
    """The commit that merges a pull request into the base, which does not move."""
    title = f"Merge pull request #{pull.number} from {pull.head_repository.owner.login}"
    messages = {"merge": f"{title}/{pull.head_branch}\n\n{pull.title}"}
    tree = repository.bare.merged_tree(base, pull.head_sha)
    assert tree is not None
    parents = [base, pull.head_sha] if method == "merge" else [base]
    message = messages.get(method, f"{pull.title} (#{pull.number})")
    return repository.bare.commit_tree(tree, parents, message)
