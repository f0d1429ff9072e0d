"""The tests' GitHub behaves as the real one is documented to, over real HTTP and real Git."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from github import GitHub, Repository, Token, pulls, runs
from github.service import BOT
from github.state import ACTIONS_APP, now
from github_client import Clone, ask, clone

WORKFLOW = ".github/workflows/judge.yml"
JUDGE = "name: judge\non:\n  workflow_dispatch:\n"
ALL = ("contents", "issues", "pull-requests", "statuses", "checks", "actions", "administration")
GATE = {
    "name": "main",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [
        {"type": "non_fast_forward"},
        {"type": "pull_request"},
        {
            "type": "required_status_checks",
            "parameters": {
                "strict_required_status_checks_policy": True,
                "required_status_checks": [{"context": "gate", "integration_id": ACTIONS_APP}],
            },
        },
    ],
}


@dataclass
class World:
    """A host with ada's repository, ada's token and ada's clone; `main` has one commit."""

    host: GitHub
    repository: Repository
    ada: Token
    work: Clone
    home: str = "/repos/ada/flights"

    def ask(self, request: str, token: Token | None = None, body: object = None) -> Any:
        """Ask below the repository; the answer must be good."""
        method, path = request.split(" ")
        reply = ask(self.host, f"{method} {self.home}{path}", token or self.ada, body)
        assert reply.status < 300, reply.content
        return reply.json if reply.content else None

    def status(self, request: str, token: Token | None, body: object = None) -> int:
        """The status that a request below the repository is answered with."""
        method, path = request.split(" ")
        return ask(self.host, f"{method} {self.home}{path}", token, body).status

    def bot(self, *writes: str, fork: bool = False) -> Token:
        """A workflow's token that may write these."""
        return self.host.workflow_token(self.repository, dict.fromkeys(writes, "write"), fork)

    def branch(self, name: str, file: str = "model.py", text: str = "2\n") -> str:
        """Push a branch of one commit from `main`."""
        self.work.git("switch", "--quiet", "-c", name, "origin/main")
        sha = self.work.commit(file, text)
        self.work.push(name)
        return sha

    def open(self, head: str, token: Token | None = None, **fields: object) -> Any:
        body = {"head": head, "base": "main", "title": "Try", **fields}
        return self.ask("POST /pulls", token, body)

    def names(self) -> list[tuple[str, str | None]]:
        """The events since the last time."""
        return [(event.name, event.action) for event in self.host.take_events()]


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Clone:
    """What ada has pushed: `main` with one commit."""
    work = Clone(tmp_path_factory.mktemp("seed"))
    work.git("init", "--quiet")
    work.commit(WORKFLOW, JUDGE)
    work.git("remote", "add", "origin", str(work.path))
    work.git("fetch", "--quiet", "origin")
    return work


def make(folder: Path, seed: Clone, private: bool = False) -> Iterator[World]:
    with GitHub(folder / "host") as host:
        repository, ada = host.create("ada/flights", private), host.token("ada")
        repository.bare.git("fetch", "--quiet", str(seed.path), "main:main")
        work = Clone(Path(shutil.copytree(seed.path, folder / "work")))
        work.git("remote", "set-url", "origin", host.remote(repository, ada))
        yield World(host, repository, ada, work)


@pytest.fixture
def world(tmp_path: Path, seed: Clone) -> Iterator[World]:
    yield from make(tmp_path, seed)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, seed: Clone) -> Iterator[World]:
    """For requests that leave nothing behind that another test looks at."""
    for world in make(tmp_path_factory.mktemp("shared"), seed):
        world.branch("try")
        world.open("try")
        world.ask("POST /issues", body={"title": "Drift"})
        yield world


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory, seed: Clone) -> Iterator[World]:
    """A private repository."""
    yield from make(tmp_path_factory.mktemp("hidden"), seed, private=True)


