"""What GitHub does between a push and a quiet repository: over real HTTP, Git and processes."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from github.answers import Refused
from github.state import ACTIONS_APP, PullRequest
from github_client import ask
from small_host import FOLDER, SmallHost, job, workflow, written
from small_workflow import CHECKOUT, PIN

SAY = """api POST "/statuses/$SHA" '{"context": "gate", "state": "'$STATE'"}'"""
WRITES = {"contents": "write", "statuses": "write"}
TRAIN = workflow("pull_request", job("train", {"name": "fit", "run": "echo fitted"}))
FOLLOW = {"workflow_run": {"workflows": ["train"], "types": ["requested", "completed"]}}
JUDGE = workflow(
    FOLLOW,
    job("judge", SAY, permissions=WRITES),
    env={
        "SHA": "${{ github.event.workflow_run.head_sha }}",
        "STATE": "${{ github.event.action == 'requested' && 'pending' || "
        "github.event.workflow_run.conclusion == 'success' && 'success' || 'failure' }}",
    },
)
OURS = {"uses": CHECKOUT}
TIDY = {"name": "tidy", "if": "always()", "run": "echo tidied"}
REQUIRED = {
    "name": "main",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [
        {
            "type": "required_status_checks",
            "parameters": {
                "required_status_checks": [{"context": "gate", "integration_id": ACTIONS_APP}]
            },
        }
    ],
}


@pytest.fixture
def host(tmp_path: Path, outside: Path) -> Iterator[SmallHost]:
    with SmallHost(tmp_path) as host:
        yield host
        assert host.github.unknown() == []


def gate(host: SmallHost, sha: str) -> list[str]:
    """Every state that the gate of a commit has had, oldest first."""
    told = host.ask(f"GET /commits/{sha}/statuses")
    return [status["state"] for status in reversed(told) if status["context"] == "gate"]


def by_stranger(host: SmallHost) -> PullRequest:
    """A pull request from eve's fork."""
    eve = host.fork("eve")
    eve.git("switch", "--quiet", "-c", "try")
    eve.commit("model", "2\n")
    eve.push("try")
    return host.request_pull("eve:try", "eve")


def test_a_pull_request_is_trained_then_judged(host: SmallHost) -> None:
    work = host.begin(train=TRAIN, judge=JUDGE)
    assert host.story() == []
    pull = host.open(work, "try")
    said: list[str] = []
    host.before("train", "train", "fit", lambda: said.extend(gate(host, pull.head_sha)))
    host.settle()
    assert said == ["pending"], "what is requested is told before the training"
    assert gate(host, pull.head_sha) == ["pending", "success"]
    assert host.story() == [
        ("train", "opened", "success"),
        ("judge", "requested", "success"),
        ("judge", "completed", "success"),
    ]
    (told,) = host.ask(f"GET /actions/runs?head_sha={pull.head_sha}")["workflow_runs"]
    run = host.run("train")
    assert (told["id"], told["conclusion"], told["path"]) == (run.id, "success", run.path)
    (listed,) = host.ask(f"GET /actions/runs/{run.id}/jobs")["jobs"]
    assert (listed["name"], listed["conclusion"]) == ("train", "success")
    steps = [(step["number"], step["name"], step["conclusion"]) for step in listed["steps"]]
    assert steps == [(1, "Set up job", "success"), (2, "fit", "success")]
    (check,) = host.ask(f"GET /commits/{pull.head_sha}/check-runs")["check_runs"]
    assert (check["name"], check["conclusion"]) == ("train", "success")


@pytest.mark.parametrize(("changed", "started"), [("train", "mine"), ("judge", "main's")])
def test_a_pull_request_changes_its_own_workflow_and_not_the_one_that_follows(
    host: SmallHost, changed: str, started: str
) -> None:
    on = {"train": "pull_request", "judge": FOLLOW}
    work = host.begin(**{name: workflow(on[name], job("job", "echo main\\'s")) for name in on})
    mine = written(changed, workflow(on[changed], job("job", "echo mine")))
    host.open(work, "try", f"{FOLDER}/{changed}.yml", mine)
    host.settle()
    assert host.run(changed).log == started
    assert len(host.runs) == 3


