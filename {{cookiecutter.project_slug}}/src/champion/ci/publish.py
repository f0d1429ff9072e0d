"""Everything that judge.yml writes: the ledger, the objects, dvc.lock, the gate, the report.

Runs with the right to write, so what it reads of the job before is checked again. A step that was
killed can be run again: what is recorded already is taken as it is.
"""

import os
from pathlib import Path
from typing import Any

from champion.ci import gate
from champion.ci.api import Api
from champion.ci.judged import PROBLEM, VERDICT
from champion.ci.outputs import write_output, write_summary
from champion.ci.subject import Subject, event
from champion.errors import Refusal
from champion.judge.wording import of_owners
from champion.markdown import clean, code, prose
from champion.workspace.git import git

REPORT = Path(".champion/report.md")
BROKE = "the judge broke: re-run it, see its log"
DROPPED = "its judging was cancelled before it began: re-run judge"
NO_PULL = "no open pull request into the default branch has it as its newest commit: once one has, re-run judge"
MOST_LETTERS = 60_000  # of a comment; GitHub takes 65,536


def begin(api: Api) -> int:
    """Step `begin`: training has started, the commit waits for its verdict."""
    sha = trained()
    if not sha:
        print("The default branch's own commit: it has no gate.")
    elif gate.keep(api, sha):
        print(f"{sha[:10]} has a verdict: it stays until there is another one.")
    else:
        gate.post(api, sha, "pending", "Waiting for training")
    sweep(api)
    return 0


def trained() -> str:
    """The commit that a run of train.yml is about; empty if it is on the default branch, or none."""
    run, base = event().get("workflow_run"), event()["repository"]["default_branch"]
    if not run or (run["event"] == "workflow_dispatch" and run["head_branch"] == base):
        return ""
    sha = str(run["head_sha"])
    return "" if sha == git("rev-parse", "HEAD") else sha


def sweep(api: Api) -> None:
    """Let no pull request wait for a run of the judge that was cancelled while it stood in line.

    Such a run has no job that could say so. While another one is under way nothing is done: what
    waits may wait for that.
    """
    judging = api.get("actions/workflows/judge.yml/runs", per_page=100)["workflow_runs"]
    if {it["id"] for it in judging if unfinished(it)} - {int(os.environ["GITHUB_RUN_ID"])}:
        return
    for pull in api.pages("pulls", state="open", base=event()["repository"]["default_branch"]):
        sha = pull["head"]["sha"]
        if [it.state for it in gate.statuses(api, sha)[:1]] == ["pending"]:
            training = api.pages("actions/workflows/train.yml/runs", "workflow_runs", head_sha=sha)
            if not any(map(unfinished, training)):
                gate.settle(api, sha, DROPPED)


def unfinished(run: dict[str, Any]) -> bool:
    """Whether something comes of a run yet, if only a maintainer's approval."""
    return run["status"] != "completed" or run["conclusion"] == "action_required"


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
        explain(api, subject)
        return 1


def published(api: Api, subject: Subject) -> int:
    """Write what there is to write about a commit."""
    if subject.step == "queue":
        from champion.ci.queue import settle

        settle(api, subject)
    elif subject.step == "judge" and VERDICT.exists():
        from champion.ci.record import record

        return tell(subject, record(api, subject))
    elif subject.step == "judge":
        why = PROBLEM.read_text(encoding="utf-8") if PROBLEM.exists() else "the judge broke."
        subject.settle(after(why))
    if subject.state == "success":
        gate.post(api, subject.sha, subject.state, subject.why)
        return tell(subject, settled(subject))
    return explain(api, subject)


def explain(api: Api, subject: Subject) -> int:
    """Say why a commit is not judged; on the page of the run alone if it has a verdict."""
    if gate.post_reason(api, subject.sha, subject.state, subject.why):
        return tell(subject, settled(subject))
    write_summary(f"{settled(subject)}\nThe verdict that {code(subject.sha[:10])} has stays.\n")
    return 0


def after(why: str) -> str:
    """What to do about something that is nobody's fault in the pull request."""
    return f"{clean(why, 300)} Put that right, then re-run judge."


def lost(api: Api) -> int:
    """The job before found nothing: no pull request has the commit, or it broke."""
    sha, broke = trained(), os.environ["SCORED"] != "success"
    why = BROKE if broke else NO_PULL
    if sha:
        gate.settle(api, sha, why)
    write_summary(f"### 🚫 {prose(f'{gate.NOT_JUDGED}{why}')}\n")
    return int(broke)


def settle(api: Api) -> int:
    """Step `settle`, where the jobs before were lost: no commit stays pending."""
    subject = Subject.of_job()
    sha = subject.sha if subject else trained()
    if sha and not (subject and subject.state == "pending"):
        gate.settle(api, sha, BROKE)
    return 0


def settled(subject: Subject) -> str:
    """The report where there is no verdict."""
    marks = {"success": "⚪", "pending": "⏳", "failure": "🚫"}
    text = subject.why if subject.state == "success" else f"{gate.NOT_JUDGED}{subject.why}"
    return of_owners(subject.owned) + f"### {marks[subject.state]} {prose(text)}\n"


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
