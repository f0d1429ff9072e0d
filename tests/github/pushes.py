"""What follows when references move: by a push, by the API, by a merge."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import pulls, shapes
from .bare import ZERO
from .events import fire
from .state import Activity, Repository
from .tokens import Token

if TYPE_CHECKING:
    from .service import GitHub

SHOWN = ("refs/heads/", "refs/tags/")
LISTED = 20  # commits in a push event
TAGS = 3  # pushed at once; of more, none is an event


@contextmanager
def moving(github: "GitHub", repository: Repository, token: Token) -> Iterator[None]:
    """Compare the references before and after, and tell what moved."""
    before = shown(repository)
    yield
    after = shown(repository)
    moved = {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    branches = [name for name in after if name.startswith(SHOWN[0])]
    if branches and not any(name.startswith(SHOWN[0]) for name in before):
        make_default(repository, branches[0].removeprefix(SHOWN[0]))
    for name, (old, new) in moved.items():
        if name.startswith(SHOWN[0]):
            note(github, repository, token, name, old, new)
    many = sum(name.startswith(SHOWN[1]) for name in moved) > TAGS
    for name, (old, new) in moved.items():
        if not (many and name.startswith(SHOWN[1])):
            fire_push(github, repository, token, name, old, new)
    for name, (_, new) in moved.items():
        if name.startswith(SHOWN[0]):
            pulls.follow(github, repository, token, name.removeprefix(SHOWN[0]), new)


def note(
    github: "GitHub",
    repository: Repository,
    token: Token,
    name: str,
    old: str | None,
    new: str | None,
) -> None:
    """Keep who moved a branch."""
    if not old:
        kind = "branch_creation"
    elif not new:
        kind = "branch_deletion"
    else:
        kind = "push" if repository.bare.contains(old, new) else "force_push"
    repository.activity.append(
        Activity(
            id=github.number(),
            ref=name,
            before=old or ZERO,
            after=new or ZERO,
            kind=kind,
            actor=token.actor,
        )
    )


def shown(repository: Repository) -> dict[str, str]:
    found = repository.bare.references()
    return {name: sha for name, sha in found.items() if name.startswith(SHOWN)}


def make_default(repository: Repository, branch: str) -> None:
    """Make the first branch that is ever pushed the default one."""
    repository.default_branch = branch
    repository.bare.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")


def fire_push(
    github: "GitHub",
    repository: Repository,
    token: Token,
    name: str,
    old: str | None,
    new: str | None,
) -> None:
    """A push event; of a deletion none, because it runs nothing that we have."""
    if new is None:
        return
    bare = repository.bare
    commits = bare.between(old, new, f"--max-count={LISTED}") if old else []
    fire(
        github,
        repository,
        token,
        "push",
        None,
        (name, new),
        ref=name,
        before=old or ZERO,
        after=new,
        created=old is None,
        deleted=False,
        forced=bool(old) and not bare.contains(old or "", new),
        commits=[shapes.pushed_commit(bare.commit(sha)) for sha in reversed(commits)],
        head_commit=shapes.pushed_commit(bare.commit(new)),
        pusher={"name": token.actor.login},
    )