def test_paths_and_branches_decide_what_a_push_starts(host: SmallHost) -> None:
    on = {"push": {"branches": ["main"], "paths": ["model"]}, "pull_request": {"paths": ["data"]}}
    work = host.begin(tests=workflow(on, job("job", "echo")))
    work.commit("other", "1\n")
    work.push("main")
    host.open(work, "model")
    host.open(work, "data", "data")
    host.settle()
    assert host.story() == [("tests", "opened", "success")]
    work.git("switch", "--quiet", "main")
    work.commit("model", "1\n")
    work.push("main")
    host.settle()
    work.commit("other", "2\n")
    work.push("main")
    host.settle()
    assert host.story()[1:] == [("tests", "push", "success")]


def test_a_jobs_token_may_do_what_its_permissions_say_while_the_job_runs(host: SmallHost) -> None:
    asks = [
        "api GET /actions/runs/$GITHUB_RUN_ID/jobs | grep -o in_progress | head -1",
        'api POST /statuses/$GITHUB_SHA \'{"state": "success"}\' | cut -c1-3',
        'api POST /issues \'{"title": "x"}\'',
        "git push --quiet origin HEAD:refs/heads/made && echo pushed",
    ]
    first = job("first", OURS, *asks, permissions={"actions": "read", **WRITES})
    host.begin(train=workflow("push", first, job("second", asks[1])))
    run = host.run("train")
    said = [step.log for step in run.job("first").steps[1:]]
    assert said == ["in_progress", "201", "403", "pushed"]
    assert run.job("second").log == "403"
    assert "refs/heads/made" in host.home.bare.references()
    assert len(host.runs) == 1, "what a workflow's token pushes starts nothing"
    token = run.job("first").token
    assert token
    assert host.status("GET /labels", token.value) == 401, "the job is over"


def test_a_forks_run_reads_and_the_one_that_follows_writes(host: SmallHost) -> None:
    host.actions.secrets["KEY"], host.actions.variables["REMOTE"] = "s3cret", "s3://bucket"
    steps = [
        "echo '<${{ secrets.KEY }}|${{ vars.REMOTE }}>'",
        SAY,
        "git push --quiet origin HEAD:refs/heads/x 2>&1 | grep -o denied",
    ]
    env = {"SHA": "${{ github.sha }}", "STATE": "success"}
    head = {"repository": "eve/flights", "ref": "${{ github.head_ref }}"}
    on = {"push": {"branches": ["try"]}, "pull_request": None}
    train = workflow(on, job("train", {**OURS, "with": head}, *steps, permissions=WRITES), env=env)
    host.begin(train=train, judge=JUDGE)
    pull = by_stranger(host)
    host.settle()
    said = [step.log for step in host.run("train").job("train").steps[1:]]
    assert said == ["<|>", "403", "denied"]
    assert gate(host, pull.head_sha) == ["pending", "success"]
    assert host.run("judge").event.payload["workflow_run"]["pull_requests"] == []


def test_a_strangers_run_waits_for_approval(host: SmallHost) -> None:
    host.home.forks_need_approval = True
    host.begin(train=TRAIN, judge=JUDGE)
    pull = by_stranger(host)
    host.settle()
    run, *judges = host.runs
    assert (run.conclusion, run.jobs) == ("action_required", [])
    asked = [judge.event.payload["workflow_run"]["conclusion"] for judge in judges]
    assert asked == ["action_required", "action_required"]
    (told,) = host.ask("GET /actions/runs?status=action_required")["workflow_runs"]
    assert told["id"] == run.id
    host.approve(run)
    host.settle()
    assert run.conclusion == "success"
    assert host.story()[3:] == [("judge", "completed", "success")]
    assert gate(host, pull.head_sha) == ["pending", "failure", "success"]


