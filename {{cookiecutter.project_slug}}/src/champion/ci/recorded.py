"""What the ledger holds of a commit, and what a person asked for it. Standard library only.

Everybody who can push can write the ledger: what is read here is a claim, but for a `Word`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from champion.ci.api import Api
from champion.ci.confirm import Doubt, confirm, read
from champion.ci.judged import SUBJECT, VERDICT
from champion.judge.events import Event, misshapen, parsed
from champion.judge.paths import RESULTS, matching
from champion.workspace import orphan
from champion.workspace.git import git, heads

BRANCH = "refs/heads/ledger"
ADOPTS = "Take the judged dvc.lock"  # the message of the judge's own commit
MOST_FILES = 300  # of a commit, that the API lists at once


@dataclass(frozen=True)
class Word:
    """A person's, for one commit, as the API confirms it.

    Parameters
    ----------
    policy : maintain or override.
    by, reason : whose, and why.
    event : that recorded it.
    judged : the challenger, as it was judged then.
    """

    policy: str
    by: str
    reason: str
    event: Event
    judged: dict[str, Any]


def word(api: Api, commits: Collection[str], base: str) -> Word | None:
    """What somebody asked for the first of the commits, which stands until there is a newer one.

    The newest one; an override before all others, as promotion has it.

    Parameters
    ----------
    commits : as `judged_as` finds them.
    base : the default branch.
    """
    asked = [it for it in events(commits) if it.kind == "override" or it.body.get("asked")]
    for event in sorted(asked, key=lambda it: (it.kind == "override", it.number), reverse=True):
        policy = "override" if event.kind == "override" else "maintain"
        try:
            folder = confirm(api, event, base)
            said, judged = read(folder, SUBJECT), read(folder, VERDICT).get("challenger") or {}
            if (said.get("policy"), said.get("sha")) != (policy, commit_of(event)):
                raise Doubt("nobody asked for it")
        except Doubt as doubt:
            print(f"Event {event.number} of the ledger does not stand: {doubt}")
        else:
            return Word(policy, str(said["by"]), str(said["reason"]), event, judged)
    return None


def judged_as(api: Api, sha: str) -> list[str]:
    """A commit, and the one below it where the judge only added what that was judged with."""
    commit = api.get(f"commits/{sha}")
    parents = [it["sha"] for it in commit["parents"]]
    files = [it["filename"] for it in commit["files"] if it["status"] in ("added", "modified")]
    whole = len(files) == len(commit["files"]) < MOST_FILES
    own = commit["commit"]["message"] == ADOPTS and whole and files == matching(files, RESULTS)
    return [sha, *parents] if own and len(parents) == 1 else [sha]


def events(commits: Collection[str]) -> list[Event]:
    """The verdicts and overrides of commits, oldest first."""
    tip = heads().get(BRANCH.removeprefix("refs/heads/"))
    if not tip:
        return []
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--filter=blob:none")
    git("fetch", *quiet, "origin", BRANCH)
    lines = git("ls-tree", "-r", "-z", tip, "--", "events").split("\0")
    named = {
        name: head.split()[2] for head, _, name in (it.partition("\t") for it in lines) if head
    }
    orphan.prefetch(tip, named)
    found = map(as_event, orphan.contents([named[name] for name in sorted(named)]))
    return [it for it in found if it and commit_of(it) in commits]


def as_event(text: bytes) -> Event | None:
    """An event of the ledger; None if it is none."""
    try:
        content = parsed(text)
        return None if misshapen(content) else Event(**content)
    except (ValueError, RecursionError):
        return None


def commit_of(event: Event) -> str:
    """What a verdict or an override is about; empty of anything else."""
    if event.kind == "verdict":
        return str((event.body["challenger"] or {}).get("commit") or "")
    return str(event.body["commit"]) if event.kind == "override" else ""
