"""What the monitor's issue says, when it is opened and closed, and which data are proposed."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from champion.ci import alert, merge, proposal, retrain, tell, watched
from champion.ci.api import Api
from champion.ci.fresh import Fresh
from champion.errors import Refusal
from champion.judge.events import Event
from champion.monitor import history, picture
from champion.settings import Monitor
from github import GitHub, Repository, pulls
from github.state import now
from github_client import Clone

LABEL = "monitor"
CHECK = {
    "family": "inputs", "check": "drift", "column": "visits", "part": None, "measure": "PSI",
    "value": 0.31, "lower": 0.2, "upper": 0.4, "threshold": 0.1, "p": 1e-9, "before": None,
    "after": None, "rows": 900, "state": "alert", "why": "", "since": "2026-03-01T00:00:00Z",
}  # fmt: skip
COST = {
    "family": "performance", "check": "roc_auc", "column": None, "measure": "ROC AUC",
    "value": 0.1, "lower": 0.06, "upper": 0.14, "threshold": 0.05, "before": 0.71, "after": 0.61,
}  # fmt: skip
LOOK: dict[str, Any] = {
    "state": "alert", "headline": "visits has moved.", "reasons": ["visits has moved."],
    "findings": [], "time": "2026-03-08T00:00:00Z",
    "window": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z"}, "rows": 900,
    "metric": "roc_auc", "champion": {"version": "v1.0.0", "commit": "a" * 40},
    "checks": [CHECK], "columns": [],
}  # fmt: skip


def event(number: int = 1, state: str = "alert", *checks: dict[str, Any], **body: Any) -> Event:
    """A look on the ledger, on the day of its number."""
    look = {**LOOK, "state": state, "checks": [{**CHECK, **it} for it in checks] or LOOK["checks"]}
    told = {
        "summary": look["headline"], "look": history.summary(look), "reasons": [], "findings": [],
        "alerts": look["checks"], "drawn": True,
    }  # fmt: skip
    time = f"2026-03-{number:02}T05:00:00Z"
    return Event(number, "monitor", time, f"monitor/{number}", None, {**told, **body})


@pytest.mark.parametrize(
    ("check", "row"),
    [
        ({}, "| `visits` has moved |  |  | PSI .31 (.2 … .4) | .1 | 2026-03-01 |"),
        (COST, "| ROC AUC | .710 | .610 | .1 (.06 … .14) | .05 | 2026-03-01 |"),
        (
            {**COST, "family": "slices", "column": "club", "part": "north"},
            "| ROC AUC where `club` is `north` | .710 | .610 |",
        ),
        (
            {"check": "missing", "before": 0.01, "after": 0.4},
            "| `visits` missing | 1.0 % | 40.0 % | +31.0 % | +10.0 % |",
        ),
        ({"family": "quality", "check": "gone", "after": 1.0}, "| `visits`: the column is gone |"),
    ],
    ids=["drift", "cost", "slice", "missing", "quality"],
)
def test_an_alert_is_a_row_with_its_size_and_its_beginning(check: dict[str, Any], row: str) -> None:
    it = event(7, "alert", check)
    text = alert.body(it, it, "#3 trains anew.", "https://x/ada/members")
    assert row in text, text
    assert "(https://x/ada/members/raw/ledger/files/000007/monitor.png)" in text
    assert "**What is done.** #3 trains anew." in text
    assert "Champion `v1.0.0` · 900 rows · `2026-03-01` to `2026-03-08`" in text


def test_what_it_costs_is_told_or_said_to_be_unknown() -> None:
    it = event(7)
    assert "**What it costs.** Not known: no answers have come yet." in alert.body(it, it, "", "x")
    it = event(7, "alert", {}, COST)
    said = "ROC AUC is .610 on live rows, .710 on the holdout: worse by .1."
    assert f"**What it costs.** {said}" in alert.body(it, it, "", "x")


def test_a_newer_look_that_knows_nothing_is_no_all_clear() -> None:
    events = [event(1, "ok"), event(2), event(3, "unknown", summary="Not known: no file.")]
    assert tell.alert_of(events) is events[1]
    assert tell.alert_of([*events, event(4, "ok")]) is None
    assert tell.streak(events) == events[1].time
    assert "⚪ The newest look: Not known: no file." in alert.body(events[1], events[2], "", "x")


@pytest.mark.parametrize(
    "alerts",
    [
        "x",
        [1],
        [{}],
        [{**CHECK, "value": "x"}],
        [{**CHECK, "column": "![](https://evil/x.png)|<b>\n# big"}],
    ],
)
def test_what_a_stranger_wrote_into_the_ledger_is_shown_as_words(alerts: Any) -> None:
    it = event(1, alerts=alerts, summary="<img src=x>\n# @all [a](b)", findings=[3, "<b>"])
    text = alert.body(it, it, "", "https://x/ada/members")
    assert "![](https://evil" not in text.replace("`![](https://evil", "")
    for raw in ("\n# ", "\n<img", " <img", " @all ", " [a](b)", "\n- <b>"):
        assert raw not in text, text


@pytest.mark.parametrize(
    "change",
    [
        {"state": "fine"},
        {"checks": [{**CHECK, "value": "much"}]},
        {"checks": [[]]},
        {"reasons": [1]},
        {"rows": None},
        {"window": {}},
        {"headline": "x" * 2000},
    ],
    ids=str,
)
def test_a_look_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    from champion.judge.compare import write

    path = tmp_path / "watched.json"
    new = {"taken": ["data/incoming/a.csv"], "refused": {}}
    write({"look": LOOK, "fresh": new}, path)
    assert watched.read(path).fresh == Fresh(["data/incoming/a.csv"])
    write({"look": {**LOOK, **change}, "fresh": new}, path)
    with pytest.raises(Refusal, match="left nothing that can be read"):
        watched.read(path)


def test_the_picture_shows_the_look_and_takes_any_earlier_one(tmp_path: Path) -> None:
    quiet: dict[str, Any] = {**LOOK, "state": "ok", "checks": [{**CHECK, "state": "ok"}]}
    early = {**quiet, "window": {"to": "2026-03-01"}}
    odd = {"window": {"to": "2026-02-01"}, "checks": [{"check": "drift", "value": "x"}, {}]}
    drawn = []
    for name, look, before in (("a", LOOK, []), ("b", quiet, []), ("c", LOOK, [odd, early])):
        path = tmp_path / f"{name}.png"
        picture.draw(look, before, path)
        drawn.append(path.read_bytes())
    assert len(set(drawn)) == 3
    picture.draw(LOOK, [], path)
    assert path.read_bytes() == drawn[0]


# the issue and the pull request


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path) as host:
        yield host
        assert host.unknown() == []


@pytest.fixture
def home(github: GitHub) -> Repository:
    made = github.create("ada/members")
    blob = made.bare.git("hash-object", "-w", "--stdin", text=b"on: workflow_dispatch\n")
    tree = made.bare.git("mktree", text=f"100644 blob {blob}\ttrain.yml\n".encode())
    for folder in ("workflows", ".github"):
        tree = made.bare.git("mktree", text=f"040000 tree {tree}\t{folder}\n".encode())
    first = made.bare.commit_tree(tree, [], "First")
    made.bare.point("refs/heads/main", first)
    made.bare.point("refs/heads/retrain/0123456789", made.bare.commit_tree(tree, [first], "New"))
    return made


@pytest.fixture
def api(github: GitHub, home: Repository, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("BASE", "main")
    monkeypatch.setenv("GITHUB_SERVER_URL", github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", home.full_name)
    rights = dict.fromkeys(("actions", "contents", "issues", "pull-requests"), "write")
    token = github.workflow_token(home, {**rights, "statuses": "read"})
    return Api(github.api, home.full_name, token.secret)


def settle(api: Api, *events: Event, waits: bool = False) -> str:
    """What has happened to the issue after these looks."""
    lasting = tell.alert_of(list(events))
    title = alert.title(lasting)
    return tell.settle(api, title, "text", lasting, waits, tell.streak(list(events)))[1]


def test_an_alert_is_one_issue_opened_updated_and_closed(api: Api, home: Repository) -> None:
    first, second, third = event(1), event(2, summary="age has moved."), event(3, "ok")
    assert settle(api, first) == "Monitor: visits has moved"
    assert settle(api, first, second) == ""
    (issue,) = home.issues.values()
    assert (issue.title, issue.state) == ("Monitor: age has moved", "open")
    assert settle(api, first, second, event(3, "unknown")) == ""
    assert issue.state == "open"
    assert settle(api, first, second, third) == "It is over: no alert any more"
    assert (issue.state, len(issue.comments)) == ("closed", 1)
    assert settle(api, first, second, third, event(4, "ok")) == ""
    assert len(issue.comments) == 1


def test_one_that_a_person_closed_comes_again_with_the_next_alert_only(
    api: Api, home: Repository
) -> None:
    past, future = event(1), Event(9, "monitor", "2999-01-01T00:00:00Z", "x", None, event().body)
    settle(api, past)
    (issue,) = home.issues.values()
    api.patch(f"issues/{issue.number}", {"state": "closed"})
    assert settle(api, past, event(2)) == "", "the same alert lasts"
    assert settle(api, past, event(2, "ok"), future) == "Monitor: visits has moved"


def test_a_strangers_issue_with_the_label_is_let_be(
    api: Api, home: Repository, github: GitHub
) -> None:
    eve = Api(github.api, home.full_name, github.token("ada").secret)
    eve.post("issues", {"title": "Monitor", "body": "mine", "labels": [LABEL]})
    settle(api, event(1))
    assert [it.body for it in home.issues.values()] == ["mine", "text"]


def test_data_that_wait_for_a_person_open_it_too(api: Api, home: Repository) -> None:
    assert settle(api, event(1, "ok"), waits=True) == alert.WAITING
    assert settle(api, event(1, "ok")) == "It is over: no alert any more"


@pytest.fixture
def proposals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The branches that are proposed; of data whose hash begins with 0123456789."""
    made: list[str] = []

    def propose(_: Api, branch: str, *__: str) -> tuple[int, str]:
        made.append(branch)
        return 7, ""

    pointer = tmp_path / "raw.dvc"
    pointer.write_text("outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  path: raw\n")
    monkeypatch.setattr(retrain, "POINTER", pointer)
    monkeypatch.setattr(retrain, "pending", lambda: "")
    monkeypatch.setattr(retrain, "committed", lambda *_: "c" * 40)
    monkeypatch.setattr(retrain, "followed", lambda _, sha: sha)
    monkeypatch.setattr(retrain.record, "store", lambda: None)
    monkeypatch.setattr(proposal, "propose", propose)
    return made


