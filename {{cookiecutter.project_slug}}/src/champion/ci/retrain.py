"""Propose to train anew on new data: one pull request, judged like any other change of data.

Never a second one while one is open, nor the same data again that somebody turned down. Where
workflows may not open pull requests the branch is there, and a person is told how to go on.
"""

import os
from dataclasses import dataclass
from typing import Any

from champion.ci import gate, lock, proposal, record
from champion.ci.api import Api
from champion.ci.fresh import POINTER, Fresh
from champion.ci.subject import pending
from champion.errors import Refusal
from champion.judge import paths
from champion.judge.wording import listed
from champion.markdown import prose
from champion.settings import Monitor
from champion.workspace import orphan
from champion.workspace.git import attempt, changed, git, show

BRANCH = "retrain/"
NEWER = (
    "To train anew takes newer rows, with their answers: put a file of them into `data/incoming/` of "
    "the default branch, and the next look opens the pull request."
)


@dataclass
class Retraining:
    """What is done about new data.

    Parameters
    ----------
    said : that, in Markdown; empty if there is nothing to say.
    waits : a person has to do something.
    broke : it was not done, and nothing in the settings says why.
    """

    said: str = ""
    waits: bool = False
    broke: bool = False


def retrain(api: Api, settings: Monitor, fresh: Fresh, alert: bool) -> Retraining:
    """Propose new data where the settings say so, or go on with what was proposed."""
    try:
        found = proposed(api, settings, fresh, alert)
    except Refusal as refusal:
        found = Retraining(f"New data could not be proposed: {prose(refusal)}", broke=True)
    for path, why in fresh.refused.items():
        found.waits = True
        found.said += f"\n\n{prose(path)} was not taken into the data: {prose(why)}."
    print(found.said)
    return found


def proposed(api: Api, settings: Monitor, fresh: Fresh, alert: bool) -> Retraining:
    if model := pending():  # the judge merged it, and was killed before it said so
        print(f"The model {model[:10]} waits for promotion")
        promote(api)
    base = os.environ["BASE"]
    for pull in api.pages("pulls", state="open", base=base):
        own = (pull["head"]["repo"] or {}).get("full_name") == api.name
        if own and pull["head"]["ref"].startswith(BRANCH):
            return under_way(api, pull)
    if not fresh.taken:
        return Retraining(NEWER if alert and not fresh.refused else "")
    named = prose(listed(fresh.taken))
    if not wanted(settings, alert):
        return Retraining(f"There are new data ({named}); `monitor.retrain` lets them wait.")
    text = POINTER.read_text(encoding="utf-8")
    branch = f"{BRANCH}{lock.named(text)[:10]}"
    head = f"{api.owner}:{branch}"
    for pull in api.pages("pulls", state="closed", base=base, head=head):
        if pull["merged_at"]:  # since this look began
            return Retraining(f"#{pull['number']} trained anew on {named} and is merged.")
        return Retraining(f"#{pull['number']} proposed {named} and was closed: they stay out.")
    record.store()
    commit = committed(text, fresh)
    why = f"{named}: new data{', while the monitor alerts' if alert else ''}."
    body = f"{why}\n\nIt is judged as every change of data: no worse than the champion is enough."
    number, instead = proposal.propose(api, branch, commit, "Train anew on new data", body)
    if not number:
        return Retraining(f"Open the pull request that trains anew on {named}: {instead}", True)
    return Retraining(f"#{number} trains anew on {named}.")


def wanted(settings: Monitor, alert: bool) -> bool:
    """Whether new data are to be proposed now."""
    asked = os.environ.get("RETRAIN") == "true"
    return asked or settings.retrain == "data" or (settings.retrain == "alert" and alert)


def under_way(api: Api, pull: dict[str, Any]) -> Retraining:
    """One is open: it follows the default branch, and is trained if nothing came of that yet."""
    head, number = pull["head"], pull["number"]
    sha = followed(head["ref"], head["sha"])
    if not sha:
        return Retraining(f"#{number} was made on other data than the default branch has by now: "
                          "close it, and the next look proposes the new files again.", True)  # fmt: skip
    proposal.train(api, head["ref"], sha)
    status = next(iter(gate.statuses(api, sha)), None)
    stands = f" Its gate says: {prose(status.text)}" if status else ""
    return Retraining(f"#{number} trains anew and is open.{stands}")


def followed(branch: str, sha: str) -> str:
    """The newest commit of a branch, on top of the default branch; empty if both changed the data.

    Raises
    ------
    Refusal : it could not be pushed.
    """
    tip = git("rev-parse", "HEAD")
    if not attempt("merge-base", "--is-ancestor", tip, sha).returncode:
        return sha
    fork = git("merge-base", tip, sha)
    if lock.pointed(fork) != lock.pointed(tip):
        return ""
    taken = set(paths.matching(changed(fork, sha), paths.INCOMING))
    gone = taken & set(git("ls-tree", "-r", "--name-only", tip, "data/incoming").splitlines())
    pointer = orphan.store({lock.POINTER: show(sha, lock.POINTER).encode()})
    date = git("show", "--no-patch", "--format=%cI", tip)
    commit = orphan.add_commit(tip, pointer, "Follow the default branch", date, gone, merged=sha)
    done = orphan.push(commit, branch, on=sha)
    if done.returncode:
        raise Refusal(f"{branch} could not be pushed ({orphan.why(done)}).", code=1)
    return commit


def committed(text: str, fresh: Fresh) -> str:
    """The commit that takes new data in; the same of the same data."""
    tip = git("rev-parse", "HEAD")
    moved = [path for path in fresh.taken if git("ls-files", "--", path)]
    pointer = orphan.store({lock.POINTER: text.encode()})
    message = f"Take in {listed(fresh.taken)}"
    date = git("show", "--no-patch", "--format=%cI", tip)
    return orphan.add_commit(tip, pointer, message, date, without=moved)


def promote(api: Api) -> None:
    """Start promote: a merge by a workflow starts nothing."""
    body = {"ref": os.environ["BASE"], "inputs": {}}
    api.post("actions/workflows/promote.yml/dispatches", body)
