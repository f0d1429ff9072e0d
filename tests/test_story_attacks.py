"""Pull requests that mean harm: none chooses its judge, its rows or its words in a report."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import Bake
from github import PullRequest, runs
from pull_requests import Person, ProjectHost, members, new_host, published
from ready import Evidence, answers, as_parquet, end, evidence, said, trained

HELD = (
    "It changes how models are judged or run: an owner (who administers this, or is named in "
    "CODEOWNERS) has to approve it; then re-run judge."
)


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        yield made
        assert made.github.unknown() == []


def better(person: Person) -> Evidence:
    return evidence(person, said(person) + 0.1 * (answers(person) - said(person)))


def judged(host: ProjectHost, pull: PullRequest, left: Evidence | bytes) -> str:
    """Have it judged; return its gate as text."""
    trained(host, pull, left)
    host.settle()
    return stands(host, pull)


def stands(host: ProjectHost, pull: PullRequest) -> str:
    status = host.gate(pull)
    assert status
    return f"{status.state}: {status.description}"


def others(scores: pd.Series) -> pd.Series:
    return scores.rename(lambda name: name[::-1])


FORGED: dict[str, tuple[Callable[[pd.Series, pd.Series], pd.Series], str]] = {
    "the answers": (lambda s, y: y, "the answers themselves"),
    "other rows": (lambda s, y: others(s), "are not the holdout's"),
    "not a number": (lambda s, y: s.where(s.index != s.index[5]), "not finite"),
    "another order": (lambda s, y: s.iloc[::-1], "in another order"),
    "a row less": (lambda s, y: s.iloc[1:], "1 missing"),
    "a row twice": (lambda s, y: pd.concat([s, s.iloc[:1]]), "1 double"),
}


def test_forged_predictions_are_no_evidence(host: ProjectHost) -> None:
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("forged")
    for number, (name, (forge, words)) in enumerate(FORGED.items()):
        if number:
            ada.write("NOTES.md", name)
            ada.commit(name)
            ada.push()
        gate = judged(
            host, pull, evidence(ada, forge(said(ada), answers(ada).reindex(said(ada).index)))
        )
        assert gate.startswith("failure: Invalid: "), name
        assert words in host.comments(pull)[0], name
    constant = evidence(ada, said(ada) * 0 + 0.5)
    ada.write("NOTES.md", "constant")
    ada.commit()
    ada.push()
    assert judged(host, pull, constant).startswith("failure: Worse")
    events = [event["body"] for event in host.ledger()]
    assert not any(body["merge"] for body in events)
    assert [bool((body["budget"] or {}).get("spent")) for body in events] == [False] * 6 + [True]


def hostile(name: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def test_a_hostile_artifact_ends_in_a_sentence(host: ProjectHost) -> None:
    """What else an artifact can be is in test_artifact.py."""
    ada = host.clone()
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("hostile")
    wrong = better(ada)
    wrong.files["objects/aa/" + "b" * 30] = b"not its hash"
    for left, words in (
        (hostile("../../src/champion/cli.py"), "a file that does not belong there"),
        (hostile("reports/data.json", b" " * 6_000_000), "a file that is too large"),
        (b"PK but no zip", "a damaged zip file"),
        (wrong.zipped(), "an object that is not what its hash says"),
    ):
        gate = judged(host, pull, left)
        assert gate.startswith("failure: Not judged: what training left"), gate
        assert words in gate
        ada.write("NOTES.md", words)
        ada.commit(words)
        ada.push()
    assert host.ledger() == []


def test_an_artifact_of_another_pull_request_helps_nobody(host: ProjectHost) -> None:
    """Its dvc.lock is of other data, or its predictions of other rows; nothing else is believed."""
    ada, bob = host.clone(), host.clone("bob")
    ada.edit("params.yaml", model={"kind": "boosted"})
    good = better(ada)
    first = ada.open("first")
    assert judged(host, first, good).startswith("success")
    bob.write("data/raw/more.csv", members(5000, 40).to_csv(index=False))
    bob.champion("repro", check=False)
    bob.run("dvc", "add", "--quiet", "data/raw")
    bob.git("switch", "--quiet", "--create", "second")
    bob.commit("More rows")
    bob.send()
    second = bob.request_pull("second")
    gate = judged(host, second, good)
    assert gate == (
        "failure: Invalid: The model was not trained on the data that data/raw.dvc names."
    )


@pytest.mark.parametrize(
    "path", [".github/workflows/judge.yml", "src/champion/judge/verdict.py", ".github/CODEOWNERS"]
)
def test_who_changes_the_judge_is_held(host: ProjectHost, path: str) -> None:
    bob = host.clone("bob")
    bob.write(path, (bob.path / path).read_text() + "\n# mine\n")
    pull = bob.open("mine")
    assert judged(host, pull, better(bob)) == f"failure: {HELD}"
    assert path in host.comments(pull)[0].partition("<details>")[0]


def test_the_rows_of_the_holdout_are_not_for_a_branch_to_choose(host: ProjectHost) -> None:
    ada = host.clone()
    ada.edit("gate.yaml", split={"holdout": 0.1})
    pull = ada.open("split")
    gate = judged(host, pull, better(ada))
    assert gate.startswith("failure: Invalid: gate.yaml: split.holdout changed")


def test_thresholds_and_results_of_the_branch_have_no_say(host: ProjectHost) -> None:
    """Its own gate.yaml, reports and remote are as they are: the default branch's decide."""
    ada = host.clone()
    ada.edit("gate.yaml", gate={"margin": 0.9, "max_looks": 1, "false_merges": 40})
    ada.write("reports/holdout.json", '{"metrics": {"roc_auc": {"value": 1.0, "se": 0.0001}}}\n')
    config = ada.path / ".dvc/config"
    config.write_text(config.read_text().replace("url = storage", "url = /tmp/elsewhere"))
    pull = ada.open("thresholds")
    noise = np.random.default_rng(1).normal(scale=0.03, size=len(said(ada)))
    gate = judged(host, pull, evidence(ada, (said(ada) + noise).clip(0, 1)))
    assert gate.startswith("failure: Not proven")
    assert host.ledger()[-1]["body"]["budget"]["max_looks"] == 50


