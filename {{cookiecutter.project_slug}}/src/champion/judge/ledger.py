"""The ledger: the record of every verdict, promotion, rollback, override and monitor event.

On the orphan branch `ledger` an event is one commit and one file that no later commit changes. Its
number, and of a verdict the look, is given when it is recorded: the branch is fetched, the event is
decided on what is there, committed on top and pushed; whoever was outrun starts again. Everybody
who can push can write the branch, so what is read from it is checked before it is used.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from champion import history
from champion.errors import Refusal
from champion.judge import budget
from champion.judge.events import BODIES, EVENT, Event, Ledger, parsed, written
from champion.markdown import SENTENCE, clean
from champion.workspace import orphan
from champion.workspace.git import attempt, git, has_remote, heads, resolve

BRANCH = "ledger"
LOCAL = f"refs/heads/{BRANCH}"  # only ever moves forward
SEEN = f"refs/remotes/origin/{BRANCH}"
TRIES = 12
README, PLOT = "README.md", "history.png"
PLACES = {  # of a file on the branch, and the most bytes it may have
    r"events/[0-9]{6}\.json": 1_000_000,
    r"holdouts/[0-9a-f]{64}\.json": 100_000,
    r"files/[0-9]{6}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}": 5_000_000,
    r"README\.md|history\.png": 5_000_000,
}
FILE = "100644"  # the mode of a file
LARGEST = 256_000_000  # bytes of all events and sketches
DAMAGED = f"the branch {BRANCH} is damaged, or no ledger."


@dataclass(frozen=True)
class Entry:
    """What one event adds to the ledger.

    Parameters
    ----------
    body : as in BODIES.
    files : such as figures, by name; kept as `files/NUMBER/NAME`.
    holdouts : the sketch of the holdout that a verdict looked at, by its sha256.
    """

    body: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    holdouts: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def newest(online: bool = True) -> tuple[str | None, str]:
    """The branch's newest commit, and why it must not be built on; else an empty sentence.

    online : ask origin; else what Git has fetched is all
    """
    kept, asks = resolve(LOCAL) or resolve(SEEN), online and has_remote()
    there = heads().get(BRANCH) if asks else resolve(SEEN)
    if not there or there == kept or (not asks and kept and goes_on(there, kept)):
        return kept, ""  # a branch that vanished from origin is sent again
    if asks:
        bring()
    if kept and not goes_on(kept, there):
        return there, (
            f"the ledger at origin ({there[:10]}) does not go on from {kept[:10]}, which was seen "
            "here: its history was rewritten. Where that was meant, run `git fetch` and "
            f"`git branch -D {BRANCH}`."
        )
    git("update-ref", LOCAL, there)
    return there, ""


def goes_on(before: str, after: str) -> bool:
    """Whether a commit is another one, or was made on top of it."""
    return not attempt("merge-base", "--is-ancestor", before, after).returncode


def bring(*options: str) -> None:
    """Fetch the branch into no reference: two processes in one clone are not in each other's way."""
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
    git("fetch", *quiet, *options, "origin", LOCAL)


def deepen() -> None:
    """Bring all of the branch's past, where the clone is one of a few commits."""
    if has_remote() and git("rev-parse", "--is-shallow-repository") == "true":
        bring("--depth=2147483647")


