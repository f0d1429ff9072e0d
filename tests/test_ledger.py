"""The ledger: one commit an event, whoever writes, dies or tampers."""

import contextlib
import functools
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from champion import cli, history
from champion.errors import Refusal
from champion.judge import ledger
from champion.judge.budget import count, sketch
from champion.judge.events import Event, Ledger, parsed, written
from champion.judge.ledger import Entry, append, commit_of, current, newest
from champion.judge.verify import verify
from champion.workspace import orphan
from champion.workspace.git import git
from github import GitHub
from small_project import PROJECT, SmallProject, branches, clone, server

HOLDOUT = "a" * 64
SKETCH = sketch(f"row {number}" for number in range(100))
METRIC = {
    "name": "roc_auc", "label": "ROC AUC", "higher_is_better": True, "champion": 0.667,
    "challenger": 0.684, "delta": 0.017, "se": 0.003, "lower": 0.011, "upper": 0.023,
}  # fmt: skip


DEEP = ("--depth", "1", "--no-single-branch")


def said(**fields: Any) -> dict[str, Any]:
    """A verdict file."""
    budget = {"spent": True, "holdout": HOLDOUT, "look": 1, "max_looks": 50, "merges": 0}
    file = {"verdict": "better", "merge": True, "metric": METRIC, "budget": budget}
    return {**file, "challenger": {"data": "b" * 32 + ".dir"}, **fields}


def judged(known: Ledger, **fields: Any) -> Entry:
    """A verdict that takes the next look."""
    stands = count(known.looks(), SKETCH)
    file = said(**fields)
    file["budget"] = {**file["budget"], "look": stands.look, "merges": stands.merges}
    return Entry(file, holdouts={HOLDOUT: SKETCH})


def promoted(known: Ledger, version: str = "v1.0.0") -> Entry:
    """The promotion of the newest verdict."""
    verdict = max(it.number for it in known.events if it.kind == "verdict")
    return Entry({"version": version, "commit": "c" * 40, "verdict": verdict})


def holding(body: Any) -> Callable[[Ledger], Entry]:
    return lambda known: Entry(body)


def noted(text: str = "all is quiet") -> Callable[[Ledger], Entry]:
    return holding({"summary": text})


def story() -> None:
    """A verdict, a promotion, two things seen and a file."""
    append("verdict", "judge:1", judged, by="ada")
    append("promotion", "promote:v1.0.0", promoted)
    append("monitor", "monitor:1", noted("temperature | drifts"))
    append("monitor", "monitor:2", lambda known: Entry({"summary": "more"}, {"a.png": b"\x89\r\n"}))


def repository(path: Path) -> SmallProject:
    project = SmallProject(path)
    project.write("gate.yaml", "data: {target: y}\n")
    project.write(".gitignore", "/.dvc/\n")
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "Start")
    return project


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A repository without a server, and the current folder."""
    project = repository(tmp_path / "my project")
    monkeypatch.chdir(project.path)
    return project


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return server(tmp_path / "the server.git")


@pytest.fixture
def project(alone: SmallProject, origin: Path) -> SmallProject:
    """A repository whose default branch is on a server."""
    alone.git("remote", "add", "origin", str(origin))
    alone.git("push", "--quiet", "origin", "main")
    return alone


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A folder with a server and a clone that tell the story; made once: copy it."""
    folder = tmp_path_factory.mktemp("told")
    project = repository(folder / "project")
    project.git("remote", "add", "origin", str(server(folder / "server.git")))
    with contextlib.chdir(project.path):
        story()
    project.git("remote", "set-url", "origin", "../server.git")
    return folder