@pytest.mark.parametrize(
    ("request_", "body", "grant"),
    [
        ("POST /statuses/SHA", {"state": "success", "context": "gate"}, "statuses"),
        ("POST /check-runs", {"name": "unit", "head_sha": "SHA"}, "checks"),
        ("POST /issues/1/comments", {"body": "Better."}, "pull-requests"),
        ("POST /issues/1/comments", {"body": "Better."}, "issues"),
        ("POST /issues/2/comments", {"body": "It drifts."}, "issues"),
        ("POST /issues/1/labels", {"labels": ["bug"]}, "pull-requests"),
        ("PATCH /pulls/1", {"title": "Try again"}, "pull-requests"),
        ("POST /issues", {"title": "Drift"}, "issues"),
        ("POST /actions/workflows/judge.yml/dispatches", {"ref": "main"}, "actions"),
        ("POST /dispatches", {"event_type": "promoted"}, "contents"),
        ("PUT /contents/NEW", {"message": "Write", "content": "MQ=="}, "contents"),
        ("POST /git/refs", {"ref": "refs/tags/NEW", "sha": "SHA"}, "contents"),
        ("POST /releases", {"tag_name": "NEW"}, "contents"),
        ("PATCH ", {"allow_auto_merge": True}, "administration"),
    ],
)
def test_a_write_needs_its_permission(
    shared: World, request_: str, body: dict[str, Any], grant: str
) -> None:
    sha = shared.repository.bare.resolve("main") or ""
    new = f"new{shared.host.number()}"
    request_ = request_.replace("SHA", sha).replace("NEW", new)
    body = {key: {"SHA": sha}.get(str(value), value) for key, value in body.items()}
    body = {k: v.replace("NEW", new) if isinstance(v, str) else v for k, v in body.items()}
    reading = shared.host.workflow_token(shared.repository, dict.fromkeys(ALL, "read"))
    others = {"issues", "pull-requests"} if "/issues/1/" in request_ else {grant}
    elsewhere = shared.bot(*(scope for scope in ALL if scope not in others))
    other = shared.host.workflow_token(shared.host.create(f"ada/{new}"), {grant: "write"})
    for token in (reading, elsewhere, shared.bot(grant, fork=True), other):
        method, path = request_.split(" ")
        reply = ask(shared.host, f"{method} {shared.home}{path}", token, body)
        assert reply.status == 403
        assert reply.json["message"] == "Resource not accessible by integration"
    assert shared.status(request_, None, body) == 401
    assert shared.status(request_, shared.bot(grant), body) in (200, 201, 204)


def test_pull_requests_and_issues_are_not_the_same_grant(shared: World) -> None:
    body = {"body": "Hello"}
    assert shared.status("POST /issues/2/comments", shared.bot("pull-requests"), body) == 403


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/pulls", "pull-requests"),
        ("/commits/main/status", "statuses"),
        ("/commits/main/check-runs", "checks"),
        ("/issues", "issues"),
        ("/actions/runs", "actions"),
        ("/contents/.github", "contents"),
        ("/releases", "contents"),
    ],
)
def test_what_is_public_anyone_reads_and_what_is_private_only_who_may(
    shared: World, hidden: World, path: str, scope: str
) -> None:
    request = f"GET {path}"
    assert shared.status(request, None) == 200
    assert shared.status(request, shared.bot()) == 200
    assert hidden.status(request, None) == 404
    assert hidden.status(request, hidden.bot()) == 403
    granted = hidden.host.workflow_token(hidden.repository, {scope: "read"})
    assert hidden.status(request, granted) == 200
    assert hidden.status(request, hidden.host.token("eve")) == 404
    elsewhere = hidden.host.create(f"eve/{hidden.host.number()}")
    other = hidden.host.workflow_token(elsewhere, {scope: "write"})
    assert hidden.status(request, other) == 404
    assert ask(hidden.host, "GET /user", None, Authorization="Bearer wrong").status == 401


@pytest.mark.parametrize(
    ("role", "permission", "allowed"),
    [
        ("read", "read", {"comment"}),
        ("triage", "read", {"comment", "label"}),
        ("write", "write", {"comment", "label", "status"}),
        ("maintain", "write", {"comment", "label", "status"}),
        ("admin", "admin", {"comment", "label", "status", "settings"}),
    ],
)
def test_a_person_may_do_what_the_role_allows(
    shared: World, role: str, permission: str, allowed: set[str]
) -> None:
    shared.host.grant(shared.repository, role, role)
    told = shared.ask(f"GET /collaborators/{role}/permission", shared.bot())
    assert (told["permission"], told["role_name"]) == (permission, role)
    sha = shared.repository.bare.resolve("main")
    requests = {
        "comment": ("POST /issues/1/comments", {"body": "Hello"}),
        "label": ("POST /issues/1/labels", {"labels": ["bug"]}),
        "status": (f"POST /statuses/{sha}", {"state": "success"}),
        "settings": ("PATCH ", {"allow_auto_merge": True}),
    }
    token = shared.host.token(role)
    done = {name: shared.status(request, token, body) for name, (request, body) in requests.items()}
    assert {name for name, status in done.items() if status < 300} == allowed
    assert {status for name, status in done.items() if name not in allowed} <= {403}


