"""The report of a pull request stays one comment, whoever posts it."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from actions.call import Call
from actions.errors import Failed
from actions.repository import Machine, Repository
from actions.result import Run
from conftest import PROJECT
from github import GitHub
from github import Repository as Hosted
from github_client import ask, clone
from small_workflow import CHECKOUT, World

BIN = Path(sys.executable).parent
NEEDED = ("Makefile", "gate.yaml", ".github/actions/comment", "src/champion")
MARK = f'![](https://cml.dev/watermark.png#{"a" * 40} "CML watermark champion")'
STEPS = f"""
- uses: {CHECKOUT}
- run: printf '# %s\\n\\n- [ ] a task\\n' "$SAID" > report.md
- id: comment
  uses: ./.github/actions/comment
  with:
    pull-request: 1
    report: report.md
    token: ${{{{ secrets.TOKEN }}}}
- id: git
  run: git config --global --get-all safe.directory || true
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs the jobs of other systems")


@dataclass
class Desk:
    """A pull request, and a workflow that posts on it."""

    host: GitHub
    hosted: Hosted
    world: World

    def post(self, said: str, fork: bool = False) -> Run:
        """Run the action; whatever happens to the comment, the job goes on."""
        token = self.host.workflow_token(self.hosted, {"pull-requests": "write"}, fork)
        self.world.repository.secrets["TOKEN"] = token.secret
        self.world.machine.variables["SAID"] = said
        run = self.world.steps(STEPS)
        assert run.conclusion == "success", run.log
        assert not run.job("job").step("git").log
        assert token.secret not in run.log
        return run

    def others(self, count: int, text: str = "a word") -> None:
        """Comments of somebody who may not write."""
        request, eve = "POST /repos/ada/flights/issues/1/comments", self.host.token("eve")
        for _ in range(count):
            assert ask(self.host, request, eve, {"body": text}).status == 201

    def reports(self) -> list[str]:
        """The first line of each comment of the workflow's; the rest of it is checked."""
        comments = self.hosted.issues[1].comments
        bodies = [one.body for one in comments if one.author.kind == "Bot"]
        assert all("\n\n- [ ] a task\n\n\n![](" in body for body in bodies)
        return [body.splitlines()[0] for body in bodies]


@pytest.fixture
def desk(tmp_path: Path, outside: Path) -> Iterator[Desk]:
    with GitHub(tmp_path / "github") as host:
        repository = host.create("ada/flights")
        work = clone(host, repository, tmp_path / "work", host.token("ada"))
        for branch in ("main", "change"):
            work.git("switch", "--quiet", "-c", branch)
            work.commit("file", branch)
            work.push(branch)
        body = {"head": "change", "base": "main", "title": "Try"}
        assert ask(host, "POST /repos/ada/flights/pulls", host.token("ada"), body).status == 201
        where = Repository("ada/flights", tmp_path / "repository", tmp_path / "scratch")
        where.server_url, where.api_url = host.url, host.api
        machine = Machine(path=(BIN,), variables={"CHAMPION_VENV": sys.prefix})
        world = World(where, machine)
        where.folder.mkdir()
        world.git("init", "--quiet", "--initial-branch=main")
        for name in NEEDED:
            source, target = PROJECT / name, where.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, target)
        yield Desk(host, repository, world)


def no_cml(call: Call) -> None:
    raise Failed("The release cannot be downloaded.")


def test_the_report_is_posted_by_cml_and_edited_by_cml(desk: Desk) -> None:
    desk.others(3)
    run = desk.post("first")
    assert desk.reports() == ["# first"]
    desk.others(40)
    again = desk.post("second")
    assert desk.reports() == ["# second"]
    assert "#issuecomment-" in run.job("job").step("cml").log
    assert "#issuecomment-" in again.job("job").step("cml").log
    assert not run.summary + again.summary


@pytest.mark.parametrize(
    ("others", "text", "by_cml"),
    [
        pytest.param(29, "a word", "success success", id="the last that CML sees"),
        pytest.param(30, "a word", "success skipped", id="behind thirty others"),
        pytest.param(130, "a word", "success skipped", id="on the second page"),
        pytest.param(2, f"Mine!\n\n{MARK}", "skipped skipped", id="a stranger's mark"),
    ],
)
def test_it_stays_one_comment(desk: Desk, others: int, text: str, by_cml: str) -> None:
    runs = []
    for said in ("first", "second"):
        desk.others(others, text)
        runs.append(desk.post(said))
    assert desk.reports() == ["# second"]
    bodies = [one.body for one in desk.hosted.issues[1].comments]
    assert bodies.count(text) == 2 * others
    assert " ".join(run.job("job").step("cml").outcome for run in runs) == by_cml


def test_it_is_posted_without_cml(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(desk.world.machine.stand_ins, "iterative/setup-cml", no_cml)
    desk.post("first")
    desk.post("second")
    assert desk.reports() == ["# second"]
    desk.world.machine.stand_ins.clear()
    desk.post("third")
    assert desk.reports() == ["# third"]


def test_an_answer_that_is_lost_makes_no_second_comment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(desk.world.machine.stand_ins, "iterative/setup-cml", no_cml)
    desk.host.faults.lose("POST .*/comments")
    desk.post("first")
    assert desk.reports() == ["# first"]
    desk.hosted.issues[1].comments.clear()
    desk.host.faults.drop("POST .*/comments")  # what was not done is done again
    desk.post("second")
    assert desk.reports() == ["# second"]


@pytest.mark.parametrize("refused", ["token", "POST", "GET .*/comments"])
def test_what_was_not_posted_is_said(desk: Desk, refused: str) -> None:
    if refused != "token":
        desk.host.faults.fail(refused, 403, times=9)
    run = desk.post("first", fork=refused == "token")
    assert desk.reports() == []
    (said,) = [
        text
        for step in run.job("job").all_steps()
        for kind, text in step.annotations
        if kind == "warning"
    ]
    assert said.startswith("The report could not be posted on pull request 1")
    assert "⚠️ The report could not be posted on pull request 1" in run.summary
    desk.host.faults.waiting.clear()
    desk.post("second")
    assert desk.reports() == ["# second"]