@pytest.fixture
def recorded(told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A copy of the story's clone, and the current folder."""
    shutil.copytree(told, tmp_path / "story", symlinks=True)
    monkeypatch.chdir(tmp_path / "story/project")
    return SmallProject(tmp_path / "story/project")


def on_server(origin: Path, *arguments: str) -> str:
    command = ["git", "-C", str(origin), *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def test_an_event_is_a_commit_and_a_file(project: SmallProject, origin: Path) -> None:
    story()
    log = on_server(origin, "log", "--format=%s", "--name-status", "ledger").split("\n")
    assert [line for line in log if line and "\t" not in line] == [
        "monitor 4: monitor:2",
        "monitor 3: monitor:1",
        "promotion 2: promote:v1.0.0",
        "verdict 1: judge:1",
    ]
    assert {line for line in log if line.startswith("A")} == {
        f"A\t{name}"
        for name in (
            *(f"events/00000{number}.json" for number in range(1, 5)),
            *("README.md", "history.png", f"holdouts/{HOLDOUT}.json", "files/000004/a.png"),
        )
    }
    assert {line for line in log if line.startswith(("M", "D"))} == {"M\tREADME.md"}
    assert verify() == []


def test_events_are_read_back_as_they_were_decided(recorded: SmallProject) -> None:
    known = current()
    assert [it.number for it in known.events] == [1, 2, 3, 4]
    first = known.events[0]
    assert (first.kind, first.key, first.by, first.body) == ("verdict", "judge:1", "ada", said())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.time)
    assert known.holdouts == {HOLDOUT: SKETCH}
    assert orphan.contents(["ledger:files/000004/a.png"]) == [b"\x89\r\n"]


def test_the_users_work_is_not_touched(project: SmallProject) -> None:
    project.write("gate.yaml", "data: {target: z}\n")
    project.write("new.py", "x = 1\n")
    project.git("add", "new.py")
    before = project.git("status", "--porcelain=v2", "--branch")
    story()
    assert project.git("status", "--porcelain=v2", "--branch") == before
    assert project.git("stash", "list") == ""


def test_a_key_is_recorded_once(recorded: SmallProject) -> None:
    before = resolve_tip()
    again = append("verdict", "judge:1", lambda known: pytest.fail("asked again"))
    assert (again.number, resolve_tip()) == (1, before)
    assert commit_of(again) == recorded.git("rev-parse", "ledger~3")


def test_what_is_not_believed_takes_no_key(recorded: SmallProject) -> None:
    forged = current().keys["judge:1"]

    def believed(known: Event) -> bool:
        return known.number != forged.number

    event = append("verdict", "judge:1", judged, believed=believed)
    assert event.key == "judge:1/1"
    assert append("verdict", "judge:1", judged, believed=believed) == event
    assert append("monitor", "judge:1", noted()).key == "judge:1/5"


def resolve_tip() -> str | None:
    return newest()[0]


def test_looks_are_counted_when_they_are_recorded(recorded: SmallProject) -> None:
    for number in (2, 3):
        event = append("verdict", f"judge:{number}", functools.partial(judged, verdict="worse"))
        assert event.body["budget"]["look"] == number
    free = {**said()["budget"], "spent": False, "look": 9}
    append("verdict", "draft", holding(said(budget=free)))
    append("verdict", "invalid", holding(said(verdict="invalid", budget=None)))
    assert len(current().looks()) == 3
    assert count(current().looks(), SKETCH).merges == 3
    with pytest.raises(Refusal, match="it says look 1 after 0 merges, this is look 4 after 3"):
        append("verdict", "stale", holding(said()))
    assert verify() == []


@pytest.fixture
def local(recorded: SmallProject) -> SmallProject:
    """The story in a repository without a server."""
    recorded.git("remote", "remove", "origin")
    return recorded


def like(number: int, /, **fields: Any) -> bytes:
    """A recorded event with other fields."""
    return written({**vars(current().events[number - 1]), **fields})


def fifth(**fields: Any) -> tuple[str, bytes]:
    """A next event by hand."""
    return "events/000005.json", like(4, number=5, key="by-hand", **fields)


def commit(*files: tuple[str, bytes | None], mode: str = "100644", merge: str = "") -> None:
    """Commit by hand on top of the local ledger; None removes a file."""
    stream = b"commit refs/heads/ledger\ncommitter Eve <eve@example.org> 1 +0000\ndata 0\n"
    stream += b"from refs/heads/ledger^0\n" + (f"merge {merge}\n" if merge else "").encode()
    for name, content in files:
        if content is None:
            stream += f"D {name}\n".encode()
        else:
            stream += f"M {mode} inline {name}\ndata {len(content)}\n".encode() + content + b"\n"
    subprocess.run(["git", "fast-import", "--quiet"], input=stream, check=True)


def test_a_clock_that_is_behind_keeps_the_order(local: SmallProject) -> None:
    commit(fifth(time="2999-01-01T00:00:00Z"))
    assert append("monitor", "monitor:6", noted()).time == "2999-01-01T00:00:00Z"
    assert verify() == []


WRITER = """
import functools, sys
import test_ledger as t
for number in range(int(sys.argv[2])):
    t.append("verdict", f"{sys.argv[1]} {number}".replace(" ", ":"), t.judged)
"""


@pytest.mark.parametrize(
    ("clones", "online", "each"),
    [
        pytest.param(2, True, 10, id="two clones"),
        pytest.param(1, True, 3, id="one clone"),
        pytest.param(1, False, 3, id="no server"),
    ],
)
def test_two_writers_at_once_lose_nothing(
    project: SmallProject, tmp_path: Path, origin: Path, clones: int, online: bool, each: int
) -> None:
    if not online:
        project.git("remote", "remove", "origin")
    places = [project.path, project.path]
    if clones == 2:
        places[1] = clone(origin, tmp_path / "second").path
    path = os.pathsep.join([str(PROJECT / "src"), str(Path(__file__).parent)])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(each)],
            cwd=place,
            env={**os.environ, "PYTHONPATH": path},
        )
        for name, place in zip("ab", places, strict=True)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    events = current().events
    assert {it.key for it in events} == {f"{name}:{n}" for name in "ab" for n in range(each)}
    assert [it.number for it in events] == list(range(1, 2 * each + 1))
    assert [it.body["budget"]["look"] for it in events] == list(range(1, 2 * each + 1))
    assert verify() == []


