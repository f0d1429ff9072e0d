"""`adopt` brings a fork's pull request into a branch here, with its large files, once somebody read it."""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from desk import Desk
from github import GitHub, Repository
from github_client import Clone, ask, clone
from small_project import SmallProject, copied, names, published, trained
from small_project import clone as clone_folder

BRANCH = "adopted/pr-1"


@dataclass
class Adoption:
    """Ada's published project, and eve's fork of it with a pull request that adds a row."""

    desk: Desk
    project: SmallProject
    fork: Repository
    eve: Clone
    new: set[str]  # the objects that eve has stored

    def adopt(self, *options: str) -> int:
        return self.desk.run("adopt", "1", *options)

    def pulls(self) -> list[int]:
        return [pull.number for pull in self.desk.repository.pulls]


@dataclass
class Seed:
    """The folders of both and what their repositories hold, made once: copy them."""

    project: SmallProject
    eve: SmallProject
    upstream: Path
    fork: Path


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Seed:
    folder = tmp_path_factory.mktemp("seed")
    project = published(trained(tmp_path_factory.getbasetemp() / "trained"), folder)
    upstream, fork = folder / "server.git", folder / "fork.git"
    shutil.copytree(upstream, fork)
    eve = SmallProject(folder / "eve")
    clone_folder(fork, eve.path)
    eve.champion("storage")
    eve.git("switch", "--quiet", "-c", "rows")
    eve.write("data/raw/a.csv", (project.path / "data/raw/a.csv").read_text())
    eve.add_data("b.csv", "x,y\n9,1\n")
    eve.dvc("push", "--quiet")
    eve.champion("push-files")
    eve.git("push", "--quiet", "origin", "rows")
    return Seed(project, eve, upstream, fork)


def fill(repository: Repository, source: Path) -> None:
    repository.bare.git("fetch", "--quiet", str(source), "+refs/heads/*:refs/heads/*")


@pytest.fixture
def adoption(
    seed: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Adoption]:
    with GitHub(tmp_path / "host") as host:
        upstream, ada, token = host.create("ada/flights"), host.token("ada"), host.token("eve")
        fill(upstream, seed.upstream)
        fork = host.fork(upstream, "eve")
        fill(fork, seed.fork)
        project, theirs = copied(seed.project, tmp_path / "ada"), copied(seed.eve, tmp_path / "eve")
        project.git("remote", "set-url", "origin", host.remote(upstream, ada))
        theirs.git("remote", "set-url", "origin", host.remote(fork, token))
        body = {"head": "eve:rows", "base": "main", "title": "More `rows`"}
        assert ask(host, "POST /repos/ada/flights/pulls", token, body).status == 201
        monkeypatch.chdir(project.path)
        monkeypatch.setenv("CHAMPION_VENV", sys.prefix)
        desk = Desk(host, upstream, monkeypatch, capsys)
        desk.log_in("ada")
        new = names(fork.bare.path) - names(upstream.bare.path)
        yield Adoption(desk, project, fork, Clone(theirs.path), new)


def test_a_forks_data_and_commits_come_into_a_branch_here(adoption: Adoption) -> None:
    origin = adoption.desk.repository.bare
    assert len(adoption.new) == 2
    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    assert "It changes no code: data/raw.dvc" in adoption.desk.said
    assert adoption.new <= names(origin.path)
    assert origin.resolve(f"refs/heads/{BRANCH}") == adoption.eve.git("rev-parse", "rows")
    pull = adoption.desk.repository.pulls[-1]
    assert (pull.head_branch, pull.base_branch, pull.title) == (BRANCH, "main", "More `rows`")
    assert pull.body
    assert re.search(r"#1 of @eve, as of [0-9a-f]{40}", pull.body)
    assert "All its large files are here" not in adoption.desk.said

    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    assert "All its large files are here" in adoption.desk.said
    assert adoption.pulls() == [1, 2]


def test_it_says_what_a_strangers_change_may_do(adoption: Adoption) -> None:
    for name in (".github/workflows/x.yml", "src/champion/__init__.py", "gate.yaml", "train.py"):
        adoption.eve.commit(name, "# \n")
    adoption.eve.commit("x\x1b[2J.py", "# \n")
    adoption.eve.push("rows")
    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    lines = adoption.desk.said.splitlines()[1:4]
    assert lines[0].startswith("It changes .github/workflows/x.yml: a branch's workflow may write")
    assert (
        "gate.yaml, src/champion/__init__.py: training uses that; the judge only once" in lines[1]
    )
    assert "train.py, x?[2J.py: training runs that" in lines[2]


