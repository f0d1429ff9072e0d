"""Pull requests of strangers: what runs, with which rights, and how they get in."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready
from conftest import Bake
from github import PullRequest
from pull_requests import NAME, Person, ProjectHost, members, new_host, published
from ready import answers, evidence, said

SECRET = "a-secret-of-the-repository"
VARIABLE = "a-variable-of-the-repository"
LISTEN = """

print("HEARD", repr(__import__("os").environ).encode().hex())
"""

CLOUD = (
    "failure: Not judged: the large files are in a cloud, which no fork can read: a maintainer runs "
    "`make adopt PR={}`"
)
CHECKS = "failure: Not judged: the checks of the branch failed: see train"


@pytest.fixture
def host(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, baked: Bake
) -> Iterator[ProjectHost]:
    with new_host(tmp_path, published(tmp_path_factory, baked)) as made:
        made.actions.secrets["DEPLOY_KEY"] = SECRET
        made.actions.variables["SOMETHING"] = VARIABLE
        yield made


def stands(host: ProjectHost, pull: PullRequest) -> str:
    gate = host.gate(pull)
    assert gate
    return f"{gate.state}: {gate.description}"


def stored(host: ProjectHost) -> dict[str, str]:
    """The branches that a stranger must not change."""
    return {name: host.home.bare.git("rev-parse", name) for name in host.branches() - {"ledger"}}


def follow(host: ProjectHost, person: Person, comment: str) -> None:
    """Run the command of a comment in somebody's clone, with a `gh` that downloads artifacts."""
    (command,) = re.findall(r"(?s)```bash\n(.*?)\n```", comment)
    programs = host.folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    artifacts = {
        f"{run.id}/{it.name}": it.content.hex() for run in host.home.runs for it in run.artifacts
    }
    for name, content in artifacts.items():
        path = host.folder / "artifacts" / f"{name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex(content))
    person.git("fetch", "--quiet", "origin")
    branch = person.git("branch", "--show-current")
    person.git("branch", "--quiet", f"--set-upstream-to=origin/{branch}")
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=person.path,
        capture_output=True,
        encoding="utf-8",
        env={
            "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(host.folder), "ARTIFACTS": str(host.folder / "artifacts"),
            "CHAMPION_VENV": sys.prefix, "EMAIL": "eve@example.org",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


GH = f"""#!{sys.executable}
# As `gh run download` does: nothing that is there is written over.
import os, sys, zipfile, pathlib
verb, run, *options = sys.argv[2:]
given = dict(zip(options[::2], options[1::2]))
assert sys.argv[1:3] == ["run", "download"] and given["--repo"] == "{NAME}"
folder = pathlib.Path(given["--dir"])
with zipfile.ZipFile(f"{{os.environ['ARTIFACTS']}}/{{run}}/{{given['--name']}}.zip") as archive:
    for name in archive.namelist():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(archive.read(name))
"""


def test_a_strangers_better_model(host: ProjectHost) -> None:
    """It waits for a person, trains with no right, is judged, takes over what was judged; goes live."""
    host.home.forks_need_approval = True
    eve = host.fork("eve")
    before = stored(host)
    eve.edit("params.yaml", model={"kind": "boosted"})
    model = next(eve.path.glob("src/*/model.py"))
    model.write_text(f"{model.read_text()}{LISTEN}")
    pull = eve.open("boosted")
    host.settle()
    gate = host.gate(pull)
    assert gate
    assert (gate.state, gate.description) == (
        "pending", "Not judged: a maintainer has to approve the run of train",
    )  # fmt: skip
    assert host.ledger() == []

    host.approve(host.run("train"))
    host.settle()
    train = host.run("train")
    assert train.conclusion == "success", train.log
    token = train.job("train").token
    assert token
    assert set(token.permissions.values()) <= {"read", "none"}
    (heard, *_) = {bytes.fromhex(it).decode() for it in re.findall("HEARD ([0-9a-f]+)", train.log)}
    assert "GITHUB_REPOSITORY" in heard
    assert SECRET not in heard
    assert VARIABLE not in heard
    gate = host.gate(pull)
    assert gate
    assert (gate.state, gate.description) == (
        "failure",
        "Its dvc.lock is not the judged one: run the command in the comment, which takes it over.",
    )
    (event,) = host.ledger()
    assert (event["body"]["verdict"], event["body"]["budget"]["spent"]) == ("better", True)
    assert stored(host) == before, "nothing of a stranger's is pushed or stored"

    (comment,) = host.comments(pull)
    assert "Better" in comment
    follow(host, eve, comment)
    assert pull.head_sha == eve.git("rev-parse", "HEAD")
    assert eve.git("log", "-1", "--format=%s") == "Take the judged dvc.lock"
    host.settle()
    if host.run("train").conclusion == "action_required":
        host.approve(host.run("train"))
        host.settle()
    gate = host.gate(pull)
    assert gate
    assert gate.state == "success", gate.description
    assert [it["body"]["budget"]["spent"] for it in host.ledger()] == [True, False]
    assert stored(host) == before

    host.ask(f"PUT /pulls/{pull.number}/merge", body={})
    host.settle()
    assert host.run("promote").conclusion == "success", host.run("promote").log
    last = host.ledger()[-1]
    assert (last["kind"], last["body"]["version"]) == ("promotion", "v1.0.0")
    digest = last["body"]["model"]
    assert digest == event["body"]["challenger"]["model"]["md5"]
    assert f"files/md5/{digest[:2]}/{digest[2:]}" in host.files("dvc-storage"), "stored by promote"


def trained(host: ProjectHost, pull: PullRequest, left: ready.Evidence) -> None:
    ready.trained(host, pull, left)
    host.settle()


def test_a_stranger_who_sends_what_was_judged(host: ProjectHost) -> None:
    eve = host.fork("eve")
    before = stored(host)
    left = evidence(eve, 0.9 * said(eve) + 0.1 * answers(eve))
    eve.edit("params.yaml", model={"kind": "boosted"})
    for name, content in left.files.items():
        if not name.startswith("objects"):
            (eve.path / name).write_bytes(content)
    pull = eve.open("boosted")
    trained(host, pull, left)
    gate = host.gate(pull)
    assert gate
    assert gate.state == "success", gate.description
    assert stored(host) == before, "its objects wait for the promotion"
    kept = [it for run in host.home.runs for it in run.artifacts if it.name == "judged"]
    assert kept
    assert all(name[8:10] in str(kept[-1].content) for name in left.files if name[:8] == "objects/")


def test_new_data_that_only_the_fork_has(host: ProjectHost, tmp_path: Path) -> None:
    eve = host.fork("eve")
    before = stored(host)
    members(600, 200, seed=7).to_csv(tmp_path / "more.csv", index=False)
    eve.champion("data", str(tmp_path / "more.csv"))
    eve.git("switch", "--quiet", "--create", "more")
    sha = eve.commit("More rows")
    eve.send()
    assert stored(host) == before
    pull = eve.request_pull("more")
    host.settle()
    assert host.run("train").conclusion == "success", host.run("train").log
    (event,) = host.ledger()
    assert event["body"]["challenger"]["commit"] == sha
    assert event["body"]["policy"] == "maintain"
    assert event["body"]["changes"]["data"] == {
        "champion_rows": 600, "challenger_rows": 800, "added": 200, "removed": 0,
    }  # fmt: skip
    assert stored(host) == before
    (comment,) = host.comments(pull)
    assert "600 → 800 rows" in comment


def test_a_fork_reads_no_cloud(host: ProjectHost) -> None:
    ada = host.clone()
    config = (ada.path / ".dvc/config").read_text()
    ada.write(".dvc/config", config.replace("url = storage", "url = s3://bucket/members"))
    ada.commit("Move")
    ada.push()
    host.settle()
    eve = host.fork("eve")
    eve.git("fetch", "--quiet", host.github.remote(host.home), "main")
    eve.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    tip = eve.git("rev-parse", "HEAD")
    eve.edit("params.yaml", model={"kind": "boosted"})
    pull = eve.open("boosted")
    host.settle()
    assert host.run("train").conclusion == "failure"
    assert "a fork has no credentials" in host.run("train").log
    assert stands(host, pull) == CLOUD.format(pull.number)
    (comment,) = host.comments(pull)
    assert f"`make adopt PR={pull.number}`" in comment
    for path, why in (("tests/test_more.py", CLOUD), ("notebooks/more.py", CHECKS)):
        eve.git("switch", "--quiet", "--detach", tip)
        eve.write(path, "")
        beside = eve.open(Path(path).parent.name)
        ready.trained(host, beside, None, "failure")
        host.settle()
        assert stands(host, beside) == why.format(beside.number)
    assert host.ledger() == []
    eve.git("switch", "--quiet", "--detach", tip)
    eve.write("README.md", "Better words.\n")
    words = eve.open("words")
    host.settle()
    assert stands(host, words).startswith("success: ")
