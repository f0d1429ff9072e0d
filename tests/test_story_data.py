"""Pull requests that bring data: broken, new, gone, relabelled."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import Bake
from pull_requests import Person, ProjectHost, members, new_host, published
from ready import Evidence, evidence, said, trained

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made


def pointer(person: Person) -> str:
    """The hash of the raw data that a clone tracks."""
    text = (person.path / "data/raw.dvc").read_text(encoding="utf-8")
    return next(line.split()[-1] for line in text.splitlines() if "md5: " in line)


def rewrite(person: Person, change: Change) -> None:
    """Change the raw table behind the back of `make data`, which would refuse."""
    path = person.path / "data/raw/members.csv"
    table = change(pd.read_csv(path))
    path.unlink()  # it is a link to DVC's cache
    table.to_csv(path, index=False)
    person.run(sys.executable, "-m", "dvc", "add", "--quiet", "data/raw")


def with_data(person: Person, left: Evidence, before: str) -> Evidence:
    """As if training had read the data that are in the clone now."""
    now = pointer(person)
    left.files["dvc.lock"] = left.files["dvc.lock"].replace(before.encode(), now.encode())
    cache = person.path / ".dvc/cache/files/md5"
    listed = (cache / now[:2] / now[2:]).read_bytes()
    left.add_object(listed, ".dir")
    for item in json.loads(listed):
        left.add_object((cache / item["md5"][:2] / item["md5"][2:]).read_bytes())
    return left


def broken(table: pd.DataFrame) -> pd.DataFrame:
    table["age"] = table["age"].mask(table.index % 4 == 1)
    table["visits"] = table["visits"].where(table.index % 5 != 2, 1e6)
    table["club"] = table["club"].where(table.index % 3 != 0, "Atlantis")
    return table


def test_broken_data_stop_before_training(host: ProjectHost) -> None:
    """The comment names columns, checks and rows, and no value."""
    ada = host.clone()
    rewrite(ada, broken)
    ada.git("switch", "--quiet", "--create", "broken")
    ada.commit("March")
    ada.send()
    before = host.files("dvc-storage")
    pull = ada.request_pull("broken")
    head = pull.head_sha
    host.settle()
    steps = {step.name: step.outcome for step in host.run("train").job("train").all_steps()}
    assert (steps["Train"], steps["Pack"]) == ("failure", "success")
    status = host.gate(pull)
    assert status.state == "failure"
    assert status.description == "Invalid: The data do not pass the checks of schema.py."
    (text,) = host.comments(pull)
    assert text.startswith("### 🚫 Invalid")
    assert "**Merge blocked.** The data do not pass the checks of `schema.py`." in text
    rows = {line.split(" | ")[0].strip("| `"): line for line in text.splitlines() if "| `" in line}
    assert rows["age"].startswith("| `age` | 150 | missing values | 2, 6, 10, ")
    assert rows["visits"].startswith(
        "| `visits` | 120 | values outside the declared range | 3, 8, "
    )
    assert rows["club"].startswith(
        "| `club` | 200 | values that `schema.py` does not list | 1, 4, 7, "
    )
    assert "**Next:** put that right and push; an invalid attempt spends no look." in text
    (event,) = host.ledger()
    assert event["body"]["budget"] is None
    assert "Atlantis" not in text + json.dumps(event) + host.run("judge").log
    assert host.files("dvc-storage") == before
    assert pull.head_sha == head


def test_new_data_need_only_do_no_harm(host: ProjectHost) -> None:
    ada = host.clone()
    new = ada.path.parent / "april.csv"
    members(600, 200, seed=4).to_csv(new, index=False)
    told = ada.champion("data", str(new)).stdout
    assert "Next: make repro" in told
    ada.git("switch", "--quiet", "--create", "april")
    ada.commit("April")
    ada.send()
    before = host.files("dvc-storage")
    pull = ada.request_pull("april")
    host.settle()
    status = host.gate(pull)
    assert status.state == "success", status.description
    (event,) = host.ledger()
    body = event["body"]
    assert body["policy"] == "maintain"
    assert body["verdict"] in ("better", "no_worse")
    assert body["changes"]["data"] == {
        "champion_rows": 600, "challenger_rows": 800, "added": 200, "removed": 0,
    }  # fmt: skip
    (text,) = host.comments(pull)
    assert "600 → 800 rows, 200 added, 0 removed" in text
    assert "The champion was scored again on the new holdout." in text
    model = body["challenger"]["model"]["md5"]
    assert f"files/md5/{model[:2]}/{model[2:]}" in host.files("dvc-storage") - before
    assert model in host.show("april", "dvc.lock")
    assert pointer(ada) in host.show("april", "dvc.lock")


def held_out(person: Person) -> pd.Series:
    """Of the raw table's rows, whether the holdout has them."""
    held = pd.read_parquet(person.path / "data/holdout.parquet")["member"]
    table = pd.read_csv(person.path / "data/raw/members.csv")
    return table["member"].astype(str).isin(held.astype(str))