def test_lists_come_in_pages_of_thirty(world: World) -> None:
    world.branch("try")
    world.open("try")
    for number in range(65):
        world.ask("POST /issues/1/comments", body={"body": f"comment {number}"})
    seen, address = [], f"GET {world.host.api}{world.home}/issues/1/comments"
    sizes = []
    while address:
        reply = ask(world.host, address)
        sizes.append(len(reply.json))
        seen += [comment["body"] for comment in reply.json]
        following = re.search(r'<([^>]+)>; rel="next"', reply.headers["Link"] or "")
        address = f"GET {following[1]}" if following else ""
    assert sizes == [30, 30, 5]
    assert seen == [f"comment {number}" for number in range(65)]
    assert len(world.ask("GET /issues/1/comments?per_page=1000")) == 65
    assert world.ask("GET /pulls/1")["comments"] == 65


def test_a_comment_is_changed_in_place_by_who_wrote_it(world: World) -> None:
    world.branch("try")
    world.open("try")
    bot = world.bot("pull-requests")
    made = world.ask("POST /issues/1/comments", bot, {"body": "first"})
    assert made["user"] == {**made["user"], "login": BOT, "type": "Bot"}
    eve = world.host.token("eve")
    assert world.status(f"PATCH /issues/comments/{made['id']}", eve, {"body": "mine"}) == 403
    world.ask(f"PATCH /issues/comments/{made['id']}", bot, {"body": "second"})
    assert [c["body"] for c in world.ask("GET /issues/1/comments")] == ["second"]
    assert world.status("POST /issues/1/comments", bot, {"body": "x" * 65537}) == 422


def test_the_newest_status_of_a_context_counts(world: World) -> None:
    sha = world.repository.bare.resolve("main")
    bot = world.bot("statuses")

    def set_status(state: str, context: str = "gate") -> None:
        world.ask(f"POST /statuses/{sha}", bot, {"state": state, "context": context})

    assert world.ask("GET /commits/main/status")["state"] == "pending"
    set_status("failure")
    set_status("success", "lint")
    assert world.ask("GET /commits/main/status")["state"] == "failure"
    set_status("success")
    together = world.ask("GET /commits/main/status")
    assert (together["state"], together["total_count"]) == ("success", 2)
    told = [(s["context"], s["state"]) for s in world.ask(f"GET /commits/{sha}/statuses")]
    assert told == [("gate", "success"), ("lint", "success"), ("gate", "failure")]


def test_a_status_that_github_would_not_take_is_refused(world: World) -> None:
    sha, bot = world.repository.bare.resolve("main"), world.bot("statuses")
    long = {"state": "success", "description": "x" * 141}
    assert world.status(f"POST /statuses/{sha}", bot, long) == 422
    assert world.status(f"POST /statuses/{sha}", bot, {"state": "good"}) == 422
    assert world.status(f"POST /statuses/{'0' * 40}", bot, {"state": "success"}) == 422
    assert world.repository.statuses == []


def test_a_fork_has_its_own_repository_and_its_pull_request_reads_only(
    world: World, tmp_path: Path
) -> None:
    fork, eve = world.host.fork(world.repository, "eve"), world.host.token("eve")
    theirs = clone(world.host, fork, tmp_path / "fork", eve)
    theirs.git("switch", "--quiet", "-c", "try")
    sha = theirs.commit("model.py", "3\n")
    theirs.push("try")
    world.host.take_events()
    opened = world.open("eve:try", eve)
    assert (opened["head"]["repo"]["full_name"], opened["head"]["sha"]) == ("eve/flights", sha)
    assert opened["head"]["label"] == "eve:try"
    assert opened["base"]["repo"]["full_name"] == "ada/flights"
    (event,) = world.host.take_events()
    assert (event.name, event.action, event.repository) == (
        "pull_request",
        "opened",
        world.repository,
    )
    assert event.payload["pull_request"]["head"]["repo"]["fork"] is True
    assert not event.needs_approval

    world.work.git("fetch", "--quiet", "origin", "refs/pull/1/head")
    assert world.work.git("rev-parse", "FETCH_HEAD") == sha
    token = world.bot("contents", "statuses", fork=True)
    reader = clone(world.host, world.repository, tmp_path / "reader", token)
    reader.commit("x", "x")
    assert "denied to github-actions[bot]" in reader.refused("HEAD:refs/heads/stolen")
    assert "denied to eve" in clone(world.host, world.repository, tmp_path / "eve", eve).refused(
        "HEAD:refs/heads/stolen"
    )
    assert world.status(f"POST /statuses/{sha}", token, {"state": "success"}) == 403
    run = runs.start_run(world.host, event, WORKFLOW, "train")
    assert (run.head_sha, run.head_repository) == (sha, fork)
    world.branch("try")
    world.open("try")
    assert world.ask(f"GET /actions/runs/{run.id}")["pull_requests"] == []

    theirs.commit("model.py", "4\n")
    theirs.push("try")
    assert ("pull_request", "synchronize") in world.names()
    assert world.ask("GET /pulls/1")["head"]["sha"] == theirs.git("rev-parse", "HEAD")


