"""Pull requests of the workflows' own. A bot's events start nothing, so training is dispatched."""

import os

from champion.ci import gate
from champion.ci.api import Api
from champion.errors import Refusal
from champion.workspace import orphan
from champion.workspace.git import resolve

SETTING = "Settings → Actions → General → Allow GitHub Actions to create and approve pull requests"


def propose(api: Api, branch: str, commit: str, title: str, body: str) -> tuple[int, str]:
    """Open a pull request that adds a commit; one for each branch, however often it is asked.

    Returns
    -------
    Its number; or 0, and what to do instead.
    """
    base = os.environ["BASE"]
    if not resolve(f"refs/remotes/origin/{branch}"):
        done = orphan.push(commit, branch)
        if done.returncode:
            return 0, f"the branch {branch} could not be pushed ({orphan.why(done)})."
    open_ones = list(api.pages("pulls", state="open", base=base, head=f"{api.owner}:{branch}"))
    try:
        pull = (
            open_ones[0]
            if open_ones
            else api.post("pulls", {"title": title, "head": branch, "base": base, "body": body})
        )
    except Refusal as refusal:
        link = f"{os.environ['GITHUB_SERVER_URL']}/{api.name}/compare/{base}...{branch}?expand=1"
        return 0, f"{link} ({refusal} {SETTING} allows it.)"
    train(api, branch, pull["head"]["sha"])
    return int(pull["number"]), ""


def train(api: Api, branch: str, sha: str) -> None:
    """Let a branch be trained that has no verdict yet."""
    if not any(it.verdict for it in gate.statuses(api, sha)):
        api.post("actions/workflows/train.yml/dispatches", {"ref": branch, "inputs": {}})
