"""Everything that judge.yml writes: the ledger, the objects, dvc.lock, the gate, the report.

Runs with the right to write, so what it reads of the job before is checked again. A step that was
killed can be run again: what is recorded already is taken as it is.
"""

import os
from pathlib import Path

from champion.ci import gate
from champion.ci.api import Api
from champion.ci.judged import PROBLEM, VERDICT
from champion.ci.outputs import write_output, write_summary
from champion.ci.subject import Subject, event
from champion.errors import Refusal
from champion.markdown import clean, prose

REPORT = Path(".champion/report.md")
BROKE = "the judge broke: re-run it, see its log"
NO_PULL = "no open pull request into the default branch has it as its newest commit: once one has, re-run judge"
MOST_LETTERS = 60_000  # of a comment; GitHub takes 65,536


def begin(api: Api) -> int:
    """Step `begin`: training has started, the commit waits for its verdict."""
    sha = event()["workflow_run"]["head_sha"]
    if any(status.verdict for status in gate.statuses(api, sha)[:1]):
        print(f"{sha[:10]} has a verdict: it stays until there is another one.")
    else:
        gate.post(api, sha, "pending", "Waiting for training")
    return 0


def publish(api: Api) -> int:
    """Step `publish`."""
    subject = Subject.of_job()
    if subject is None:
        return lost(api)
    try:
        return published(api, subject)
    except Refusal as refusal:
        print(f"champion ci publish: {refusal}")
        subject.settle(after(str(refusal)))
        if gate.post_reason(api, subject.sha, subject.state, subject.why):
            tell(subject, settled(subject))
        return 1


def published(api: Api, subject: Subject) -> int:
    """Write what there is to write about a commit."""
    if subject.step == "queue":
        from champion.ci.production import confirmed
        from champion.ci.queue import settle
        from champion.judge import ledger

        confirmed(api, ledger.current())
        settle(subject)
    elif subject.step == "judge" and VERDICT.exists():
        from champion.ci.record import record

        return tell(subject, record(api, subject))
    elif subject.step == "judge":
        why = PROBLEM.read_text(encoding="utf-8") if PROBLEM.exists() else "the judge broke."
        subject.settle(after(why))
    if subject.state == "success":
        gate.post(api, subject.sha, subject.state, subject.why)
    elif not gate.post_reason(api, subject.sha, subject.state, subject.why):
        print(f"{subject.sha[:10]} has a verdict, which stays: {subject.why}")
        return 0
    return tell(subject, settled(subject))


def after(why: str) -> str:
    """What to do about something that is nobody's fault in the pull request."""
    return f"{clean(why, 300)} Put that right, then re-run judge."


def lost(api: Api) -> int:
    """The job before found nothing: no pull request has the commit, or it broke."""
    followed, broke = event().get("workflow_run"), os.environ["SCORED"] != "success"
    if followed:
        gate.settle(api, followed["head_sha"], BROKE if broke else NO_PULL)
    return int(broke)


def settle(api: Api) -> int:
    """Step `settle`, where the jobs before were lost: no commit stays pending."""
    subject, followed = Subject.of_job(), event().get("workflow_run")
    sha = subject.sha if subject else followed["head_sha"] if followed else ""
    if sha and not (subject and subject.state == "pending"):
        gate.settle(api, sha, BROKE)
    return 0


def settled(subject: Subject) -> str:
    """The report where there is no verdict."""
    marks = {"success": "⚪", "pending": "⏳", "failure": "🚫"}
    text = subject.why if subject.state == "success" else f"{gate.NOT_JUDGED}{subject.why}"
    return f"### {marks[subject.state]} {prose(text)}\n"


def tell(subject: Subject, text: str) -> int:
    """Show the report on the page of the run, and leave it for the comment."""
    REPORT.parent.mkdir(exist_ok=True)
    write_summary(text)
    if len(text) > MOST_LETTERS:
        cut = text[:MOST_LETTERS].rpartition("\n")[0]
        text = f"{cut}\n\n… the rest is on [the page of the run]({gate.here()}).\n"
    REPORT.write_text(text, encoding="utf-8")
    if subject.pull:
        write_output("pull", str(subject.pull))
        write_output("report", str(REPORT))
    return 0