def read(commit: str | None) -> Ledger:
    """Read the ledger at a commit; without one an empty ledger.

    Raises
    ------
    Refusal : it is damaged, or is no ledger; names the first file or event.
    """
    found = {}
    listed = git("ls-tree", "-r", "-z", "--full-tree", commit) if commit else ""
    for line in filter(None, listed.split("\0")):
        head, _, name = line.partition("\t")
        mode, _, digest = head.split()
        if problem := misplaced(name, mode, 0):
            raise Refusal(f"{problem}: {DAMAGED}", code=1)
        if name.startswith(("events/", "holdouts/")):
            found[name] = digest
    if commit and found:
        orphan.prefetch(commit, found)  # asking for a size brings the file, one by one
    sizes = dict(zip(found, orphan.sizes(list(found.values())), strict=True))
    for name, size in sizes.items():
        if problem := misplaced(name, FILE, size):
            raise Refusal(f"{problem}: {DAMAGED}", code=1)
    if sum(sizes.values()) > LARGEST:
        raise Refusal(f"the ledger holds more than {LARGEST:,} bytes of events.", code=1)
    texts = dict(zip(found, orphan.contents(list(found.values())), strict=True))
    ledger = Ledger()
    try:
        for name in [name for name in texts if name.startswith("holdouts/")]:
            ledger.holdouts[Path(name).stem] = sketch = parsed(texts.pop(name))
            budget.hashes(sketch)
        for number, name in enumerate(sorted(texts), 1):
            if name != f"events/{number:06}.json":
                raise ValueError(f"events/{number:06}.json is missing")
            if problem := ledger.add(parsed(texts[name])):
                raise ValueError(problem)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refusal(f"the ledger's {name} is damaged: {error}.", code=1) from error
    return ledger


def misplaced(name: str, mode: str, size: int) -> str:
    """Why a file has no place on the branch; empty if it has one."""
    most = next((most for place, most in PLACES.items() if re.fullmatch(place, name)), None)
    if most is None or mode != FILE:
        return f"{name[:100]!r} is no part of a ledger"
    return f"{name} has {size:,} bytes, more than {most:,}" if size > most else ""


def append(
    kind: str,
    key: str,
    decide: Callable[[Ledger], Entry],
    by: str | None = None,
    believed: Callable[[Event], bool] = lambda _: True,
) -> Event:
    """Record an event, once; what is recorded under the key already is returned as it is.

    Parameters
    ----------
    decide : what to record on top of this ledger; asked again after somebody else was faster.
    believed : whether an event under the key is what it says; one that is not takes no place.

    Raises
    ------
    Refusal : the ledger is damaged or was rewritten, the event has no valid form or another look
        than it says, or origin does not take it. Then nothing is recorded.
    """
    for _ in orphan.turns(TRIES):
        tip, problem = newest()
        if problem:
            raise Refusal(problem, code=1)
        ledger = read(tip)
        free = key
        while known := ledger.keys.get(free):
            if known.kind == kind and believed(known):
                return known
            free = f"{key}/{known.number}"
        event, files = compose(ledger, kind, free, by, decide(ledger))
        commit = orphan.add_commit(tip, orphan.store(files), f"{kind} {event.number}: {free}")
        if publish(commit, tip):
            return event
    raise Refusal(f"others wrote the ledger {TRIES} times first: run this again.", code=1)


def compose(
    ledger: Ledger, kind: str, key: str, by: str | None, entry: Entry
) -> tuple[Event, dict[str, bytes]]:
    """The next event, and the files of its commit."""
    number = len(ledger.events) + 1
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    time = max([now, *(event.time for event in ledger.events[-1:])])
    files = {f"files/{number:06}/{name}": content for name, content in entry.files.items()}
    looks = ledger.looks()
    try:
        for holdout in set(entry.holdouts) - set(ledger.holdouts):
            budget.hashes(sketch := entry.holdouts[holdout])
            ledger.holdouts[holdout] = sketch
            files[f"holdouts/{holdout}.json"] = written(sketch)
        content = written(dict(zip(EVENT, (number, kind, time, key, by, entry.body), strict=True)))
        files[f"events/{number:06}.json"] = content
        problem = ledger.add(parsed(content))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        problem = str(error)
    if not problem and (event := ledger.events[-1]).spent:
        holdout = event.body["budget"]["holdout"]
        problem = miscounted(event, budget.count(looks, ledger.holdouts[holdout]))
    problem = problem or next(
        filter(None, (misplaced(name, FILE, len(files[name])) for name in files)), ""
    )
    if problem:
        raise Refusal(f"nothing was recorded, this is no {kind[:20]} to record: {problem}.")
    files[README] = history.page(ledger.events).encode()
    if kind in ("promotion", "rollback"):
        files[PLOT] = history.plot(ledger.events)
    return ledger.events[-1], files


