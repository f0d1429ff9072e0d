"""Pull requests: their references in the repository and their state."""

from typing import TYPE_CHECKING

from .answers import invalid
from .events import fire_pull
from .state import PullRequest, Repository, now
from .tokens import Token

if TYPE_CHECKING:
    from .service import GitHub


def open_pull(
    github: "GitHub",
    repository: Repository,
    token: Token,
    head: str,
    base: str,
    title: str,
    body: str | None = None,
    draft: bool = False,
) -> PullRequest:
    """Open one; `head` is a branch of this repository or `OWNER:BRANCH` of a fork."""
    owner, _, branch = head.rpartition(":")
    source = (
        repository if owner in ("", repository.owner.login) else fork_of(github, repository, owner)
    )
    tips = [
        where.bare.references(f"refs/heads/{name}").get(f"refs/heads/{name}") if where else None
        for where, name in ((source, branch), (repository, base))
    ]
    for field, tip in zip(("head", "base"), tips, strict=True):
        if tip is None:
            raise invalid("Validation Failed", resource="PullRequest", field=field, code="invalid")
    head_sha, base_sha = tips
    assert source is not None
    assert head_sha is not None
    assert base_sha is not None
    refuse_pointless(repository, source, branch, base)
    repository.bare.fetch(source.bare, head_sha)
    if repository.bare.contains(head_sha, base_sha):
        raise invalid(
            "Validation Failed",
            resource="PullRequest",
            code="custom",
            message=f"No commits between {base} and {head}",
        )
    pull = PullRequest(
        id=github.number(),
        number=len(repository.issues) + 1,
        title=title,
        body=body,
        author=token.actor,
        head_repository=source,
        head_branch=branch,
        head_sha=head_sha,
        base_branch=base,
        base_sha=base_sha,
        draft=draft,
    )
    repository.issues[pull.number] = pull
    refresh(repository, pull)
    fire_pull(github, repository, token, "opened", pull)
    return pull


def fork_of(github: "GitHub", repository: Repository, owner: str) -> Repository | None:
    """The fork that this owner has."""
    made = github.repositories.values()
    return next((r for r in made if r.parent is repository and r.owner.login == owner), None)


def refuse_pointless(repository: Repository, source: Repository, branch: str, base: str) -> None:
    """Refuse a second open pull request of the same two branches."""
    for pull in repository.pulls:
        same = pull.head_repository is source and pull.head_branch == branch
        if pull.state == "open" and same and pull.base_branch == base:
            message = f"A pull request already exists for {source.owner.login}:{branch}."
            raise invalid(
                "Validation Failed", resource="PullRequest", code="custom", message=message
            )


def tip(repository: Repository, branch: str) -> str | None:
    """The commit of a branch."""
    name = f"refs/heads/{branch}"
    return repository.bare.references(name).get(name)


def refresh(repository: Repository, pull: PullRequest) -> None:
    """Point `refs/pull/N/head` at the head and `refs/pull/N/merge` at a test merge.

    The merge reference of a pull request that conflicts keeps the last merge that worked.
    """
    bare, base = repository.bare, tip(repository, pull.base_branch)
    bare.point(f"refs/pull/{pull.number}/head", pull.head_sha)
    if base is None:
        pull.mergeable = False
        return
    tree = bare.merged_tree(base, pull.head_sha)
    pull.mergeable = tree is not None
    if tree:
        message = f"Merge {pull.head_sha} into {base}"
        pull.merge_commit_sha = bare.commit_tree(tree, [base, pull.head_sha], message)
        bare.point(f"refs/pull/{pull.number}/merge", pull.merge_commit_sha)


def follow(
    github: "GitHub", source: Repository, token: Token, branch: str, new: str | None
) -> None:
    """Bring every open pull request up to date with a branch that moved."""
    for repository in list(github.repositories.values()):
        for pull in [pull for pull in repository.pulls if pull.state == "open"]:
            if pull.head_repository is source and pull.head_branch == branch:
                if new is None:
                    close(github, repository, token, pull)
                elif new != pull.head_sha:
                    synchronize(github, repository, token, pull, new)
            elif repository is source and pull.base_branch == branch:
                if new is None:
                    close(github, repository, token, pull)
                elif repository.bare.contains(pull.head_sha, new):
                    merged(github, repository, token, pull, new)
                else:
                    refresh(repository, pull)


def synchronize(
    github: "GitHub", repository: Repository, token: Token, pull: PullRequest, new: str
) -> None:
    """The head has new commits."""
    repository.bare.fetch(pull.head_repository.bare, new)
    pull.head_sha, pull.updated_at = new, now()
    pull.base_sha = tip(repository, pull.base_branch) or pull.base_sha
    refresh(repository, pull)
    fire_pull(github, repository, token, "synchronize", pull)


def close(github: "GitHub", repository: Repository, token: Token, pull: PullRequest) -> None:
    """Close without merging."""
    pull.state, pull.closed_at = "closed", now()
    fire_pull(github, repository, token, "closed", pull)


def reopen(github: "GitHub", repository: Repository, token: Token, pull: PullRequest) -> None:
    """Open it again, on what its branch is now."""
    pull.state, pull.closed_at = "open", None
    pull.head_sha = tip(pull.head_repository, pull.head_branch) or pull.head_sha
    repository.bare.fetch(pull.head_repository.bare, pull.head_sha)
    refresh(repository, pull)
    fire_pull(github, repository, token, "reopened", pull)


def ready(github: "GitHub", repository: Repository, token: Token, pull: PullRequest) -> None:
    """Take it out of draft; REST has no request for this."""
    pull.draft = False
    fire_pull(github, repository, token, "ready_for_review", pull)


def merged(
    github: "GitHub", repository: Repository, token: Token, pull: PullRequest, sha: str
) -> None:
    """Note that the base contains it now."""
    pull.merge_commit_sha, pull.merged_at, pull.merged_by = sha, now(), token.actor
    close(github, repository, token, pull)