def test_strangers_and_wrong_passwords_do_not_push(world: World, tmp_path: Path) -> None:
    anonymous = clone(world.host, world.repository, tmp_path / "anonymous")
    anonymous.commit("x", "x")
    assert "could not read Username" in anonymous.refused("HEAD:refs/heads/x")
    wrong = world.host.remote(world.repository, world.ada).replace("ghp_", "ghp_no")
    anonymous.git("remote", "set-url", "origin", wrong)
    assert "Authentication failed" in anonymous.refused("HEAD:refs/heads/x")
    assert "refs/heads/x" not in world.repository.bare.references()


def test_the_merge_reference_is_a_real_merge_and_follows_the_base(
    world: World, tmp_path: Path
) -> None:
    head = world.branch("try")
    opened = world.open("try")
    reader = clone(world.host, world.repository, tmp_path / "reader")

    def test_merge() -> list[str]:
        reader.git("fetch", "--quiet", "origin", "+refs/pull/1/*:refs/pull/1/*")
        return reader.git("log", "-1", "--format=%H %P", "refs/pull/1/merge").split()

    merge, base, second = test_merge()
    assert (merge, second) == (opened["merge_commit_sha"], head)
    world.work.git("switch", "--quiet", "main")
    moved = world.work.commit("data.csv", "1\n")
    world.work.push("main")
    assert test_merge()[1:] == [moved, head]
    assert base != moved
    assert reader.git("show", "refs/pull/1/merge:data.csv") == "1"
    assert world.ask("GET /pulls/1")["base"]["sha"] == base

    kept = test_merge()
    conflicting = world.work.commit("model.py", "9\n")
    world.work.push("main")
    pull = world.ask("GET /pulls/1")
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    assert test_merge() == kept
    world.host.take_events()
    world.work.git("switch", "--quiet", "try")
    world.work.commit("other.py", "1\n")
    world.work.push("try")
    assert world.names() == [("push", None)]
    assert world.ask("GET /pulls/1")["base"]["sha"] == conflicting
    assert world.status("PUT /pulls/1/merge", world.ada) == 405
    assert world.repository.bare.resolve("main") == conflicting


def test_nobody_pushes_a_pull_requests_references(world: World) -> None:
    world.branch("try")
    world.open("try")
    assert "hidden ref" in world.work.refused("main:refs/pull/1/head", "--force")


def test_the_merge_button_obeys_the_required_check(world: World) -> None:
    head = world.branch("try")
    world.open("try")
    world.ask("POST /rulesets", body=GATE)
    gate = {"state": "success", "context": "gate"}
    assert world.ask("GET /pulls/1")["mergeable_state"] == "blocked"
    world.ask(f"POST /statuses/{head}", body=gate)
    assert world.status("PUT /pulls/1/merge", world.ada) == 405, "a person's status is no app's"
    world.ask(f"POST /statuses/{head}", world.bot("statuses"), {**gate, "state": "pending"})
    assert world.ask("GET /pulls/1")["mergeable_state"] == "blocked"
    world.ask(f"POST /statuses/{head}", world.bot("statuses"), gate)
    assert world.ask("GET /pulls/1")["mergeable_state"] == "clean"
    assert world.status("PUT /pulls/1/merge", world.ada, {"sha": "0" * 40}) == 409
    world.host.take_events()
    done = world.ask("PUT /pulls/1/merge", body={"merge_method": "squash"})
    assert world.repository.bare.resolve("main") == done["sha"]
    pull = world.ask("GET /pulls/1")
    assert (pull["state"], pull["merged"]) == ("closed", True)
    assert pull["merge_commit_sha"] == done["sha"]
    events = {event.name: event for event in world.host.take_events()}
    assert {name: event.action for name, event in events.items()} == {
        "pull_request": "closed",
        "push": None,
    }
    assert {(event.reference, event.sha) for event in events.values()} == {
        ("refs/heads/main", done["sha"])
    }
    assert [p["number"] for p in world.ask(f"GET /commits/{done['sha']}/pulls")] == [1]


