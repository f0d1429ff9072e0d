"""Moving the large files to another remote, and the locks that this needs."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from champion.errors import Refusal
from champion.workspace import branch, lock, remote
from small_project import PROJECT, SmallProject, clone, copied, names, published, trained

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> SmallProject:
    """A project whose first push is behind it, with an older version of its data: copy it."""
    ready = trained(tmp_path_factory.getbasetemp() / "trained")
    project = published(ready, tmp_path_factory.mktemp("original"))
    project.add_data("a.csv", "x,y\n4,1\n")
    project.champion("push-files")
    return project


@pytest.fixture
def project(original: SmallProject, tmp_path: Path) -> SmallProject:
    return copied(original, tmp_path / "my project")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server with a bucket called files."""
    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    url = f"http://127.0.0.1:{s3.get_host_and_port()[1]}"
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="files")
    yield url
    s3.stop()


def stored(url: str) -> set[str]:
    """The objects in the bucket, named as in the branch."""
    listed = boto3.client("s3", endpoint_url=url).list_objects_v2(Bucket="files")
    return {item["Key"].removeprefix("folder/") for item in listed.get("Contents", [])}


def test_files_move_to_s3_and_later_pushes_follow(
    project: SmallProject, bucket: str, tmp_path: Path
) -> None:
    origin = Path(project.git("remote", "get-url", "origin"))
    shutil.copyfile(PROJECT / ".locks/s3.txt", project.path / "requirements-storage.txt")
    shutil.copyfile(PROJECT / "requirements.txt", project.path / "requirements.txt")
    options = ("--set", f"endpointurl={bucket}")
    said = project.champion("storage", "s3://files/folder", *options).stdout
    assert stored(bucket) >= names(origin)
    assert "git add .dvc/config" in said
    assert "dvc-storage stays" in said
    config = (project.path / ".dvc/config").read_text()
    assert "url = s3://files/folder" in config
    assert f"endpointurl = {bucket}" in config
    assert "verify = true" in config
    assert project.git("branch", "--list", "dvc-storage")

    project.git("add", "requirements.txt", "requirements-storage.txt")
    project.git("commit", "--quiet", "--no-verify", "-am", "Keep large files in S3")
    project.add_data("b.csv", "x,y\n9,1\n")
    before, sent = names(origin), stored(bucket)
    project.git("push", "--quiet", "origin", "main")
    assert len(stored(bucket) - sent) == 2
    sent = stored(bucket)
    assert names(origin) == before  # the branch is left alone

    copy = clone(origin, tmp_path / "copy")
    assert "s3://files/folder" in copy.champion("setup").stdout
    assert (copy.path / "data/raw/b.csv").exists()
    assert not (copy.path / ".dvc/storage").exists()
    copy.champion("storage", str(tmp_path / "back"))  # which has no endpoint
    back = {p.relative_to(tmp_path / "back").as_posix() for p in tmp_path.glob("back/files/*/*/*")}
    assert back >= sent


def test_files_of_every_commit_move_to_a_folder(project: SmallProject, tmp_path: Path) -> None:
    origin = Path(project.git("remote", "get-url", "origin"))
    shutil.rmtree(project.path / ".dvc/cache")
    shutil.rmtree(project.path / ".dvc/storage")
    target = tmp_path / "shared folder"
    with (project.path / ".dvc/config").open("a") as file:
        file.write("    verify = true\n")
    project.champion("storage", str(target))
    moved = {p.relative_to(target).as_posix() for p in target.glob("files/md5/*/*")}
    assert moved == names(origin)
    assert "verify = true" in (project.path / ".dvc/config").read_text()
    assert not (project.path / "requirements-storage.txt").exists()


def test_remote_that_cannot_be_written_changes_nothing(
    project: SmallProject, tmp_path: Path
) -> None:
    before = (project.path / ".dvc/config").read_bytes()
    file = project.write("a-file", "in the way")
    done = project.champion("storage", str(file), check=False)
    assert done.returncode == 1
    assert "nothing was sent" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project.path / ".dvc/config").read_bytes() == before


def test_unknown_kind_of_remote_is_refused(project: SmallProject) -> None:
    done = project.champion("storage", "ftp://host/folder", check=False)
    assert done.returncode == 2
    assert "s3://" in done.stderr


def test_storage_alone_says_where_files_live(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    said = project.champion("storage", "").stdout
    assert f"{len(branch.objects())} large files" in said
    (project.path / ".dvc/config.local").write_text("['remote \"storage\"']\n    url = /mnt/x\n")
    assert remote.default() == ("storage", "/mnt/x")
    assert "/mnt/x" in project.champion("storage").stdout


@pytest.mark.parametrize("kind", sorted(remote.PLUGINS))
def test_shipped_lock_of_each_cloud_lies_on_top_of_the_lock(kind: str) -> None:
    text = (PROJECT / f".locks/{kind}.txt").read_text()
    packages = {lock.name(entry) for entry in lock.entries(text)}
    entries = lock.entries((PROJECT / "requirements.txt").read_text())
    base = {lock.name(e) for e in entries if ";" not in e.splitlines()[0]}
    assert remote.PLUGINS[kind] in packages
    assert not packages & base
    assert all("--hash=sha256:" in entry for entry in lock.entries(text))
    assert "".join(lock.entries(text)) == text
    assert "://" not in text


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two packages of its own world: `upper` needs `lower`."""
    from test_workspace_setup import wheel

    wheel(tmp_path / "wheels", "lower")
    wheel(tmp_path / "more", "upper", needs="lower")
    shutil.copy(tmp_path / "more/upper-1.0-py3-none-any.whl", tmp_path / "wheels")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    folder = tmp_path / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / ".dvc").mkdir()
    shutil.copy(PROJECT / ".dvc/config", folder / ".dvc/config")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["lower"]\n[dependency-groups]\ndev = ["upper", "lower"]\n'
    )
    return folder


def test_locks_are_rewritten_with_hashes_and_no_index(
    wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = lock.argparse.Namespace(upgrade=False, storage=False)
    assert lock.run(arguments) == 0
    base, dev = Path("requirements.txt").read_text(), Path("requirements-dev.txt").read_text()
    assert re.match(r"lower==1\.0 \\\n    --hash=sha256:[0-9a-f]{64}\n$", base)
    assert [lock.name(entry) for entry in lock.entries(dev)] == ["upper"]
    assert str(wheels.parent) not in base + dev
    assert "setup" in capsys.readouterr().out


def test_lock_that_cannot_be_made_stays_as_it_was(wheels: Path) -> None:
    Path("requirements.txt").write_text("as it was\n")
    Path("pyproject.toml").write_text('[project]\ndependencies = ["nowhere-to-be-found"]\n')
    with pytest.raises(Refusal, match="stays as it was"):
        lock.run(lock.argparse.Namespace(upgrade=False, storage=False))
    assert Path("requirements.txt").read_text() == "as it was\n"