@pytest.mark.parametrize("online", [True, False])
def test_whoever_was_outrun_decides_again(
    recorded: SmallProject, tmp_path: Path, online: bool
) -> None:
    rival = clone("../server.git", tmp_path / "rival").path
    if not online:
        recorded.git("remote", "remove", "origin")
    seen = []

    def decide(known: Ledger) -> Entry:
        seen.append(len(known.events))
        if len(seen) == 1:
            with contextlib.chdir(rival if online else recorded.path):
                append("monitor", "rival", noted())
        return judged(known)

    assert append("verdict", "mine", decide).number == 6
    assert seen == [4, 5]
    assert verify() == []


def test_it_gives_up_with_a_sentence(
    recorded: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "TRIES", 1)
    monkeypatch.setattr(ledger, "publish", lambda commit, tip: False)
    with pytest.raises(Refusal, match="run this again"):
        append("monitor", "mine", noted())


@pytest.mark.parametrize(
    ("step", "moment", "online"),
    [
        ("hash-object", "after", True),
        ("write-tree", "before", True),
        ("commit-tree", "after", True),
        ("push", "before", True),
        ("push", "after", True),
        ("update-ref", "after", True),
        ("update-ref", "before", False),
        ("update-ref", "after", False),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="no kill -9 on Windows")
def test_a_killed_writer_leaves_the_whole_event_or_nothing(
    recorded: SmallProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    moment: str,
    online: bool,
) -> None:
    if not online:
        recorded.git("remote", "remove", "origin")
    git = shutil.which("git")
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nkilled=0\nfor word; do [ "$word" = {step} ] && killed=1; done\n'
        f"[ $killed = 1 ] && [ {moment} = before ] && kill -9 $PPID && exit 1\n"
        f'"{git}" "$@"; code=$?\n[ $killed = 1 ] && kill -9 $PPID\nexit $code\n'
    )
    wrapper.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(wrapper.parent), os.environ["PATH"]]))
        writer = multiprocessing.get_context("fork").Process(
            target=append, args=("monitor", "mine", noted())
        )
        writer.start()
        writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    assert verify() == []
    assert len(current().events) == (5 if (step, moment) in DONE else 4)
    assert append("monitor", "mine", noted()).number == 5
    assert append("monitor", "next", noted()).number == 6
    assert verify() == []


DONE = (("push", "after"), ("update-ref", "after"))


def test_a_refusal_of_the_server_is_told_in_a_sentence(recorded: SmallProject) -> None:
    hook = recorded.path / "../server.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'the ledger is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refusal, match=r"\(the ledger is protected\): nothing is lost"):
        append("monitor", "mine", noted())
    assert len(current().events) == 4
    hook.unlink()
    assert append("monitor", "mine", noted()).number == 5


def test_a_ledger_that_vanished_from_the_server_is_sent_again(recorded: SmallProject) -> None:
    recorded.git("push", "--quiet", "origin", ":ledger")
    append("monitor", "mine", noted())
    assert on_server(Path("../server.git"), "rev-list", "--count", "ledger").strip() == "5"


def test_a_ledger_from_before_there_was_a_server_is_sent(alone: SmallProject, origin: Path) -> None:
    append("monitor", "early", noted())
    alone.git("remote", "add", "origin", str(origin))
    append("monitor", "late", noted())
    assert on_server(origin, "rev-list", "--count", "ledger").strip() == "2"
    assert verify() == []