def test_a_check_of_the_same_name_is_required_as_well_and_the_head_must_be_up_to_date(
    world: World,
) -> None:
    world.ask("POST /rulesets", body={**GATE, "rules": GATE["rules"][-1:]})  # type: ignore[index]
    head = world.branch("try")
    world.open("try")
    bot = world.bot("statuses", "checks")
    world.ask(f"POST /statuses/{head}", bot, {"state": "success", "context": "gate"})
    check = world.ask("POST /check-runs", bot, {"name": "gate", "head_sha": head})
    assert world.ask("GET /pulls/1")["mergeable_state"] == "blocked"
    world.ask(f"PATCH /check-runs/{check['id']}", bot, {"conclusion": "skipped"})
    assert world.ask("GET /pulls/1")["mergeable_state"] == "clean"
    world.repository.rulesets.clear()
    world.work.git("switch", "--quiet", "main")
    world.work.commit("data.csv", "1\n")
    world.work.push("main")
    world.ask("POST /rulesets", body={**GATE, "rules": GATE["rules"][-1:]})  # type: ignore[index]
    assert world.ask("GET /pulls/1")["mergeable_state"] == "behind"
    assert world.status("PUT /pulls/1/merge", world.ada) == 405
    (ruleset,) = world.repository.rulesets.values()
    ruleset["rules"][0]["parameters"]["strict_required_status_checks_policy"] = False
    assert world.ask("GET /pulls/1")["mergeable_state"] == "clean"


def test_rules_refuse_direct_pushes_except_by_who_may_bypass(world: World, tmp_path: Path) -> None:
    app = world.host.app_token(world.repository, "judge[bot]", {"contents": "write"})
    actor = {"actor_id": app.app, "actor_type": "Integration", "bypass_mode": "always"}
    world.ask("POST /rulesets", body={**GATE, "bypass_actors": [actor]})
    world.work.commit("x", "x")
    assert "GH013" in world.work.refused("main")
    assert world.status(
        "PUT /contents/x", world.ada, {"message": "x", "content": "MQ==", "branch": "main"}
    ) == (422)
    by_app = clone(world.host, world.repository, tmp_path / "app", app)
    by_app.commit("y", "y")
    by_app.push("main")
    assert ("push", None) in world.names(), "what an app does starts workflows"

    world.ask("POST /rulesets", body={**GATE, "name": "all", "rules": GATE["rules"][:1]})  # type: ignore[index]
    by_app.git("commit", "--quiet", "--amend", "-m", "Rewritten")
    assert "force-push" in by_app.refused("main", "--force")
    refusal = {**GATE, "bypass_actors": [{**actor, "actor_id": ACTIONS_APP}]}
    assert world.status("POST /rulesets", world.ada, refusal) == 422


def test_free_private_repositories_have_no_rules(hidden: World) -> None:
    assert hidden.status("POST /rulesets", hidden.ada, GATE) == 403


def test_an_artifact_is_fetched_from_elsewhere_with_no_token(world: World) -> None:
    world.branch("try")
    world.open("try")
    event = world.host.take_events()[-1]
    run = runs.start_run(world.host, event, WORKFLOW, "train")
    content = b"PK" + bytes(range(256)) * 400
    artifact = runs.add_artifact(world.host, run, "evidence", content)
    runs.add_artifact(world.host, run, "other", b"PK")
    (told,) = world.ask(f"GET /actions/runs/{run.id}/artifacts?name=evidence")["artifacts"]
    assert told["size_in_bytes"] == len(content)
    assert told["digest"] == "sha256:" + sha256(content).hexdigest()
    assert told["workflow_run"]["head_sha"] == run.head_sha
    path = f"GET {world.home}/actions/artifacts/{artifact.id}/zip"
    assert ask(world.host, path).status == 401
    assert ask(world.host, path, world.bot()).status == 403
    reader = world.host.workflow_token(world.repository, {"actions": "read"})
    place = ask(world.host, path, reader)
    assert place.status == 302
    assert ask(world.host, f"GET {place.headers['Location']}").content == content
    assert ask(world.host, f"GET {place.headers['Location']}", reader).status == 401
    artifact.expires_at = now() - timedelta(days=1)
    assert world.ask(f"GET /actions/artifacts/{artifact.id}")["expired"] is True
    assert ask(world.host, path, reader).status == 410


