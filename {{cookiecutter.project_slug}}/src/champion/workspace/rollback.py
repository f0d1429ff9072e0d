"""Ask the workflow promote to put an earlier version back into production."""

import argparse

from champion.ci.standing import in_order
from champion.errors import Refusal, shown
from champion.judge import ledger
from champion.workspace import gh
from champion.workspace.environment import typed
from champion.workspace.git import default_branch

WORKFLOW = "actions/workflows/promote.yml"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", help="such as v1.1.0")
    parser.add_argument("--reason", default="", help="why; it is recorded")


def run(arguments: argparse.Namespace) -> int:
    known, version = in_order(ledger.current()), arguments.version
    if version not in known:
        there = ", ".join(known) or "none yet"
        raise Refusal(f"{shown(version, 40)} was never promoted; there is {there}.")
    if not arguments.reason.strip():
        example = typed("rollback", f'VERSION={version} REASON="…"', f'{version} --reason "…"')
        raise Refusal(f"say why, it is recorded: {example}")
    hub = gh.connect(f"run the workflow promote (Actions, promote, Run workflow) for {version}")
    inputs = {"version": version, "reason": arguments.reason.strip()}
    answer = hub.ask(f"POST {WORKFLOW}/dispatches", {"ref": default_branch(), "inputs": inputs})
    if not answer.good:
        why = answer.message or f"status {answer.status}"
        raise Refusal(f"{hub.host} does not start the workflow promote: {why}.", code=1)
    print(
        f"{version} is checked and then goes live: https://{hub.host}/{hub.name}/{WORKFLOW}\n"
        f"`{typed('history')}` shows it, and a pull request puts the branch in step with it."
    )
    return 0