@pytest.mark.parametrize("options", [(), ("--single-branch",), ("--depth", "1"), DEEP])
def test_a_fresh_clone_reads_records_and_verifies(
    recorded: SmallProject, tmp_path: Path, options: tuple[str, ...]
) -> None:
    url = (recorded.path / "../server.git").resolve().as_uri()
    recorded.git("push", "--quiet", url, "main")
    copy = clone(url, tmp_path / "copy", *options)
    with contextlib.chdir(copy.path):
        first = recorded.git("rev-parse", "ledger~3")
        assert commit_of(append("verdict", "judge:1", judged)) == first
        assert verify() == []
        assert append("monitor", "afar", noted()).number == 5
        assert verify() == []
    again = append("monitor", "afar", noted())
    assert commit_of(again) == copy.git("rev-parse", "ledger")
    assert len(current().events) == 5


OTHER = sketch(f"row {number}" for number in range(100, 200))
TAMPERED: dict[str, tuple[Callable[[], object], str]] = {
    "changed": (
        lambda: commit(("events/000003.json", like(3, body={"summary": "calm"}))),
        r"commit \w{10} changes 'events/000003.json'\.",
    ),
    "changed and changed back": (
        lambda: changed_for_a_while(),
        r"commit \w{10} changes 'events/000003.json'\.",
    ),
    "missing": (
        lambda: commit(("events/000003.json", None)),
        r"events/000004.json is damaged: events/000003.json is missing\.",
    ),
    "last one removed": (
        lambda: commit(("events/000004.json", None)),
        r"commit \w{10} removes 'events/000004.json'\.",
    ),
    "reordered": (
        lambda: commit(("events/000003.json", like(4)), ("events/000004.json", like(3))),
        r"events/000003.json is damaged: its number is 4\.",
    ),
    "skipped": (
        lambda: commit(("events/000006.json", like(4, number=6, key="6"))),
        r"commit \w{10} adds event 6 after event 4\.",
    ),
    "two at once": (
        lambda: commit(fifth(), ("events/000006.json", like(4, number=6, key="6"))),
        r"commit \w{10} adds 2 events, not one\.",
    ),
    "no event": (lambda: commit(), r"commit \w{10} adds 0 events, not one\."),
    "merged": (
        lambda: commit(fifth(), merge="refs/heads/main^0"),
        r"commit \w{10} merges another history\.",
    ),
    "foreign file": (
        lambda: commit(fifth(), ("src/a.py", b"")),
        r"'src/a.py' is no part of a ledger",
    ),
    "foreign file that is gone": (
        lambda: there_for_a_while("src/a.py"),
        r"commit \w{10}: 'src/a.py' is no part of a ledger\.",
    ),
    "link": (
        lambda: commit(("events/000005.json", b"/etc/passwd"), mode="120000"),
        r"'events/000005.json' is no part of a ledger",
    ),
    "other rows": (
        lambda: commit(fifth(), (f"holdouts/{HOLDOUT}.json", written(OTHER))),
        r"commit \w{10} changes 'holdouts/a{64}.json'\.",
    ),
    "no rows": (
        lambda: commit((f"holdouts/{HOLDOUT}.json", None)),
        r"events/000001.json is damaged: the sketch of its holdout is missing\.",
    ),
    "no sketch": (
        lambda: commit(fifth(), (f"holdouts/{'d' * 64}.json", b"[]")),
        r"holdouts/d{64}.json is damaged",
    ),
    "figure": (
        lambda: commit(fifth(), ("files/000004/a.png", b"x")),
        r"commit \w{10} changes 'files/000004/a.png'\.",
    ),
    "late figure": (
        lambda: commit(fifth(), ("files/000004/b.png", b"x")),
        r"commit \w{10} adds 'files/000004/b.png', not a file of event 5\.",
    ),
    "page": (
        lambda: commit(fifth(), ("README.md", b"# All is well\n")),
        r"README.md is not what the events say",
    ),
    "no page": (lambda: commit(fifth(), ("README.md", None)), r"README.md is not what"),
    "no plot": (lambda: commit(fifth(), ("history.png", None)), r"history.png is missing"),
    "no JSON": (
        lambda: commit(("events/000005.json", b"{")),
        r"events/000005.json is damaged",
    ),
    "half a letter": (
        lambda: commit(half_a_letter()),
        r"events/000005.json is damaged",
    ),
    "out of time": (
        lambda: commit(fifth(time="2020-01-01T00:00:00Z")),
        r"events/000005.json is damaged: it is older than the one before\.",
    ),
    "more than an event": (
        lambda: commit(fifth(more=1)),
        r"events/000005.json is damaged: it is no event\.",
    ),
    "too large": (
        lambda: commit(("events/000005.json", b" " * 1_000_001)),
        r"events/000005.json has 1,000,001 bytes, more than 1,000,000",
    ),
    "too deep": (
        lambda: commit(("events/000005.json", b"[" * 100_000)),
        r"events/000005.json is damaged",
    ),
    "another look": (
        lambda: commit(fifth(kind="verdict", body=said())),
        r"event 5: it says look 1 after 0 merges, this is look 2 after 1\.",
    ),
    "tag of no commit": (
        lambda: git("tag", "-a", "model@v1.0.0", "-m", f"ledger: {git('rev-parse', 'main')}"),
        r"tag model@v1.0.0 names \w{10}, which is no commit of the ledger\.",
    ),
    "tag of another event": (
        lambda: tag("model@v1.0.0", "ledger~1"),
        r"tag model@v1.0.0 names event 3, which does not promote that version\.",
    ),
    "tag of another version": (
        lambda: tag("model@v1.1.0", "ledger~2"),
        r"tag model@v1.1.0 names event 2, which does not promote that version\.",
    ),
}


