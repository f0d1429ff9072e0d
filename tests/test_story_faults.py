"""Races and faults: whatever comes between, a verdict is recorded once and no commit waits for ever."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.result import Run
from conftest import Bake
from github import PullRequest, runs, state
from pull_requests import Person, ProjectHost, new_host, published
from ready import Evidence, answers, end, evidence, promoted, said, trained, training

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
    """The newest run of the judge that follows a training that succeeded."""
    followed = [(run, run.event.payload.get("workflow_run", {})) for run in host.runs]
    return [run for run, training in followed if training.get("conclusion") == "success"][-1]


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


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_person_overrides_while_the_judge_judges(host: ProjectHost, when: str) -> None:
    """The two runs do not wait for each other: the person's word stands, whoever comes last."""
    ada = host.clone()
    pull = boosted(ada)
    run, left = training(host, pull), better(ada, -0.2)

    def override() -> None:
        ask = {"pull_request": str(pull.number), "policy": "override", "reason": "The law"}
        ask["commit"] = pull.head_sha
        host.dispatch("judge.yml", **ask)
        host.settle()
        assert wording(host, pull) == "success: Override by ada: The law"

    if when == "before":
        host.before("judge", "publish", "Publish", override)
    else:
        host.github.faults.before(STATUS, override)
    end(host, run, left)
    host.settle()
    assert wording(host, pull) == "success: Override by ada: The law"
    (comment,) = host.comments(pull)
    assert "**Merge allowed.** `ada` overrides the judge: The law" in comment
    assert looks(host) == [1]


def test_a_judging_that_is_cancelled_in_line_is_told_by_the_next(host: ProjectHost) -> None:
    """No job of it runs; whoever begins next sees that nothing comes of it any more."""
    ada = host.clone()
    pulls, runs_of, left = {}, {}, better(ada)

    def begin(name: str) -> None:
        ada.main()
        pulls[name] = boosted(ada, name)
        runs_of[name] = training(host, pulls[name])

    for name in ("dropped", "approval", "trains"):
        begin(name)
    end(host, runs_of["approval"], None, "action_required")
    host.settle()
    end(host, runs_of["dropped"], left)
    host.heed()
    host.cancel(host.line.waiting[0])
    host.settle()
    waits = "pending: Waiting for training"
    assert wording(host, pulls["dropped"]) == waits
    begin("next")
    assert wording(host, pulls["dropped"]) == (
        "failure: Not judged: its judging was cancelled before it began: re-run judge"
    )
    assert wording(host, pulls["approval"]).startswith(f"pending: {WAITS}")
    assert [wording(host, pulls[name]) for name in ("trains", "next")] == [waits] * 2
    again(host, failed=False)
    assert wording(host, pulls["dropped"]).startswith("success: Better")
    for name in ("trains", "next"):
        end(host, runs_of[name], None, "cancelled")
        host.settle()


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
    assert pull.state == "closed"
    assert looks(host) == [1]
    assert ("boosted" in host.branches()) == (event == "closed")
    assert wording(host, run.head_sha).startswith("failure: ")


def test_main_moves_while_a_branch_is_judged(host: ProjectHost) -> None:
    """The verdict counts, the button waits; brought up to date it is no new look."""
    host.ask("POST /rulesets", body=json.loads(host.show("main", ".github/rulesets/solo.json")))
    ada, bare = host.clone(), host.home.bare
    main = bare.git("rev-parse", "main")
    promoted(host, ada, "v1.0.0", main, 1)
    pull = boosted(ada)
    run, left = training(host, pull), better(ada)
    later = bare.commit_tree(bare.git("rev-parse", "main^{tree}"), [main], "Meanwhile")
    host.before("judge", "publish", "Publish", lambda: bare.point("refs/heads/main", later))
    end(host, run, left)
    host.settle()
    assert wording(host, pull).startswith("success: Better")
    assert host.button(pull) == "behind"
    host.ask(f"PUT /pulls/{pull.number}/update-branch")
    trained(host, pull, left)
    host.settle()
    assert wording(host, pull).startswith("success: Better")
    assert host.button(pull) == "clean"
    assert looks(host) == [1]
    assert len(host.ledger()) == 4


def test_the_real_training_is_stopped_lost_and_broken(host: ProjectHost) -> None:
    host.ask("POST /rulesets", body=json.loads(host.show("main", ".github/rulesets/solo.json")))
    ada = host.clone()
    host.before("train", "train", "Plan", host.cancel)
    pull = boosted(ada)
    host.settle()
    assert wording(host, pull) == (
        "failure: Not judged: training was cancelled or ran out of time: start it again"
    )
    host.kill("train", "train", "Plan")
    host.rerun(host.run("train"))
    host.settle()
    assert wording(host, pull) == f"failure: Not judged: {FAILED}"
    ada.write(".github/workflows/train.yml", "name: train\non: [\n")
    ada.commit()
    ada.push()
    host.settle()
    assert host.gate(pull) is None, "no run, so nobody is told"
    assert host.button(pull) == "blocked"
    assert len(host.comments(pull)) == 1


