"""The audit: a sound repository is sound, and whatever is tampered with is found."""

import contextlib
import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from champion import cli
from champion.audit import artifacts, runs
from champion.audit.page import render
from champion.audit.remarks import AREAS, STEPS
from champion.audit.report import as_json, as_text, audit
from champion.ci.confirm import JUDGE, MONITOR, PROMOTE
from champion.errors import Refusal
from champion.judge.events import Event
from champion.judge.ledger import Entry, append, commit_of, current
from champion.workspace import gh, orphan
from champion.workspace.git import git
from github import GitHub, Repository
from github import runs as host_runs
from github.state import PullRequest, Review, Run, now
from small_project import PROJECT, SmallProject, clone, server
from test_ledger import commit as on_ledger
from test_ledger import judged, like

REASON = "it was <b>fairer</b>"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Made:
    """A version by hand: its files, and the commit that tracks them."""

    word: str
    objects: dict[str, bytes] = field(default_factory=dict)
    commit: str = ""

    def keep(self, content: bytes, kind: str = "") -> str:
        self.objects[name := md5(content) + kind] = content
        return name

    def __post_init__(self) -> None:
        self.model = self.keep(f"a {self.word} model".encode())
        self.predictions = self.keep(f"what a {self.word} model says".encode())
        table = self.keep(b"x,y\n1,0\n")
        listed = [{"md5": table, "relpath": "a.csv"}]
        self.data = self.keep(json.dumps(listed).encode(), ".dir")

    @property
    def challenger(self) -> dict[str, Any]:
        its = {"md5": self.model, "sha256": sha256(self.objects[self.model])}
        return {"commit": self.commit, "model": its, "data": self.data,
                "predictions_sha256": sha256(self.objects[self.predictions])}  # fmt: skip

    def lock(self, model: str = "") -> str:
        return f"""schema: '2.0'
stages:
  train:
    cmd: train
    deps:
    - path: data/raw
      hash: md5
      md5: {self.data}
    params:
      params.yaml:
        model:
          kind: {self.word}
        seed: 0
    outs:
    - path: model.skops
      hash: md5
      md5: {model or self.model}
      size: 12
  evaluate:
    cmd: evaluate
    outs:
    - path: predictions.parquet
      hash: md5
      md5: {self.predictions}
      size: 12
"""

    def merge(self, project: SmallProject) -> None:
        """Commit it to the default branch; its files go to the cache."""
        project.write("dvc.lock", self.lock())
        project.write("data/raw.dvc", f"outs:\n- md5: {self.data}\n  size: 8\n  nfiles: 1\n"
                      "  hash: md5\n  path: raw\n")  # fmt: skip
        project.write("reports/data.json", '{"rows": 1234}\n')
        project.git("add", "--all")
        project.git("commit", "--quiet", "-m", f"Merge the {self.word} model")
        self.commit = project.git("rev-parse", "HEAD")
        for name, content in self.objects.items():
            path = project.path / ".dvc/cache/files/md5" / name[:2] / name[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def promotion(self, version: str, verdict: int, **fields: Any) -> dict[str, Any]:
        its = {"version": version, "commit": self.commit, "verdict": verdict}
        its |= {"model": self.model, "data": self.data, **fields}
        return {name: value for name, value in its.items() if value is not None}


LINEAR, BOOSTED, OTHER = Made("linear"), Made("boosted"), Made("other")
LEFT: dict[int, tuple[str, str, bytes]] = {}  # of each run: its workflow, its artifact's name, that


def leave(run: int, path: str, name: str, **files: Any) -> dict[str, Any]:
    """What an event names: a run, and what it left."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, said in files.items():
            archive.writestr(zipfile.ZipInfo(f"{file}.json"), json.dumps(said))
    LEFT[run] = path, name, content.getvalue()
    return {"run": {"id": run, "attempt": 1, "url": f"https://example.org/runs/{run}",
                    "artifact": sha256(content.getvalue())}}  # fmt: skip


def record(kind: str, key: str, body: dict[str, Any], by: str | None = None) -> Event:
    return append(kind, key, lambda known: Entry(body), by)


def verdict(of: Made, key: str, run: int, path: str = JUDGE, **fields: Any) -> Event:
    said = {"challenger": of.challenger, "merge": True, **fields}
    subject = {"policy": "override", "sha": of.commit}
    name = "judged" if path == JUDGE else "verified"
    whole = judged(current(), **said).body
    said |= leave(run, path, name, verdict=whole, subject=subject, promotion=of.promotion("", 0))
    return append("verdict", key, lambda known: judged(known, **said))


def tag(name: str, commit: str, event: Event | None) -> None:
    message = f"ledger: {commit_of(event)}" if event else "mine"
    git("tag", "--force", "--annotate", "--message", message, name, commit)


def tell() -> None:
    """Two versions, the second by override, then the first again; what the monitor saw."""
    verdict(LINEAR, "1", 901, PROMOTE)
    its = LINEAR.promotion("v1.0.0", 1)
    first = record("promotion", "2", {**its, "run": current().events[0].body["run"]})
    verdict(BOOSTED, "3", 902, merge=False, verdict="worse")
    run = current().events[-1].body["run"]
    why = {"commit": BOOSTED.commit, "reason": "the café asked", "verdict": 3, "run": run}
    record("override", "4", why, by="ada")
    its = BOOSTED.promotion("v1.1.0", 3)
    second = record("promotion", "5", its | leave(903, PROMOTE, "verified", promotion=its))
    back = {"version": "v1.0.0", "commit": LINEAR.commit, "reason": REASON}
    third = record(
        "rollback", "6", back | leave(904, PROMOTE, "verified", promotion=back), by="bob"
    )
    record(
        "monitor", "7", {"summary": "all is quiet", **leave(905, MONITOR, "watched", watched={})}
    )
    for name, commit, event in (
        ("model@v1.0.0", LINEAR.commit, first), ("model#production#1", LINEAR.commit, first),
        ("model@v1.1.0", BOOSTED.commit, second), ("model#production#2", BOOSTED.commit, second),
        ("model#production#3", LINEAR.commit, third),
    ):  # fmt: skip
        tag(name, commit, event)


def store(files: dict[str, bytes], without: tuple[str, ...] = ()) -> None:
    """Commit objects to the remote's branch, whatever is in them."""
    tip = git("ls-remote", "origin", "refs/heads/dvc-storage").partition("\t")[0] or None
    places = {f"files/md5/{name[:2]}/{name[2:]}": content for name, content in files.items()}
    gone = [f"files/md5/{name[:2]}/{name[2:]}" for name in without]
    new = orphan.add_commit(tip, orphan.store(places), "Add", without=gone)
    git("push", "--quiet", "origin", f"{new}:refs/heads/dvc-storage")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """A folder with a server and a clone; made once: copy it."""
    folder = tmp_path_factory.mktemp("audited")
    project = SmallProject(folder / "project")
    project.write("gate.yaml", "data: {target: y}\n")
    project.write(".gitignore", "/.dvc/cache\n/.dvc/storage\n/.dvc/tmp\n/.champion/\n")
    project.write(".dvc/config", (PROJECT / ".dvc/config").read_text())
    project.git("init", "--quiet")
    for it in (LINEAR, BOOSTED):
        it.merge(project)
    project.git("remote", "add", "origin", str(server(folder / "server.git")))
    with contextlib.chdir(project.path):
        tell()
        store(LINEAR.objects | BOOSTED.objects)
    project.git("push", "--quiet", "--tags", "origin", "main")
    project.git("remote", "set-url", "origin", "../server.git")
    project.git("fetch", "--quiet")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A copy of the clone, and the current folder; its origin cannot be reached."""
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy/project")
    return SmallProject(tmp_path / "copy/project")


def findings(file: dict[str, Any]) -> list[str]:
    return [it["text"] for it in file["findings"]]


def test_what_nobody_touched_is_sound_without_a_network(project: SmallProject) -> None:
    git("remote", "set-url", "origin", "../nowhere.git")
    file = audit()
    assert file["sound"], findings(file)
    assert not file["unchecked"]
    assert file["looked"] == {"ledger": 7, "tags": 5, "events": 2, "artifacts": 6, "runs": 0}
    assert file["live"] == "v1.0.0"
    new, old = file["versions"]
    assert (new["version"], old["version"]) == ("v1.1.0", "v1.0.0")
    assert new["data"] == {"hash": BOOSTED.data, "files": 1, "bytes": 8, "rows": 1234}
    assert new["code"]["commit"] == BOOSTED.commit
    assert new["code"]["author"] == "Ada Tester"
    assert new["parameters"] == {"model.kind": "boosted", "seed": 0}
    assert new["model"]["sha256"] == sha256(b"a boosted model")
    assert (new["verdict"]["event"], new["verdict"]["verdict"], new["verdict"]["merge"]) == (
        3,
        "worse",
        False,
    )
    (approval,) = new["approvals"]
    assert (approval["by"], approval["reason"]) == ("ada", "the café asked")
    assert old["approvals"] == [], "nobody is named, and nobody is made up"
    assert new["promotion"]["ledger"] == project.git("rev-parse", "ledger~2")
    assert [it["event"] for it in old["live"]] == [2, 6]
    assert new["live"][0]["gone"]["by"] == "bob"


def test_what_is_put_back_where_it_is_needs_no_tag(project: SmallProject) -> None:
    record(
        "rollback", "again", {"version": "v1.0.0", "commit": LINEAR.commit, "reason": "x"}, "eve"
    )
    assert audit()["sound"]


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_it_is_told_in_three_ways(
    project: SmallProject, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert cli.main(["audit", "--format", form]) == 0
    said = capsys.readouterr().out
    assert cli.main(["audit", "--out", f"new/audit.{form.replace('text', 'txt')}"]) == 0
    assert "Sound: 2 versions, 7 events" in capsys.readouterr().out
    assert len(Path(f"new/audit.{form.replace('text', 'txt')}").read_text("utf-8")) == len(said)
    if form == "json":
        assert json.loads(said)["sound"] is True
    else:
        for words in ("not stated", "the café asked", "1,234 rows", "model.kind boosted", "Worse"):
            assert words in said
    if form == "html":
        assert "<b>fairer" not in said
        assert not re.search(r"(src|href)=|<script|url\(", said), "it loads nothing"


@dataclass
class Tamper:
    """What somebody does, the area and the words of what is found, and the step where it stands."""

    do: Callable[[], object]
    area: str
    words: str
    step: str = ""


def event(number: int) -> Event:
    return current().events[number - 1]


def promote(of: Made, version: str, number: int, **fields: Any) -> None:
    """Write a promotion into the ledger, and tag it as promote does."""
    its = of.promotion(version, number, **fields)
    new = record("promotion", f"forged/{version}", its)
    tag(f"model@{version}", its["commit"], new)
    tag("model#production#9", its["commit"], new)


def another_lock() -> None:
    """The judged model is promoted, by a commit that names another one."""
    project = SmallProject(Path.cwd())
    project.write("dvc.lock", BOOSTED.lock(model=OTHER.model))
    project.git("commit", "--quiet", "-am", "Mine")
    promote(
        BOOSTED, "v1.2.0", verdict(BOOSTED, "mine", 906).number, commit=git("rev-parse", "HEAD")
    )


def unmerged() -> None:
    git("switch", "--quiet", "--create", "try")
    git("commit", "--quiet", "--allow-empty", "-m", "Mine")
    promote(
        BOOSTED, "v1.2.0", verdict(BOOSTED, "mine", 906).number, commit=git("rev-parse", "HEAD")
    )


def replaced() -> None:
    """A verdict about another file of the same md5."""
    its = dict(BOOSTED.challenger) | {"model": {"md5": BOOSTED.model, "sha256": "e" * 64}}
    new = append("verdict", "mine", lambda known: judged(known, challenger=its))
    promote(BOOSTED, "v1.2.0", new.number)


def in_cache(name: str) -> None:
    Path(".dvc/cache/files/md5", name[:2], name[2:]).write_bytes(b"something else")


def fetched(do: Callable[[], object]) -> Callable[[], None]:
    def done() -> None:
        do()
        git("fetch", "--quiet")

    return done


def rewritten() -> None:
    """Somebody else's force-push, that `git fetch` has brought here."""
    other = clone("../server.git", Path("../other"), "-b", "ledger")
    tip = other.git("rev-parse", "HEAD")
    other.git("reset", "--quiet", "--hard", "HEAD~1")
    other.git("commit", "--quiet", "--amend", "-m", "the same event, by somebody else")
    other.git("cherry-pick", tip)
    other.git("push", "--quiet", "--force")
    git("fetch", "--quiet")


def forgotten() -> None:
    """The same in a clone that never saw the ledger before."""
    rewritten()
    git("branch", "-D", "ledger")


TAMPERED = {
    "version tag moved": Tamper(
        lambda: tag("model@v1.1.0", LINEAR.commit, event(5)),
        "tags", r"model@v1\.1\.0 was moved", "promotion"),
    "version tag of nobody": Tamper(
        lambda: tag("model@v1.1.0", BOOSTED.commit, None),
        "tags", r"model@v1\.1\.0 does not name the ledger's commit of event 5", "promotion"),
    "version tag deleted": Tamper(
        lambda: git("tag", "-d", "model@v1.0.0"), "tags", r"model@v1\.0\.0 is missing", "promotion"),
    "version tag made up": Tamper(
        lambda: tag("model@v7.0.0", LINEAR.commit, event(2)), "tags", r"model@v7\.0\.0 is of no promotion"),
    "stage tag forged": Tamper(
        lambda: git("tag", "model#production#9", BOOSTED.commit),
        "tags", r"model#production#9 says that \w{10} went into production, and no event"),
    "stage tag of another commit": Tamper(
        lambda: tag("model#production#9", BOOSTED.commit, event(6)), "tags", r"production#9 says that"),
    "stage tag of an override": Tamper(
        lambda: tag("model#production#9", BOOSTED.commit, event(4)), "tags", r"production#9 says that"),
    "stage tag of an old event": Tamper(
        lambda: tag("model#production#9", BOOSTED.commit, event(5)),
        "tags", r"production#9 puts v1\.1\.0 back by the old event 5, after event 6", "rollback"),
    "stage taken away": Tamper(
        lambda: tag("model#production!#9", LINEAR.commit, event(6)), "tags", r"production!#9 .* left production"),
    "stage tag deleted": Tamper(
        lambda: git("tag", "-d", "model#production#3"),
        "tags", r"No tag model#production#… says that v1\.0\.0 went live by event 6.*run promote with", "rollback"),
    "event edited": Tamper(
        lambda: on_ledger(("events/000006.json", like(6, by="eve"))), "ledger", r"changes 'events/000006\.json'"),
    "event missing": Tamper(
        lambda: on_ledger(("events/000006.json", None)), "ledger", r"events/000006\.json is missing"),
    "events reordered": Tamper(
        lambda: on_ledger(("events/000004.json", like(3)), ("events/000003.json", like(4))),
        "ledger", r"events/000003\.json is damaged"),
    "history rewritten": Tamper(rewritten, "ledger", "its history was rewritten"),
    "history rewritten before the clone": Tamper(
        forgotten, "tags", r"production#3 says that \w{10} went into production, and no event"),
    "promotion of another model": Tamper(
        lambda: promote(OTHER, "v1.2.0", 1, commit=BOOSTED.commit),
        "events", r"Event 8 .* by event 1, and that verdict is about another model", "verdict"),
    "promotion without a yes": Tamper(
        lambda: promote(BOOSTED, "v1.2.0", verdict(BOOSTED, "mine", 906, merge=False).number),
        "events", r"that verdict does not merge, and no override", "verdict"),
    "promotion of what was withdrawn": Tamper(
        lambda: promote(BOOSTED, "v1.2.0", 3), "events", r"a rollback withdrew the model", "verdict"),
    "promotion of nothing": Tamper(
        lambda: promote(BOOSTED, "v1.2.0", 3, model=None), "events", r"does not say which model", "promotion"),
    "promotion of a commit that is not merged": Tamper(
        unmerged, "events", r"of v1\.2\.0 is not in the history of the default branch", "code"),
    "promotion of a commit that is nowhere": Tamper(
        lambda: record("promotion", "mine", BOOSTED.promotion("v1.2.0", 3, commit="c" * 40)),
        "events", r"The commit c{10} of v1\.2\.0 is not in this clone", "code"),
    "promotion twice": Tamper(
        lambda: record("promotion", "mine", BOOSTED.promotion("v1.1.0", 3)),
        "events", r"promotes v1\.1\.0, which event 5 did", "promotion"),
    "promotion by a run that made another": Tamper(
        lambda: promote(LINEAR, "v1.2.0", 1, run=event(5).body["run"]),
        "events", r"names run 903, as event 5 does", "promotion"),
    "lock of another model": Tamper(
        another_lock, "events", r"the dvc\.lock of \w{10} names " + OTHER.model[:10], "code"),
    "rollback to another commit": Tamper(
        lambda: record("rollback", "x", {"version": "v1.1.0", "reason": "x", "commit": LINEAR.commit}, "eve"),
        "events", r"puts back another commit than event 5 promoted", "rollback"),
    "rollback by nobody": Tamper(
        lambda: record("rollback", "x", {"version": "v1.1.0", "reason": "x", "commit": BOOSTED.commit}),
        "events", r"does not say who asked", "rollback"),
    "override without a verdict": Tamper(
        lambda: record("override", "x", {"commit": BOOSTED.commit, "reason": "x"}, "eve"),
        "events", r"Event 8 .* names no verdict about that commit", "approvals"),
    "override of another's verdict": Tamper(
        lambda: record("override", "x", {"commit": BOOSTED.commit, "reason": "x", "verdict": 1}, "eve"),
        "events", r"names no verdict about that commit", "approvals"),
    "override by nobody": Tamper(
        lambda: record("override", "x", {"commit": BOOSTED.commit, "reason": "x", "verdict": 3}),
        "events", r"does not say who did", "approvals"),
    "model changed in the remote": Tamper(
        fetched(lambda: store({BOOSTED.model: b"another model"})),
        "artifacts", r"The model of v1\.1\.0 in the remote, \w{10}, is not what its md5 says", "verdict"),
    "predictions changed in the remote": Tamper(
        fetched(lambda: store({LINEAR.predictions: b"others"})),
        "artifacts", r"The predictions of v1\.0\.0 in the remote", "verdict"),
    "a file of the data changed in the remote": Tamper(
        fetched(lambda: store({md5(b"x,y\n1,0\n"): b"x,y\n1,1\n"})),
        "artifacts", r"A file of the data of v1\.1\.0, v1\.0\.0 in the remote, \w{10}, is not what", "data"),
    "the data's list changed in the remote": Tamper(
        fetched(lambda: store({LINEAR.data: b"[]"})), "artifacts", r"The data of v1\.1\.0, v1\.0\.0 in the remote", "data"),
    "model replaced": Tamper(
        replaced, "artifacts", r"has another sha256 than the verdict records", "verdict"),
    "model missing": Tamper(
        fetched(lambda: store({}, without=(BOOSTED.model,))),
        "artifacts", r"The model of v1\.1\.0 in the remote, \w{10}, is missing", "verdict"),
    "model changed in the cache": Tamper(
        lambda: in_cache(LINEAR.model),
        "artifacts", r"in the cache, \w{10}, is not what its md5 says, .*remove \.dvc/cache/", "verdict"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_found(project: SmallProject, what: str) -> None:
    it = TAMPERED[what]
    it.do()
    file = audit()
    assert not file["sound"]
    found = [one for one in file["findings"] if re.search(it.words, one["text"])]
    assert found, findings(file)
    assert (found[0]["area"], found[0]["step"]) == (it.area, it.step)
    for one in file["findings"]:
        assert re.fullmatch(r"[A-Z\w][^\n]{30,480}\.", one["text"])
        assert one["area"] in AREAS
        assert one["step"] in ("", *STEPS)


def unchecked(file: dict[str, Any]) -> set[tuple[str, str]]:
    return {(it["area"], it["text"].rpartition(": ")[2]) for it in file["unchecked"]}


def test_a_cloud_is_not_asked_offline(
    project: SmallProject, capsys: pytest.CaptureFixture[str]
) -> None:
    config = project.path / ".dvc/config"
    config.write_text(config.read_text().replace("url = storage", "url = s3://bucket/members"))
    file = audit()
    assert file["sound"]
    assert unchecked(file) == {("artifacts", "not checked, s3:// is only asked with ONLINE=1.")}
    assert len(file["unchecked"]) == 4, "the data, their files, the models, the predictions"
    assert cli.main(["audit"]) == 0
    assert "Sound as far as it was checked: 2 versions" in capsys.readouterr().out
    in_cache(BOOSTED.model)
    assert not audit()["sound"], "the cache can be looked at"


@pytest.mark.parametrize("by_dvc", [False, True], ids=["folder", "asked by DVC"])
def test_another_remote_is_looked_into(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch, by_dvc: bool
) -> None:
    """What DVC brings is what the remote has, whatever the project's cache has."""
    config = project.path / ".dvc/config"
    config.write_text(config.read_text().replace("url = storage", "url = ../../elsewhere"))
    shutil.copytree(".dvc/cache/files", "../elsewhere/files")
    if by_dvc:
        monkeypatch.setattr(artifacts.remote, "scheme", lambda url: "s3")
    found, count = artifacts.check(current(), online=True)
    assert (found, count) == ([], 6)
    for name, content in ((BOOSTED.model, b"another"), (LINEAR.model, None)):
        path = Path("../elsewhere/files/md5", name[:2], name[2:])
        path.unlink()
        if content:
            path.write_bytes(content)
    found, _ = artifacts.check(current(), online=True)
    assert [re.sub(r", it was.*|: .*", "", it.text) for it in found] == [
        f"The model of v1.1.0 in the remote, {BOOSTED.model[:10]}, is not what its md5 says",
        f"The model of v1.0.0 in the remote, {LINEAR.model[:10]}, is missing",
    ]
    assert Path("../elsewhere/files/md5", BOOSTED.model[:2], BOOSTED.model[2:]).exists()


@pytest.mark.parametrize(
    ("options", "areas"),
    [
        (("--single-branch",), {"ledger", "tags"}),
        (("--depth", "1", "--no-single-branch"), {"ledger", "tags", "events"}),
    ],
    ids=["single branch", "shallow"],
)
def test_what_a_clone_lacks_is_not_checked_and_not_doubted(
    project: SmallProject,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    areas: set[str],
) -> None:
    url = Path("../server.git").resolve().as_uri()
    copy = clone(url, Path("../clone"), *options)
    monkeypatch.chdir(copy.path)
    if "--depth" in options:
        git("fetch", "--quiet", "origin", "refs/tags/*:refs/tags/*", "--depth=1")
    file = audit()
    assert file["sound"], findings(file)
    assert {it["area"] for it in file["unchecked"]} == areas


def test_a_page_that_an_older_engine_wrote_is_told_and_no_finding(project: SmallProject) -> None:
    on_ledger(("events/000008.json", like(7, number=8, key="8")))
    file = audit()
    assert file["sound"], findings(file)
    assert unchecked(file) == {("ledger", "the next event writes it anew.")}


def test_words_of_strangers_break_nothing(project: SmallProject) -> None:
    mark = "<script>`\u202e\x1b[31m"
    git(
        "-c",
        "i18n.commitEncoding=latin-1",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        f"M\xfcller {mark}",
    )
    run = {"id": 7, "attempt": [mark], "url": mark, "artifact": {}}
    record(
        "promotion",
        "odd",
        LINEAR.promotion("v1.2.0", 1, run=run, commit=git("rev-parse", "HEAD")),
        mark,
    )
    record("override", "x", {"commit": BOOSTED.commit, "reason": mark, "verdict": -3}, mark)
    its = {"challenger": {"data": None, "model": {"sha256": [mark]}}, "policy": [mark], "run": run}
    odd = append(
        "verdict", "odd-too", lambda known: judged(known, asked={"by": [mark], "reason": 7}, **its)
    )
    promote(LINEAR, "v1.3.0", odd.number, run={"id": 8, "url": 9})
    file = audit()
    assert not file["sound"]
    for told in (as_text(file), render(file), as_json(file)):
        assert "v1.3.0" in told
        told.encode()
        assert not any(letter in told for letter in "\u202e\x1b")
    assert "<script>" not in render(file)


def test_what_hangs_on_a_damaged_ledger_is_not_checked(project: SmallProject) -> None:
    on_ledger(("events/000007.json", b"{"))
    file = audit()
    assert not file["sound"]
    assert {it["area"] for it in file["findings"]} == {"ledger"}
    assert {it["area"] for it in file["unchecked"]} == {"tags", "events", "artifacts"}


def test_before_the_first_version_there_is_nothing_to_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = SmallProject(tmp_path / "new")
    project.write("gate.yaml", "data: {target: y}\n")
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "Start")
    monkeypatch.chdir(project.path)
    assert cli.main(["audit"]) == 0
    assert "no model was promoted yet" in capsys.readouterr().out
    git("tag", "model@v1.0.0")
    assert "The tag model@v1.0.0 is of no promotion" in findings(audit())[0]
    with pytest.raises(Refusal, match="there is no origin to ask"):
        audit(online=True)


@dataclass
class Hosted:
    """The repository at a GitHub that has its runs."""

    host: GitHub
    home: Repository

    def run(self, number: int) -> Run:
        return next(run for run in self.home.runs if run.id == number)


@pytest.fixture
def hosted(
    project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hosted]:
    started = {JUDGE: "workflow_run", PROMOTE: "push", MONITOR: "schedule"}
    with GitHub(tmp_path / "host") as host:
        home = host.create("ada/flights")
        git("remote", "set-url", "origin", host.remote(home, host.token("ada")))
        refs = ("dvc-storage", "ledger")
        git("push", "--quiet", "--tags", "origin", "main",
            *(f"refs/remotes/origin/{name}:refs/heads/{name}" for name in refs))  # fmt: skip
        for number in range(901, 906):
            path, name, content = LEFT[number]
            run = Run(
                id=number, number=1, path=path, name="", event=started[path],
                head_sha=BOOSTED.commit if number == 903 else LINEAR.commit, head_branch="main",
                head_repository=home, actor=host.user("ada"), triggering_actor=host.user("ada"),
            )  # fmt: skip
            home.runs.append(run)
            host_runs.add_artifact(host, run, name, content)
            if path == PROMOTE:
                host_runs.finish_job(host_runs.add_job(host, home, run, "promote", []), "success")
        home.runs[3].event = "workflow_dispatch"
        monkeypatch.setenv("GITHUB_API_URL", host.api)
        monkeypatch.setenv("GITHUB_REPOSITORY", home.full_name)
        monkeypatch.setenv("GITHUB_TOKEN", host.token("ada").secret)
        yield Hosted(host, home)


def test_every_event_is_confirmed_by_its_run(hosted: Hosted) -> None:
    git("switch", "--quiet", "--orphan", "elsewhere")  # it is the default branch that counts
    Path("gate.yaml").touch()
    shutil.copytree(PROJECT / ".dvc", ".dvc", dirs_exist_ok=True)
    file = audit(online=True)
    assert file["sound"], findings(file)
    assert not file["unchecked"]
    assert file["looked"]["runs"] == 7
    assert {it["run"] for it in file["events"]} == {"confirmed"}


FORGED: dict[str, tuple[Callable[[Hosted], Any], str]] = {
    "another workflow": (
        lambda it: setattr(it.run(903), "path", ".github/workflows/train.yml"),
        r"Event 5 .*promotion.*: run 903 is none of promote\.yml on main"),
    "another branch": (
        lambda it: setattr(it.run(902), "head_branch", "try"), r"Event 3 .*: run 902 is none of"),
    "another model": (
        lambda it: swap(it, 903, promotion=OTHER.promotion("v1.1.0", 3)),
        r"Event 5 .*: run 903 left something else"),
    "a no that was made up": (
        lambda it: swap(it, 902, verdict={"challenger": OTHER.challenger}, subject={}, attempt=2),
        r"Event 3 .*: the judge judged another model"),
    "a monitor's word": (
        lambda it: setattr(it.run(905), "path", JUDGE), r"Event 7 .*monitor.*: run 905 is none of monitor"),
    "no such run": (lambda it: it.home.runs.remove(it.run(904)), r"Event 6 .*: there is no run 904"),
    "what it left was deleted": (
        lambda it: it.run(904).artifacts.clear(), r"Event 6 .*: what run 904 left was deleted"),
    "a run that promoted nothing": (
        lambda it: expire(it, 903, jobs=False), r"run made no promotion of it"),
    "tag moved at origin": (
        lambda it: it.home.bare.point("refs/tags/model@v1.1.0", LINEAR.commit),
        r"The tag model@v1\.1\.0 at origin is another one than here"),
    "tag deleted at origin": (
        lambda it: it.home.bare.git("update-ref", "-d", "refs/tags/model@v1.1.0"),
        r"The tag model@v1\.1\.0 is here and not at origin"),
    "tag that only origin has": (
        lambda it: it.home.bare.point("refs/tags/model@v8.0.0", LINEAR.commit),
        r"The tag model@v8\.0\.0 is of no promotion"),
}  # fmt: skip


def swap(it: Hosted, number: int, attempt: int = 1, **files: Any) -> None:
    """Let a run have left something else."""
    run = it.run(number)
    run.artifacts.clear()
    run.attempt = attempt
    before = LEFT[number]
    leave(number, *before[:2], **files)
    host_runs.add_artifact(it.host, run, LEFT[number][1], LEFT[number][2])
    LEFT[number] = before


def expire(it: Hosted, number: int, jobs: bool = True) -> None:
    for artifact in it.run(number).artifacts:
        artifact.expires_at = now()
    if not jobs:
        it.run(number).jobs.clear()


@pytest.mark.parametrize(("forge", "words"), FORGED.values(), ids=FORGED.keys())
def test_what_no_run_said_is_found(
    hosted: Hosted, forge: Callable[[Hosted], Any], words: str
) -> None:
    forge(hosted)
    file = audit(online=True)
    assert any(re.search(words, text) for text in findings(file)), findings(file)
    assert not file["unchecked"]


def test_who_approved_and_merged_is_asked(hosted: Hosted) -> None:
    """Who took an approval back does not count, nor does another branch's pull request."""
    people = {login: hosted.host.user(login) for login in ("bob", "carl", "dora")}
    for number, base in ((7, "main"), (8, "try")):
        said = [Review(id=n, author=people[login], state=state, body="", commit=BOOSTED.commit)
                for n, (login, state) in enumerate((("carl", "APPROVED"), ("dora", "APPROVED"),
                                                    ("dora", "CHANGES_REQUESTED")))]  # fmt: skip
        hosted.home.issues[number] = PullRequest(
            id=number, number=number, title="Boosted", body=None, author=people["bob"], reviews=said,
            head_repository=hosted.home, head_branch="boosted", head_sha=BOOSTED.commit,
            base_branch=base, base_sha=LINEAR.commit, merge_commit_sha=BOOSTED.commit,
            merged_at=now(), merged_by=people["bob"],
        )  # fmt: skip
    told = as_text(audit(online=True))
    assert (
        "approvals   ada overrode the judge (event 4), “the café asked”; carl approved pull request "
        "#7 (GitHub says); bob merged pull request #7 (GitHub says)\n"
    ) in told


@pytest.mark.parametrize(
    ("url", "token", "api"),
    [
        ("https://github.com/ada/members.git", "mine", ("https://api.github.com", "mine")),
        ("git@github.com:ada/members.git", "", ("https://api.github.com", "gh's")),
        ("https://ghe.example.org/ada/members", "mine", ("https://ghe.example.org/api/v3", "gh's")),
    ],
    ids=["token", "gh", "another host"],
)
def test_a_token_goes_to_the_host_that_it_is_for(
    project: SmallProject,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    token: str,
    api: tuple[str, str],
) -> None:
    git("remote", "set-url", "origin", url)
    answer = subprocess.CompletedProcess([], 0, "gh's\n", "")
    monkeypatch.setattr(gh, "called", lambda command: answer)
    monkeypatch.setattr(gh.shutil, "which", lambda name: name)
    monkeypatch.setenv("GITHUB_TOKEN", token)
    it = runs.connect()
    assert (it.root, it.token) == api
    assert it.name == "ada/members"


def test_what_has_expired_is_not_checked_and_not_doubted(hosted: Hosted) -> None:
    expire(hosted, 902)
    expire(hosted, 903)
    file = audit(online=True)
    assert file["sound"], findings(file)
    assert [it["run"] for it in file["events"]][2:5] == ["expired"] * 3
    assert {it["text"].partition(" of ")[0] for it in file["unchecked"]} == {
        "Event 3", "Event 4", "Event 5"}  # fmt: skip


def test_a_github_that_does_not_answer_confirms_nothing(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "ada/nothing")
    hosted.host.faults.fail("GET .*/actions/", 403, times=50)
    file = audit(online=True)
    assert file["sound"]
    (left,) = file["unchecked"]
    assert left["text"].startswith(
        "Events 1 to 7 of the ledger: their runs are not checked, as GitHub"
    )
    assert file["looked"]["runs"] == 0