def half_a_letter() -> tuple[str, bytes]:
    name, content = fifth(body={"summary": "half"})
    return name, content.replace(b"half", b"\\ud800")


def changed_for_a_while() -> None:
    before = like(3)
    commit(fifth(), ("events/000003.json", like(3, body={"summary": "calm"})))
    commit(("events/000006.json", like(4, number=6, key="6")), ("events/000003.json", before))


def there_for_a_while(name: str) -> None:
    commit(fifth(), (name, b""))
    commit((name, None))


def tag(name: str, commit: str) -> None:
    git("tag", "-a", name, "main", "-m", f"{name}\n\nledger: {git('rev-parse', commit)}\n")


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_was_tampered_with_is_found(local: SmallProject, kind: str) -> None:
    tamper, sentence = TAMPERED[kind]
    tamper()
    found = verify()
    assert any(re.search(sentence, it) for it in found), found
    assert all(re.fullmatch(r"[^\n]{10,300}\.", it) for it in found), found


def test_tags_that_name_their_promotion_are_sound(local: SmallProject) -> None:
    tag("model@v1.0.0", "ledger~2")
    tag("model#production#1", "main")  # of a stage
    git("tag", "-a", "model@v0.2.0", "main", "-m", "from before there was a ledger")
    git("commit", "--allow-empty", "-m", f"ledger: {git('rev-parse', 'main')}")
    git("tag", "model@v0.1.0", "main")  # whose message is the commit's
    assert verify() == []


@pytest.mark.parametrize("rewrite", ["commit --amend --allow-empty -m x", "reset --hard HEAD~1"])
def test_a_rewritten_history_is_found_and_not_built_on(
    recorded: SmallProject, tmp_path: Path, rewrite: str
) -> None:
    copy = clone("../server.git", tmp_path / "copy", "-b", "ledger")
    copy.git(*rewrite.split())
    copy.git("push", "--quiet", "--force")
    recorded.git("fetch", "--quiet")
    for online in (True, "amend" not in rewrite):  # it is not forgotten, nor offline
        assert any("its history was rewritten" in it for it in verify(online))
    before = on_server(Path("../server.git"), "rev-parse", "ledger")
    with pytest.raises(Refusal, match="its history was rewritten"):
        append("monitor", "mine", noted())
    assert on_server(Path("../server.git"), "rev-parse", "ledger") == before
    recorded.git("branch", "-D", "ledger")  # as the sentence says
    assert append("monitor", "mine", noted()).number in (4, 5)


def test_a_rewritten_history_is_found_in_a_clone_that_never_read_it(
    recorded: SmallProject, tmp_path: Path
) -> None:
    copy = clone("../server.git", tmp_path / "copy", "-b", "ledger")
    recorded.git("branch", "-D", "ledger")
    copy.git("commit", "--amend", "--quiet", "-m", "x")
    copy.git("push", "--quiet", "--force")
    for _ in range(2):
        assert any("its history was rewritten" in it for it in verify())


def test_a_branch_that_is_no_ledger_is_left_alone(project: SmallProject, origin: Path) -> None:
    project.git("push", "--quiet", "origin", "main:ledger")
    with pytest.raises(Refusal, match=r"'\.gitignore' is no part of a ledger"):
        append("monitor", "mine", noted())
    assert on_server(origin, "rev-parse", "ledger") == on_server(origin, "rev-parse", "main")
    assert any("no part of a ledger" in it for it in verify())


