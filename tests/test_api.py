"""The engine's client of GitHub's API, against the tests' GitHub: what it waits for, and what not."""

import io
import time
import urllib.error
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from champion.ci import api as client
from champion.ci.api import Api, NotFound, pause
from champion.ci.artifact import download
from champion.errors import Refusal
from github import GitHub, Repository, runs
from github.answers import Answer
from github.events import Event

TRAIN = ".github/workflows/train.yml"
READS = {"actions": "read", "contents": "read", "issues": "read"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path) as host:
        yield host
        assert host.unknown() == []


@pytest.fixture
def home(github: GitHub) -> Repository:
    made = github.create("ada/flights")
    tree = made.bare.git("mktree")
    made.bare.point("refs/heads/main", made.bare.commit_tree(tree, [], "First"))
    return made


@pytest.fixture
def api(github: GitHub, home: Repository) -> Api:
    token = github.workflow_token(home, READS)
    return Api(github.api, home.full_name, token.secret)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, which take no time."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.mark.parametrize(
    ("befall", "seconds"),
    [
        (lambda host: host.faults.fail("GET .*/labels", 500), [1.0]),
        (lambda host: host.faults.fail("GET .*/labels", 502, times=4), [1.0, 2.0, 4.0, 8.0]),
        (lambda host: host.faults.drop("GET .*/labels", times=2), [1.0, 2.0]),
        (lambda host: host.faults.rate_limit("GET .*/labels"), [1.0]),
    ],
    ids=["500", "502", "dropped", "limit"],
)
def test_what_passes_is_waited_for(
    github: GitHub,
    api: Api,
    waited: list[float],
    befall: Callable[[GitHub], None],
    seconds: list[float],
) -> None:
    befall(github)
    assert {label["name"] for label in api.get("labels")} >= {"bug"}
    assert waited == seconds
    assert github.faults.waiting == []


def test_what_does_not_pass_is_given_up_with_its_reason(
    github: GitHub, api: Api, waited: list[float]
) -> None:
    github.faults.fail("GET .*/labels", 500, times=9)
    with pytest.raises(Refusal, match="GET /api/v3/repos/ada/flights/labels: 500 Server said 500"):
        api.get("labels", page=3)
    assert waited == [1.0, 2.0, 4.0, 8.0]
    assert sum(sent.path.endswith("/labels") for sent in github.sent) == 5


def test_what_may_not_be_is_refused_at_once(github: GitHub, api: Api, waited: list[float]) -> None:
    sentence = "403 Resource not accessible by integration"
    with pytest.raises(Refusal, match=sentence) as refused:
        api.post("labels", {"name": "x"})
    assert not isinstance(refused.value, NotFound)
    assert len(github.sent) == 1
    with pytest.raises(Refusal, match="401 Bad credentials"):
        Api(api.root, api.name, "wrong").get("labels")
    with pytest.raises(NotFound, match="no /api/v3/repos/ada/flights/pulls/7: 404 Not Found"):
        api.get("pulls/7")
    assert waited == []


def test_nobody_answers(home: Repository, waited: list[float]) -> None:
    with pytest.raises(Refusal, match=r"GitHub refused GET /repos/ada/flights/labels: .*refused"):
        Api("http://127.0.0.1:9", home.full_name, "x").get("labels")
    assert len(waited) == 4


def failure(code: int, **headers: str) -> urllib.error.HTTPError:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://x", code, "", message, None)


def test_limits_of_requests_that_are_over_soon_are_waited_for() -> None:
    soon, late = (f"{time.time() + seconds:.0f}" for seconds in (30, 3000))
    left = {"X_RateLimit_Remaining": "0"}
    assert pause(failure(429, Retry_After="7"), 0) == 7.0
    assert pause(failure(403, Retry_After="7"), 0) == 7.0
    assert pause(failure(403, Retry_After="0"), 0) == 1.0
    assert 28 < (pause(failure(403, **left, X_RateLimit_Reset=soon), 0) or 0) <= 31
    assert pause(failure(403, **left, X_RateLimit_Reset=late), 0) is None
    assert pause(failure(403, Retry_After="3600"), 0) is None
    assert pause(failure(403), 0) is None
    assert pause(failure(422), 0) is None
    assert pause(failure(503), 3) == 8.0


