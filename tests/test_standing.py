"""What the ledger says of models, and what of it is believed: anybody who can push can write it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from champion.ci import standing
from champion.ci.api import Api
from champion.ci.confirm import JUDGE, PROMOTE, Doubt, Expired, confirm, succeeded
from champion.judge.events import Event, Ledger
from github import GitHub, runs
from github.state import Run, now
from github_client import Clone

OLD, NEW = "0" * 32, "1" * 32
DATA = "d" * 32


@dataclass
class Told:
    """A ledger that is written down in one line an event."""

    ledger: Ledger = field(default_factory=Ledger)

    def add(self, kind: str, **body: Any) -> "Told":
        number = len(self.ledger.events) + 1
        time = "2026-11-25T09:30:00Z"
        self.ledger.events.append(Event(number, kind, time, str(number), None, body))
        return self

    def verdict(self, model: str, merge: bool = True, word: str = "better") -> "Told":
        its = {"model": {"md5": model}, "data": DATA}
        return self.add("verdict", challenger=its, merge=merge, verdict=word)

    def promotion(self, version: str, model: str) -> "Told":
        return self.add("promotion", version=version, model=model)

    def rollback(self, version: str) -> "Told":
        return self.add("rollback", version=version)

    def proofs(self, model: str, data: str = DATA) -> list[int]:
        since = self.withdrawn(model)
        return [it.verdict.number for it in standing.proofs(self.ledger, model, data, since)]

    def withdrawn(self, model: str, forged: tuple[int, ...] = ()) -> int:
        return standing.withdrawn(self.ledger, model, lambda it: it.number not in forged)


def two() -> Told:
    """Two models, judged and promoted: events 1 to 4."""
    told = Told().verdict(OLD).promotion("v1.0.0", OLD)
    return told.verdict(NEW).promotion("v1.1.0", NEW)


def test_a_verdict_speaks_for_its_model_on_its_data() -> None:
    told = two().verdict(NEW).verdict(NEW, merge=False)
    assert told.proofs(NEW) == [5, 3]
    assert told.proofs(OLD) == [1]
    assert told.proofs(NEW, "e" * 32) == told.proofs("2" * 32) == []


def test_an_override_lets_the_verdict_through_that_it_names() -> None:
    told = Told().verdict(NEW, merge=False, word="worse")
    assert told.proofs(NEW) == []
    told.add("override", verdict=1, commit="c" * 40)
    (proof,) = standing.proofs(told.ledger, NEW, DATA)
    assert proof.override
    assert proof.override.number == 2
    assert proof.better, "later models are measured against it"


@pytest.mark.parametrize(("word", "better"), [("better", True), ("no_worse", False)])
def test_only_a_better_model_is_an_anchor(word: str, better: bool) -> None:
    (proof,) = standing.proofs(Told().verdict(NEW, word=word).ledger, NEW, DATA)
    assert proof.better is better


def test_what_was_taken_back_needs_a_newer_verdict() -> None:
    told = two().rollback("v1.0.0")
    assert told.withdrawn(NEW) == 5
    assert told.withdrawn(OLD) == 0
    assert told.proofs(NEW) == []
    assert told.proofs(OLD) == [1]
    assert told.verdict(NEW).proofs(NEW) == [6]


def test_what_went_forward_again_is_not_taken_back() -> None:
    told = two().rollback("v1.0.0").rollback("v1.1.0")
    assert told.withdrawn(NEW) == 0
    assert told.withdrawn(OLD) == 6
    assert told.proofs(NEW) == [3]


def test_a_forged_line_takes_nothing_back_and_puts_nothing_forward() -> None:
    told = two().rollback("v1.0.0")
    assert told.withdrawn(NEW, forged=(5,)) == 0
    told.promotion("v9.0.0", OLD).rollback("v1.0.0")
    assert told.withdrawn(NEW, forged=(6, 7)) == 5
    assert two().promotion("v9.0.0", "2" * 32).rollback("v1.0.0").withdrawn(NEW, (5,)) == 6


def test_each_override_of_a_verdict_is_looked_at() -> None:
    told = Told().verdict(NEW, merge=False, word="worse")
    told.add("override", verdict=1, commit="c" * 40).add("override", verdict=1, commit="e" * 40)
    found = [it.override.number for it in standing.proofs(told.ledger, NEW, DATA) if it.override]
    assert found == [2, 3], "a forged one cannot stand before the real one"


@pytest.mark.parametrize(
    ("champion", "bump", "taken", "version"),
    [
        (None, "patch", (), "v1.0.0"),
        (None, "minor", ("v1.0.0",), "v1.1.0"),
        ("v1.0.0", "patch", (), "v1.0.1"),
        ("v1.9.4", "minor", ("v1.10.0", "v1.11.0", "v999999.999999.999999"), "v1.12.0"),
        ("v1.0.0", "patch", ("v1.1.0",), "v1.0.1"),
        ("v1.2.3", "major", (), "v2.0.0"),
    ],
)
def test_the_next_version_follows_the_champions(
    champion: str | None, bump: str, taken: tuple[str, ...], version: str
) -> None:
    assert standing.next_version(champion, bump, taken.__contains__) == version


def test_versions_are_told_in_their_order() -> None:
    told = Told()
    for each in ("v1.10.2", "v1.0.0", "v1.9.4"):
        told.promotion(each, OLD)
    assert standing.in_order(told.ledger) == ["v1.0.0", "v1.9.4", "v1.10.2"]


BELIEVED: dict[
    str, tuple[str, dict[str, Any], dict[str, Any]]
] = {  # the file that the run left, its content, and the event
    "verdict": ("verdict.json", {"merge": True}, {"merge": True}),
    "override": ("subject.json", {"policy": "override", "sha": "c" * 40}, {"commit": "c" * 40}),
    "promotion": ("promotion.json", {"commit": "c" * 40, "refusal": ""}, {"commit": "c" * 40}),
    "rollback": ("promotion.json", {"commit": "c" * 40, "version": "v1.0.0"},
                 {"commit": "c" * 40, "version": "v1.0.0"}),
}  # fmt: skip
CHALLENGER = {
    "commit": "c" * 40,
    "model": {"md5": NEW},
    "data": DATA,
    "predictions_sha256": "f" * 64,
}


@dataclass
class Case:
    """An event, the run that it names, and what that left; to be changed as a test likes."""

    host: GitHub
    work: Clone
    event: Event
    run: Run
    file: str
    left: dict[str, Any]

    def believed(self) -> Path:
        """Publish the artifact, name it in the event where nothing else is named, and ask."""
        self.leave({self.file: self.left})
        return self.ask()

    def leave(self, files: dict[str, Any]) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for file, left in files.items():
                archive.writestr(file, json.dumps(left))
        name = "judged" if self.run.path == JUDGE else "verified"
        runs.add_artifact(self.host, self.run, name, content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        said = {"id": self.run.id, "attempt": 1, "artifact": digest}
        self.event.body["run"] = said | self.event.body.get("run", {})

    def ask(self) -> Path:
        return confirm(self.api, self.event, "main")

    @property
    def api(self) -> Api:
        return Api(self.host.api, "ada/flights", self.host.token("ada").secret)


@pytest.fixture
def case(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    kind = getattr(request, "param", "verdict")
    file, left, body = BELIEVED[kind]
    with GitHub(tmp_path / "host") as host:
        home = host.create("ada/flights")
        work = Clone(tmp_path / "work")
        work.path.mkdir()
        work.git("init", "--quiet")
        sha = work.commit("model.py", "1\n")
        work.git("remote", "add", "origin", host.remote(home, host.token("ada")))
        work.push("main")
        monkeypatch.chdir(work.path)
        path = PROMOTE if kind in ("promotion", "rollback") else JUDGE
        run = Run(
            id=host.number(), number=1, path=path, name="",
            event="push" if path == PROMOTE else "workflow_run", head_sha=sha, head_branch="main", head_repository=home,
            actor=host.user("ada"), triggering_actor=host.user("ada"),
        )  # fmt: skip
        home.runs.append(run)
        whole = {**body, "challenger": CHALLENGER, "model": NEW, "data": DATA}
        event = Event(1, kind, "2026-11-25T09:30:00Z", "key", None, whole)
        said = {**left, "challenger": dict(CHALLENGER), "model": NEW, "data": DATA}
        yield Case(host, work, event, run, file, said)


@pytest.mark.parametrize("case", BELIEVED, indirect=True)
def test_an_event_is_believed_that_its_run_left_the_same_of(case: Case) -> None:
    folder = case.believed()
    assert json.loads((folder / case.file).read_text()) == case.left


def test_promotion_may_judge_too(case: Case) -> None:
    case.run.path, case.run.event = PROMOTE, "push"
    assert case.believed()


@pytest.mark.parametrize("case", ["override"], indirect=True)
@pytest.mark.parametrize("name", ["", "commit", "model", "data", "predictions_sha256"])
def test_an_override_is_for_the_verdict_that_it_was_asked_for(case: Case, name: str) -> None:
    """The same word must not let another commit's verdict through."""
    case.file = "verdict.json"
    verdict = dict(CHALLENGER) | ({name: "e" * 32} if name else {})
    judged = Event(2, "verdict", "2026-11-25T09:30:00Z", "key", None, {"challenger": verdict})
    subject = {"subject.json": case.left, "verdict.json": {"challenger": CHALLENGER}}
    case.leave(subject)
    if name:
        with pytest.raises(Doubt, match="asked for another model"):
            confirm(case.api, case.event, "main", judged)
    else:
        assert confirm(case.api, case.event, "main", judged)