def test_nothing_is_judged_that_came_too_late(host: ProjectHost) -> None:
    """A branch that is behind, was pushed again, closed or deleted before its training ended."""
    ada = host.clone()
    pulls = {}
    for event in ("behind", "rewritten", "closed", "deleted", "moved"):
        ada.main()
        pull = boosted(ada, event)
        pulls[event] = (pull, training(host, pull))
    left = better(ada)
    ada.git("push", "--quiet", "--no-verify", "origin", "main:refs/heads/other", ":deleted")
    host.ask(f"PATCH /pulls/{pulls['closed'][0].number}", body={"state": "closed"})
    host.ask(f"PATCH /pulls/{pulls['moved'][0].number}", body={"base": "other"})
    ada.git("switch", "--quiet", "rewritten")
    ada.git("commit", "--quiet", "--amend", "--no-verify", "-m", "Again")
    ada.push("--force")
    ada.main()
    ada.write("docs/notes.md", "Meanwhile.\n")
    ada.commit()
    ada.push()
    host.github.take_events()
    for event, (pull, run) in pulls.items():
        end(host, run, left)
        host.settle()
        gate = wording(host, run.head_sha).removeprefix("failure: Not judged: ")
        if event == "behind":
            assert gate == "the default branch has moved on: update the branch (make update)"
            assert gate in host.comments(pull)[0]
        else:
            assert gate == (
                "no open pull request into the default branch has it as its newest commit: once one has, re-run judge"
            ), event
            assert host.comments(pull) == []
            assert gate in host.run("judge").summary
    assert host.gate(pulls["rewritten"][0]) is None
    assert host.ledger() == []


AGAIN = "training left no results: start it again"
FAILED = "training or a check of the branch failed: see train"


def test_training_that_gives_nothing_to_judge_says_why(host: ProjectHost) -> None:
    ada = host.clone()
    pull, left = boosted(ada), better(ada)
    cases = (
        ("cancelled", None, "training was cancelled or ran out of time: start it again"),
        ("timed_out", None, "training ran out of time: start it again"),
        ("startup_failure", None, "train.yml is not valid"),
        ("success", None, AGAIN),
        ("success", "expired", AGAIN),
        ("failure", None, FAILED),
        ("failure", "whole", FAILED),  # a model that is better, and tests that fail
        ("stale", "whole", "training ended as stale"),
    )
    for number, (conclusion, kept, why) in enumerate(cases):
        ada.write("docs/notes.md", f"{number}\n")
        ada.commit()
        ada.push()
        run = training(host, pull)
        assert wording(host, pull) == "pending: Waiting for training"
        if kept:
            made = runs.add_artifact(host.github, run, "train", left.zipped())
            made.expires_at = made.created_at if kept == "expired" else made.expires_at
        end(host, run, None, conclusion)
        host.settle()
        assert wording(host, pull) == f"failure: Not judged: {why}", conclusion
        (comment,) = host.comments(pull)
        assert "Not judged" in comment
        assert why.split(".")[0] in comment
    assert host.ledger() == []


def test_a_verdict_stays_whatever_training_does_next(host: ProjectHost) -> None:
    ada = host.clone()
    pull = boosted(ada)
    run = trained(host, pull, evidence(ada))
    host.settle()
    gate, comments = wording(host, pull), host.comments(pull)
    assert gate.startswith("success: No change")
    for conclusion in ("action_required", "cancelled", "failure"):
        for artifact in run.artifacts:
            artifact.expires_at = artifact.created_at
        trained_again(host, run, conclusion)
        assert wording(host, pull) == gate, conclusion
        assert host.comments(pull) == comments
        summary = host.run("judge").summary
        assert "Not judged: " in summary
        assert f"The verdict that `{pull.head_sha[:10]}` has stays." in summary
    assert [status.state for status in host.gates(pull)] == ["pending", "success"]
    assert len(host.ledger()) == 1


