"""Races and faults: whatever comes between, a verdict is recorded once and no commit waits for ever."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from actions.result import Run
from conftest import Bake
from flow.hooks import Hook
from github import PullRequest, runs, state
from pull_requests import Person, ProjectHost, new_host, published
from ready import Evidence, answers, end, evidence, said, trained, training

STORE = "POST .*git-receive-pack"
STATUS = "POST .*/statuses/"
COMMENT = "(POST|PATCH) .*/issues/.*comments"
WAITS = "Not judged: a maintainer has to approve"


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made
        quiet(made)


def quiet(host: ProjectHost) -> None:
    """Nothing was asked that GitHub does not know, and nobody waits but for a maintainer."""
    assert host.github.unknown() == []
    assert not host.github.faults.waiting
    newest = {one.sha: one for one in host.home.statuses if one.context == "gate"}
    pending = [one.description or "" for one in newest.values() if one.state == "pending"]
    assert [text for text in pending if not text.startswith(WAITS)] == []
    assert all(len(one.description or "") <= 140 for one in host.home.statuses)


def better(ada: Person, share: float = 0.1) -> Evidence:
    """What is left by the training of a model that knows a share of the answers."""
    return evidence(ada, (1 - share) * said(ada) + share * answers(ada))


def boosted(ada: Person, branch: str = "boosted") -> PullRequest:
    ada.edit("params.yaml", model={"kind": "boosted"})
    return ada.open(branch)


def wording(host: ProjectHost, of: PullRequest | str) -> str:
    """State and text of the gate."""
    gate = host.gate(of)
    return f"{gate.state}: {gate.description}" if gate else ""


def looks(host: ProjectHost) -> list[int]:
    """Those that were spent, in the order of the ledger."""
    budgets = [event["body"]["budget"] for event in host.ledger() if event["kind"] == "verdict"]
    return [budget["look"] for budget in budgets if budget and budget["spent"]]


def judge(host: ProjectHost) -> Run:
    """The newest run of the judge that follows a training that ended."""
    ended = [run for run in host.runs if run.event.payload.get("action") == "completed"]
    return [run for run in ended if run.name == "judge"][-1]


def again(host: ProjectHost, failed: bool = True) -> Run:
    run = host.rerun(judge(host), failed=failed)
    host.settle()
    return run


def trained_again(host: ProjectHost, run: state.Run, conclusion: str) -> None:
    """Let train.yml have run again for the same commit; it leaves nothing new."""
    with host.github.lock:
        runs.rerun(host.github, host.home, run, "ada")
    host.settle()
    with host.github.lock:
        runs.finish_run(host.github, host.home, run, conclusion)
    host.settle()


def protect(host: ProjectHost, branch: str) -> Callable[[], None]:
    """Let nobody push to a branch, until the function that comes back is called."""
    rule: dict[str, Any] = {
        "name": branch,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": [{"type": "update"}],
    }
    number = host.ask("POST /rulesets", body=rule)["id"]
    return lambda: host.ask(f"DELETE /rulesets/{number}") and None


def tag(host: ProjectHost, commit: str, version: str, number: int) -> None:
    """Promote a commit's model, as far as its tags go."""
    for name in (f"model@{version}", f"model#production#{number}"):
        host.home.bare.git("update-ref", f"refs/tags/{name}", commit)


def test_two_pull_requests_are_judged_at_once(host: ProjectHost) -> None:
    """The second is judged and recorded while the first sends what it wants to record."""
    ada, bob = host.clone(), host.clone("bob")
    first = boosted(ada, "first")
    one = training(host, first)
    second = boosted(bob, "second")
    two = training(host, second)

    def judge_the_second() -> None:
        end(host, two, better(bob, 0.2))
        host.settle()

    host.github.faults.before(STORE, judge_the_second)
    end(host, one, better(ada))
    host.settle()
    commits = [event["body"]["challenger"]["commit"] for event in host.ledger()]
    assert commits == [two.head_sha, one.head_sha]
    assert looks(host) == [1, 2]
    assert [event["body"]["budget"]["merges"] for event in host.ledger()] == [0, 1]
    for pull, look in ((first, "2"), (second, "1")):
        assert wording(host, pull).startswith("success: Better"), pull.head_branch
        (comment,) = host.comments(pull)
        assert re.search(rf"[Ll]ook {look} of", comment), comment