NEW = ["data/incoming/spring.csv"]
POINTED = "outs:\n- md5: {}.dir\n  size: 1\n  nfiles: 1\n  hash: md5\n  path: raw\n"


@pytest.mark.parametrize(
    ("when", "alerts", "asked", "is_proposed"),
    [
        ("data", False, "", True),
        ("alert", False, "", False),
        ("alert", True, "", True),
        ("never", True, "", False),
        ("never", False, "true", True),
    ],
)
def test_new_data_are_proposed_when_the_settings_say(
    api: Api, proposals: list[str], monkeypatch: pytest.MonkeyPatch,
    when: str, alerts: bool, asked: str, is_proposed: bool,
) -> None:  # fmt: skip
    monkeypatch.setenv("RETRAIN", asked)
    it = retrain.retrain(api, Monitor(retrain=when), Fresh(NEW), alerts)
    assert proposals == ["retrain/0123456789"] * is_proposed
    assert not it.waits
    said = "#7 trains anew on" if is_proposed else "`monitor.retrain` lets them wait"
    assert said in it.said


def test_an_alert_without_new_data_says_what_it_takes(api: Api, proposals: list[str]) -> None:
    assert retrain.retrain(api, Monitor(), Fresh(), True).said == retrain.NEWER
    assert retrain.retrain(api, Monitor(), Fresh(), False).said == ""
    refused = retrain.retrain(api, Monitor(), Fresh([], {"data/incoming/a.csv": "no"}), True)
    assert refused.waits
    assert "`data/incoming/a.csv` was not taken into the data: no" in refused.said
    assert retrain.NEWER not in refused.said
    assert proposals == []