@pytest.mark.parametrize("answer", [None, "", "yes"], ids=["nobody there", "no", "yes"])
def test_nothing_is_pushed_before_somebody_says_so(adoption: Adoption, answer: str | None) -> None:
    origin = adoption.desk.repository.bare
    before = origin.references()
    adoption.desk.patch.setattr(sys.stdin, "isatty", lambda: answer is not None)
    adoption.desk.patch.setattr("builtins.input", lambda _: answer)
    code = adoption.adopt()
    if answer == "yes":
        assert code == 0, adoption.desk.said
        return
    assert code == (2 if answer is None else 1)
    assert "nothing was pushed" in adoption.desk.said
    assert origin.references() == before
    assert adoption.pulls() == [1]
    if answer is None:
        assert "adopt PR=1 CONFIRM=yes" in adoption.desk.said
    shown = re.search(r"git (diff \S+)", adoption.desk.said)
    assert shown
    assert "data/raw.dvc" in adoption.project.git(*shown[1].rstrip("`,").split())


def test_a_damaged_object_is_not_taken(adoption: Adoption) -> None:
    """One that is not what its name says; nothing of the pull request is taken then."""
    folder = adoption.eve.path.parent / "storage"
    work = clone(adoption.desk.host, adoption.fork, folder, adoption.desk.host.token("eve"))
    work.git("switch", "--quiet", "dvc-storage")
    (damaged,) = [name for name in adoption.new if not name.endswith(".dir")]
    (work.path / damaged).chmod(0o644)
    work.commit(damaged, "x,y\n8,0\n")
    work.push("dvc-storage")
    origin = adoption.desk.repository.bare
    before = origin.references()
    assert adoption.adopt("--confirm", "yes") == 1
    assert f"{damaged} of the fork is not what its name says" in adoption.desk.said
    assert origin.references() == before
    here = adoption.project.path / ".dvc/storage"
    assert not [name for name in adoption.new if (here / name).exists()]


def test_only_what_the_pull_request_names_is_taken(adoption: Adoption) -> None:
    folder = adoption.eve.path.parent / "storage"
    work = clone(adoption.desk.host, adoption.fork, folder, adoption.desk.host.token("eve"))
    work.git("switch", "--quiet", "dvc-storage")
    other = "files/md5/d4/1d8cd98f00b204e9800998ecf8427e"  # the hash of nothing
    work.commit(other, "")
    work.push("dvc-storage")
    own = adoption.project.write(".dvc/storage/files/md5/93/b885adfe0da089cdf634904fd59f71", "\0")
    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    stored = names(adoption.desk.repository.bare.path)
    assert adoption.new <= stored
    assert other not in stored
    assert own.exists()
    assert own.relative_to(adoption.project.path / ".dvc/storage").as_posix() not in stored


def test_a_fork_that_rewrote_its_commits_is_not_forced(adoption: Adoption) -> None:
    origin = adoption.desk.repository.bare
    assert adoption.adopt("--confirm", "yes") == 0
    first = origin.resolve(f"refs/heads/{BRANCH}")
    adoption.eve.git("commit", "--quiet", "--amend", "-m", "Other")
    adoption.eve.push("rows", "--force")
    assert adoption.adopt("--confirm", "yes") == 1
    assert f"other commits on {BRANCH}" in adoption.desk.said
    assert origin.resolve(f"refs/heads/{BRANCH}") == first


def test_what_cannot_be_adopted(adoption: Adoption) -> None:
    assert adoption.desk.run("adopt", "7", "--confirm", "yes") == 2
    assert "no pull request 7 (Not Found)" in adoption.desk.said
    adoption.desk.repository.pulls[0].state = "closed"
    assert adoption.adopt("--confirm", "yes") == 2
    assert "is closed" in adoption.desk.said
    adoption.desk.repository.pulls[0].state = "open"
    adoption.desk.repository.pulls[0].head_repository = adoption.desk.repository
    assert adoption.adopt("--confirm", "yes") == 2
    assert "a branch of ada/flights already" in adoption.desk.said


def test_without_large_files_or_with_those_of_a_cloud_it_says_so(adoption: Adoption) -> None:
    adoption.fork.bare.git("update-ref", "-d", "refs/heads/dvc-storage")
    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    assert "The fork has no branch dvc-storage" in adoption.desk.said
    config = adoption.project.path / ".dvc/config"
    config.write_text(re.sub(r"url = \S+", "url = s3://bucket/folder", config.read_text()))
    assert adoption.adopt("--confirm", "yes") == 0, adoption.desk.said
    assert "a fork cannot send: put them at s3://bucket/folder" in adoption.desk.said
