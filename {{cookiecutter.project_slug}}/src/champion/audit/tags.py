"""Do the tags say what the ledger says? Everybody who can push can make, move and delete them."""

from collections.abc import Iterator
from dataclasses import dataclass

from champion.audit.remarks import TAGS, Remark
from champion.ci.standing import promotions, reigns
from champion.judge.champion import STAGE, VERSION
from champion.judge.events import Event, Ledger
from champion.judge.verify import NAMED
from champion.workspace.git import attempt, git, heads

PATTERNS = ("refs/tags/model@*", "refs/tags/model#*")
FORM = "%(objecttype)%00%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(contents)%00"


@dataclass(frozen=True)
class Tag:
    """A tag of a version or of a stage.

    Parameters
    ----------
    digest : of the tag itself, as the remote lists it.
    commit : that it names.
    ledger : the commit of the ledger that its message names; empty where it names none.
    """

    name: str
    digest: str
    commit: str
    ledger: str


def read() -> list[Tag]:
    """The tags here that name a version, or what is in production."""
    fields = iter(git("for-each-ref", f"--format={FORM}", *PATTERNS).split("\0"))
    found = []
    for kind, name, digest, commit, message in zip(*[fields] * 5, strict=False):
        annotated = kind.strip() == "tag"  # else the message is the commit's
        named = NAMED.findall(message) if annotated else []
        found.append(Tag(name, digest, commit if annotated else digest, "".join(named[-1:])))
    return found


def check(ledger: Ledger, added: dict[str, int], tags: list[Tag]) -> Iterator[Remark]:
    """Compare the tags with the promotions and rollbacks of the ledger.

    added : the event that each of the ledger's commits added
    """
    commits = {number: commit for commit, number in added.items()}
    events = {commit: ledger.events[number - 1] for number, commit in commits.items()
              if 0 < number <= len(ledger.events)}  # fmt: skip
    yield from versions(ledger, {it.name: it for it in tags}, events, commits)
    yield from stages(ledger, tags, events)


def versions(
    ledger: Ledger, tags: dict[str, Tag], events: dict[str, Event], commits: dict[int, str]
) -> Iterator[Remark]:
    """The tags `model@v1.2.3`."""
    made = {f"model@{it.body['version']}": it for it in promotions(ledger)}
    for name, event in made.items():
        commit = event.body["commit"][:10]
        said = f"event {event.number} of the ledger promotes {commit} as that"
        anew = (
            f"where that is true, `git tag -f -a {name} {commit} -m 'ledger: "
            f"{commits.get(event.number, '')}' && git push -f origin {name}` puts it right"
        )
        what = ""
        if name not in tags:
            what = f"is missing, and {said}: it was deleted, or the promotion did not end"
        elif tags[name].commit != event.body["commit"]:
            what = f"was moved: it names {tags[name].commit[:10]}, and {said}"
        elif events.get(tags[name].ledger) != event:
            what = f"does not name the ledger's commit of event {event.number}, and {said}"
        if what:
            yield Remark(TAGS, f"The tag {name} {what}; {anew}.", versions_of(event), "promotion")
    for name in tags:
        if VERSION.fullmatch(name) and name not in made:
            what = "is of no promotion in the ledger: somebody made it"
            yield Remark(TAGS, f"The tag {name} {what}; {remove(name)}.")


def stages(ledger: Ledger, tags: list[Tag], events: dict[str, Event]) -> Iterator[Remark]:
    """The tags `model#production#3`: one for each time that another version went live, in order."""
    ours, told, last = {it.number: it for it in reigns(ledger)}, set(), 0
    numbered = [(int(known[2]), known[1], tag) for tag in tags
                if (known := STAGE.fullmatch(tag.name))]  # fmt: skip
    for _, leaves, tag in sorted(numbered, key=lambda it: it[:2]):
        event = events.get(tag.ledger)
        right = event and event.number in ours and event.body.get("commit") == tag.commit
        if not event or not right or leaves:
            went = "left" if leaves else "went into"
            what = f"says that {tag.commit[:10]} {went} production, and no event of the ledger does"
            yield Remark(TAGS, f"The tag {tag.name} {what}: somebody made it; {remove(tag.name)}.")
            continue
        if event.number < last:
            what = (f"puts {event.body['version']} back by the old event {event.number}, after event "
                    f"{last}, and no rollback is recorded: somebody made it")  # fmt: skip
            text = f"The tag {tag.name} {what}; {remove(tag.name)}."
            yield Remark(TAGS, text, versions_of(event), "rollback")
        told.add(event.number)
        last = max(last, event.number)
    live: str | None = None
    for number, event in ours.items():
        version, commit = event.body["version"], event.body.get("commit")
        if number in told:
            live = commit
        elif commit != live:
            cure = "look for it in an older clone, and push it again"
            if number == max(ours):
                cure = f"run promote with version {version}"
            text = (f"No tag model#production#… says that {version} went live by event {number} of the "
                    f"ledger: it was deleted, or the promotion did not end; {cure}.")  # fmt: skip
            yield Remark(TAGS, text, versions_of(event), event.kind)


def versions_of(event: Event) -> tuple[str, ...]:
    return (str(event.body["version"]),)


def remove(name: str) -> str:
    return f"remove it with `git push origin ':refs/tags/{name}' && git tag -d '{name}'`"


def at_origin(tags: list[Tag]) -> Iterator[Remark]:
    """The tags that origin has otherwise: Git does not fetch one that was moved.

    Raises
    ------
    Refusal : origin cannot be reached.
    """
    lines = git("ls-remote", "--tags", "--refs", "origin", *PATTERNS).splitlines()
    there = {name.removeprefix("refs/tags/"): digest
             for digest, name in (line.split("\t") for line in lines)}  # fmt: skip
    for tag in tags:
        if there.get(tag.name, tag.digest) != tag.digest:
            yield Remark(TAGS, f"The tag {tag.name} at origin is another one than here, "
                         f"{tag.digest[:10]}: it was moved since it was fetched; find out by whom, "
                         "then `git fetch --tags --force`.")  # fmt: skip
        elif tag.name not in there:
            yield Remark(TAGS, f"The tag {tag.name} is here and not at origin: it was deleted there, "
                         f"or never pushed; `git push origin {tag.name}` sends it.")  # fmt: skip


def bring(base: str) -> None:
    """Fetch the default branch, and the tags that are not here; what was moved stays.

    Raises
    ------
    Refusal : origin cannot be reached.
    """
    heads()
    specs = [f"{it}:{it}" for it in PATTERNS]
    attempt("fetch", "--quiet", "--no-tags", "origin", *specs)
    git("fetch", "--quiet", "--no-tags", "origin", base)