def test_without_a_ledger_nothing_is_wrong(project: SmallProject, origin: Path) -> None:
    assert verify() == []
    assert branches(origin) == {"main"}
    tag("model@v1.0.0", "main")
    assert any("no commit of the ledger" in it for it in verify())


SECOND = {**said()["budget"], "look": 2, "merges": 1}
BAD_BODIES: dict[str, tuple[str, Any]] = {
    "no verdict": ("verdict", {}),
    "an unknown word": ("verdict", said(budget=SECOND, verdict="great")),
    "a merge that is no yes or no": ("verdict", said(budget=SECOND, merge="yes")),
    "an infinite number": ("verdict", said(budget=SECOND, metric={**METRIC, "se": float("inf")})),
    "a number too large": ("verdict", said(budget=SECOND, metric={**METRIC, "se": 10**400})),
    "a number that is none": ("verdict", said(budget=SECOND, metric={**METRIC, "se": True})),
    "a look of no rows": ("verdict", said(budget={**SECOND, "holdout": None})),
    "a look of unknown rows": ("verdict", said(budget={**SECOND, "holdout": "d" * 64})),
    "a look without a number": ("verdict", said(budget={**SECOND, "look": None})),
    "an earlier look": ("verdict", said()),
    "too many merges": ("verdict", said(budget={**SECOND, "merges": 2})),
    "a version that is none": ("promotion", {"version": "v1", "commit": "c" * 40, "verdict": 1}),
    "no verdict before": ("promotion", {"version": "v1.1.0", "commit": "c" * 40, "verdict": 2}),
    "a verdict to come": ("promotion", {"version": "v1.1.0", "commit": "c" * 40, "verdict": 5}),
    "never promoted": ("rollback", {"version": "v2.0.0", "reason": "it was better"}),
    "no reason": ("override", {"commit": "c" * 40, "reason": ""}),
    "half a letter": ("monitor", {"summary": "\ud800"}),
    "too long": ("monitor", {"summary": "x" * 501}),
    "too large": ("monitor", {"summary": "x", "more": "x" * 1_000_000}),
    "no JSON": ("monitor", {"summary": "x", "more": {1, 2}}),
    "no object": ("monitor", ["summary"]),
    "an unknown kind": ("party", {}),
}


@pytest.mark.parametrize("why", BAD_BODIES)
def test_what_is_no_event_is_not_recorded(local: SmallProject, why: str) -> None:
    kind, body = BAD_BODIES[why]
    before = resolve_tip()
    with pytest.raises(Refusal, match="nothing was recorded"):
        append(kind, "mine", holding(body))
    assert resolve_tip() == before


def test_what_is_an_event_is_recorded(local: SmallProject) -> None:
    append("verdict", "mine", holding(said(budget=SECOND, more={"a": [1]})))
    for kind, body in KINDS.items():
        if kind != "verdict":
            append(kind, kind, holding(body))
    assert verify() == []


def test_more_than_fits_into_memory_is_not_read(
    local: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LARGEST", 1000)
    with pytest.raises(Refusal, match="holds more than 1,000 bytes of events"):
        current()


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("two words", Entry({"summary": "x"})),
        ("k", Entry({"summary": "x"}, {"../escaped": b""})),
        ("k", Entry({"summary": "x"}, {".hidden": b""})),
        ("k", Entry({"summary": "x"}, {"large.png": b"x" * 5_000_001})),
        ("k", Entry({"summary": "x"}, holdouts={"../x": SKETCH})),
        ("k", Entry({"summary": "x"}, holdouts={"d" * 64: {"rows": 1}})),
    ],
    ids=["key", "path", "hidden", "large", "holdout", "sketch"],
)
def test_what_has_no_place_is_not_recorded(local: SmallProject, key: str, entry: Entry) -> None:
    with pytest.raises(Refusal, match="nothing was recorded"):
        append("monitor", key, lambda known: entry)
    assert len(current().events) == 4


