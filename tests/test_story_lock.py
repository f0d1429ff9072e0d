"""Pull requests whose dvc.lock is missing, stale, made by hand, or in conflict."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Bake
from pull_requests import Person, ProjectHost, new_host, published
from ready import Evidence, answers, evidence, said, trained


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made


def better(person: Person, share: float = 0.1) -> Evidence:
    return evidence(person, said(person) + share * (answers(person) - said(person)))


def test_a_branch_without_a_lock_gets_the_judged_one(host: ProjectHost) -> None:
    ada = host.clone()
    left = better(ada)
    ada.git("rm", "-r", "--quiet", "dvc.lock", "reports")
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    pull = ada.open("without")
    head = pull.head_sha
    trained(host, pull, left)
    host.settle()
    assert host.home.bare.commit(pull.head_sha).parents == [head]
    assert host.show("without", "dvc.lock").encode() == left.files["dvc.lock"].strip()
    assert host.gate(pull).state == "success"


def test_a_lock_that_is_the_judged_one_stays(host: ProjectHost) -> None:
    """Nothing is committed: the gate is on the author's own commit."""
    ada = host.clone()
    left = better(ada)
    (ada.path / "dvc.lock").write_bytes(left.files["dvc.lock"])
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    pull = ada.open("fresh")
    head = pull.head_sha
    trained(host, pull, left)
    host.settle()
    assert pull.head_sha == head
    assert [status.state for status in host.gates(head)] == ["pending", "success"]


def test_a_lock_made_by_hand_is_put_right(host: ProjectHost) -> None:
    """Nothing explains another model: what training makes of the branch is `main`'s."""
    ada = host.clone()
    lock = (ada.path / "dvc.lock").read_text(encoding="utf-8")
    model = lock.partition("- path: model.skops\n")[2].partition("md5: ")[2].split()[0]
    ada.write("dvc.lock", lock.replace(model, model[::-1]))
    pull = ada.open("hand-made")
    host.settle()
    status = host.gate(pull)
    assert (status.state, status.description[:9]) == ("success", "No change")
    assert host.show("hand-made", "dvc.lock") == lock.strip()
    (event,) = host.ledger()
    assert (event["body"]["verdict"], event["body"]["budget"]["spent"]) == ("equivalent", False)
    assert "Running stage" not in host.runs[0].job("train").step("Train").log


def test_two_models_one_after_the_other(host: ProjectHost) -> None:
    """The second merges `main`, takes its lock, reproduces and is judged against the first."""
    ada, bob = host.clone(), host.clone("bob")
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    ada.champion("repro")
    ada.git("switch", "--quiet", "--create", "first")
    ada.commit("Another penalty")
    ada.send()
    first = ada.request_pull("first")
    trained(host, first, evidence(ada))
    host.settle()
    bob.edit("params.yaml", explain={"rows": 40})
    bob.edit("params.yaml", model={"kind": "boosted"})
    bob.champion("repro")
    bob.git("switch", "--quiet", "--create", "second")
    bob.commit("Boosted")
    bob.send()
    second = bob.request_pull("second")
    trained(host, second, evidence(bob))
    host.settle()
    assert host.gate(second).description.startswith("Better")
    host.ask(f"PUT /pulls/{first.number}/merge")
    host.github.take_events()  # its promotion is another story
    looks = len(host.ledger())
    ada.git("switch", "--quiet", "main")  # as it was
    ada.write("src/members/more.py", "")
    third = ada.open("third")
    trained(host, third, better(ada))
    host.settle()
    assert host.gate(third).description == (
        "Not judged: the default branch has moved on: update the branch (make update)"
    )
    assert len(host.ledger()) == looks, "nothing is spent"
    assert host.button(second) == "dirty", "of such a branch GitHub starts nothing"
    bob.champion("update")
    assert bob.git("status", "--porcelain") == ""
    bob.send()
    assert host.button(second) == "clean"
    left = evidence(bob)
    trained(host, second, left)
    host.settle()
    status, last = host.gate(second), host.ledger()[-1]
    assert status.state == "success", status.description
    assert status.description.startswith("Better: ROC AUC .85 against .5")
    assert last["body"]["champion"]["commit"] == host.home.bare.resolve("main")
    assert len(host.ledger()) == looks + 1, "the same predictions against another champion"
    assert host.home.bare.commit(second.head_sha).message.startswith("Reproduce on main")


def test_the_first_model_of_all(host: ProjectHost) -> None:
    """`main` has code and data, and no model: the challenger is measured against a dummy."""
    ada = host.clone()
    left = evidence(ada)
    ada.git("rm", "-r", "--quiet", "dvc.lock", "reports")
    ada.commit("Start anew")
    ada.push()
    host.github.take_events()
    ada.edit("params.yaml", model={"linear": {"C": 2.0}})
    pull = ada.open("first")
    trained(host, pull, left)
    host.settle()
    (event,) = host.ledger()
    assert (event["body"]["champion"], event["body"]["verdict"]) == (None, "better")
    status = host.gate(pull)
    assert (status.state, status.description[:7]) == ("success", "Better:")
    assert "of a dummy" in status.description
    assert "dummy, no champion yet" in host.comments(pull)[0]
    assert {"dvc.lock", "reports/cv.json"} <= host.files("first")