def test_a_run_tells_those_who_follow_it(world: World) -> None:
    head = world.branch("try")
    world.open("try")
    event = world.host.take_events()[-1]
    assert (event.reference, event.sha) == (
        "refs/pull/1/merge",
        world.ask("GET /pulls/1")["merge_commit_sha"],
    )
    run = runs.start_run(world.host, event, WORKFLOW, "train")
    job = runs.add_job(world.host, world.repository, run, "train", [])
    runs.finish_job(job, "failure")
    runs.finish_run(world.host, world.repository, run, "failure")
    requested, completed = world.host.take_events()
    assert (requested.name, requested.action) == ("workflow_run", "requested")
    assert (requested.reference, requested.sha) == (
        "refs/heads/main",
        world.repository.bare.resolve("main"),
    )
    told = completed.payload["workflow_run"]
    assert (told["conclusion"], told["head_sha"], told["path"]) == ("failure", head, WORKFLOW)
    assert [pull["number"] for pull in told["pull_requests"]] == [1]
    (check,) = world.ask(f"GET /commits/{head}/check-runs")["check_runs"]
    assert (check["name"], check["conclusion"]) == ("train", "failure")

    runs.rerun(world.host, world.repository, run, "ada")
    runs.add_job(world.host, world.repository, run, "train", [])
    assert world.ask(f"GET /actions/runs/{run.id}")["run_attempt"] == 2
    jobs = world.ask(f"GET /actions/runs/{run.id}/jobs")["jobs"]
    assert [(job["run_attempt"], job["conclusion"]) for job in jobs] == [(2, None)]
    assert world.ask("GET /actions/runs?status=failure")["total_count"] == 0
    assert world.ask(f"GET /actions/workflows/judge.yml/runs?head_sha={head}")["total_count"] == 1


def test_dispatches_start_workflows_even_by_a_bot(world: World) -> None:
    world.branch("retrain")
    world.host.take_events()
    path, bot = "POST /actions/workflows/judge.yml/dispatches", world.bot("actions", "contents")
    world.ask(path, bot, {"ref": "retrain", "inputs": {"pull_request": "7"}})
    (event,) = world.host.take_events()
    assert (event.name, event.actor, event.reference) == (
        "workflow_dispatch",
        BOT,
        "refs/heads/retrain",
    )
    assert event.payload["inputs"] == {"pull_request": "7"}
    assert event.payload["workflow"] == WORKFLOW
    world.ask("POST /dispatches", bot, {"event_type": "drifted", "client_payload": {"psi": 2}})
    (event,) = world.host.take_events()
    assert (event.action, event.payload["client_payload"]) == ("drifted", {"psi": 2})
    assert world.status(path.replace("judge", "absent"), bot, {"ref": "main"}) == 404
    assert world.status(path, bot, {"ref": "absent"}) == 422
    world.branch("quiet", WORKFLOW, "name: judge\non: push\n")
    assert world.status(path, bot, {"ref": "quiet"}) == 422


def test_what_a_bot_does_starts_nothing_but_a_run_that_waits(world: World, tmp_path: Path) -> None:
    world.repository.actions_may_open_pulls = True
    token = world.bot("contents", "pull-requests")
    bot = clone(world.host, world.repository, tmp_path / "bot", token)
    bot.git("switch", "--quiet", "-c", "retrain")
    bot.commit("dvc.lock", "1\n")
    bot.push("retrain")
    assert world.names() == []
    world.open("retrain", token)
    bot.commit("dvc.lock", "2\n")
    bot.push("retrain")
    events = world.host.take_events()
    assert [(e.name, e.action, e.needs_approval) for e in events] == [
        ("pull_request", "opened", True),
        ("pull_request", "synchronize", True),
    ]
    world.ask("PUT /pulls/1/merge", token)
    assert world.names() == []
    assert world.ask("GET /pulls/1")["merged"] is True


def test_what_a_person_does_starts_workflows(world: World) -> None:
    world.branch("try")
    world.open("try", draft=True)
    world.work.commit("model.py", "5\n")
    world.work.push("try")
    pull = world.repository.pulls[0]
    pulls.ready(world.host, world.repository, world.ada, pull)
    world.work.git("tag", "model@v1.0.0")
    world.work.push("model@v1.0.0")
    events = world.host.take_events()
    assert [(e.name, e.action or e.reference, e.needs_approval) for e in events] == [
        ("push", "refs/heads/try", False),
        ("pull_request", "opened", False),
        ("push", "refs/heads/try", False),
        ("pull_request", "synchronize", False),
        ("pull_request", "ready_for_review", False),
        ("push", "refs/tags/model@v1.0.0", False),
    ]
    assert events[1].payload["pull_request"]["draft"] is True
    assert events[4].payload["pull_request"]["draft"] is False
    assert events[2].payload["commits"][0]["id"] == world.work.git("rev-parse", "HEAD")
    assert {event.actor for event in events} == {"ada"}