def test_no_second_one_while_one_is_open_nor_one_that_was_turned_down(
    api: Api, proposals: list[str], github: GitHub, home: Repository
) -> None:
    token = github.workflow_token(home, {"pull-requests": "write"})
    pull = pulls.open_pull(github, home, token, "retrain/0123456789", "main", "Anew")
    for _ in range(2):
        it = retrain.retrain(api, Monitor(), Fresh(["data/incoming/other.csv"]), True)
        assert it.said == f"#{pull.number} trains anew and is open."
    trained = [one.name for one in github.take_events() if one.name == "workflow_dispatch"]
    assert trained, "a bot's own event starts nothing"
    api.patch(f"pulls/{pull.number}", {"state": "closed"})
    it = retrain.retrain(api, Monitor(), Fresh(NEW), True)
    assert "and was closed: they stay out" in it.said
    pull.merged_at = now()
    assert "and is merged" in retrain.retrain(api, Monitor(), Fresh(NEW), True).said
    assert proposals == []


@pytest.mark.parametrize(
    ("path", "text", "follows"),
    [
        ("README.md", "More.\n", True),
        ("dvc.lock", "another model\n", True),
        ("data/raw.dvc", POINTED.format("c" * 32), False),
    ],
)
def test_an_open_one_follows_the_default_branch(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    path: str, text: str, follows: bool,
) -> None:  # fmt: skip
    work = Clone(tmp_path / "work")
    work.path.mkdir()
    work.git("init", "--quiet", "--initial-branch=main")
    work.git("remote", "add", "origin", github.remote(github.create("ada/a"), github.token("ada")))
    work.commit("data/incoming/spring.csv", "a,b\n")
    work.commit("data/raw.dvc", POINTED.format("a" * 32))
    work.git("switch", "--quiet", "--create", "retrain/1")
    work.git("rm", "--quiet", "data/incoming/spring.csv")
    work.commit("data/raw.dvc", POINTED.format("b" * 32))
    head = work.commit("dvc.lock", "judged\n")
    work.git("push", "--quiet", "origin", "retrain/1")
    work.git("switch", "--quiet", "main")
    monkeypatch.chdir(work.path)
    assert retrain.followed("retrain/1", head) == head, "main has not moved"
    tip = work.commit(path, text)
    new = retrain.followed("retrain/1", head)
    assert bool(new) is follows
    assert new == (work.git("ls-remote", "origin", "retrain/1").split()[0] if follows else "")
    if follows:
        assert work.git("rev-parse", f"{new}^1", f"{new}^2").split() == [tip, head]
        named = work.git("diff", "--name-only", tip, new).split()
        assert named == ["data/incoming/spring.csv", "data/raw.dvc"]
        assert "b" * 32 in work.git("show", f"{new}:data/raw.dvc")