def test_all_pages_are_read(github: GitHub, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Api(api.root, api.name, github.token("ada").secret)
    for number in range(5):
        admin.post("labels", {"name": f"label {number}"})
    names = [label["name"] for label in api.get("labels", per_page=100)]
    monkeypatch.setattr(client, "PAGE", 4)
    before = len(github.sent)
    assert [label["name"] for label in api.pages("labels")] == names
    assert [sent.query["page"] for sent in github.sent[before:]] == ["1", "2", "3"]
    assert next(iter(api.pages("labels")))["name"] == names[0]


def artifact(github: GitHub, home: Repository) -> str:
    """The path of an artifact of one file."""
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("dvc.lock", "text")
    sha = home.bare.git("rev-parse", "main")
    event = Event("push", None, home, "ada", "refs/heads/main", sha, {})
    run = runs.start_run(github, event, TRAIN, "train")
    made = runs.add_artifact(github, run, "train", content.getvalue())
    return f"actions/artifacts/{made.id}/zip"


def test_the_token_does_not_go_where_artifacts_lie(
    github: GitHub, home: Repository, api: Api, waited: list[float]
) -> None:
    path = artifact(github, home)
    github.faults.drop("GET .*/zip$")
    github.faults.fail("GET /storage/", 503)
    with api.open(path) as source:
        assert ZipFile(io.BytesIO(source.read())).namelist() == ["dvc.lock"]
    assert waited == [1.0, 1.0]
    served = [sent for sent in github.sent if sent.status in (200, 302)]
    assert [(sent.status, sent.actor) for sent in served] == [
        (302, "github-actions[bot]"),
        (200, None),  # with a token it is refused
    ]


def test_what_is_moved_twice_or_cut_off_is_said_in_a_sentence(
    github: GitHub, home: Repository, api: Api, waited: list[float], tmp_path: Path
) -> None:
    path = artifact(github, home)
    moved = Answer(b"", 302, {"Location": f"{github.url}/storage/elsewhere"})
    github.faults.answer("GET /storage/", moved)
    with pytest.raises(Refusal, match=r"GitHub says that /storage/.* is elsewhere"):
        api.open(path)
    github.faults.answer("GET .*/labels", moved)
    with pytest.raises(Refusal, match=r"GitHub says that .*/labels is elsewhere"):
        api.get("labels")
    github.faults.cut("GET .*/labels")
    with pytest.raises(Refusal, match=r"answer to GET .*/labels was cut off"):
        api.get("labels")
    github.faults.cut("GET /storage/")
    with (
        pytest.raises(Refusal, match="an artifact could not be downloaded: the end is missing"),
        api.open(path) as source,
    ):
        download(source, tmp_path / "train.zip")
    assert waited == []


def test_an_artifact_that_is_gone_is_not_there(
    github: GitHub, home: Repository, api: Api, waited: list[float]
) -> None:
    path = artifact(github, home)
    (run,) = home.runs
    run.artifacts[0].expires_at = run.artifacts[0].created_at
    with pytest.raises(NotFound, match="410 Artifact has expired"):
        api.open(path)
    assert waited == []


def test_a_job_tells_where_its_api_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY"):
        monkeypatch.setenv(name, "http://x" if name.endswith("URL") else "ada/flights")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(Refusal, match="GITHUB_TOKEN is not set: this is a step of a workflow"):
        Api.of_job()
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    assert Api.of_job() == Api("http://x", "ada/flights", "t")
    assert Api.of_job().owner == "ada"