@pytest.mark.parametrize("what", ["deleted", "relabelled"])
def test_the_rows_that_judge_stay_as_they_are(host: ProjectHost, what: str) -> None:
    """Twelve rows of the holdout that the new model gets wrong are gone, or have its answer."""
    ada = host.clone()
    rows = held_out(ada)[lambda held: held].index[:12]

    def change(table: pd.DataFrame) -> pd.DataFrame:
        if what == "deleted":
            return table.drop(rows)
        table.loc[rows, "renewed"] = np.where(table.loc[rows, "renewed"] == "yes", "no", "yes")
        return table

    before, stored = pointer(ada), host.files("dvc-storage")
    rewrite(ada, change)
    pull = ada.open(what)
    trained(host, pull, with_data(ada, evidence(ada, said(ada) * 0.9), before))
    host.settle()
    assert host.gate(pull).state == "failure"
    assert host.gate(pull).description.startswith("Invalid: The data lack 12 of the 307 rows of")
    (event,) = host.ledger()
    assert (event["body"]["verdict"], event["body"]["budget"]) == ("invalid", None)
    (text,) = host.comments(pull)
    assert "rows of the default branch's holdout" in text
    assert "put them back; a correction that is meant needs the owner's override." in text
    assert host.files("dvc-storage") == stored
    if what == "relabelled":  # and it is meant
        head, asked = pull.head_sha, {"policy": "override", "reason": "The club had mixed them up"}
        asked["commit"] = head
        host.dispatch("judge.yml", pull_request=str(pull.number), **asked)
        host.settle()
        assert host.gate(pull).description == "Override by ada: The club had mixed them up"
        assert host.home.bare.commit(pull.head_sha).parents == [head]
        assert pointer(ada) in host.show("relabelled", "dvc.lock")
        now = pointer(ada)
        assert f"files/md5/{now[:2]}/{now[2:]}" in host.files("dvc-storage")


def test_rows_of_training_may_go(host: ProjectHost) -> None:
    ada = host.clone()
    rows = held_out(ada)[lambda held: ~held].index[:12]
    before = pointer(ada)
    rewrite(ada, lambda table: table.drop(rows))
    pull = ada.open("fewer")
    trained(host, pull, with_data(ada, evidence(ada, said(ada) * 0.9999), before))
    host.settle()
    (event,) = host.ledger()
    assert (event["body"]["policy"], event["body"]["changes"]["data"]["removed"]) == (
        "maintain",
        12,
    )
    assert host.gate(pull).state == "success", host.gate(pull).description


def test_who_loosens_the_schema_is_judged_by_the_old_one(host: ProjectHost) -> None:
    bob = host.clone("bob")
    schema = bob.package / "schema.py"
    schema.write_text(schema.read_text().replace("LIMIT = 0.05", "LIMIT = 0.9"))
    before = pointer(bob)
    rewrite(bob, broken)
    pull = bob.open("loose")
    trained(host, pull, with_data(bob, evidence(bob, said(bob) * 0.9), before))
    host.settle()
    assert host.gate(pull).description.startswith("Invalid: ")
    text = host.comments(pull)[0]
    assert "the data do not pass the checks of `schema.py`." in text
    assert "The default branch's schema judges: send the new one first" in text


def test_a_column_is_gone(host: ProjectHost) -> None:
    """What the check of the data said is told, though training left no more than that."""
    ada = host.clone()
    before = host.files("dvc-storage")
    rewrite(ada, lambda table: table.drop(columns="age"))
    pull = ada.open("narrow")
    ada.champion("validate", check=False)
    said_so = (ada.path / "reports/data.json").read_bytes()
    trained(host, pull, Evidence({"reports/data.json": said_so}), "failure")
    host.settle()
    assert host.gate(pull).description == "Invalid: The data do not pass the checks of schema.py."
    assert "| `age` | 600 | the column is gone |" in host.comments(pull)[0]
    assert host.files("dvc-storage") == before