def test_what_a_workflow_pushes_to_a_pull_request_waits_for_approval(host: SmallHost) -> None:
    names = "git config user.name bot && git config user.email bot@example.org"
    push = "git commit --quiet --allow-empty -m bot && git push --quiet origin HEAD"
    bot = job("bot", OURS, f"{names} && {push}", permissions=WRITES)
    work = host.begin(train=TRAIN, bot=workflow("workflow_dispatch", bot))
    pull = host.open(work, "try")
    host.settle()
    first = pull.head_sha
    host.dispatch("bot.yml", ref="try")
    host.settle()
    assert pull.head_sha != first
    assert host.story() == [
        ("train", "opened", "success"),
        ("bot", "workflow_dispatch", "success"),
        ("train", "synchronize", "action_required"),
    ]


def test_a_dispatch_runs_one_workflow_of_its_ref_with_its_inputs(host: SmallHost) -> None:
    on = {"workflow_dispatch": {"inputs": {"reason": {"required": True}}}}
    other = workflow(on, job("job", "echo main"))
    work = host.begin(judge=other, other=other)
    said = job("job", "echo ${{ inputs.reason }} on ${{ github.ref_name }}")
    work.git("switch", "--quiet", "-c", "try")
    work.commit(f"{FOLDER}/judge.yml", written("judge", workflow(on, said)))
    work.push("try")
    host.dispatch("judge.yml", ref="try", reason="because")
    host.settle()
    assert [run.log for run in host.runs] == ["because on try"]


def test_what_is_scheduled_runs_on_the_default_branch(host: SmallHost) -> None:
    hourly = workflow({"schedule": [{"cron": "7 * * * *"}]}, job("job", "echo"))
    work = host.begin(monitor=hourly)
    host.open(work, "try")
    host.schedule()
    host.settle()
    assert host.story() == [("monitor", "schedule", "success")]
    assert host.run("monitor").event.ref == "refs/heads/main"


def test_a_rerun_is_of_the_same_commit_and_is_followed_again(host: SmallHost) -> None:
    work = host.begin(train=TRAIN, judge=JUDGE)
    pull = host.open(work, "try")
    host.settle()
    first = host.run("train")
    work.git("switch", "--quiet", "main")
    work.commit("other", "1\n")
    work.push("main")
    again = host.rerun(first)
    host.settle()
    assert (again.id, again.attempt, again.event.sha) == (first.id, 2, first.event.sha)
    assert gate(host, pull.head_sha) == ["pending", "success"] * 2
    assert host.run("judge").event.payload["workflow_run"]["run_attempt"] == 2
    (listed,) = host.ask(f"GET /actions/runs/{first.id}/attempts/1/jobs")["jobs"]
    (newer,) = host.ask(f"GET /actions/runs/{first.id}/jobs")["jobs"]
    assert (listed["run_attempt"], newer["run_attempt"]) == (1, 2)


def test_who_runs_it_again_is_not_who_caused_it(host: SmallHost) -> None:
    told = job("one", 'echo "$GITHUB_ACTOR $GITHUB_TRIGGERING_ACTOR"')
    host.begin(told=workflow("push", told))
    host.rerun(host.run("told"), "bob")
    host.settle()
    assert [run.log for run in host.runs] == ["ada ada", "ada bob"]


def test_failed_jobs_run_again_and_see_what_the_others_said(host: SmallHost) -> None:
    say = {"id": "say", "run": 'echo "word=$GITHUB_RUN_ATTEMPT" >> "$GITHUB_OUTPUT"'}
    first = job("first", say, outputs={"word": "${{ steps.say.outputs.word }}"})
    second = job("second", 'test "$GITHUB_RUN_ATTEMPT" = 2', needs="first")
    said = "echo ${{ needs.first.outputs.word }} ${{ needs.second.result }}"
    last = job("last", said, needs=["first", "second"], **{"if": "always()"})
    host.begin(train=workflow("push", first, second, last))
    assert host.run("train").job("last").log == "1 failure"
    again = host.rerun(host.run("train"), failed=True)
    host.settle()
    assert again.conclusion == "success"
    assert again.job("last").log == "1 success"