def other_commit(case: Case) -> None:
    """A tag that is called main, on a commit that nobody merged."""
    case.run.head_sha = case.work.commit("judge.yml", "forged\n")
    case.work.git("push", "--quiet", "origin", "HEAD:refs/tags/main")
    case.work.git("reset", "--quiet", "--hard", "HEAD~1")


def another(name: str) -> Callable[[Case], None]:
    return lambda case: case.left["challenger"].update({name: "e" * 32})


FORGED: dict[str, tuple[str, Callable[[Case], Any], str]] = {
    "no run": ("verdict", lambda it: it.event.body.update(run={"id": 0}), "it names no run"),
    "a run that is none": ("verdict", lambda it: it.event.body.update(run={"id": "../7"}),
                           "it names no run"),
    "unknown run": ("verdict", lambda it: it.event.body.update(run={"id": 7}), "there is no run 7"),
    "training": ("verdict", lambda it: setattr(it.run, "path", ".github/workflows/train.yml"),
                 "none of judge.yml or promote.yml on main"),
    "branch": ("verdict", lambda it: setattr(it.run, "head_branch", "try"), "none of judge.yml"),
    "push": ("verdict", lambda it: setattr(it.run, "event", "push"), "none of judge.yml"),
    "run": ("promotion", lambda it: setattr(it.run, "event", "workflow_run"), "none of promote"),
    "other version": ("rollback", lambda it: it.left.update(version="v1.1.0"), "another model was"),
    "no commit": ("rollback", lambda it: (it.left.pop("commit"), it.event.body.pop("commit")),
                  "another model was"),
    "judge puts back": ("rollback", lambda it: setattr(it.run, "path", JUDGE), "none of promote"),
    "other challenger": ("verdict", another("commit"), "judged another model"),
    "pull request": ("verdict", lambda it: setattr(it.run, "event", "pull_request"), "none of"),
    "tag": ("verdict", other_commit, "none of judge.yml"),
    "nothing": ("verdict", lambda it: it.event.body.update(run={"artifact": None}),
                "does not say what its run left"),
    "other artifact": ("verdict", lambda it: it.event.body.update(run={"artifact": "a" * 64}),
                       "left something else"),
    "model": ("verdict", another("model"), "judged another model"),
    "data": ("verdict", another("data"), "judged another model"),
    "predictions": ("verdict", another("predictions_sha256"), "judged another model"),
    "no": ("verdict", lambda it: it.left.update(merge=False), "the judge said no"),
    "no verdict": ("verdict", lambda it: setattr(it, "file", "sketch.json"), "another model"),
    "hostile": ("verdict", lambda it: setattr(it, "file", "../judge.py"), "does not belong there"),
    "not asked": ("override", lambda it: it.left.update(policy="improve"), "nobody asked for it"),
    "asked of another": ("override", lambda it: it.left.update(sha="b" * 40), "nobody asked"),
    "promote overrides": ("override", lambda it: setattr(it.run, "path", PROMOTE), "none of judge"),
    "judge promotes": ("promotion", lambda it: setattr(it.run, "path", JUDGE), "none of promote"),
    "other commit": ("promotion", lambda it: it.left.update(commit="b" * 40), "another model was"),
    "other model": ("promotion", lambda it: it.left.update(model=OLD), "another model was"),
    "refused": ("promotion", lambda it: it.left.update(refusal="no"), "another model was verified"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "forge", "why"), FORGED.values(), ids=FORGED.keys(), indirect=["case"]
)
def test_what_somebody_wrote_himself_is_not_believed(
    case: Case, forge: Callable[[Case], Any], why: str
) -> None:
    forge(case)
    with pytest.raises(Doubt, match=why) as caught:
        case.believed()
    assert not isinstance(caught.value, Expired)