def test_a_push_comes_while_its_branch_is_judged(host: ProjectHost) -> None:
    ada = host.clone()
    pull = boosted(ada)
    old, left = training(host, pull), better(ada)
    newer: list[state.Run] = []

    def push() -> None:
        ada.write("docs/notes.md", "More.\n")
        ada.commit()
        ada.push()
        newer.append(training(host, pull))

    host.before("judge", "publish", "Publish", push)
    end(host, old, left)
    host.settle()
    (new,) = newer
    assert pull.head_sha == new.head_sha
    assert wording(host, old.head_sha) == (
        "failure: The branch has moved on: its newest commit will be judged."
    )
    assert wording(host, pull) == "pending: Waiting for training"
    assert len(host.ledger()) == 1
    end(host, new, left)
    host.settle()
    assert wording(host, pull).startswith("success: Better")
    assert second_commit(host, pull) == new.head_sha
    assert looks(host) == [1], "the same predictions were asked about twice"
    assert len(host.comments(pull)) == 1


def second_commit(host: ProjectHost, pull: PullRequest) -> str:
    """The author's commit, below the judge's own."""
    return host.home.bare.git("rev-parse", f"{pull.head_sha}^")


@pytest.mark.parametrize("event", ["deleted", "closed"])
def test_a_branch_goes_while_it_is_judged(host: ProjectHost, event: str) -> None:
    ada = host.clone()
    pull = boosted(ada)
    run, left = training(host, pull), better(ada)

    def go() -> None:
        if event == "deleted":
            ada.git("push", "--quiet", "--no-verify", "origin", ":boosted")
        else:
            host.ask(f"PATCH /pulls/{pull.number}", body={"state": "closed"})

    host.before("judge", "publish", "Publish", go)
    end(host, run, left)
    host.settle()
    print(wording(host, run.head_sha), host.comments(pull), host.branches())
    assert looks(host) == [1]
    assert pull.state == "closed"
    assert pull.head_sha == run.head_sha
    assert ("boosted" in host.branches()) == (event == "closed")


def test_nothing_is_judged_that_came_too_late(host: ProjectHost) -> None:
    """A branch that is behind, was pushed again, closed or deleted before its training ended."""
    ada = host.clone()
    behind = boosted(ada, "behind")
    run = training(host, behind)
    ada.main()
    ada.write("docs/notes.md", "Meanwhile.\n")
    ada.commit()
    ada.push()
    host.github.take_events()
    end(host, run, better(ada))
    host.settle()
    print(wording(host, behind), host.comments(behind))
    for event in ("pushed", "closed", "deleted", "another base"):
        ada.main()
        pull = boosted(ada, event.replace(" ", "-"))
        run = training(host, pull)
        if event == "pushed":
            ada.git("commit", "--quiet", "--amend", "--no-verify", "-m", "Rewritten")
            ada.push("--force")
            newer = training(host, pull)
        elif event == "closed":
            host.ask(f"PATCH /pulls/{pull.number}", body={"state": "closed"})
        elif event == "deleted":
            ada.git("push", "--quiet", "--no-verify", "origin", ":deleted")
        else:
            ada.git("push", "--quiet", "--no-verify", "origin", "HEAD~:refs/heads/other")
            host.ask(f"PATCH /pulls/{pull.number}", body={"base": "other"})
        end(host, run, better(ada))
        host.settle()
        print(event, wording(host, run.head_sha), host.comments(pull))
        if event == "pushed":
            end(host, newer, None)
            host.settle()
            print(event, wording(host, pull), host.comments(pull))
    assert host.ledger() == []


def test_training_ends_without_results(host: ProjectHost) -> None:
    ada = host.clone()
    pull = boosted(ada)
    left = better(ada)
    for number, (conclusion, kept) in enumerate(
        [
            ("cancelled", None), ("timed_out", None), ("startup_failure", None), ("success", None),
            ("failure", None), ("success", "expired"), ("stale", None), ("failure", "whole"),
        ]
    ):  # fmt: skip
        if number:
            ada.write("docs/notes.md", f"{number}\n")
            ada.commit()
            ada.push()
        run = training(host, pull)
        if kept:
            runs.add_artifact(host.github, run, "train", left.zipped()).expired = kept == "expired"
        end(host, run, None, conclusion)
        host.settle()
        print(conclusion, kept, wording(host, pull), host.comments(pull))
    assert host.ledger() == []