def test_reading_takes_as_many_processes_for_many_events(
    local: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = subprocess.run, []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    counts = []
    for events in (4, 40):
        more = {f"events/{n:06}.json": like(4, number=n, key=str(n)) for n in range(5, events + 1)}
        tip = orphan.add_commit(git("rev-parse", "ledger"), orphan.store(more), "Many")
        calls.clear()
        assert len(ledger.read(tip).events) == events
        counts.append(len(calls))
    assert counts[0] == counts[1] <= 4


def test_a_clone_without_contents_brings_the_events_at_once(
    recorded: SmallProject, tmp_path: Path
) -> None:
    with GitHub(tmp_path / "host") as host:
        home = host.create("ada/flights")
        url = host.remote(home, host.token("ada"))
        recorded.git("push", "--quiet", url, "main", "ledger")
        copy = clone(url, tmp_path / "copy", "--filter=blob:none", "--branch=main")
        before = len(host.sent)
        with contextlib.chdir(copy.path):
            assert len(ledger.read(newest(online=False)[0]).events) == 4
    asked = [it for it in host.sent[before:] if it.method == "POST"]
    assert len(asked) == 1, "and no figure"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
KINDS = {
    "verdict": said(),
    "promotion": {"version": "v1.0.0", "commit": "c" * 40, "verdict": 1},
    "rollback": {"version": "v1.0.0", "reason": "slow"},
    "override": {"commit": "c" * 40, "reason": "a holiday"},
    "monitor": {"summary": "drift"},
}


@settings(max_examples=60)
@given(st.data())
def test_no_event_breaks_the_page(data: st.DataObject) -> None:
    """One value anywhere in a ledger is anything at all: refused, or shown."""
    events = [
        {"number": number, "kind": kind, "time": "2026-11-25T09:30:00Z", "key": kind, "by": "ada",
         "body": parsed(written(body))}
        for number, (kind, body) in enumerate(KINDS.items(), 1)
    ]  # fmt: skip
    place: Any = data.draw(st.sampled_from(events))
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JUNK)
    known = Ledger(holdouts={HOLDOUT: SKETCH})
    refused = [problem for event in events if (problem := known.add(event))]
    assert len(known.events) + len(refused) == len(KINDS)
    cells = [line.count(" | ") for line in history.page(known.events).splitlines() if "|" in line]
    assert set(cells) <= {4, 6}


HOSTILE = (
    "a | b\n# c <script>x</script> **b** `c` [l](https://evil.example) ![i](//evil.example/i)",
    "@team www.evil.example https://evil.example &lt; \x1b[31m \u202e ~~s~~ $x$ <!-- \\| _x_",
    "x" * 500,
)


def test_the_page_shows_markup_as_text() -> None:
    events = champions(1)
    for text in HOSTILE:
        body = {"summary": text}
        events.append(Event(len(events) + 1, "monitor", events[0].time, "k", "<b>eve</b>", body))
    page = history.page(events)
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(page)
    assert set(re.findall(r"<(\w+)", html)) == {
        *("h1", "h2", "p", "code", "img", "table", "thead", "tbody", "tr", "th", "td", "strong")
    }
    assert html.count("<img") == html.count("<strong") == 1
    shown = unescape(re.sub(r"<[^>]+>", "", html))
    assert "a ¦ b # c <script>x</script> **b** c [l](https://evil.example) ![i](//evil" in shown
    assert "@team www.evil.example https://evil.example &lt; \N{REPLACEMENT CHARACTER}[31m" in shown
    assert "~~s~~ $x$ <!-- \\¦ _x_" in shown
    assert "<b>eve</b>" in shown
    outside = re.sub(r"`[^`\n]*`", "", page)
    assert not re.search(r"@|://|www\.|[\x1b\u202e]|x{200}|_x_|\$", outside)


def test_a_page_without_a_champion_reads_well(alone: SmallProject) -> None:
    append("monitor", "first", noted())
    page = orphan.contents(["ledger:README.md"])[0].decode()
    assert "None yet: the first model that is promoted appears here." in page
    assert "history.png" not in page
    assert git("ls-tree", "--name-only", "ledger") == "README.md\nevents"


def champions(count: int, **metric: Any) -> list[Event]:
    """Verdicts and promotions; of four or more one is overridden and one put back."""
    events: list[Event] = []

    def add(kind: str, body: dict[str, Any]) -> None:
        time = f"2026-{1 + len(events) // 28:02}-{1 + len(events) % 28:02}T09:30:00Z"
        events.append(Event(len(events) + 1, kind, time, str(len(events)), None, body))

    for number in range(count):
        value = {"champion": 0.6 + number / 100, "challenger": 0.61 + number / 100}
        add("verdict", said(merge=number != 2, metric={**METRIC, **value, **metric}))
        verdict = len(events)
        add("promotion", {"version": f"v1.{number}.0", "commit": "c" * 40, "verdict": verdict})
    if count > 3:
        add("rollback", {"version": "v1.1.0", "reason": "slow"})
    return events


