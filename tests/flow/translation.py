"""Events of the local GitHub as the executor knows them."""

from actions.events import Event
from github import events
from github.bare import EMPTY_TREE, ZERO, Bare

FOLDER = ".github/workflows"


def translated(event: events.Event) -> Event:
    """The same event; skip instructions have been heeded where it was fired."""
    return Event(
        name=event.name,
        sha=event.sha,
        ref=event.reference,
        payload=event.payload,
        changed=changed(event),
        actor=event.actor,
    )


def changed(event: events.Event) -> tuple[str, ...]:
    """The paths that path filters look at."""
    bare = event.repository.bare
    if event.name == "push":
        base, head = event.payload["before"], event.sha
        if base == ZERO:
            default = f"refs/heads/{event.repository.default_branch}"
            base = bare.merge_base(default, head) or EMPTY_TREE
    elif event.name == "pull_request":
        pull = event.payload["pull_request"]
        base, head = pull["base"]["sha"], pull["head"]["sha"]
        base = bare.merge_base(base, head) or EMPTY_TREE
    else:
        return ()
    return tuple(bare.git("diff", "--name-only", "--no-renames", "-z", base, head).split("\0")[:-1])


def workflow_files(bare: Bare, commit: str) -> list[str]:
    """The paths of the workflows in a commit."""
    listed = bare.attempt("ls-tree", "--name-only", "-z", f"{commit}:{FOLDER}").stdout.decode()
    return [f"{FOLDER}/{name}" for name in listed.split("\0") if name.endswith((".yml", ".yaml"))]