def test_a_commit_that_skips_ci_starts_nothing(world: World) -> None:
    world.branch("try")
    world.open("try")
    world.host.take_events()
    world.work.commit("model.py", "6\n", "Retrain [skip ci]")
    world.work.push("try")
    assert world.names() == []


def test_a_forks_first_run_can_wait_for_a_person(world: World, tmp_path: Path) -> None:
    world.repository.forks_need_approval = True
    eve, fork = world.host.token("eve"), world.host.fork(world.repository, "eve")
    theirs = clone(world.host, fork, tmp_path / "fork", eve)
    theirs.commit("model.py", "3\n")
    theirs.push("main:try")
    world.host.take_events()
    world.open("eve:try", eve)
    assert [event.needs_approval for event in world.host.take_events()] == [True]


def test_workflows_open_pull_requests_only_where_that_is_allowed(world: World) -> None:
    world.branch("retrain")
    body = {"head": "retrain", "base": "main", "title": "Retrain"}
    bot = world.bot("pull-requests")
    assert world.status("POST /pulls", bot, body) == 403
    allowed = {"can_approve_pull_request_reviews": True}
    world.ask("PUT /actions/permissions/workflow", body=allowed)
    assert world.status("POST /pulls", bot, body) == 201
    assert world.status("POST /pulls", bot, body) == 422, "there is one of these branches"
    assert world.status("POST /pulls", bot, {**body, "head": "absent"}) == 422
    assert world.status("POST /pulls", world.ada, {**body, "head": "main"}) == 422
    listed = world.ask("GET /pulls?head=ada:retrain&state=open")
    assert [pull["number"] for pull in listed] == [1]


def test_a_review_is_of_a_commit_and_by_somebody_else(world: World) -> None:
    sha = world.branch("try")
    world.open("try")
    bob, path = world.host.token("bob"), "POST /pulls/1/reviews"
    world.host.grant(world.repository, "bob", "write")
    world.ask(path, bob, {"event": "REQUEST_CHANGES", "body": "Why?"})
    newer = world.work.commit("model.py", "3\n")
    world.work.push("try")
    world.ask(path, bob, {"event": "APPROVE"})
    told = world.ask("GET /pulls/1/reviews")
    assert [(each["state"], each["commit_id"]) for each in told] == [
        ("CHANGES_REQUESTED", sha),
        ("APPROVED", newer),
    ]
    assert {each["user"]["login"] for each in told} == {"bob"}
    assert world.ask("GET /collaborators/bob/permission")["permission"] == "write"
    assert world.status(path, world.ada, {"event": "APPROVE"}) == 422
    assert world.status(path, bob, {"event": "COMMENT"}) == 422
    assert world.status(path, world.bot("pull-requests"), {"event": "APPROVE"}) == 403
    assert world.status(path, world.bot("issues"), {"event": "APPROVE"}) == 403


def test_a_workflows_token_cannot_push_a_workflow(world: World, tmp_path: Path) -> None:
    bot = clone(world.host, world.repository, tmp_path / "bot", world.bot("contents"))
    bot.commit("model.py", "3\n")
    bot.push("HEAD:refs/heads/good")
    bot.commit(WORKFLOW, JUDGE + "\njobs: {}\n")
    assert "`workflows` permission" in bot.refused("HEAD:refs/heads/bad")
    bot.git("checkout", "--quiet", "--orphan", "ledger")
    bot.git("rm", "-r", "--quiet", "--force", ".")
    bot.commit("events.jsonl", "{}\n")
    bot.push("ledger")
    assert "refs/heads/ledger" in world.repository.bare.references()


def test_the_first_branch_that_is_pushed_becomes_the_default_one(
    world: World, tmp_path: Path
) -> None:
    empty = world.host.create("ada/empty")
    work = clone(world.host, empty, tmp_path / "empty", world.ada)
    work.git("switch", "--quiet", "-c", "dvc-storage")
    work.commit("object", os.urandom(1_000_000).hex())
    work.push("dvc-storage")
    told = ask(world.host, "GET /repos/ada/empty").json
    assert told["default_branch"] == "dvc-storage"
    again = clone(world.host, empty, tmp_path / "again")
    assert again.git("branch", "--show-current") == "dvc-storage"


def test_a_deleted_branch_closes_its_pull_request(world: World) -> None:
    world.branch("try")
    world.open("try")
    world.host.take_events()
    world.work.push(":try")
    assert world.ask("GET /pulls/1")["state"] == "closed"
    assert world.names() == [("pull_request", "closed")]


