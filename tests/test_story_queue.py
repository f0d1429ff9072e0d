"""The merge queue, and promotion that is not done yet: what was judged against which champion."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from actions.result import Run
from champion.ci.subject import locked_model
from conftest import Bake
from github import PullRequest
from github.bare import Bare
from pull_requests import Person, ProjectHost, new_host, published
from ready import answers, evidence, promoted, said, trained

NO_CHANGE = "success: No change: nothing that reaches the model"
MODEL = re.compile(r"(path: model\.skops\n +hash: md5\n +md5: )(\w{32})")


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    """A host whose merge queue is on, and where nothing is promoted by itself."""
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        ada = made.clone()
        ada.git("rm", "--quiet", ".github/workflows/promote.yml")
        ada.commit("Promote by hand")
        ada.push()
        made.github.take_events()
        made.home.owner.kind = "Organization"  # whose repositories alone have queues
        rules = json.loads(made.show("main", ".github/rulesets/team-queue.json"))
        made.ask("POST /rulesets", body=rules)
        yield made
        assert made.github.unknown() == []
        newest = {one.sha: one for one in made.home.statuses}
        assert "pending" not in {one.state for one in newest.values()}


def person(host: ProjectHost) -> Person:
    made = host.clone("bob")
    made.main()
    return made


def better(by: Person, host: ProjectHost, branch: str = "boosted") -> PullRequest:
    """A pull request whose model is better, and judged."""
    by.edit("params.yaml", model={"kind": "boosted"})
    pull = by.open(branch)
    trained(host, pull, evidence(by, 0.9 * said(by) + 0.1 * answers(by)))
    host.settle()
    return pull


def documents(by: Person, host: ProjectHost, branch: str = "words") -> PullRequest:
    by.write("docs/notes.md", f"{branch}\n")
    pull = by.open(branch)
    trained(host, pull, None)
    host.settle()
    return pull


def wording(host: ProjectHost, of: PullRequest | str) -> str:
    gate = host.gate(of)
    return f"{gate.state}: {gate.description}" if gate else ""


def try_out(host: ProjectHost, pull: PullRequest) -> str:
    """Queue it; return what the gate of the queue's own commit says."""
    host.enqueue(pull)
    host.settle()
    run = queued(host)[-1]
    return wording(host, run.event.sha)


def queued(host: ProjectHost) -> list[Run]:
    """The runs of train that the queue asked for."""
    return [run for run in host.runs if run.event.name == "merge_group"]


def another_model(bare: Bare, commit: str, model: str = "a" * 32) -> str:
    """A commit whose dvc.lock names another model."""
    lock = MODEL.sub(rf"\g<1>{model}", bare.git("show", f"{commit}:dvc.lock") + "\n")
    return committed(bare, commit, "dvc.lock", lock)


def replaced(bare: Bare, main: str) -> str:
    """A commit of main with another model than main has now."""
    another = another_model(bare, main)
    back = bare.commit_tree(bare.git("rev-parse", f"{main}^{{tree}}"), [another], "Another model")
    bare.point("refs/heads/main", back)
    return another


def committed(bare: Bare, parent: str, name: str, text: str) -> str:
    """A commit with another file in its top folder."""
    blob = bare.git("hash-object", "-w", "--stdin", text=text.encode())
    listed = [line for line in bare.git("ls-tree", parent).splitlines() if f"\t{name}" not in line]
    tree = bare.git("mktree", text="\n".join([*listed, f"100644 blob {blob}\t{name}", ""]).encode())
    return bare.commit_tree(tree, [parent], name)


def tag(host: ProjectHost, commit: str, *names: str) -> None:
    for name in names:
        host.home.bare.point(f"refs/tags/{name}", commit)


def test_the_queue_merges_what_was_judged_against_the_champion_of_now(host: ProjectHost) -> None:
    bob, bare = person(host), host.home.bare
    model = better(bob, host)
    assert wording(host, model).startswith("success: Better")
    events = host.ledger()
    bob.main()
    words = documents(bob, host)
    assert wording(host, words) == NO_CHANGE
    assert try_out(host, words) == NO_CHANGE
    assert words.merged_at

    main = bare.git("rev-parse", "main")
    bare.point("refs/heads/main", committed(bare, main, "dvc.yaml", "stages: {}\n"))
    assert try_out(host, model) == (
        "failure: Not judged: the default branch has moved on: update the branch, then queue it "
        "again"
    )
    bare.point("refs/heads/main", main)

    tag(host, main, "model@v1.0.0", "model#production#1")
    assert "no confirmed promotion of the ledger put it there" in try_out(host, model)
    promoted(host, bob, "v1.1.0", replaced(bare, main), 2)
    assert try_out(host, model) == (
        "failure: Not judged: the champion has changed since: update the branch, then queue it "
        "again"
    )
    bare.point("refs/tags/model@v1.0.0", None)
    bare.point("refs/tags/model#production#1", None)
    assert try_out(host, model).startswith("failure: Not judged: promotion pending: the merged")
    for name in ("model@v1.1.0", "model#production#2"):
        bare.point(f"refs/tags/{name}", None)
    bare.point("refs/heads/ledger", "ledger~2")
    assert model.state == "open"
    assert len(host.comments(model)) == 1

    assert try_out(host, model) == "success: Judged as event 1 of the ledger"
    assert model.merged_at
    assert "kind: boosted" in host.show("main", "params.yaml")
    assert host.ledger() == events, "nothing is spent in the queue"
    assert {run.conclusion for run in queued(host)} == {"skipped"}