@pytest.mark.parametrize(
    ("group", "ended", "at_once"),
    [
        ({"group": "g"}, ["success", "cancelled", "success"], 1),
        ({"group": "g", "queue": "max"}, ["success", "success", "success"], 1),
        ({"group": "g", "cancel-in-progress": True}, ["cancelled", "cancelled", "success"], 1),
        ({"group": "${{ github.run_id }}"}, ["success", "success", "success"], 2),
    ],
    ids=["newest", "all", "cancel", "apart"],
)
def test_a_group_runs_one_at_a_time(
    host: SmallHost, group: dict[str, Any], ended: list[str], at_once: int
) -> None:
    work = host.begin(train=workflow("push", job("job", {"id": "fit", "run": "echo"})))
    work.commit(
        f"{FOLDER}/train.yml",
        written(
            "train", workflow("push", job("job", {"id": "fit", "run": "echo"}), concurrency=group)
        ),
    )
    running: list[int] = []

    def push_twice() -> None:
        for text in "ab":
            work.commit("model", text)
            work.push("main")
        host.before("train", "job", "fit", lambda: running.append(len(host.line.running)))
        host.settle()

    host.before("train", "job", "fit", push_twice)
    work.push("main")
    host.settle()
    assert [run.conclusion for run in host.runs[1:]] == ended
    assert running == [at_once]


def test_a_push_in_the_middle_of_a_step_stops_what_it_replaces(host: SmallHost) -> None:
    group = {"group": "${{ github.ref }}", "cancel-in-progress": True}
    fit = {"name": "fit", "run": "api GET /labels; test -f done || sleep 60"}
    train = workflow("pull_request", job("train", OURS, fit, TIDY), concurrency=group)
    work = host.begin(train=train, judge=JUDGE)
    pull = host.open(work, "try")
    old = pull.head_sha

    def push() -> None:
        work.commit("done", "")
        work.push("try")

    host.github.faults.before("GET .*/labels", push)
    host.settle()
    first, second = (run for run in host.runs if run.name == "train")
    assert (first.conclusion, second.conclusion) == ("cancelled", "success")
    assert [step.conclusion for step in first.job("train").steps][1:] == ["cancelled", "success"]
    assert gate(host, old) == ["pending", "failure"]
    assert gate(host, pull.head_sha) == ["pending", "success"]


@pytest.mark.parametrize(
    ("request_of", "titles"), [("", []), ("POST .*/issues", ["begun"])], ids=["before", "within"]
)
def test_a_lost_runner_does_nothing_more(
    host: SmallHost, request_of: str, titles: list[str]
) -> None:
    work = 'api POST /issues \'{"title": "begun"}\' \'{"title": "done"}\''
    steps = ["echo started", {"name": "work", "run": work}, TIDY]
    first = job("first", *steps, permissions={"issues": "write"})
    told = {"needs": "first", "if": "always()"}
    after = job("after", "echo ${{ needs.first.result }}", **told)
    last = job("last", "echo", needs="first")
    host.kill("train", "first", "work", request_of)
    host.begin(train=workflow("push", first, after, last))
    run = host.run("train")
    ended = {"first": "failure", "after": "success", "last": "skipped"}
    assert {one.name: one.conclusion for one in run.jobs} == ended
    assert run.conclusion == "failure"
    assert run.job("after").log == "failure"
    assert [step.name for step in run.job("first").steps][1:] == ["work"]
    assert [issue["title"] for issue in host.ask("GET /issues")] == titles
    jobs = host.ask(f"GET /actions/runs/{run.id}/jobs")["jobs"]
    assert {one["name"]: one["conclusion"] for one in jobs} == ended
    token = run.job("first").token
    assert token
    assert host.status("GET /labels", token.value) == 401


def test_a_person_cancels_and_what_always_runs_still_does(host: SmallHost) -> None:
    host.before("train", "job", "fit", host.cancel)
    host.begin(train=workflow("push", job("job", {"name": "fit", "run": "echo"}, TIDY)))
    run = host.run("train")
    assert run.conclusion == "cancelled"
    assert [step.conclusion for step in run.job("job").steps] == ["skipped", "success"]
    assert host.ask("GET /actions/runs")["workflow_runs"][0]["conclusion"] == "cancelled"