def test_references_files_and_comparisons_are_gits(world: World) -> None:
    head, main = world.branch("try", "src/model.py"), world.repository.bare.resolve("main")
    compared = world.ask("GET /compare/main...try")
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 1)
    assert compared["merge_base_commit"]["sha"] == main
    assert [file["filename"] for file in compared["files"]] == ["src/model.py"]
    assert world.ask("GET /git/ref/heads/try")["object"]["sha"] == head
    assert world.status("PATCH /git/refs/heads/try", world.ada, {"sha": main}) == 422
    world.ask("PATCH /git/refs/heads/try", body={"sha": main, "force": True})
    assert world.repository.bare.resolve("try") == main
    world.ask("DELETE /git/refs/heads/try")
    assert world.status("GET /branches/try", None) == 404

    body = {"message": "Write", "content": "MSwyCg==", "branch": "main"}
    made = world.ask("PUT /contents/data/raw/a.csv", body=body)
    assert world.repository.bare.git("show", "main:data/raw/a.csv") == "1,2"
    assert world.repository.bare.git("show", f"main:{WORKFLOW}") == JUDGE.strip()
    assert world.status("PUT /contents/data/raw/a.csv", world.ada, body) == 409
    shown = world.ask("GET /contents/data/raw/a.csv")
    assert (shown["sha"], shown["content"]) == (made["content"]["sha"], "MSwyCg==\n")
    assert [entry["name"] for entry in world.ask("GET /contents/data")] == ["raw"]
    assert [commit["sha"] for commit in world.ask("GET /commits")] == [made["commit"]["sha"], main]


def test_a_release_makes_its_tag_and_keeps_its_files(world: World) -> None:
    bot = world.bot("contents")
    made = world.ask("POST /releases", bot, {"tag_name": "model@v1.0.0", "body": "Better."})
    assert world.repository.bare.resolve("model@v1.0.0") == world.repository.bare.resolve("main")
    upload = made["upload_url"].partition("{")[0] + "?name=model.skops"
    file = ask(world.host, f"POST {upload}", bot, b"\x00model").json
    assert file["size"] == 6
    reply = ask(world.host, f"GET {file['url']}", Accept="application/octet-stream")
    assert reply.content == b"\x00model"
    assert world.ask("GET /releases/tags/model@v1.0.0")["assets"][0]["name"] == "model.skops"
    assert world.ask("GET /releases/latest")["id"] == made["id"]
    assert world.status("POST /releases", bot, {"tag_name": "model@v1.0.0"}) == 422
    assert world.names() == []


def test_faults_come_when_they_are_asked_for(world: World) -> None:
    body = {"state": "success"}
    path = f"POST /statuses/{world.repository.bare.resolve('main')}"
    world.host.faults.fail("POST .*/statuses/", 500, times=2)
    assert [world.status(path, world.ada, body) for _ in range(3)] == [500, 500, 201]
    assert len(world.repository.statuses) == 1
    world.host.faults.rate_limit("GET .*/pulls")
    reply = ask(world.host, f"GET {world.home}/pulls", world.ada)
    assert (reply.status, reply.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert int(reply.headers["X-RateLimit-Reset"]) >= int(time.time())
    world.host.faults.drop("GET .*/pulls")
    with pytest.raises(ConnectionError):
        ask(world.host, f"GET {world.home}/pulls")
    assert ask(world.host, f"GET {world.home}/pulls").status == 200
    world.host.faults.fail("git-receive-pack", 503)
    assert "503" in world.work.refused("main:refs/heads/x")


def test_somebody_elses_push_can_come_between(world: World, tmp_path: Path) -> None:
    other = clone(world.host, world.repository, tmp_path / "other", world.ada)
    theirs = other.commit("theirs", "1\n")
    world.work.commit("ours", "1\n")
    world.host.faults.before("POST .*/git-receive-pack", lambda: other.push("main"))
    world.work.refused("main")
    assert world.repository.bare.resolve("main") == theirs


def test_everything_that_was_sent_is_recorded(world: World) -> None:
    before = len(world.host.sent)
    ask(world.host, f"POST {world.home}/issues", world.bot("issues"), {"title": "Drift"})
    ask(world.host, f"GET {world.home}/stargazers?page=2", world.ada)
    posted, asked = world.host.sent[before:]
    assert (posted.method, posted.path) == ("POST", "/repos/ada/flights/issues")
    assert (posted.actor, posted.json, posted.status) == (BOT, {"title": "Drift"}, 201)
    assert (asked.actor, asked.query, asked.status) == ("ada", {"page": "2"}, 404)
    assert world.host.unknown() == [asked]
