"""The orphan branch as DVC's remote: new, cloned, broken, written by two at once, killed."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import md5
from pathlib import Path

import pytest

from champion.errors import Refusal
from champion.workspace import branch
from champion.workspace.git import heads, identity, resolve
from small_project import PROJECT, SmallProject, branches, clone, names, server

SEND = "from champion.workspace import branch; branch.send()"


def put(project: SmallProject, text: str) -> str:
    """Put an object into the worktree, as `dvc push` does; return its name."""
    digest = md5(text.encode()).hexdigest()
    name = f"files/md5/{digest[:2]}/{digest[2:]}"
    project.write(f".dvc/storage/{name}", text).chmod(0o444)
    return name


def within(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """Work in the project's folder from here on."""
    monkeypatch.chdir(project.path)
    return project


def bare(path: Path) -> SmallProject:
    """A repository with nothing in it but DVC's settings."""
    project = SmallProject(path)
    project.write("gate.yaml", "data: {target: y}\n")
    (path / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(PROJECT / name, path / name)
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "Start")
    return project


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return server(tmp_path / "the server.git")


@pytest.fixture
def project(tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A project with its first push behind it, and the current folder."""
    made = bare(tmp_path / "my project")
    made.git("remote", "add", "origin", str(origin))
    made.git("push", "--quiet", "origin", "main")
    within(made, monkeypatch)
    branch.prepare()
    put(made, "first")
    branch.send()
    return made


def other(project: SmallProject, folder: Path, *options: str) -> SmallProject:
    """A second clone, prepared."""
    copy = clone(project.git("remote", "get-url", "origin"), folder, *options)
    copy.run(sys.executable, "-c", SEND.replace("send", "prepare"), PYTHONPATH=engine())
    return copy


def engine() -> str:
    return str(PROJECT / "src")


def test_new_repository_gets_an_unrelated_branch_in_an_ignored_worktree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = within(bare(tmp_path / "new one"), monkeypatch)
    branch.prepare()
    branch.prepare()
    assert made.git("rev-list", "--count", "dvc-storage") == "1"
    assert made.run("git", "merge-base", "main", "dvc-storage", check=False).returncode == 1
    assert made.git("-C", ".dvc/storage", "symbolic-ref", "--short", "HEAD") == "dvc-storage"
    assert made.git("status", "--porcelain") == ""


@pytest.mark.parametrize("options", [(), ("--single-branch",), ("--depth", "1")])
def test_fresh_clone_has_every_object(
    project: SmallProject, tmp_path: Path, options: tuple[str, ...]
) -> None:
    put(project, "second")
    branch.send()
    url = ("file://" if options else "") + project.git("remote", "get-url", "origin")
    project.git("remote", "set-url", "origin", url)
    copy = other(project, tmp_path / "copy", *options)
    found = {p.read_text() for p in copy.path.glob(".dvc/storage/files/md5/*/*")}
    assert found == {"first", "second"}
    if options:  # fetched alone and without its past
        assert copy.git("rev-list", "--count", "dvc-storage") == "1"
    copy.git("fetch", "--quiet")
    assert copy.git("rev-parse", "origin/dvc-storage") == copy.git("rev-parse", "dvc-storage")


def test_clone_without_the_past_can_send(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    project.git("remote", "set-url", "origin", f"file://{origin}")
    copy = other(project, tmp_path / "copy", "--single-branch", "--depth", "1")
    name = put(copy, "from afar")
    copy.run(sys.executable, "-c", SEND, PYTHONPATH=engine())
    assert name in names(origin)
    assert len(names(origin)) == 2


def test_deleted_folder_comes_back(project: SmallProject) -> None:
    shutil.rmtree(".dvc/storage")
    branch.prepare()
    assert list(branch.objects().values()) == [len("first")]
    assert "prunable" not in project.git("worktree", "list", "--porcelain")


def test_copied_project_is_a_repository_of_its_own(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project.path, tmp_path / "copied", symlinks=True)
    copy = within(SmallProject(tmp_path / "copied"), monkeypatch)
    before = project.git("rev-parse", "dvc-storage")
    branch.prepare()
    put(copy, "of the copy")
    branch.send()
    assert len(names(origin)) == 2
    assert project.git("rev-parse", "dvc-storage") == before
    assert Path(copy.git("-C", ".dvc/storage", "rev-parse", "--show-toplevel")) == copy.path / (
        ".dvc/storage"
    )


def test_moved_project_goes_on(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.path.rename(tmp_path / "moved")
    moved = within(SmallProject(tmp_path / "moved"), monkeypatch)
    put(moved, "after the move")
    branch.prepare()
    branch.send()
    assert len(names(origin)) == 2


def test_second_worktree_of_the_repository_sends_too(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.git("worktree", "add", "--quiet", "-b", "feature", str(tmp_path / "second tree"))
    second = within(SmallProject(tmp_path / "second tree"), monkeypatch)
    branch.prepare()
    assert len(branch.objects()) == 1
    put(second, "of the feature")
    branch.send()
    within(project, monkeypatch)
    put(project, "of main")
    branch.send()
    assert len(names(origin)) == 3


def test_folder_that_dvc_made_before_set_up_keeps_its_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = within(bare(tmp_path / "early"), monkeypatch)
    name = put(made, "early")
    branch.prepare()
    assert name in branch.pending()


def test_two_clones_at_once_lose_nothing(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    writers = [project, other(project, tmp_path / "b"), other(project, tmp_path / "c")]
    expected = names(origin)
    for number in range(2):
        expected |= {put(writer, f"{writer.path.name} {number}") for writer in writers}
        running = [
            subprocess.Popen(
                [sys.executable, "-c", SEND],
                cwd=writer.path,
                env={**os.environ, "PYTHONPATH": engine()},
            )
            for writer in writers
        ]
        assert [process.wait(60) for process in running] == [0, 0, 0]
        assert names(origin) == expected
    shape = ["git", "-C", str(origin), "rev-list", "--merges", "--count", "dvc-storage"]
    assert subprocess.run(shape, capture_output=True, text=True).stdout.strip() == "0"


def test_rejected_push_takes_the_others_objects_along(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = other(project, tmp_path / "rival")
    theirs = [put(rival, "faster")]
    commit = branch.add_commit
    tries: list[str | None] = []

    def overtaken(parent: str | None, new: dict[str, int]) -> str:
        if not tries:
            rival.run(sys.executable, "-c", SEND, PYTHONPATH=engine())
        tries.append(parent)
        return commit(parent, new)

    monkeypatch.setattr(branch, "add_commit", overtaken)
    mine = put(project, "slower")
    assert list(branch.send()) == [mine]
    assert len(tries) == 2
    assert names(origin) >= {mine, *theirs}


def test_gives_up_with_a_sentence_and_keeps_the_objects(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = other(project, tmp_path / "rival")
    commit = branch.add_commit
    monkeypatch.setattr(branch, "TRIES", 2)

    def overtaken(parent: str | None, new: dict[str, int]) -> str:
        put(rival, f"{time.monotonic_ns()}")
        rival.run(sys.executable, "-c", SEND, PYTHONPATH=engine())
        return commit(parent, new)

    monkeypatch.setattr(branch, "add_commit", overtaken)
    mine = put(project, "slower")
    with pytest.raises(Refusal, match="nothing is lost, push again"):
        branch.send()
    monkeypatch.setattr(branch, "add_commit", commit)
    branch.send()
    assert mine in names(origin)


@pytest.mark.parametrize(
    ("step", "moment"),
    [
        ("hash-object", "after"),
        ("commit-tree", "before"),
        ("push", "before"),
        ("push", "after"),
        ("update-ref", "after"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="no kill -9 on Windows")
def test_killed_sender_loses_nothing(
    project: SmallProject, origin: Path, tmp_path: Path, step: str, moment: str
) -> None:
    name = put(project, f"{step} {moment}")
    git = shutil.which("git")
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nkilled=0\nfor word; do [ "$word" = {step} ] && killed=1; done\n'
        f"[ $killed = 1 ] && [ {moment} = before ] && kill -9 $PPID && exit 1\n"
        f'"{git}" "$@"; code=$?\n[ $killed = 1 ] && kill -9 $PPID\nexit $code\n'
    )
    wrapper.chmod(0o755)
    path = os.pathsep.join([str(wrapper.parent), os.environ["PATH"]])
    run = functools.partial(
        project.run, sys.executable, "-c", SEND, check=False, PYTHONPATH=engine()
    )
    assert run(PATH=path).returncode == -signal.SIGKILL
    assert run().returncode == 0
    assert name in names(origin)
    assert len(names(origin)) == 2
    assert project.git("rev-parse", "dvc-storage") == resolve("refs/remotes/origin/dvc-storage")


def test_git_never_rewrites_an_object(
    project: SmallProject, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.git("config", "core.autocrlf", "true")
    put(project, "a,b\r\n1,2\n")
    put(project, "a,b\n1,2\n")
    branch.send()
    copy = clone(origin, tmp_path / "copy", "--config", "core.autocrlf=true")
    copy.git("worktree", "add", "--quiet", "by-hand", "dvc-storage")
    by_hand = {p.read_bytes() for p in copy.path.glob("by-hand/files/md5/*/*")}
    within(copy, monkeypatch)
    branch.prepare()
    prepared = {p.read_bytes() for p in copy.path.glob(".dvc/storage/files/md5/*/*")}
    assert by_hand == prepared == {b"first", b"a,b\r\n1,2\n", b"a,b\n1,2\n"}


def test_damaged_object_is_not_sent(project: SmallProject) -> None:
    good, bad = put(project, "good"), put(project, "bad")
    (branch.FOLDER / bad).chmod(0o644)
    (branch.FOLDER / bad).write_text("ba")
    assert branch.drop_damaged(branch.pending())
    assert list(branch.pending()) == [good]


def test_only_objects_are_taken_from_the_branch(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    copy = clone(origin, tmp_path / "hostile", "--branch", "dvc-storage")
    copy.write("files/md5/aa/../../../../escaped", "x")
    copy.write("files/md5/aa/not-a-hash", "x")
    (copy.path / "files/md5/bb").mkdir()
    (copy.path / "files/md5/bb" / ("c" * 30)).symlink_to("/etc/passwd")
    copy.git("add", "--all")
    copy.git("commit", "--quiet", "-m", "x")
    copy.git("push", "--quiet")
    branch.prepare()
    assert not (branch.FOLDER / "files/md5/aa").exists()
    assert not (branch.FOLDER / "files/md5/bb" / ("c" * 30)).is_symlink()


def test_branch_that_vanished_from_the_server_is_sent_again(
    project: SmallProject, origin: Path
) -> None:
    subprocess.run(["git", "-C", str(origin), "branch", "-D", "dvc-storage"], check=True)
    branch.send()
    assert len(names(origin)) == 1


def test_refusal_of_the_server_is_told_in_a_sentence(project: SmallProject, origin: Path) -> None:
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'quota exceeded' >&2\nexit 1\n")
    hook.chmod(0o755)
    name = put(project, "too much")
    with pytest.raises(Refusal, match="quota exceeded"):
        branch.send()
    hook.unlink()
    branch.send()
    assert name in names(origin)


def test_without_a_name_git_still_commits(
    project: SmallProject,
    origin: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    project.git("config", "user.useConfigOnly", "true")
    identity.cache_clear()
    put(project, "anonymous")
    branch.send()
    identity.cache_clear()
    assert "Git does not know who you are" in capsys.readouterr().out
    assert len(names(origin)) == 2


def test_nothing_new_asks_the_server_once(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = heads()
    project.git("remote", "set-url", "origin", "/nowhere")
    assert branch.send(known=there) == {}


def test_push_of_all_branches_is_no_obstacle(project: SmallProject, origin: Path) -> None:
    project.git("push", "--quiet", "--all", "origin")
    put(project, "later")
    branch.send()
    assert branches(origin) == {"main", "dvc-storage"}
    assert len(names(origin)) == 2
