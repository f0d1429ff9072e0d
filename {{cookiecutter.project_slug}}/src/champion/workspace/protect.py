"""Let GitHub hold what the judge says: its rules, the settings of its workflows, an environment.

What a plan or a setting forbids is said, with what still holds; all the rest is done. Doing it
again changes nothing.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from champion.errors import Refusal, shown
from champion.workspace import gh
from champion.workspace.environment import typed
from champion.workspace.gh import Answer, Hub

RULESETS = Path(".github/rulesets")
CODEOWNERS = Path(".github/CODEOWNERS")
# What only the default branch can enter: the workflow that does so, and what is kept there.
ENVIRONMENTS = {
    "judge": ("judge.yml", "credentials of a cloud that may write"),
    "production": ("deploy.yml", "credentials of a cluster"),
}
WORKFLOWS = Path(".github/workflows")
PURPOSE = "let the default branch take pull requests with the status gate only"

STILL = "The gate still reports on every pull request; nothing stops a merge that ignores it."
TEAM = (
    "A merge takes an approval, by the code owner where CODEOWNERS names one. A push takes it back, "
    "the judge's commit of dvc.lock too: approve after the verdict"
)
SOLO = "Nobody else has to approve"
HELD = {
    "records": "ledger and dvc-storage: only ever added to",
    "versions": "tags of models: never moved, never deleted",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", action="store_true", help="somebody else has to approve")
    parser.add_argument("--queue", action="store_true", help="merge through a queue, one at a time")


def run(arguments: argparse.Namespace) -> int:
    hub = gh.connect(PURPOSE)
    repository = hub.get()
    if not (repository.get("permissions") or {}).get("admin"):
        raise Refusal(
            f"only who administers {hub.name} can protect it: ask them to run "
            f"`{typed('protect')}`. {STILL}",
            code=1,
        )
    default = repository["default_branch"]
    owned_by_person = repository["owner"]["type"] != "Organization"
    forbidden = [
        *rules(hub, default, arguments.team, arguments.queue, owned_by_person),
        *workflows_open_pulls(hub),
        *environments(hub, default),
        *(owners(hub) if arguments.team else []),
    ]
    for sentence in forbidden:
        print(f"Not done: {sentence}")
    return 1 if forbidden else 0


def rules(hub: Hub, default: str, team: bool, queue: bool, owned_by_person: bool) -> list[str]:
    """Make or bring up to date the three rulesets; say what cannot be."""
    answer = hub.ask("GET rulesets?includes_parents=false&per_page=100")
    if not answer.good:
        return [no_rules(answer)]
    there = {it["name"]: it["id"] for it in answer.content}
    forbidden = []
    name = "team" if team else "solo"
    if queue and owned_by_person:
        queue = False
        forbidden.append("only an organisation's repositories can have a merge queue.")
    answer = put(hub, there, read(f"{name}-queue" if queue else name))
    if queue and answer.status == 422:
        forbidden.append(f"GitHub does not take the merge queue ({answer.message}).")
        queue = False
        answer = put(hub, there, read(name))
    if not answer.good:
        return [no_rules(answer)]
    way = "by pull request and through the queue" if queue else "by pull request"
    print(f"{default}: changes come {way} with the status gate; no force push, no deletion")
    print(TEAM if team else f"{SOLO} (`{typed('protect', 'TEAM=1', '--team')}`: one other must)")
    for name in ("records", "versions"):
        answer = put(hub, there, read(name))
        if answer.good:
            print(HELD[name])
        else:
            forbidden.append(f"{HELD[name]} ({answer.message}).")
    return forbidden


def put(hub: Hub, there: dict[str, int], ruleset: dict[str, Any]) -> Answer:
    """Make a ruleset, or bring the one of its name up to date; who may bypass it stays."""
    if number := there.get(ruleset["name"]):
        return hub.ask(f"PUT rulesets/{number}", ruleset)
    return hub.ask("POST rulesets", ruleset)


def read(name: str) -> dict[str, Any]:
    path = RULESETS / f"{name}.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(f"{path.as_posix()} cannot be read: {error}.") from error
    return content


def no_rules(answer: Answer) -> str:
    """Why there are no rules, and what holds without."""
    why = answer.message or f"status {answer.status}"
    if answer.status == 403:
        why = f"the plan of this repository or your rights have none ({why})"
    return f"GitHub does not take rules: {why}. {STILL}"


def workflows_open_pulls(hub: Hub) -> list[str]:
    """Let workflows open pull requests; what else their tokens may do stays as it is."""
    path, key = "actions/permissions/workflow", "can_approve_pull_request_reviews"
    answer = hub.ask(f"GET {path}")
    if answer.good and not answer.content[key]:
        answer = hub.ask(f"PUT {path}", {**answer.content, key: True})
    if answer.good:
        print("Workflows may open pull requests")
        return []
    whose = "the organisation decides" if answer.status == 409 else answer.message
    return [
        f"workflows may not open pull requests ({whose}). They push the branch of a retraining or "
        "a revert; people open its pull request."
    ]


def environments(hub: Hub, default: str) -> list[str]:
    """Make those that the project's workflows enter."""
    return [
        sentence
        for name, (workflow, kept) in ENVIRONMENTS.items()
        if name == "judge" or (WORKFLOWS / workflow).exists()  # deployment is a choice
        for sentence in environment(hub, name, kept, default)
    ]


