"""Events of the local GitHub as the executor knows them, and the workflows that they start."""

from collections.abc import Iterator

from actions import runner
from actions.errors import Refused
from actions.events import Event, starts
from actions.language import Tree
from actions.repository import Repository
from github import events
from github.bare import EMPTY_TREE, ZERO, Bare

FOLDER = ".github/workflows"


class Workflows:
    """The workflow files of a repository's commits, each read once."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.read: dict[tuple[str, str], Tree] = {}

    def started_by(self, event: events.Event) -> Iterator[tuple[str, Tree, Event]]:
        """Of each that an event starts its path, its content and the event as it sees it.

        There is no content where the file is broken: a push shows that.
        """
        meant = translated(event)
        for path in paths(event.repository.bare, event.sha):
            tree = self.tree(path, event.sha)
            asked = event.payload["workflow"] if event.name == "workflow_dispatch" else path
            if path == asked and (starts(tree, meant) if tree else event.name == "push"):
                yield path, tree, meant

    def tree(self, path: str, commit: str) -> Tree:
        if (path, commit) not in self.read:
            try:
                self.read[path, commit] = runner.load(self.repository, path, commit)
            except Refused:
                self.read[path, commit] = None
        return self.read[path, commit]


def paths(bare: Bare, commit: str) -> list[str]:
    """The workflow files of a commit."""
    listed = bare.attempt("ls-tree", "--name-only", "-z", f"{commit}:{FOLDER}").stdout.decode()
    return [f"{FOLDER}/{name}" for name in listed.split("\0") if name.endswith((".yml", ".yaml"))]


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