def miscounted(event: Event, stands: budget.Budget) -> str:
    """What is wrong with a verdict's look; empty if nothing is."""
    said = event.body["budget"]
    if (said["look"], said["merges"]) == (stands.look, stands.merges):
        return ""
    return (
        f"it says look {said['look']} after {said['merges']} merges, "
        f"this is look {stands.look} after {stands.merges}"
    )


def publish(commit: str, tip: str | None) -> bool:
    """Make a commit the newest of the branch; False if somebody else's came first."""
    remote = has_remote()
    if remote:
        done = orphan.push(commit, BRANCH)
    else:
        done = attempt("update-ref", LOCAL, commit, tip or "")
    if done.returncode and not orphan.outrun(done):
        raise Refusal(
            f"the event was not recorded ({orphan.why(done)}): nothing is lost, run this again.",
            code=1,
        )
    if remote and not done.returncode:
        git("update-ref", LOCAL, commit)
    return not done.returncode


def commit_of(event: Event) -> str:
    """The commit that recorded an event, for the message of a tag: `ledger: COMMIT`."""
    deepen()
    tip, _ = newest(online=False)
    return git("rev-list", "-1", str(tip), "--", f"events/{event.number:06}.json")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    new = actions.add_parser("append", help="record an event, once").add_argument
    new("kind", choices=BODIES)
    new("--key", required=True, help="what has the same key is recorded once")
    new("--body", type=Path, required=True, help="JSON; of a verdict the verdict file")
    new("--by", help="who asked for it")
    new("--file", action="append", default=[], metavar="NAME=PATH", help="such as a figure")
    new("--holdout", action="append", default=[], metavar="SHA256=PATH", help="its sketch, JSON")
    show = actions.add_parser("list", help="the events").add_argument
    show("--kind", choices=BODIES)
    show("--format", choices=("text", "json"), default="text")
    actions.add_parser("verify", help="find a changed, missing or reordered event")


def run(args: argparse.Namespace) -> int:
    if args.action == "append":
        files = {name: held(path) for name, path in pairs(args.file)}
        holdouts = {name: loaded(path) for name, path in pairs(args.holdout)}
        entry = Entry(loaded(args.body), files, holdouts)
        event = append(args.kind, args.key, lambda ledger: entry, args.by)
        print(f"Event {event.number} of the ledger, commit {commit_of(event)}")
        return 0
    if args.action == "list":
        events = [it for it in current().events if args.kind in (None, it.kind)]
        if args.format == "json":
            print(json.dumps([asdict(it) for it in events], indent=1))
        for it in events if args.format == "text" else []:
            told = clean(f"{history.told(it)}{f' ({it.by})' if it.by else ''}", SENTENCE)
            print(f"{it.number:>6}  {history.moment(it.time)}  {it.kind:<9}  {told}")
        return 0
    from champion.judge.verify import verify

    found = verify()
    count = len(current().events) if not found else 0
    sound = f"The ledger is sound: {count:,} event{'s' * (count != 1)}"
    print("\n".join(found) or sound)
    return 1 if found else 0


def current() -> Ledger:
    """The ledger as it is now, at origin where there is one."""
    return read(newest()[0])


def pairs(given: list[str]) -> list[tuple[str, Path]]:
    """NAME=PATH, taken apart."""
    if wrong := next((pair for pair in given if "=" not in pair), None):
        raise Refusal(f"{wrong} has no path: write NAME=PATH.")
    return [(name, Path(path)) for name, _, path in (pair.partition("=") for pair in given)]


def held(path: Path) -> bytes:
    """What a file holds, if it is not too large for the ledger."""
    try:
        with path.open("rb") as file:
            return file.read(max(PLACES.values()) + 1)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error


def loaded(path: Path) -> dict[str, Any]:
    """A JSON file with an object in it."""
    try:
        content = parsed(held(path))
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{path} is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise Refusal(f"{path} holds no object.")
    return content