def test_the_judge_is_lost_at_every_step_and_run_again(host: ProjectHost) -> None:
    """Each attempt dies one write later than the one before; the last one finds all of it done."""
    ada = host.clone()
    pull = boosted(ada)
    run, head = training(host, pull), pull.head_sha
    host.kill("judge", "publish", "Publish")
    end(host, run, better(ada))
    host.settle()
    assert wording(host, head) == "failure: Not judged: the judge broke: re-run it, see its log"
    host.kill("judge", "score", "Score")
    assert again(host, failed=False).job("publish").conclusion == "failure"
    assert wording(host, head) == "failure: Not judged: the judge broke: re-run it, see its log"
    assert host.ledger() == []
    before = host.files("dvc-storage")
    host.kill("judge", "publish", "Publish", STORE)  # the ledger
    again(host)
    assert looks(host) == [1]
    assert host.files("dvc-storage") == before
    host.kill("judge", "publish", "Publish", STORE)  # the large files
    again(host)
    assert host.files("dvc-storage") > before
    assert pull.head_sha == head
    host.kill("judge", "publish", "Publish", STORE)  # dvc.lock
    again(host)
    adopted = pull.head_sha
    assert adopted != head
    assert wording(host, adopted).startswith(f"pending: {WAITS}")
    assert wording(host, head).startswith("failure: Not judged: ")
    host.kill("judge", "publish", "Publish", STATUS)  # of the judge's commit
    again(host)
    assert wording(host, adopted).startswith("success: Better")
    host.kill("judge", "publish", "Publish", STATUS)
    host.github.faults.before(STATUS, lambda: None)  # of the author's
    again(host)
    assert wording(host, head) == f"failure: Its dvc.lock is stale: judged as {adopted[:10]}"
    host.kill("judge", "publish", "Post with CML", COMMENT)
    again(host)
    last = again(host)
    assert last.conclusion == "success"
    assert pull.head_sha == adopted
    assert wording(host, adopted).startswith("success: Better")
    assert wording(host, head) == f"failure: Its dvc.lock is stale: judged as {adopted[:10]}"
    assert looks(host) == [1]
    assert len(host.ledger()) == len(host.comments(pull)) == 1


def test_the_api_fails_for_a_while(host: ProjectHost) -> None:
    """Errors of the server, dropped connections and limits are waited for; nothing is doubled."""
    ada = host.clone()
    pull = boosted(ada)
    run = training(host, pull)
    faults = host.github.faults
    faults.fail("GET .*/pulls$", 502)
    faults.drop("GET .*/zip$")
    faults.drop("GET /storage/")
    faults.rate_limit(STATUS)
    faults.fail(STATUS, 500)
    faults.fail(COMMENT, 403, times=9)
    end(host, run, better(ada))
    host.settle()
    faults.waiting.clear()
    assert wording(host, pull).startswith("success: Better")
    assert host.comments(pull) == []
    assert judge(host).conclusion == "success"
    assert "could not be posted" in judge(host).summary
    assert "Merge allowed" in judge(host).summary
    again(host, failed=False)
    assert len(host.comments(pull)) == 1
    assert looks(host) == [1]


@pytest.mark.parametrize("request_of", ["GET .*/pulls$", STATUS])
def test_the_api_refuses(host: ProjectHost, request_of: str) -> None:
    """What may not be is not asked for again; once it may, a re-run does the rest."""
    ada = host.clone()
    pull = boosted(ada)
    run = training(host, pull)
    host.github.faults.fail(request_of, 403)
    end(host, run, better(ada))
    host.settle()
    assert judge(host).conclusion == "failure"
    if request_of == STATUS:
        assert "403 Server said 403" in wording(host, run.head_sha)
        assert len(host.ledger()) == 1
    else:
        assert wording(host, pull) == "failure: Not judged: the judge broke: re-run it, see its log"
        assert host.ledger() == []
    again(host)
    assert wording(host, pull).startswith("success: Better")
    assert looks(host) == [1]
    assert len(host.comments(pull)) == 1


def test_what_the_judge_needs_is_out_of_reach(host: ProjectHost) -> None:
    """Large files that are lost; a ledger that is damaged, protected, rewritten; no more space."""
    ada = host.clone()
    pull, bare = boosted(ada), host.home.bare
    head, kept = pull.head_sha, bare.git("rev-parse", "dvc-storage")
    found: list[str] = []

    def failed() -> None:
        found.append(wording(host, head))
        assert found[-1].startswith("failure: Not judged: ")
        (comment,) = host.comments(pull)
        assert comment.split("\n")[0].endswith("Put that right, then re-run judge.")

    bare.point("refs/heads/dvc-storage", None)
    trained(host, pull, better(ada))
    host.settle()
    failed()
    assert "is neither here nor at the remote (there is no branch dvc-storage)" in found[-1]
    bare.point("refs/heads/dvc-storage", kept)

    other = bare.commit_tree(bare.git("rev-parse", "main^{tree}"), [], "No ledger")
    empty = bare.commit_tree(bare.git("mktree"), [], "Begin")
    bare.point("refs/heads/ledger", other)
    again(host, failed=False)
    failed()
    assert "the branch ledger is damaged, or no ledger" in found[-1]

    bare.point("refs/heads/ledger", empty)
    host.before("judge", "publish", "Publish", lambda: bare.point("refs/heads/ledger", other))
    again(host, failed=False)
    failed()
    assert "which was seen here: its history was rewritten" in host.comments(pull)[0]
    bare.point("refs/heads/ledger", None)

    for branch, looked in (("ledger", []), ("dvc-storage", [1])):
        if branch == "ledger":
            bare.point("refs/heads/ledger", empty)
        allow = protect(host, branch)
        again(host)
        failed()
        assert looks(host) == looked
        allow()
    again(host)
    assert wording(host, pull).startswith("success: Better")
    assert looks(host) == [1]
    assert len(host.ledger()) == len(host.comments(pull)) == 1