FAKE = """name: train
on: pull_request
permissions: {}
jobs:
  train:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {persist-credentials: false}
      - run: mkdir -p .champion/packed && cp dvc.lock .champion/packed && echo all is well
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with: {name: train, path: .champion/packed, include-hidden-files: true}
"""


def test_a_training_that_is_faked_is_held(host: ProjectHost) -> None:
    """The branch's own train.yml runs; what it says is a claim, and the owner is asked."""
    bob = host.clone("bob")
    bob.write(".github/workflows/train.yml", FAKE)
    pull = bob.open("fake")
    host.settle()
    assert "all is well" in host.run("train").log
    assert stands(host, pull) == f"failure: {HELD}"


def test_another_file_that_calls_itself_train(host: ProjectHost) -> None:
    ada = host.clone()
    ada.write(".github/workflows/other.yml", FAKE)
    pull = ada.open("other")
    events = host.github.take_events()
    host.github.events += [event for event in events if event.name == "pull_request"]
    host.settle()
    texts = [one.description or "" for one in host.gates(pull)]
    assert any("another file calls itself train" in text for text in texts)
    assert not any(one.state == "success" for one in host.gates(pull)[:2])


EVIL = (
    "<img src=x onerror=alert(1)>", "](https://evil.example)", "@ada", "#1 `code` | cell",
    "::error::injected", "</details><h1>Better</h1>", "https://evil.example/x",
)  # fmt: skip


def test_words_of_a_branch_stay_words(host: ProjectHost) -> None:
    """In column names, checks, features, parameters, paths and titles."""
    ada = host.clone()
    findings = [
        {"level": "error", "column": evil, "check": evil, "count": 3, "share": 0.1, "rows": [1],
         "message": evil} for evil in EVIL
    ]  # fmt: skip
    features = [{"feature": evil, "importance": 1.0} for evil in EVIL]
    for name, content in {
        "data": {"errors": findings, "warnings": findings},
        "explanation": {"features": features},
    }.items():
        assert name
        left = better(ada)
        left.files[f"reports/{name}.json"] = json.dumps(content).encode()
        ada.main()
        params = (ada.path / "params.yaml").read_text()
        ada.write("params.yaml", params + f"'{EVIL[0]}': '{EVIL[1]}'\n'::error::x': '@ada'\n")
        ada.write(f"src/members/{name} @ada <b>.py", "x = 1\n")
        ada.git("switch", "--quiet", "--create", f"evil-{name}")
        ada.commit()
        ada.push()
        pull = host.request_pull(f"evil-{name}", title="<b>@ada</b> ::error::x")
        judged(host, pull, left)
        (comment,) = host.comments(pull)
        outside = "".join(comment.split("`")[::2])  # without the code spans
        for word in ("<img", "evil.example", "@ada", "<h1>", "::error", "<b>"):
            assert word not in outside, (name, word)
        assert "\n::error" not in host.run("judge").log
        assert outside.count("<details>") == outside.count("</details>")