def test_the_queue_refuses_a_model_that_was_not_judged(host: ProjectHost) -> None:
    """A branch's workflow can forge the status of its commit, not what the ledger says."""
    bob, bare = person(host), host.home.bare
    bob.write("docs/notes.md", "Harmless.\n")
    lock = MODEL.sub(rf"\g<1>{'c' * 32}", (bob.path / "dvc.lock").read_text(encoding="utf-8"))
    bob.write("dvc.lock", lock)
    pull = bob.open("forged")
    host.github.take_events()
    forger = host.github.workflow_token(host.home, {"statuses": "write"})
    host.tokens["forger"] = forger
    body = {"context": "gate", "state": "success", "description": "Better: trust me"}
    host.ask(f"POST /statuses/{pull.head_sha}", "forger", body)
    assert try_out(host, pull) == (
        "failure: Not judged: its model has no verdict: update the branch, then queue it again"
    )
    assert pull.state == "open"
    assert bare.contains(pull.base_sha, "main")
    assert host.ledger() == []


@pytest.mark.parametrize("forged", ["verdict", "override"])
def test_the_queue_does_not_believe_what_the_judge_did_not_say(
    host: ProjectHost, forged: str
) -> None:
    """The ledger is a claim: the run that a line names must have left the same."""
    bob = person(host)
    bob.edit("params.yaml", model={"linear": {"C": 3.0}})
    bob.write("reports/mine.json", "{}")
    pull = bob.open("worse")
    worse = evidence(bob, said(bob) - 0.2 * (answers(bob) - said(bob)))
    bob.write("dvc.lock", worse.files["dvc.lock"].decode())
    bob.commit("Its own lock")
    bob.push()
    trained(host, pull, worse)
    host.settle()
    assert wording(host, pull).startswith("failure: Worse")
    (event,) = host.ledger()
    body = event["body"] | {"merge": True, "budget": event["body"]["budget"] | {"spent": False}}
    if forged == "override":
        body = {"commit": pull.head_sha, "reason": "Mine", "verdict": 1, "run": body["run"]}
    bob.write("forged.json", json.dumps(body))
    bob.champion("ledger", "append", forged, "--key", "mine", "--body", "forged.json")
    token = host.github.workflow_token(host.home, {"statuses": "write"})
    host.tokens["forger"] = token
    status = {"context": "gate", "state": "success", "description": "Better: trust me"}
    host.ask(f"POST /statuses/{pull.head_sha}", "forger", status)
    assert try_out(host, pull) == (  # the judge's own, older line tells
        "failure: Not judged: its verdict (event 1 of the ledger) does not merge"
    )
    assert "Event 2 of the ledger is not believed: " in host.run("judge").log
    assert pull.state == "open"


def test_a_hash_of_digits_alone_is_read_as_dvc_writes_it() -> None:
    lock = {
        "stages": {"train": {"outs": [{"path": "model.skops", "hash": "md5", "md5": "1" * 32}]}}
    }
    text = io.StringIO()
    YAML().dump(lock, text)
    assert "'111" in text.getvalue()
    assert locked_model(text.getvalue()) == "1" * 32


def test_a_merged_model_waits_for_its_promotion(host: ProjectHost) -> None:
    """Models wait with it, words do not; once it is in production the judge goes on."""
    bob, bare = person(host), host.home.bare
    main = bare.git("rev-parse", "main")
    found = MODEL.search(host.show("main", "dvc.lock"))
    assert found
    promoted(host, bob, "v1.0.0", replaced(bare, main), 1)
    main = bare.git("rev-parse", "main")
    bob.main()
    model = better(bob, host)
    assert wording(host, model) == (
        f"failure: Not judged: promotion pending: the merged model {found[2][:10]} is not in "
        "production yet"
    )
    assert len(host.ledger()) == 2
    bob.main()
    assert wording(host, documents(bob, host)) == NO_CHANGE
    promoted(host, bob, "v1.1.0", main, 2)
    host.dispatch("judge.yml", pull_request=str(model.number))
    host.settle()
    assert wording(host, model).startswith("success: Better")
    assert host.ledger()[-1]["body"]["champion"] == {"version": "v1.1.0", "commit": main}
    (comment,) = host.comments(model)
    assert "Merge allowed" in comment
