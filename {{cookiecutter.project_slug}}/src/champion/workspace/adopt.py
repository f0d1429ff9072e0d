"""Bring a fork's pull request into a branch of this repository, where the data can be read."""

import argparse
import sys
from typing import Any

from champion.errors import Refusal, shown
from champion.judge.paths import matching, owned
from champion.workspace import branch, fork, gh, orphan, remote
from champion.workspace.environment import typed
from champion.workspace.gh import Hub, quoted
from champion.workspace.git import git, heads, resolve

PURPOSE = "bring the pull request into a branch of this repository"
WORKFLOWS = (".github/*",)
PASSIVE = (
    "*.md",
    "docs/*",
    "data/*",
    "reports/*",
    "params.yaml",
    "card.yaml",
    "dvc.lock",
    "LICENSE",
)
MOST_NAMED = 6  # of the files of one kind


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the fork's pull request")
    parser.add_argument("--confirm", choices=["yes"], help="yes, what it changes may run here")


def run(arguments: argparse.Namespace) -> int:
    hub = gh.connect(PURPOSE)
    number = arguments.number
    pull = find(hub, number)
    base = pull["base"]["ref"]
    head = fetch(number, base)
    paths = changed(base, head)
    print(f"Pull request {number} of {pull['user']['login']}, commit {head[:10]}")
    print("\n".join(told(paths)), flush=True)
    if not arguments.confirm:
        confirm(number, base)
    bring_files(pull, head, paths)
    name = f"adopted/pr-{number}"
    push(head, name)
    print(f"Pushed {name}; its pull request is {open_pull(hub, pull, head, name)}")
    return 0


def find(hub: Hub, number: int) -> dict[str, Any]:
    """The open pull request of a fork.

    Raises
    ------
    Refusal : there is none of this number, or nothing to bring.
    """
    answer = hub.ask(f"GET pulls/{number}")
    if not answer.good:
        raise Refusal(f"{hub.name} shows no pull request {number} ({answer.message}).")
    pull: dict[str, Any] = answer.content
    if pull["state"] != "open":
        raise Refusal(f"pull request {number} is closed: open it again first.")
    source = pull["head"]["repo"]  # none where the fork was deleted
    if source and source["full_name"] == pull["base"]["repo"]["full_name"]:
        raise Refusal(f"pull request {number} comes from a branch of {hub.name} already.")
    return pull


def fetch(number: int, base: str) -> str:
    """Fetch the head, and the branch that it is for; return the head's commit."""
    reference = f"refs/adopted/{number}"
    wanted = (
        f"+refs/pull/{number}/head:{reference}",
        f"+refs/heads/{base}:refs/remotes/origin/{base}",
    )
    git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", *wanted)
    head = resolve(reference)
    assert head
    return head


def changed(base: str, head: str) -> list[str]:
    """The files that differ from where the pull request left its base."""
    names = git("diff", "--name-only", "--no-renames", "-z", f"refs/remotes/origin/{base}...{head}")
    return [name for name in names.split("\0") if name]


def told(paths: list[str]) -> list[str]:
    """What the change may do once it is a branch here, the gravest first."""
    workflows = matching(paths, WORKFLOWS)
    judging = [path for path in owned(paths) if path not in workflows]
    code = set(paths) - {*workflows, *judging, *matching(paths, PASSIVE)}
    kinds = [
        (workflows, "a branch's workflow may write to this repository and read its secrets"),
        (
            judging,
            "training uses that; the judge only once an owner approved it and it is merged",
        ),
        (sorted(code), "training runs that, where the data can be read"),
    ]
    found = [f"It changes {listed(names)}: {what}" for names, what in kinds if names]
    return found or [f"It changes no code: {listed(paths)}"]


def listed(names: list[str]) -> str:
    """Some names, harmless to a terminal."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(shown(name, 80) for name in names[:MOST_NAMED]) + more


def confirm(number: int, base: str) -> None:
    """Ask; where nobody can answer, want it said beforehand.

    Raises
    ------
    Refusal : nobody said yes.
    """
    read = f"git diff origin/{base}...refs/adopted/{number}"
    if sys.stdin.isatty():
        print(f"To read it: {read}")
        if input("It is a stranger's code. May it run here? [y/N] ").lower() not in ("y", "yes"):
            raise Refusal("nothing was pushed.", code=1)
        return
    again = typed("adopt", f"PR={number} CONFIRM=yes", f"{number} --confirm yes")
    raise Refusal(
        f"nothing was pushed: it is a stranger's code. Read it with `{read}`, then say that it may "
        f"run here with `{again}`."
    )


def bring_files(pull: dict[str, Any], head: str, paths: list[str]) -> None:
    """Bring the large files, or say why there are none to bring."""
    if not remote.on_branch():
        if any(path.endswith(".dvc") for path in paths):
            print(f"It names data that a fork cannot send: put them at {remote.default()[1]}")
        return
    source = pull["head"]["repo"]
    if not source or branch.BRANCH not in heads(source["clone_url"]):
        print(f"The fork has no branch {branch.BRANCH}: no large files to bring")
        return
    sent = fork.bring(source["clone_url"], head)
    print(f"Brought {branch.counted(sent)} of the fork" if sent else "All its large files are here")


def push(head: str, name: str) -> None:
    """Make or move forward the branch.

    Raises
    ------
    Refusal : it has other commits, or origin does not take it.
    """
    done = orphan.push(head, name)
    if done.returncode and orphan.outrun(done):
        raise Refusal(
            f"origin has other commits on {name}, since the fork rewrote its own: delete that "
            "branch, then run this again.",
            code=1,
        )
    if done.returncode:
        raise Refusal(f"origin did not take {name}: {orphan.why(done)}", code=1)


def open_pull(hub: Hub, pull: dict[str, Any], head: str, name: str) -> str:
    """Open the branch's pull request, which names the original, or find it; return its address."""
    owner = hub.name.partition("/")[0]
    there = hub.get(f"pulls?state=open&head={quoted(f'{owner}:{name}')}")
    if there:
        return str(there[0]["html_url"])
    body = (
        f"#{pull['number']} of @{pull['user']['login']}, as of {head}, brought into a branch here."
    )
    fields = {"title": pull["title"], "head": name, "base": pull["base"]["ref"], "body": body}
    answer = hub.ask("POST pulls", fields)
    if not answer.good:
        raise Refusal(
            f"{name} was pushed, but GitHub opened no pull request of it ({answer.message}).",
            code=1,
        )
    return str(answer.content["html_url"])