def test_a_hook_that_is_never_met_is_told(host: SmallHost) -> None:
    host.before("train", "job", "misspelt", host.cancel)
    with pytest.raises(AssertionError, match="train / job / misspelt"):
        host.begin(train=workflow("push", job("job", {"name": "fit", "run": "echo"})))


def with_artifact(host: SmallHost, **permissions: str) -> None:
    """Train keeps an artifact, judge takes it."""
    kept = {"name": "evidence", "path": "e"}
    links = "${{ steps.keep.outputs.artifact-id }} ${{ steps.keep.outputs.artifact-url }}"
    train = job(
        "train",
        "echo 1 > e",
        {"id": "keep", "uses": f"actions/upload-artifact@{PIN}", "with": kept},
        f"echo {links}",
        "api GET /actions/runs/$GITHUB_RUN_ID/artifacts | grep -o evidence",
        permissions={"actions": "read"},
    )
    taken = {
        "name": "evidence",
        "run-id": "${{ github.event.workflow_run.id }}",
        "github-token": "${{ github.token }}",
    }
    take = {"id": "take", "uses": f"actions/download-artifact@{PIN}", "with": taken}
    judge = job("judge", take, "cat e", permissions=permissions)
    follow = {"workflow_run": {"workflows": ["train"], "types": ["completed"]}}
    work = host.begin(train=workflow("pull_request", train), judge=workflow(follow, judge))
    host.open(work, "try")


def test_an_artifact_goes_from_run_to_run_and_is_in_the_api(host: SmallHost) -> None:
    with_artifact(host, actions="read")
    host.settle()
    assert host.run("judge").log.endswith("\n1")
    run = host.run("train")
    (told,) = host.ask(f"GET /actions/runs/{run.id}/artifacts")["artifacts"]
    page = f"{host.github.url}/ada/flights/actions/runs/{run.id}/artifacts/{told['id']}"
    assert run.job("train").steps[2].log == f"{told['id']} {page}"
    assert run.job("train").steps[3].log == "evidence", "listed while the run goes on"
    path = f"GET {told['archive_download_url']}"
    reply = ask(host.github, path, host.token("ada"))
    archive = ask(host.github, f"GET {reply.headers['Location']}").content
    assert zipfile.ZipFile(io.BytesIO(archive)).read("e") == b"1\n"
    assert f"sha256:{run.job('train').step('keep').outputs['artifact-digest']}" == told["digest"]


@pytest.mark.parametrize(
    ("permissions", "lost", "said"),
    [({"actions": "read"}, True, "not found"), ({}, False, "not accessible")],
    ids=["gone", "hidden"],
)
def test_an_artifact_that_is_gone_or_hidden_is_not_taken(
    host: SmallHost, permissions: dict[str, str], lost: bool, said: str
) -> None:
    def lose() -> None:
        if lost:
            (kept,) = host.ask("GET /actions/artifacts")["artifacts"]
            host.ask(f"DELETE /actions/artifacts/{kept['id']}")

    with_artifact(host, **permissions)
    host.before("judge", "judge", "take", lose)
    host.settle()
    assert said in host.run("judge").job("judge").step("take").log


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_the_merge_queue_merges_what_passes_on_what_main_is_by_then(
    host: SmallHost, bad: bool
) -> None:
    """Two in line: both pass alone; where it is bad, the second fails on top of the first."""
    sha = "${{ github.event.merge_group.head_sha || github.event.pull_request.head.sha }}"
    decide = "STATE=success; " + ("! test -f one || ! test -f two || STATE=failure; " * bad)
    train = job("train", OURS, decide + SAY, permissions=WRITES)
    on = ["merge_group", "pull_request"]
    work = host.begin(train=workflow(on, train, env={"SHA": sha}))
    host.ask("POST /rulesets", body=REQUIRED)
    one, two = host.open(work, "one", "one"), host.open(work, "two", "two")
    with pytest.raises(Refused, match=r"gate.*expected"):
        host.enqueue(one)
    host.settle()
    base = host.home.bare.resolve("main")
    host.enqueue(one)
    host.enqueue(two)
    host.settle()
    assert [bool(pull.merged_at) for pull in (one, two)] == [True, not bad]
    first, second = (run.event.payload["merge_group"] for run in host.runs[2:])
    assert first["base_sha"] == base
    assert first["head_ref"] == f"refs/heads/gh-readonly-queue/main/pr-1-{base}"
    assert first["head_sha"] == one.merge_commit_sha == second["base_sha"]
    assert host.home.bare.resolve("main") == (one if bad else two).merge_commit_sha
    assert not any("queue" in name for name in host.home.bare.references())
    assert host.home.queue == []