@pytest.mark.parametrize("how", ["expired", "deleted", "deleted at once"])
def test_what_a_right_run_left_may_be_gone(case: Case, how: str) -> None:
    """Whoever may write can delete what a run left, and then say what they like of it."""
    case.believed()
    (artifact,) = case.run.artifacts
    if how == "expired":
        artifact.expires_at = now()
    else:
        case.run.artifacts.clear()
    if how == "deleted":
        case.run.created_at = now() - timedelta(days=100)
    if how == "deleted at once":
        with pytest.raises(Doubt, match="was deleted") as caught:
            case.ask()
        assert not isinstance(caught.value, Expired)
    else:
        with pytest.raises(Expired, match=f"what run {case.run.id} left has expired"):
            case.ask()


@pytest.mark.parametrize("merge", [True, False])
def test_a_later_attempt_says_the_same_or_is_doubted(case: Case, merge: bool) -> None:
    case.believed()
    case.run.artifacts.clear()
    case.run.attempt = 2
    named = case.event.body["run"]
    case.left["merge"] = merge
    case.left["attempt"] = 2
    if merge:
        assert case.believed()
    else:
        with pytest.raises(Doubt, match="the judge said no"):
            case.believed()
    assert case.event.body["run"] == named


@pytest.mark.parametrize("case", ["promotion"], indirect=True)
@pytest.mark.parametrize(
    ("conclusion", "own", "believed"),
    [("success", True, True), ("failure", True, False), ("success", False, False)],
)
def test_a_promotion_of_long_ago_is_known_by_its_run(
    case: Case, conclusion: str, own: bool, believed: bool
) -> None:
    case.event.body.update(run={"id": case.run.id}, commit=case.run.head_sha if own else "c" * 40)
    home = case.host.repositories["ada/flights"]
    for name, how in (("verify", "success"), ("promote", conclusion)):
        runs.finish_job(runs.add_job(case.host, home, case.run, name, []), how)
    assert succeeded(case.api, case.event) is believed