def test_the_page_tells_the_champions_newest_first() -> None:
    lines = history.page(champions(4)).splitlines()
    rows = [line for line in lines if re.match(r"\| (\*\*)?v\d", line)]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    assert [cells[0] for cells in shown] == ["**v1.1.0**", *(f"v1.{n}.0" for n in (3, 2, 1, 0))]
    assert [cells[5] for cells in shown] == [
        *("Put back", "Better", "Better, overridden", "Better", "Better")
    ]
    assert shown[1] == [
        *("v1.3.0", "2026-01-08 09:30", "ROC AUC .6400", ".6410 … .6530", "`bbbbbbbbbb`"),
        *("Better", ""),
    ]


def test_the_interval_of_an_error_is_turned_around() -> None:
    metric = {"higher_is_better": False, "champion": 12.0, "challenger": 11.0, "se": 0.2}
    ends = {"lower": 0.6, "upper": 1.4, "label": "MAE"}
    assert "MAE 11.00 | 10.60 … 11.40" in history.page(champions(1, **metric, **ends))


@pytest.mark.parametrize(
    "events",
    [
        champions(1),
        champions(4),
        champions(60),
        champions(2, challenger=None, lower=None),
        champions(1, label="R²  $x^2$ 指標"),
        [Event(1, "verdict", "2026-01-01T09:30:00Z", "k", None, said(metric=None)),
         *champions(1)[1:]],
    ],
    ids=["one", "few", "more than fit", "unknown", "label", "no metric"],
)  # fmt: skip
def test_the_same_history_is_the_same_plot(events: list[Event]) -> None:
    drawn = history.plot(events)
    assert drawn.startswith(b"\x89PNG")
    assert history.plot(events) == drawn
    assert len(drawn) < 200_000


def test_an_interval_is_drawn_of_each_verdict_once() -> None:
    axis = Figure().add_subplot()
    history.draw(axis, history.reigns(champions(4)))
    bars = [it for it in axis.collections[0].get_paths() if np.isfinite(it.vertices).all()]
    assert len(bars) == 4


def test_the_dummy_before_the_first_champion_is_not_drawn() -> None:
    axis = Figure().add_subplot()
    metric = {"champion": 0.5, "lower": 0.1, "upper": 0.12}
    history.draw(axis, history.reigns([*champions(1, **metric), *champions(2)[2:]]))
    assert 0.55 < axis.get_ylim()[0] < axis.get_ylim()[1] < 0.65


def test_a_changed_history_is_another_plot() -> None:
    assert len({history.plot(champions(4)[:length]) for length in (2, 4, 6, 8, 9)}) == 5


def test_the_command_line(project: SmallProject, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("verdict.json", json.dumps(said()))
    project.write("sketch.json", json.dumps(SKETCH))
    project.write("figure.png", "x")
    command = ["ledger", "append", "verdict", "--key", "judge:1", "--body", "verdict.json"]
    assert cli.main(command) == 2
    assert "the sketch of its holdout is missing" in capsys.readouterr().err
    command += ["--holdout", f"{HOLDOUT}=sketch.json", "--file", "a.png=figure.png", "--by", "ada"]
    assert cli.main(command) == cli.main(command) == 0
    sentence = f"Event 1 of the ledger, commit {project.git('rev-parse', 'ledger')}\n"
    assert capsys.readouterr().out == 2 * sentence
    assert cli.main(["ledger", "list"]) == 0
    shown = capsys.readouterr().out
    assert "verdict    Better: ROC AUC .6840 against .6670 (look 1 of 50) (ada)" in shown
    assert cli.main(["ledger", "list", "--kind", "monitor", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["ledger", "verify"]) == 0
    assert capsys.readouterr().out == "The ledger is sound: 1 event\n"
    project.git("push", "--quiet", "--force", "origin", "main:ledger")
    assert cli.main(["ledger", "verify"]) == 1
    assert "rewritten" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--body", "none.json"], "none.json cannot be read"),
        (["--body", "gate.yaml"], "gate.yaml is no JSON"),
        (["--body", "list.json"], "list.json holds no object"),
        (["--body", "good.json", "--file", "a.png"], "write NAME=PATH"),
        (["--body", "good.json", "--file", "a.png=none.png"], "none.png cannot be read"),
    ],
)
def test_a_bad_command_is_told_in_a_sentence(
    alone: SmallProject, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    alone.write("list.json", "[]")
    alone.write("good.json", '{"summary": "x"}')
    assert cli.main(["ledger", "append", "monitor", "--key", "k", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert current().events == []
