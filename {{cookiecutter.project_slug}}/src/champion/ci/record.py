"""Record a verdict, once; store what it lets through; give the commit its status.

In this order, so that whatever is killed in between leaves no status without its record.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from champion.ci import gate, recorded
from champion.ci.api import Api
from champion.ci.confirm import holds
from champion.ci.judged import JUDGED, LOCK, OBJECTS, SKETCH, VERDICT
from champion.ci.recorded import ADOPTS, Word
from champion.ci.subject import Subject
from champion.errors import Refusal
from champion.judge import budget, events, ledger, report
from champion.judge.events import Event
from champion.judge.ledger import Entry, Ledger
from champion.judge.policy import unreviewed
from champion.judge.verdict import restated
from champion.judge.verdict_file import read
from champion.settings import GATE, Settings
from champion.workspace import branch, environment, orphan, remote
from champion.workspace.git import git, show
from champion.workspace.objects import CACHE, md5
from champion.workspace.remote import last_words
from champion.workspace.storage import TRANSFER

BOT = "github-actions[bot]"
MAIL = "41898282+github-actions[bot]@users.noreply.github.com"


def record(api: Api, subject: Subject) -> str:
    """Do all of it; return the report."""
    git("config", "user.name", BOT)
    git("config", "user.email", MAIL)
    file = read(VERDICT)
    if file["challenger"]["commit"] != subject.sha:
        raise Refusal("the verdict is of another commit than the one that was asked for.", code=1)
    file["run"] = this_run()
    if subject.policy == "maintain" and subject.reason:
        file["asked"] = {"by": subject.by, "reason": subject.reason}
    by, base = subject.by or None, os.environ["BASE"]
    said = ledger.append(
        "verdict", key_of(file, subject), lambda it: entry(it, file), by,
        lambda it: holds(api, it, base),
    )  # fmt: skip
    print(f"Event {said.number} of the ledger: {said.body['verdict']}")
    if subject.policy == "override":
        body = {
            "commit": subject.sha,
            "reason": subject.reason,
            "verdict": said.number,
            "run": this_run(),
        }
        key = f"override/{subject.sha}/{said.number}"
        ledger.append(
            "override", key, lambda _: Entry(body), by, lambda it: holds(api, it, base, said)
        )
        return give(api, subject, said, {"by": subject.by, "reason": subject.reason})
    text = give(api, subject, said)
    if not subject.reason:
        # A person's run is in another concurrency group: its word stands, whoever comes last.
        word, commits = None, recorded.judged_as(api, subject.sha)
        while (newest := recorded.word(api, commits, base)) != word and newest:
            word = newest
            text = give(api, subject, *spoken(said, word))
    return text


def spoken(said: Event, word: Word) -> tuple[Event, dict[str, str] | None]:
    """The verdict as somebody's word has it, and the override if it is one.

    An override is of what was judged when it was asked for: the same commit can be trained anew.
    """
    if word.policy != "override":
        return word.event, None
    names = ("model", "data", "predictions_sha256")
    same = all(word.judged.get(it) == said.body["challenger"].get(it) is not None for it in names)
    return said, {"by": word.by, "reason": word.reason} if same else None


def give(api: Api, subject: Subject, said: Event, override: dict[str, str] | None = None) -> str:
    """Give the commit the status of a recorded verdict, and what goes with that; return the report."""
    file = {**said.body, "holds": [] if override else waits_for(subject), "override": override}
    allowed = bool(override) or (file["merge"] and not file["holds"])
    text = report.headline(file)
    if override:
        text = f"Override by {override['by']}: {override['reason']}"
    head, command = subject.sha, ""
    if allowed and LOCK.exists():
        if subject.branch:  # of a fork promotion stores what was merged
            store()
        head, hold, command = adopt(subject)
        if hold:
            file["holds"] = [hold]
            allowed = False
    gate.post(api, head, "success" if allowed else "failure", text if allowed else held(file, text))
    if head != subject.sha:
        gate.post(api, subject.sha, "failure", f"Its dvc.lock is stale: judged as {head[:10]}")
    base = (
        f"{os.environ['GITHUB_SERVER_URL']}/{api.name}/raw/{ledger.BRANCH}/files/{said.number:06}"
    )
    return report.as_markdown(file, base, command)


def waits_for(subject: Subject) -> list[str]:
    """What the pull request waits for, the policy's rule first."""
    asked = Settings.of_gate(GATE).policy
    return [*unreviewed(asked, subject.owned, subject.holds), *subject.holds]


def this_run() -> dict[str, Any]:
    """What an event names, so that the API can confirm it."""
    return {
        "id": int(os.environ["GITHUB_RUN_ID"]), "attempt": int(os.environ["GITHUB_RUN_ATTEMPT"]),
        "url": gate.here(), "artifact": os.environ.get("ARTIFACT") or None,
    }  # fmt: skip


def held(file: dict[str, Any], text: str) -> str:
    return file["holds"][0] if file["merge"] and file["holds"] else text


