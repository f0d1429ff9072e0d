"""Pull requests from the push to the merge button: what the judge says of models."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from actions.place import Place
from conftest import PROJECT, Bake
from flow.hooks import Hook
from github import PullRequest, pulls, runs
from github.state import Run
from pull_requests import NAME, Person, ProjectHost, new_host, published
from ready import Evidence, answers, end, evidence, said, trained

NO_CHANGE = "No change: nothing that reaches the model"
OWNERS = "⚠️ **Changes how models are judged or run**, for an owner to review: "


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made


def tried(person: Person, branch: str, c: float = 2.0) -> PullRequest:
    """Ask to merge another setting of the model."""
    person.edit("params.yaml", model={"linear": {"C": c}})
    return person.open(branch)


def better(person: Person, share: float = 0.1) -> Evidence:
    """Closer to the answers than what is on `main`."""
    scores = said(person) + share * (answers(person) - said(person))
    return evidence(person, scores.clip(0, 1))


def noisy(person: Person, width: float, seed: int = 0) -> Evidence:
    """What is on `main`, and chance."""
    scores = said(person)
    noise = np.random.default_rng(seed).normal(scale=width, size=len(scores))
    return evidence(person, (scores + noise).clip(0, 1))


def judged(
    host: ProjectHost, pull: PullRequest, left: Evidence | None, conclusion: str = "success"
) -> str:
    """Have it judged; return its gate as text."""
    trained(host, pull, left, conclusion)
    host.settle()
    return stands(host, pull)


def train_again(host: ProjectHost, run: Run, left: Evidence) -> None:
    """Press *Re-run* of what was trained; it leaves this."""
    with host.github.lock:
        runs.rerun(host.github, host.home, run, "ada")
    host.settle()
    end(host, run, left)
    host.settle()


def stands(host: ProjectHost, pull: PullRequest) -> str:
    status = host.gate(pull)
    assert status
    assert status.description
    assert len(status.description) <= 140
    assert not status.description.endswith("…"), "nothing is cut off"
    return f"{status.state}: {status.description}"


def verdicts(host: ProjectHost) -> list[str]:
    return [event["body"]["verdict"] for event in host.ledger() if event["kind"] == "verdict"]


def spent(host: ProjectHost) -> int:
    return sum(bool((event["body"].get("budget") or {}).get("spent")) for event in host.ledger())


def comment(host: ProjectHost, pull: PullRequest) -> str:
    (only,) = host.comments(pull)
    return only


def steps(host: ProjectHost, workflow: str) -> dict[str, str]:
    """Every step of a workflow's newest run, and how it ended."""
    return {step.name: step.outcome for job in host.run(workflow).jobs for step in job.all_steps()}


def protect(host: ProjectHost) -> None:
    """The ruleset of a project with one maintainer, as `make protect` sends it."""
    rules = json.loads((PROJECT / ".github/rulesets/solo.json").read_text(encoding="utf-8"))
    host.ask("POST /rulesets", body=rules)


def test_a_better_model_is_merged(host: ProjectHost) -> None:
    protect(host)
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    pushed, before = pull.head_sha, host.files("dvc-storage")
    assert host.button(pull) == "blocked"
    host.settle()
    # Who trained had no lock and no results in the commit: the judge's bot commits what it judged.
    assert host.home.bare.commit(pull.head_sha).parents == [pushed]
    changed = {it["filename"] for it in host.home.bare.changed(pushed, pull.head_sha)}
    assert "dvc.lock" in changed
    assert {path.split("/")[0] for path in changed} == {"dvc.lock", "reports"}
    assert stands(host, pull).startswith("success: Better: ROC AUC .")
    assert host.gate(pushed).description == f"Its dvc.lock is stale: judged as {pull.head_sha[:10]}"
    assert host.button(pull) == "clean"
    text = comment(host, pull)
    assert text.startswith("### ✅ Better: ROC AUC")
    assert "**Merge allowed.**" in text
    (event,) = host.ledger()
    assert (event["body"]["verdict"], event["body"]["policy"]) == ("better", "improve")
    assert spent(host) == 1
    figure = "files/000001/differences.png"
    assert f"{host.github.url}/ada/members/raw/ledger/{figure}" in text
    assert host.home.bare.attempt("show", f"ledger:{figure}").stdout[:8] == b"\x89PNG\r\n\x1a\n"
    model = event["body"]["challenger"]["model"]["md5"]
    new = host.files("dvc-storage") - before
    assert f"files/md5/{model[:2]}/{model[2:]}" in new
    assert model in host.show("boosted", "dvc.lock")
    host.rerun([run for run in host.runs if run.name == "judge"][1])  # the same question again
    host.settle()
    assert (len(host.ledger()), spent(host), host.button(pull)) == (1, 1, "clean")
    assert comment(host, pull) == text
    host.ask(f"PUT /pulls/{pull.number}/merge")
    assert model in host.show("main", "dvc.lock")