def test_what_breaks_is_said_and_makes_the_run_red(
    api: Api, proposals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def store() -> None:
        raise Refusal("the remote does not take the files: full.")

    monkeypatch.setattr(retrain.record, "store", store)
    it = retrain.retrain(api, Monitor(), Fresh(NEW), True)
    assert it.broke
    assert "the remote does not take the files: full" in it.said


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"login": "eve"}, False),
        ({"state": "closed"}, False),
        ({"paths": ["data/raw.dvc", "src/members/model.py"]}, False),
        ({"paths": ["data/raw.dvc", "deploy/Dockerfile", "dvc.lock"]}, False),
        ({"paths": ["data/incoming/march.csv", "data/raw.dvc", "reports/cv.json"]}, True),
        ({"gate": "failure: Worse"}, False),
        ({"gate": ""}, False),
        ({"merges": False}, False),
    ],
    ids=str,
)
def test_only_the_monitors_own_change_of_data_is_merged_without_a_person(
    monkeypatch: pytest.MonkeyPatch, api: Api, changes: dict[str, Any], fits: bool
) -> None:
    known: dict[str, Any] = {
        "login": merge.BOT, "state": "open", "paths": ["data/raw.dvc", "dvc.lock"],
        "gate": "success: Better", "merges": True,
    } | changes  # fmt: skip
    given, _, text = known["gate"].partition(": ")
    status = SimpleNamespace(state=given, text=text, verdict=True)
    verdict = SimpleNamespace(kind="verdict", body={"merge": known["merges"]})
    monkeypatch.setattr(merge, "git", lambda *_: "")
    monkeypatch.setattr(merge, "changed", lambda *_: known["paths"])
    monkeypatch.setattr(merge.gate, "statuses", lambda *_: [status] if given else [])
    monkeypatch.setattr(merge.recorded, "judged_as", lambda *_: [])
    monkeypatch.setattr(merge.recorded, "events", lambda *_: [verdict])
    head = {"sha": "a" * 40}
    pull = {"state": known["state"], "user": {"login": known["login"]}, "head": head}
    assert (merge.unfit(api, pull) == "") is fits