def key_of(file: dict[str, Any], subject: Subject) -> str:
    """What names a verdict: the same commit, predictions, policy and champion are judged once."""
    said = file["challenger"]["predictions_sha256"]
    what = f"{said[:16]}/{((file['champion'] or {}).get('commit') or 'none')[:12]}" if said else ""
    what = what or f"run/{subject.run['id']}.{subject.run['attempt']}"
    return f"verdict/{subject.sha}/{subject.policy}/{what}"


def entry(held: Ledger, file: dict[str, Any]) -> Entry:
    """The verdict as this ledger lets it be: its look, and whether that was spent before."""
    file = dict(file)
    holdouts = {}
    if file["budget"]:
        holdout = file["budget"]["holdout"]
        sketch = events.parsed(SKETCH.read_bytes())
        holdouts = {holdout: sketch}
        if before := same_question(held, file):
            stands = budget.Budget(before["budget"]["look"], before["budget"]["merges"])
            file["budget"] = {**file["budget"], "spent": False}
        else:
            stands = budget.count(held.looks(), sketch)
        file = restated(file, stands.look, stands.merges)
    figures = {}
    if report.drawn(file):
        with tempfile.TemporaryDirectory() as folder:
            report.draw(file, Path(folder, report.FIGURE))
            figures = {report.FIGURE: Path(folder, report.FIGURE).read_bytes()}
    return Entry(file, figures, holdouts)


def same_question(held: Ledger, file: dict[str, Any]) -> dict[str, Any] | None:
    """The verdict that asked the same of the same rows before: asking again tells nothing new."""

    def asked(body: dict[str, Any]) -> tuple[Any, ...]:
        return (
            body["budget"]["holdout"],
            (body["challenger"] or {}).get("predictions_sha256"),
            (body.get("champion") or {}).get("commit"),
        )

    spent = (event.body for event in held.events if event.spent)
    return next((body for body in spent if asked(body) == asked(file)), None)


def store() -> None:
    """Send the new objects to the remote; what is there already stays.

    Raises
    ------
    Refusal : the remote does not take them, or one is not what its name says.
    """
    new = {path.relative_to(OBJECTS): path for path in sorted(OBJECTS.glob("*/*"))}
    for name, path in new.items():
        digest = "".join(name.parts).removesuffix(".dir")
        if not re.fullmatch("[0-9a-f]{32}", digest) or md5(path) != digest:
            raise Refusal(f"the object {name} is not what its hash says.", code=1)
    if not new:
        return
    on_branch = remote.on_branch()
    if on_branch:
        branch.prepare(bring=False)
    folder = branch.FOLDER / "files/md5" if on_branch else CACHE
    for name, path in new.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            os.link(path, folder / name)
    if on_branch:
        if sent := branch.send():
            print(f"Stored {branch.counted(sent)}")
        return
    names = ["".join(name.parts) for name in new]
    done = environment.find().capture("-c", TRANSFER, "push", *names)
    if done.returncode:
        raise Refusal(f"the remote did not take the files: {last_words(done)}", code=1)


def adopt(subject: Subject) -> tuple[str, str, str]:
    """Commit the judged dvc.lock and reports to the branch where it has others.

    Returns
    -------
    The commit that is judged now; what still holds it, and the command that its author has to run:
    empty where nothing does.
    """
    files = {path.relative_to(JUDGED).as_posix(): path.read_bytes()
             for path in (LOCK, *sorted((JUDGED / "reports").glob("*.json")))}  # fmt: skip
    stale = {name: content for name, content in files.items()
             if show(subject.sha, name).encode(errors="surrogateescape") != content}  # fmt: skip
    if not stale:
        return subject.sha, "", ""
    hold = (
        "Its dvc.lock is not the judged one: run the command in the comment, which takes it over."
    )
    if not subject.branch:
        return subject.sha, hold, takes_over()
    date = git("show", "--no-patch", "--format=%cI", subject.sha)
    commit = orphan.add_commit(subject.sha, orphan.store(stale), ADOPTS, date)
    done = orphan.push(commit, subject.branch, on=subject.sha)
    if not done.returncode:
        print(f"Committed the judged dvc.lock to {subject.branch}: {commit[:10]}")
        return commit, "", ""
    if orphan.outrun(done):
        return subject.sha, "The branch has moved on: its newest commit will be judged.", ""
    return subject.sha, hold, takes_over()


def takes_over() -> str:
    """The command for a shell that commits what this run judged, in a clone of the branch."""
    run, name = os.environ["GITHUB_RUN_ID"], os.environ["GITHUB_REPOSITORY"]
    folder = f".champion/lock-{run}"  # gh does not write over a file
    return (
        f"gh run download {run} --repo {name} --name lock --dir {folder} && "
        f"cp -R {folder}/. . && git add dvc.lock reports && "
        f'git commit -m "{ADOPTS}" && git push'
    )