def test_what_reaches_no_model_takes_seconds(host: ProjectHost) -> None:
    """Prose needs nothing but Git: no libraries, no data."""
    protect(host)
    stored = set(host.home.bare.git("rev-list", "--objects", "dvc-storage").split())
    held: list[str] = []

    def look(place: Place) -> None:
        every = ("-C", str(place.workspace), "cat-file", "--batch-all-objects", "--batch-check")
        lines = host.home.bare.git(*every).splitlines()
        held.extend(line.split()[0] for line in lines if line.split()[1] == "blob")

    host.hooks += [
        Hook("train", "train", "Check", look),
        Hook("judge", "score", "Score", look),
        Hook("judge", "publish", "Comment", look),
    ]
    ada = host.clone()
    ada.write("README.md", "# Members\n")
    ada.write("docs/notes.md", "Ask Bob.\n")
    pull = ada.open("docs")
    host.settle()
    assert held, "Git brought what it needed"
    assert not stored & set(held)
    assert stands(host, pull) == f"success: {NO_CHANGE}"
    assert host.button(pull) == "clean"
    ran = {name for name, how in steps(host, "train").items() if how == "success"}
    assert ran == {"Run actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "Plan"}
    assert "Install" not in steps(host, "judge")
    assert comment(host, pull).startswith(f"### ⚪ {NO_CHANGE}\n")
    assert host.ledger() == []


def test_a_change_of_tests_is_tested_and_not_trained(host: ProjectHost) -> None:
    ada = host.clone()
    ada.write("tests/test_more.py", "def test_more() -> None:\n    assert 1 + 1 == 3\n")
    pull = ada.open("tests")
    host.settle()
    assert stands(host, pull) == "failure: Not judged: the checks of the branch failed: see train"
    ran = steps(host, "train")
    assert (ran["Bring the data"], ran["Check and test"]) == ("success", "failure")
    assert "All checks passed" in host.run("train").log
    assert [ran[name] for name in ("Train", "Check", "Pack")] == ["skipped"] * 3
    assert (host.ledger(), len(host.comments(pull))) == ([], 1)


@pytest.mark.parametrize("path", ["deploy/Dockerfile", "tests/test_more.py", "Makefile"])
def test_what_is_beside_the_model_is_not_judged(host: ProjectHost, path: str) -> None:
    ada = host.clone()
    ada.write(path, "FROM scratch\n")
    pull = ada.open("beside")
    assert judged(host, pull, None) == f"success: {NO_CHANGE}"
    first = f"{OWNERS}`{path}`.\n\n" if path != "tests/test_more.py" else ""
    assert comment(host, pull).startswith(f"{first}### ⚪ {NO_CHANGE}\n")


def test_training_the_default_branch_gives_it_no_gate(host: ProjectHost) -> None:
    host.dispatch("train.yml")
    host.settle()
    assert {run.conclusion for run in host.runs} == {"success"}
    assert len(host.runs) == 3, "train, and the judge at its beginning and its end"
    assert host.gates(host.home.bare.git("rev-parse", "main")) == []


def test_checks_that_fail_stop_a_better_model(host: ProjectHost) -> None:
    """The data were fine, the model is better, and a test of the branch fails."""
    ada = host.clone()
    pull = tried(ada, "untested")
    told = judged(host, pull, better(ada), "failure")
    assert told == "failure: Not judged: training or a check of the branch failed: see train"
    assert (host.ledger(), host.button(pull)) == ([], "clean")  # no ruleset here


def test_models_that_are_not_better_are_not_merged(host: ProjectHost) -> None:
    """Worse, and not proven; what they left is not stored, and nothing is committed for them."""
    protect(host)
    ada, before = host.clone(), host.files("dvc-storage")
    pull = tried(ada, "worse", 3.0)
    head, left = pull.head_sha, better(ada, -0.2)
    run = trained(host, pull, left)
    host.settle()
    told = stands(host, pull)
    assert told.startswith("failure: Worse: ROC AUC .")
    train_again(host, run, left)
    assert (stands(host, pull), spent(host)) == (told, 1), "the same question tells nothing new"
    text = comment(host, pull)
    assert text.startswith("### 🔻 Worse")
    assert "**Merge blocked.** ROC AUC is worse by" in text
    assert "**Next:** change the model until `reports/cv.json` is above the champion's" in text
    ada.edit("params.yaml", model={"linear": {"C": 4.0}})
    ada.commit()
    ada.push()
    assert judged(host, pull, noisy(ada, 0.03, seed=1)).startswith("failure: Not proven: ROC AUC .")
    text = comment(host, pull)
    assert "**Merge blocked.** The difference is within chance" in text
    assert host.gate(head).description.startswith("Worse"), "its commit keeps its own verdict"
    assert verdicts(host) == ["worse", "inconclusive"]
    assert (spent(host), host.files("dvc-storage"), host.button(pull)) == (2, before, "blocked")
    assert host.home.bare.commit(pull.head_sha).parents == [head]


def test_a_draft_is_judged_once_it_is_ready(host: ProjectHost) -> None:
    ada = host.clone()
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    pull = ada.open("draft", draft=True)
    told = judged(host, pull, better(ada))
    assert told == "failure: Not judged: it is a draft: mark it as ready for review"
    assert host.ledger() == []
    head = pull.head_sha
    with host.github.lock:
        pulls.ready(host.github, host.home, host.token("ada"), pull)
    assert judged(host, pull, better(ada)).startswith("success: Better")
    assert spent(host) == 1
    states = [status.state for status in host.gates(head)]
    assert states == ["pending", "failure", "pending", "failure"], (
        "stale: the bot's is the head now"
    )
    assert comment(host, pull).startswith("### ✅ Better")


def no_worse(person: Person) -> Evidence:
    return noisy(person, 1e-4)


def test_no_worse_is_enough_for_new_libraries(host: ProjectHost) -> None:
    ada = host.clone()
    lock = ada.path / "requirements.txt"
    lock.write_text(lock.read_text() + "\n# another build\n")
    pull = ada.open("lock")
    assert judged(host, pull, no_worse(ada)).startswith("success: No worse: ROC AUC .")
    (event,) = host.ledger()
    assert (event["body"]["policy"], event["by"]) == ("maintain", None)
    assert "**Merge allowed.**" in comment(host, pull)


def test_who_wants_no_more_than_no_worse_says_why(host: ProjectHost) -> None:
    bob = host.clone("bob")
    pull = tried(bob, "simpler")
    assert judged(host, pull, no_worse(bob)).startswith(
        "failure: No worse, but not better: ROC AUC"
    )
    assert "policy *maintain* and a reason" in comment(host, pull)
    for asked in (
        {"policy": "maintain", "reason": " "},
        {"policy": "as usual", "reason": "Please"},
    ):
        host.dispatch("judge.yml", "bob", pull_request=str(pull.number), **asked)
        host.settle()
        assert stands(host, pull).startswith("failure: No worse, but not better")
    assert len(host.ledger()) == 1
    ask = {"pull_request": f"#{pull.number}", "policy": "maintain", "reason": "Simpler: `L2` only"}
    host.dispatch("judge.yml", "bob", **ask)
    host.settle()
    assert stands(host, pull).startswith("success: No worse: ROC AUC .")
    last = host.ledger()[-1]
    assert (last["body"]["policy"], last["by"]) == ("maintain", "bob")
    assert spent(host) == 1, "the same predictions: the policy is no new question"
    assert last["body"]["asked"] == {"by": "bob", "reason": "Simpler: `L2` only"}
    assert "`maintain`, asked for by `bob`: Simpler" in comment(host, pull)


def test_an_owner_overrides_the_judge(host: ProjectHost) -> None:
    """In public, with a reason, for the commit that they saw."""
    bob = host.clone("bob")
    pull = tried(bob, "worse")
    assert judged(host, pull, better(bob, -0.2)).startswith("failure: Worse")
    ask = {"pull_request": str(pull.number), "policy": "override", "reason": "The law says so"}
    ask["commit"] = pull.head_sha[:7]
    host.dispatch("judge.yml", "bob", **ask)
    host.settle()
    assert (
        "bob may not override: an owner (who administers this, or is named" in host.run("judge").log
    )
    assert stands(host, pull).startswith("failure: Worse")
    host.dispatch("judge.yml", "ada", **ask)
    host.settle()
    (*_, run) = (run for run in host.runs if run.event.name == "workflow_dispatch")
    assert stands(host, pull) == "success: Override by ada: The law says so"
    last = host.ledger()[-1]
    assert (last["kind"], last["by"], last["body"]["reason"]) == (
        "override",
        "ada",
        "The law says so",
    )
    assert (last["body"]["verdict"], verdicts(host), spent(host)) == (2, ["worse", "worse"], 1)
    text = comment(host, pull)
    assert "**Merge allowed.** `ada` overrides the judge: The law says so" in text
    assert "Worse: ROC AUC" in text
    # Bob pushes something else, and Ada presses *Re-run*: her word was about another commit.
    bob.git("fetch", "--quiet", "origin")
    bob.git("reset", "--quiet", "--hard", "origin/worse")
    bob.edit("params.yaml", model={"linear": {"C": 5.0}})
    bob.commit()
    bob.push()
    assert judged(host, pull, better(bob, -0.3)).startswith("failure: Worse")
    again = host.rerun(run, "ada")
    host.settle()
    assert "an override is of one commit, that you looked at" in again.log
    assert stands(host, pull).startswith("failure: Worse")
    assert [event["kind"] for event in host.ledger()].count("override") == 1


@pytest.mark.parametrize("policy", ["maintain", "override"])
def test_a_persons_word_stands_for_its_commit(host: ProjectHost, policy: str) -> None:
    """Whatever is judged again, as usual, until there is a newer commit."""
    bob = host.clone("bob")
    pull = tried(bob, "simpler")
    left = no_worse(bob) if policy == "maintain" else better(bob, -0.2)
    assert judged(host, pull, left).startswith("failure: ")
    ask = {"pull_request": str(pull.number), "policy": policy, "reason": "Half the features"}
    ask["commit"] = pull.head_sha
    host.dispatch("judge.yml", "ada", **ask)
    host.settle()
    told, sha = stands(host, pull), pull.head_sha
    assert told.startswith("success: ")
    assert sha != host.home.bare.git("rev-parse", f"{sha}^{{commit}}~1"), "the judge's own commit"
    first = next(run for run in host.runs if run.name == "judge" and run.job("score").steps)
    host.rerun(first)  # of the commit below
    host.settle()
    for state in ("closed", "open"):
        host.ask(f"PATCH /pulls/{pull.number}", body={"state": state})
    assert judged(host, pull, left) == told
    host.dispatch("judge.yml", "bob", pull_request=str(pull.number))
    host.settle()
    assert (stands(host, pull), pull.head_sha) == (told, sha)
    assert "Half the features" in comment(host, pull)
    assert comment(host, pull).split("\n")[2].startswith("**Merge allowed.**")
    assert spent(host) == 1
    if (
        policy == "override"
    ):  # of what was judged: the same commit, trained anew, says something else
        for state in ("closed", "open"):
            host.ask(f"PATCH /pulls/{pull.number}", body={"state": state})
        assert judged(host, pull, better(bob, -0.3)).startswith("failure: Worse")
    bob.git("fetch", "--quiet", "origin")
    bob.git("reset", "--quiet", "--hard", "origin/simpler")
    bob.write("src/members/more.py", "")
    bob.commit()
    bob.push()
    assert judged(host, pull, left).startswith("failure: ")


def test_a_word_that_nobody_said_does_not_stand(host: ProjectHost) -> None:
    """A line of the ledger is a claim: the run that it names was asked for nothing."""
    bob = host.clone("bob")
    pull, left = tried(bob, "worse"), better(bob, -0.2)
    run = trained(host, pull, left)
    host.settle()
    told = stands(host, pull)
    body = host.ledger()[0]["body"]
    asked = {"asked": {"by": "ada", "reason": "Mine"}, "policy": "maintain"}
    override = {"commit": pull.head_sha, "reason": "Mine", "verdict": 1, "run": body["run"]}
    unspent = {"budget": {**body["budget"], "spent": False}}
    for kind, forged in (("verdict", {**body, **asked, **unspent}), ("override", override)):
        bob.write("forged.json", json.dumps(forged))
        bob.champion("ledger", "append", kind, "--key", "mine/" + kind, "--body", "forged.json")
    train_again(host, run, left)
    assert stands(host, pull) == told
    assert "Mine" not in comment(host, pull)
    for number, why in ((2, "the judge said something else"), (3, "nobody asked for it")):
        said = f"Event {number} of the ledger does not stand: {why}"
        assert said in host.run("judge").log


def test_a_change_of_the_schema_needs_its_owner(host: ProjectHost) -> None:
    bob = host.clone("bob")
    schema = bob.package / "schema.py"
    schema.write_text(schema.read_text().replace("OUTLIER_LIMIT = 0.05", "OUTLIER_LIMIT = 0.06"))
    pull = bob.open("schema")
    told = judged(host, pull, better(bob))
    assert told == (
        "failure: It changes how models are judged or run: an owner (who administers this, or is "
        "named in CODEOWNERS) has to approve it; then re-run judge."
    )
    text = comment(host, pull)
    assert text.startswith(f"{OWNERS}`src/members/schema.py`.\n\n### ")
    assert "**Merge blocked.** It changes how models are judged or run" in text
    review = f"POST /pulls/{pull.number}/reviews"
    host.clone("carl")
    host.ask(review, "carl", {"event": "APPROVE"})
    again = next(run for run in host.runs if run.name == "judge" and len(run.jobs[1].steps) > 3)
    again = host.rerun(again, "bob")
    host.settle()
    assert stands(host, pull) == told, "Carl does not own it"
    host.ask(review, "ada", {"event": "APPROVE"})
    host.rerun(again, "bob")
    host.settle()
    assert stands(host, pull).startswith("success: Better")
    assert (len(host.ledger()), spent(host)) == (1, 1)


def test_a_policy_stops_what_it_does_not_let_through(host: ProjectHost) -> None:
    """The default branch's: a branch cannot take it back, and states what it asks for."""
    ada, bob = host.clone("ada"), host.clone("bob")
    gate = (ada.path / "gate.yaml").read_text()
    ada.write("gate.yaml", f"{gate}policy:\n  card: complete\n  schema: reviewed\n")
    ada.commit("Ask for a card")
    ada.push()
    host.settle()
    bob.main()
    bob.edit("params.yaml", model={"linear": {"C": 2.0}})
    pull = bob.open("card")
    assert judged(host, pull, better(bob)).startswith("failure: Better, but stopped by a policy")
    assert "Policy card: complete: `card.yaml` does not state purpose, " in comment(host, pull)
    keys = ("purpose", "limits", "data_licence", "data_source", "contact")
    bob.write("card.yaml", "".join(f"{key}: said by Bob\n" for key in keys))
    bob.commit()
    bob.push()
    assert judged(host, pull, better(bob)).startswith("success: Better")
    bob.git("pull", "--quiet", "--rebase", "origin", "card")
    schema = bob.package / "schema.py"
    schema.write_text(schema.read_text().replace("OUTLIER_LIMIT = 0.05", "OUTLIER_LIMIT = 0.06"))
    bob.write("gate.yaml", gate)
    bob.commit()
    bob.push()
    told = judged(host, pull, better(bob))
    assert told.startswith("failure: Policy schema: reviewed: no owner has approved the change of ")
    assert "`card: complete`" in comment(host, pull)


def test_the_same_commit_on_the_way_into_another_branch(host: ProjectHost) -> None:
    """A gate is of a commit: it needs a pull request into `main`, and is for that one."""
    protect(host)
    ada = host.clone()
    ada.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/next")
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    other = ada.open("worse", base="next")
    left = better(ada, -0.2)
    assert judged(host, other, left) == (
        "failure: Not judged: no open pull request into the default branch has it as its newest commit: once one "
        "has, re-run judge"
    )
    assert (host.ledger(), host.comments(other)) == ([], [])
    pull = ada.request_pull("worse")
    host.github.take_events()  # nothing is trained again
    host.rerun(host.run("judge"))
    host.settle()
    told = stands(host, pull)
    assert told.startswith("failure: Worse")
    # Trained once more, for the other branch: the same question.
    host.ask(f"PATCH /pulls/{other.number}", body={"state": "closed"})
    host.ask(f"PATCH /pulls/{other.number}", body={"state": "open"})
    assert judged(host, other, left) == told
    assert (len(host.ledger()), spent(host)) == (1, 1)
    assert (len(host.comments(pull)), host.comments(other)) == (1, [])
    assert host.button(pull) == "blocked"


def test_sixty_attempts_at_one_holdout(
    host: ProjectHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks about one row at a time, or tries his luck, gets fifty answers and no merge."""
    ada = host.clone()
    mine, right, random = said(ada), answers(ada), np.random.default_rng(1)
    for attempt in range(60):
        ada.git("commit", "--quiet", "--no-verify", "--allow-empty", "-m", f"Try {attempt}")
    ada.git("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/tries")
    commits = ada.git("rev-list", "--reverse", "-60", "HEAD").split()
    judge_here = judging(host, tmp_path / "judge", monkeypatch)
    for attempt, sha in enumerate(commits):
        if attempt == 59:
            scores = mine + 0.1 * (right - mine)
        elif attempt % 2:
            scores = (mine + random.normal(scale=0.1, size=len(mine))).clip(0, 1)
        else:
            scores = mine.copy()
            scores.iloc[attempt] = random.random()
        judge_here(sha, evidence(ada, scores))
    events = [event["body"] for event in host.ledger()]
    assert [body["budget"]["look"] for body in events] == list(range(1, 61))
    assert not any(body["merge"] for body in events)
    assert {body["verdict"] for body in events[:50]} <= {"no_worse", "inconclusive", "worse"}
    assert {body["verdict"] for body in events[50:]} == {"inconclusive"}
    assert all("nearly used up" in str(body["findings"]) for body in events[39:50])
    status = host.gates(commits[-1])[-1]
    assert (status.state, status.description[:13]) == ("failure", "Not proven: R")
    assert events[-1]["reasons"][0].startswith("This holdout is used up: look 60 of 50")


def judging(
    host: ProjectHost, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Evidence], None]:
    """The steps score and publish in this process, without figures: for many commits."""
    from champion import history
    from champion.ci import publish, score
    from champion.ci.api import Api
    from champion.ci.artifact import FOLDER
    from champion.ci.subject import Subject
    from champion.judge import report

    token = host.token("ada")
    host.home.bare.git("clone", "--quiet", host.github.remote(host.home, token), str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CHAMPION_VENV", sys.prefix)
    monkeypatch.setenv("BASE", "main")
    for name, value in {
        "API_URL": host.github.api, "SERVER_URL": host.github.url, "REPOSITORY": NAME,
        "TOKEN": token.secret, "RUN_ID": "1", "RUN_ATTEMPT": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setattr(report, "draw", lambda _, path: path.write_bytes(b""))
    monkeypatch.setattr(history, "plot", lambda _: b"")

    def judge(sha: str, left: Evidence) -> None:
        for name, content in left.files.items():
            (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_bytes(content)
        subject = Subject(sha=sha, step="judge", run={"id": 1, "attempt": 1})
        monkeypatch.setenv("SUBJECT", json.dumps(asdict(subject)))
        assert score.score() == publish.publish(Api.of_job()) == 0

    return judge