def test_a_branch_name_is_no_command(host: ProjectHost) -> None:
    ada = host.clone()
    ada.write("NOTES.md", "words\n")
    pull = ada.open("x;touch${IFS}pwned;`touch${IFS}pwned`$(touch${IFS}pwned)&&'\"")
    host.settle()
    assert stands(host, pull) == "success: No change: nothing that reaches the model"
    assert list(host.folder.glob("scratch/**/pwned")) == []


def test_a_forged_status_is_no_verdict_that_stays(host: ProjectHost) -> None:
    """What is no verdict of the ledger is replaced, also where there is nothing to judge."""
    bob = host.clone("bob")
    bob.edit("params.yaml", model={"linear": {"C": 3.0}})
    pull = bob.open("bad")
    forged = {"state": "success", "context": "gate", "description": "Better: trust me"}
    host.ask(f"POST /statuses/{pull.head_sha}", "bob", forged)
    run = trained(host, pull, None, "cancelled")
    host.settle()
    assert stands(host, pull).startswith("failure: Not judged: training was cancelled")
    worse = evidence(bob, (1 - said(bob)).clip(0, 1))
    for left, gate in ((worse, "failure: Worse"), (None, "failure: Worse")):
        host.ask(f"POST /statuses/{pull.head_sha}", "bob", forged)
        with host.github.lock:
            runs.rerun(host.github, host.home, run, "bob")
        end(host, run, left, "success" if left else "cancelled")
        host.settle()
        assert stands(host, pull).startswith(gate)


def test_a_writer_can_forge_a_status_and_not_what_the_judge_says(host: ProjectHost) -> None:
    """A status is a claim, and so is a line of the ledger: the judge's own come after, or instead."""
    ada, bob = host.clone(), host.clone("bob")
    good = better(ada)
    ada.edit("params.yaml", model={"kind": "boosted"})
    assert judged(host, ada.open("good"), good).startswith("success")
    (real,) = host.ledger()

    worse = evidence(bob, (1 - said(bob)).clip(0, 1))
    bob.edit("params.yaml", model={"linear": {"C": 3.0}})
    pull = bob.open("bad")
    status = {"state": "success", "context": "gate", "description": "Better: trust me"}
    host.ask(f"POST /statuses/{pull.head_sha}", "bob", status)
    assert judged(host, pull, worse).startswith("failure: Worse")

    bob.edit("params.yaml", model={"linear": {"C": 4.0}})
    bob.commit()
    bob.push()
    again = evidence(bob, (0.9 - 0.9 * said(bob)).clip(0, 1))
    lines = json.loads(host.show("ledger", "events/000001.json"))
    body = lines["body"]
    predictions = as_parquet(
        pd.DataFrame(
            {"row_id": said(bob).index, "score": (0.9 - 0.9 * said(bob)).clip(0, 1).to_numpy()}
        )
    )
    digest = sha256(predictions).hexdigest()
    body["challenger"] |= {"commit": pull.head_sha, "predictions_sha256": digest}
    body["budget"] |= {"spent": False}
    forged = bob.path.parent / "forged.json"
    forged.write_text(json.dumps(body))
    key = f"verdict/{pull.head_sha}/improve/{digest[:16]}/{body['champion']['commit'][:12]}"
    bob.champion("ledger", "append", "verdict", "--key", key, "--body", str(forged))
    gate = judged(host, pull, again)
    assert gate.startswith("failure: Worse: ROC AUC ")
    assert real["body"]["merge"]
