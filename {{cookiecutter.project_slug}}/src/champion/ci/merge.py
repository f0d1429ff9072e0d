"""Merge what trains anew on new data, where gate.yaml says so, and let it be promoted."""

from typing import Any

from champion.ci import gate, recorded
from champion.ci.api import Api
from champion.ci.outputs import write_summary
from champion.ci.record import BOT
from champion.ci.retrain import BRANCH, promote
from champion.ci.subject import Subject
from champion.errors import Refusal
from champion.judge import paths
from champion.settings import GATE, Settings
from champion.workspace.git import changed, git

METHODS = ("merge", "squash", "rebase")  # a repository may forbid some


def merge(api: Api) -> int:
    """Step `merge`: that it is not done is no failure, people can."""
    subject = Subject.of_job()
    if not subject or not subject.branch.startswith(BRANCH):
        return 0
    if not Settings.of_gate(GATE).monitor.merge:
        print("gate.yaml: monitor.merge leaves it to people")
        return 0
    pull = api.get(f"pulls/{subject.pull}")
    if not pull["merged_at"]:
        if why := unfit(api, pull):
            print(f"#{subject.pull} is not merged: {why}")
            return 0
        if why := merged(api, pull):
            write_summary(f"#{subject.pull} could not be merged: {why}")
            return 0
        write_summary(f"#{subject.pull} is merged.")
    promote(api)
    return 0


def unfit(api: Api, pull: dict[str, Any]) -> str:
    """Why a pull request is not merged without a person; empty if it is."""
    head = pull["head"]["sha"]
    if pull["state"] != "open" or pull["user"]["login"] != BOT:
        return "it is none of the monitor's own"
    git("fetch", "--quiet", "--no-tags", "--filter=blob:none", "origin", head)
    touched = changed("HEAD", head)
    only = (*paths.DATA, *paths.INCOMING, *paths.RESULTS)
    if paths.kind(touched) != "data" or touched != paths.matching(touched, only):
        return "it changes more than data"
    status = next(iter(gate.statuses(api, head)), None)
    told = recorded.events(recorded.judged_as(api, head))  # a status anybody can post
    passes = status is not None and status.state == "success" and status.verdict
    if not passes or not any(it.kind == "verdict" and it.body["merge"] for it in told):
        return "its newest commit has no verdict that merges"
    return ""


def merged(api: Api, pull: dict[str, Any]) -> str:
    """Merge just that commit; why that was not possible."""
    why = ""
    for method in METHODS:
        try:
            body = {"sha": pull["head"]["sha"], "merge_method": method}
            api.put(f"pulls/{pull['number']}/merge", body)
        except Refusal as refusal:
            why = str(refusal)
        else:
            return ""
    return why