def environment(hub: Hub, name: str, kept: str, default: str) -> list[str]:
    """Make an environment that only the default branch can enter."""
    home = f"environments/{name}"
    answer = hub.ask(f"GET {home}")
    if answer.good or answer.status == 404:
        there = answer.content if answer.good else {}
        if not (there.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            if there.get("protection_rules"):  # which a PUT without them would remove
                return [
                    f"the environment {name} has rules of its own: limit it to the branch "
                    f"{default} by hand, under Settings, Environments."
                ]
            limited = {"protected_branches": False, "custom_branch_policies": True}
            answer = hub.ask(f"PUT {home}", {"deployment_branch_policy": limited})
    if answer.good:
        answer = only(hub, name, default)
    if answer.good:
        print(f"Environment {name}: {default} alone; {kept} belong there")
        return []
    return [
        f"the environment {name} cannot be limited to {default} "
        f"({answer.message or answer.status}). The branch dvc-storage needs no credentials; {kept} "
        "could be read by every branch, so store none."
    ]


def only(hub: Hub, name: str, default: str) -> Answer:
    """Let the default branch in, and nothing else."""
    policies = f"environments/{name}/deployment-branch-policies"
    answer = hub.ask(f"GET {policies}?per_page=100")
    found = answer.content["branch_policies"] if answer.good else []
    mine = [it for it in found if it["name"] == default and it.get("type") != "tag"]
    for it in found:
        if answer.good and it not in mine:
            print(f"Environment {name}: {shown(it['name'])} is let in no longer")
            answer = hub.ask(f"DELETE {policies}/{it['id']}")
    if answer.good and not mine:
        answer = hub.ask(f"POST {policies}", {"name": default, "type": "branch"})
    return answer


def owners(hub: Hub) -> list[str]:
    """Whether a review of the code owner can be asked of somebody; an organisation is nobody."""
    lines = CODEOWNERS.read_text(encoding="utf-8").splitlines() if CODEOWNERS.is_file() else []
    if not any(line.strip() and not line.startswith("#") for line in lines):
        return [f"{CODEOWNERS.as_posix()} names nobody, so no code owner is asked: name one."]
    answer = hub.ask("GET codeowners/errors")
    errors = answer.content["errors"] if answer.good else []
    if not errors:
        return []
    unknown = ", ".join(str(number) for number in sorted({it["line"] for it in errors}))
    return [
        f"{CODEOWNERS.as_posix()}, line {unknown}: no code owner that GitHub knows. Name a person "
        "with write access or a team (@organisation/team), and merge that."
    ]