def test_the_merge_queue_waits_for_a_status_and_drops_what_changed(host: SmallHost) -> None:
    work = host.begin(train=TRAIN)
    host.ask("POST /rulesets", body=REQUIRED)
    pull = host.open(work, "try")
    bot = host.github.workflow_token(host.home, {"statuses": "write"})

    def say(sha: str, state: str) -> None:
        body = {"context": "gate", "state": state}
        ask(host.github, f"POST /repos/ada/flights/statuses/{sha}", bot, body)

    say(pull.head_sha, "success")
    host.enqueue(pull)
    host.settle()
    (entry,) = host.home.queue
    say(entry.sha, "pending")
    other = host.open(work, "other", "other").head_sha
    host.home.bare.point("refs/heads/main", other)
    host.settle()
    assert (host.home.queue, pull.state) == ([entry], "open")
    assert entry.base_sha == other, "tried again on what main is now"
    say(entry.sha, "pending")
    host.settle()
    assert host.home.queue == [entry]
    work.git("switch", "--quiet", "try")
    work.commit("model", "3\n")
    work.push("try")
    host.settle()
    assert (len(host.home.queue), pull.state) == (0, "open")
    assert not any("queue" in name for name in host.home.bare.references())


def test_a_checkout_without_blobs_brings_them_when_they_are_read(host: SmallHost) -> None:
    partly = {**OURS, "with": {"filter": "blob:none", "fetch-depth": 0}}
    count = "git rev-list --objects --all --missing=print | grep -c '^?'"
    steps = [partly, count, "git show HEAD~1:model"]
    host.home.private = True
    reads = job("job", *steps, permissions={"contents": "read"})
    work = host.begin(train=workflow("workflow_dispatch", reads))
    for text in ("first", "second"):
        work.commit("model", text)
    work.push("main")
    host.dispatch("train.yml")
    host.settle()
    assert [step.log for step in host.run("train").job("job").steps[1:]] == ["1", "first"]


def test_an_artifact_is_taken_as_it_is_by_then(host: SmallHost) -> None:
    """Somebody who may write replaces what another run left."""

    def replace() -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("e", "2\n")
        (kept,) = host.home.runs[0].artifacts
        kept.content = content.getvalue()

    with_artifact(host, actions="read")
    host.before("judge", "judge", "take", replace)
    host.settle()
    assert host.run("judge").log.endswith("\n2")


def test_workflows_that_start_each_other_are_stopped(
    host: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flow.host.MOST", 3)
    call = 'api POST /actions/workflows/loop.yml/dispatches \'{"ref": "main"}\''
    loop = job("job", call, permissions={"actions": "write"})
    with pytest.raises(AssertionError, match="for ever"):
        host.begin(loop=workflow(["push", "workflow_dispatch"], loop))


def test_a_broken_workflow_is_a_run_that_failed(host: SmallHost) -> None:
    host.begin(train=workflow("push", {"job": {"steps": []}}), judge=JUDGE)
    (told,) = host.ask("GET /actions/runs")["workflow_runs"]
    assert (told["name"], told["conclusion"]) == (told["path"], "startup_failure")
    assert host.story() == []
