"""What is wrong with the ledger: `champion ledger verify`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from champion import history
from champion.errors import Refusal
from champion.judge import budget
from champion.judge.events import Event, Ledger
from champion.judge.ledger import PLOT, README, deepen, miscounted, misplaced, newest, read
from champion.workspace import orphan
from champion.workspace.git import attempt, git

VERSIONS = "refs/tags/model@v*"
NAMED = re.compile(r"(?m)^ledger: ([0-9a-f]{40,64})\s*$")
DONE = {"D": "removes", "M": "changes", "T": "changes"}

Change = tuple[str, str, str]  # what was done, the file's mode, its path


@dataclass
class Examined:
    """A ledger, and a sentence for each thing that is wrong with it.

    Parameters
    ----------
    tip : its newest commit; None where there is no ledger.
    ledger : None if it cannot be read.
    cut : its past is not in this shallow clone: nothing is known of that, nor of `added`.
    added : the event that each of its commits added.
    stale : of its page, which an older engine may have written.
    """

    tip: str | None
    ledger: Ledger | None
    cut: bool = False
    added: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def verify(online: bool = True) -> list[str]:
    """Check the ledger, its history and the tags of versions that name it.

    Returns
    -------
    A sentence for each thing that is wrong.
    """
    it = examine(online)
    return [*it.found, *it.stale, *tags(it.ledger or Ledger(), it.added)]


def examine(online: bool = True) -> Examined:
    """Check the ledger and its history."""
    tip, rewritten = newest(online)
    if online:
        deepen()
    it = Examined(tip, Ledger(), found=[rewritten] if rewritten else [])
    if not tip:
        return it
    try:
        it.ledger = read(tip)
    except Refusal as refusal:
        it.ledger = None
        it.found.append(str(refusal))
    else:
        it.found += miscounts(it.ledger)
        it.stale += pages(tip, it.ledger)
    it.cut = shallow(tip)
    it.found += walk(tip, it.added) if not it.cut else []
    return it


def shallow(tip: str) -> bool:
    """Whether the history of a commit ends where this clone does."""
    ends = Path(git("rev-parse", "--git-path", "shallow"))
    known = ends.read_text(encoding="utf-8").split() if ends.exists() else []
    return bool(known) and not {*known}.isdisjoint(git("rev-list", "--max-parents=0", tip).split())


def miscounts(ledger: Ledger) -> Iterator[str]:
    """The verdicts that had another look than they say."""
    spent = [event for event in ledger.events if event.spent]
    for event, stands in zip(spent, budget.budgets(ledger.looks()), strict=True):
        if problem := miscounted(event, stands):
            yield f"event {event.number}: {problem}."


def pages(tip: str, ledger: Ledger) -> Iterator[str]:
    """The files that are not what the events generate."""
    page = orphan.store({README: history.page(ledger.events).encode()})[README]
    if attempt("rev-parse", "--quiet", "--verify", f"{tip}:{README}").stdout.strip() != page:
        yield f"{README} is not what the events say: the next event writes it anew."
    if history.reigns(ledger.events) and attempt("cat-file", "-e", f"{tip}:{PLOT}").returncode:
        yield f"{PLOT} is missing: the next promotion draws it anew."


def walk(tip: str, added: dict[str, int]) -> Iterator[str]:
    """What the commits did that they must not; fills in which event each of them added."""
    lines = git("rev-list", "--first-parent", "--parents", "--reverse", tip).splitlines()
    commits = [line.split() for line in lines]
    changes = changed(commits)
    number = 0
    for commit, *parents in commits:
        short, count = commit[:10], 0
        if len(parents) > 1:
            yield f"commit {short} merges another history."
        for done, mode, path in changes[commit]:
            folder, _, name = path.partition("/")
            if done != "A" and (name or done != "M"):
                yield f"commit {short} {DONE.get(done, 'changes')} {path[:100]!r}."
            elif problem := misplaced(path, mode, 0):
                yield f"commit {short}: {problem}."
            elif folder == "events":
                if int(name[:6]) != number + 1:
                    yield f"commit {short} adds event {int(name[:6])} after event {number}."
                number, count = int(name[:6]), count + 1
            elif folder == "files" and int(name[:6]) != number:
                yield f"commit {short} adds {path!r}, not a file of event {number}."
        if count != 1:
            yield f"commit {short} adds {count} events, not one."
        added[commit] = number


def changed(commits: list[list[str]]) -> dict[str, list[Change]]:
    """What each commit did to its first parent."""
    asked = "".join(f"{' '.join(commit[:2])}\n" for commit in commits)
    options = ("-r", "--root", "--always", "--no-renames", "-z")
    tokens = iter(git("diff-tree", "--stdin", *options, text=asked).split("\0"))
    found: dict[str, list[Change]] = {}
    changes: list[Change] = []
    for token in filter(None, tokens):
        if token.startswith(":"):
            changes.append((token[-1], token[8:14], next(tokens)))
        else:
            changes = found[token] = []
    return found


def tags(ledger: Ledger, added: dict[str, int]) -> Iterator[str]:
    """The versions whose tag names no commit of the ledger that promotes them."""
    form = "%(objecttype)%00%(refname:lstrip=2)%00%(contents)%00"
    fields = iter(git("for-each-ref", f"--format={form}", VERSIONS).split("\0"))
    for kind, tag, message in zip(fields, fields, fields, strict=False):
        for commit in NAMED.findall(message) if kind.strip() == "tag" else []:
            number = added.get(commit, 0)
            if not number:
                yield f"tag {tag} names {commit[:10]}, which is no commit of the ledger."
            elif number <= len(ledger.events) and not promotes(ledger.events[number - 1], tag):
                yield f"tag {tag} names event {number}, which does not promote that version."


def promotes(event: Event, tag: str) -> bool:
    return event.kind == "promotion" and tag == f"model@{event.body['version']}"
