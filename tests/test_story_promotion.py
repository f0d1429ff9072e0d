"""What is merged goes live, and can go back: the workflow promote, executed."""

import contextlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fork_server
from actions.place import Place
from conftest import Bake, BakedProject
from flow.hooks import Hook
from github import PullRequest, runs
from github.events import Event as Fired
from github.state import Issue, Run, now
from github_client import Clone
from moments import Moment, reached
from pull_requests import Person, ProjectHost, published
from ready import TRAIN, Evidence, answers, evidence, md5, said, trained
from whole_projects import change

V1, V2 = "model@v1.0.0", "model@v1.1.0"
ASSETS = {"model.skops", "dvc.lock", "report.md", "verdict.json", "SHA256SUMS", "model_card.md",
          "model_card.html"}  # fmt: skip


class Story:
    """The moments at which stories begin, and the model that they merge."""

    def __init__(self, factory: pytest.TempPathFactory, baked: Bake) -> None:
        self.published = published(factory, baked)
        self.folder = factory.mktemp("moments")
        self.boosted = better_model(self.published, self.folder / "boosted")
        self.moments: dict[str, Moment] = {}

    def at(self, name: str) -> Moment:
        if name not in self.moments:
            before, go = STEPS[name]
            start = self.at(before) if before else None
            folder = self.folder / name
            self.moments[name] = reached(folder, start, self.published, lambda on: go(self, on))
        return self.moments[name]


def better_model(published: BakedProject, folder: Path) -> Evidence:
    """What training leaves of a better model, with everything that the remote lacks."""
    shutil.copytree(published.path, folder, symlinks=True)
    project = BakedProject(folder, {}, "")
    change(project, "params.yaml", model={"kind": "boosted"})
    project.champion("repro")
    made = evidence(project)
    for path in (folder / ".dvc/cache/files/md5").glob("??/*"):
        made.add_object(path.read_bytes(), path.suffix)
    return made


def publish(_: Story, host: ProjectHost) -> None:
    """The first push: the code is there before the large files, and the workflow has begun."""
    bare = host.home.bare
    files = bare.git("rev-parse", "dvc-storage")
    bare.git("update-ref", "-d", "refs/heads/dvc-storage")
    main = bare.git("rev-parse", "main")
    bare.point("refs/heads/main", bare.git("rev-parse", "main~1"))
    ada = host.clone()
    ada.git("push", "--quiet", "--no-verify", "origin", f"{main}:refs/heads/main")
    host.before("promote", "verify", "Verify", lambda: bare.point("refs/heads/dvc-storage", files))
    host.settle()


def judge(story: Story, host: ProjectHost) -> None:
    ada = newest(host)
    ada.edit("params.yaml", model={"kind": "boosted"})
    pull = ada.open("boosted")
    trained(host, pull, story.boosted)
    host.settle()
    assert host.gate(pull).state == "success", host.run("judge").log


def promote(_: Story, host: ProjectHost) -> None:
    """Merge it, while every step of promotion loses its runner once."""
    host.home.bare.point(
        "refs/heads/dvc-storage", "dvc-storage~1"
    )  # only the judge's artifact has it
    for place in (PUSH, PUSH, PUSH, "POST .*/assets", PUSH):
        host.kill("promote", "promote", "Promote", place)
        if place is PUSH and not host.runs:
            merge(host, host.home.pulls[0])
        host.settle()
        host.rerun(host.run("promote"))
    host.settle()


PUSH = "POST .*/git-receive-pack"
STEPS: dict[str, tuple[str, Callable[[Story, ProjectHost], None]]] = {
    "first": ("", publish),
    "judged": ("first", judge),
    "second": ("judged", promote),
}
Begin = Callable[[str], ProjectHost]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, baked: Bake) -> Story:
    return Story(tmp_path_factory, baked)


@pytest.fixture
def begin(tmp_path: Path, story: Story) -> Iterator[Begin]:
    """A host as it was at a moment."""
    with contextlib.ExitStack() as open_ones:
        yield lambda name: open_ones.enter_context(story.at(name).again(tmp_path))


def newest(host: ProjectHost, login: str = "ada") -> Person:
    person = host.clone(login)
    person.main()
    return person


def tags(host: ProjectHost) -> list[str]:
    return host.home.bare.git("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").split()


def live(host: ProjectHost) -> str:
    """The version in production."""
    stages = [name for name in tags(host) if name.startswith("model#")]
    newest = max(stages, key=lambda name: int(name.rpartition("#")[2]))
    pointed = host.home.bare.git("tag", "--points-at", f"{newest}^{{commit}}").split()
    (version,) = [name for name in pointed if name.startswith("model@")]
    return version


def events(host: ProjectHost, kind: str) -> list[dict[str, Any]]:
    return [event["body"] for event in host.ledger() if event["kind"] == kind]


def merge(host: ProjectHost, pull: PullRequest) -> None:
    host.ask(f"PUT /pulls/{pull.number}/merge", body={})


def fetched(host: ProjectHost) -> str:
    """The md5 of what DVC fetches from a bare clone as the model in production."""
    files, out = host.folder / "files", host.folder / "fetched.skops"
    shutil.rmtree(files, ignore_errors=True)
    bare = host.home.bare
    bare.git("clone", "--quiet", "--branch=dvc-storage", f"file://{bare.path}", str(files))
    names = ("artifacts", "get", str(bare.path), "model", "--stage", "production", "--force")
    options = ("--remote-config", f"url={files}", "--out", str(out))
    done = subprocess.run([fork_server.python(), "-m", "dvc", *names, *options], cwd=host.folder)
    assert not done.returncode
    return md5(out.read_bytes())


def issues(host: ProjectHost) -> list[Issue]:
    return [it for it in host.home.issues.values() if not isinstance(it, PullRequest)]


def steps(host: ProjectHost, job: str) -> set[str]:
    """The steps of the last promotion that ran."""
    found = host.run("promote").job(job).all_steps()
    return {step.name for step in found if step.conclusion != "skipped"}


def hold_training(host: ProjectHost, monkeypatch: pytest.MonkeyPatch) -> list[Fired]:
    """Let no dispatch start train; return those that would have."""
    held, start = [], host._start

    def keep(event: Fired) -> None:
        if event.name == "workflow_dispatch" and event.payload["workflow"] == TRAIN:
            held.append(event)
        else:
            start(event)

    monkeypatch.setattr(host, "_start", keep)
    return held


def train_without(host: ProjectHost, event: Fired, conclusion: str = "success") -> Run:
    """Let train have run as an event asks for, with nothing left."""
    with host.github.lock:
        run = runs.start_run(host.github, event, TRAIN, "train")
    host.settle()
    with host.github.lock:
        runs.finish_run(host.github, host.home, run, conclusion)
    host.settle()
    return run


def same_but(content: bytes, note: bytes) -> bytes:
    """The same model in another file."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = note
    return file.getvalue()


def test_the_first_model_is_promoted_though_its_files_come_late(story: Story) -> None:
    host = story.at("first").host
    assert tags(host) == ["model#production#1", V1], host.run("promote").log
    (verdict,), (promotion,) = events(host, "verdict"), events(host, "promotion")
    assert verdict["verdict"] == "better"
    assert verdict["champion"] is None
    assert promotion["version"] == "v1.0.0"
    assert promotion["commit"] == host.home.bare.git("rev-parse", "main")
    (release,) = host.home.releases
    assert {asset.name for asset in release.assets} == ASSETS
    card = host.show("ledger", "files/000002/model_card.md")
    assert "**v1.0.0**, promoted by event 2 of the ledger" in card
    assert "| verdict | **Better**, event 1 |" in card
    assert "files/000002/model_card.md" in host.show("ledger", "README.md")
    assert "files/000002/importance.png" in host.files("ledger")


def test_a_promotion_that_is_killed_at_every_step_is_one_promotion(story: Story) -> None:
    host = story.at("second").host
    killed = [run.conclusion for run in host.runs if run.name == "promote"]
    assert killed[-1] == "success", killed
    assert set(killed[:-1]) != {"success"}, killed
    assert tags(host) == ["model#production#1", "model#production#2", V1, V2], killed
    assert [it["version"] for it in events(host, "promotion")] == ["v1.0.0", "v1.1.0"]
    assert live(host) == V2
    pull = {"pull": host.home.pulls[0].number, "what": "merged", "by": "ada"}
    assert [it["people"] for it in events(host, "promotion")] == [[], [pull]]
    assert (
        host.home.bare.git("rev-parse", f"{V2}^{{commit}}", "main").split()[0]
        == (events(host, "promotion")[1]["commit"])
    )
    assert [it.tag for it in host.home.releases] == [V1, V2]
    for release in host.home.releases:
        assert sorted(asset.name for asset in release.assets) == sorted(ASSETS)
        event = next(
            it for it in host.ledger() if f"model@{it['body'].get('version')}" == release.tag
        )
        card = host.show("ledger", f"files/{event['number']:06}/model_card.md")
        (sent,) = (it for it in release.assets if it.name == "model_card.md")
        assert sent.content.decode().strip() == card.strip()
    digest = events(host, "promotion")[1]["model"]
    assert f"files/md5/{digest[:2]}/{digest[2:]}" in host.files("dvc-storage"), "stored again"
    assert not issues(host)


def test_nothing_is_done_for_another_text_and_what_waited_is_judged(begin: Begin) -> None:
    host = begin("first")
    ada = newest(host)
    ada.write("docs/more.md", "More.\n")
    pull = ada.open("docs")
    trained(host, pull, None)
    host.home.statuses.clear()
    host.ask(
        f"POST /statuses/{pull.head_sha}",
        body={
            "state": "failure",
            "context": "gate",
            "description": "Not judged: promotion pending: x",
        },
    )
    ada.git("switch", "--quiet", "main")
    ada.write("NOTES.md", "A note.\n")
    ada.commit()
    ada.push()
    host.settle()
    assert "Install" not in steps(host, "verify")
    assert not steps(host, "promote")
    assert len(events(host, "promotion")) == 1
    assert host.gate(pull).description != "Not judged: promotion pending: x"


def test_a_model_without_a_verdict_is_refused(begin: Begin, story: Story) -> None:
    host = begin("judged")
    host.home.bare.point("refs/heads/ledger", "ledger~1")
    merge(host, host.home.pulls[0])
    host.settle()
    assert tags(host) == ["model#production#1", V1]
    assert host.run("promote").conclusion == "failure"
    (issue,) = issues(host)
    assert "no verdict of the ledger lets it through" in issue.body
    assert "Allow GitHub Actions to create and approve pull requests" in issue.body
    assert "/compare/main...revert/" in issue.body
    assert "no verdict of the ledger lets it through" in host.run("promote").summary


def test_a_model_that_does_not_say_what_was_judged_goes_back(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = begin("first")
    host.home.actions_may_open_pulls = True
    held = hold_training(host, monkeypatch)
    ada = newest(host)
    made = evidence(ada, 0.5 * said(ada) + 0.5 * answers(ada))
    made.lock(model=same_but((ada.path / "model.skops").read_bytes(), b"mine"))
    ada.edit("params.yaml", model={"kind": "boosted"})
    (ada.path / "dvc.lock").write_bytes(made.files["dvc.lock"])
    pull = ada.open("cheat")
    trained(host, pull, made)
    host.settle()
    assert host.gate(pull).state == "success", host.run("judge").log
    merge(host, pull)
    host.settle()
    assert tags(host) == ["model#production#1", V1]
    (issue,) = issues(host)
    assert "predictions differ from the judged ones" in issue.body
    back = host.home.pulls[-1]
    assert f"#{back.number} goes back" in issue.body
    assert f"#{issue.number}" in back.body
    assert "revert/" in back.head_branch
    assert host.show(back.head_sha, "params.yaml") == host.show(V1, "params.yaml")
    assert host.show(back.head_sha, "dvc.lock") == host.show(V1, "dvc.lock")
    (event,) = held
    train_without(host, event)
    assert host.gate(back).description == "No change: back to what is in production"
    assert host.gate(back).state == "success"
    merge(host, back)
    host.settle()
    assert host.run("promote").conclusion == "success"
    assert "Install" not in steps(host, "verify")
    assert tags(host) == ["model#production#1", V1]


def test_what_expired_is_trained_and_judged_again(begin: Begin) -> None:
    host = begin("judged")
    for run in host.home.runs:
        for artifact in run.artifacts:
            artifact.expires_at = now()
    host.home.bare.point("refs/heads/dvc-storage", "dvc-storage~1")
    merge(host, host.home.pulls[0])
    host.settle()
    assert live(host) == V2, host.run("promote").log
    verdict = host.ledger()[events(host, "promotion")[-1]["verdict"] - 1]
    assert verdict["body"]["run"]["id"] == host.run("promote").id
    digest = events(host, "promotion")[1]["model"]
    assert f"files/md5/{digest[:2]}/{digest[2:]}" in host.files("dvc-storage")


def test_an_owner_may_override_and_a_changed_schema_is_a_major_version(begin: Begin) -> None:
    host = begin("first")
    ada = newest(host)
    made = evidence(ada)
    made.lock(model=same_but((ada.path / "model.skops").read_bytes(), b"other"))
    (ada.path / "dvc.lock").write_bytes(made.files["dvc.lock"])
    schema = next(ada.package.glob("schema.py"))
    schema.write_text(schema.read_text() + "# meant\n")
    pull = ada.open("schema")
    trained(host, pull, made)
    host.dispatch(
        "judge.yml",
        pull_request=str(pull.number),
        policy="override",
        reason="it is meant",
        commit=pull.head_sha,
    )
    host.settle()
    assert host.gate(pull).description == "Override by ada: it is meant"
    merge(host, pull)
    host.settle()
    assert live(host) == "model@v2.0.0", host.run("promote").log


TRACKER = """import json, sys
event = json.load(sys.stdin)
with open({path!r}, "a") as file:
    print(event["event"], event["version"], event["tags"]["code.commit"], file=file)
sys.exit("the server sleeps")
"""


def test_a_version_is_put_back_and_forward_again(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = begin("second")
    ada = newest(host)
    ada.write("src/tracker.py", TRACKER.format(path=str(tmp_path / "told")))
    ada.commit()
    ada.push()
    host.settle()
    host.home.actions_may_open_pulls = True
    held = hold_training(host, monkeypatch)
    models = [event["model"] for event in events(host, "promotion")]
    assert fetched(host) == models[1]
    host.kill("promote", "promote", "Promote", PUSH)
    host.dispatch("promote.yml", version="v1.0.0", reason="it was fairer")
    host.settle()
    assert live(host) == V2
    host.rerun(host.run("promote"))
    host.settle()
    assert live(host) == V1, host.run("promote").log
    assert fetched(host) == models[0]
    assert "\nproduction  v1.0.0" in ada.champion("history").stdout, "though Git fetched before"
    (rollback,) = events(host, "rollback")
    assert rollback["reason"] == "it was fairer"
    assert "was not told what was promoted: the server sleeps" in host.run("promote").summary
    back = host.home.pulls[-1]
    assert back.title == "Go back to v1.0.0"
    assert "src/tracker.py" in host.files(back.head_branch)
    assert "it was fairer" in back.body
    ada.main()
    ada.write("NOTES.md", "A note.\n")
    ada.commit()
    ada.push()
    host.settle()
    assert live(host) == V1, "what was taken back is not promoted again"
    assert host.run("promote").conclusion == "success"
    assert not issues(host)
    assert "was taken back" in host.run("promote").summary
    host.dispatch("promote.yml", version="v1.1.0", reason="after all")
    host.settle()
    assert live(host) == V2, host.run("promote").log
    assert [it["version"] for it in events(host, "rollback")] == ["v1.0.0", "v1.1.0"]
    number = host.ledger()[-1]["number"]
    card = host.show("ledger", f"files/{number:06}/model_card.md")
    assert f"**v1.1.0**, put back by event {number} of the ledger" in card
    told = {
        f"promoted {name} {host.home.bare.git('rev-parse', f'model@{name}^{{commit}}').strip()}"
        for name in ("v1.0.0", "v1.1.0")
    }
    assert set((tmp_path / "told").read_text().splitlines()) == told
    host.dispatch("promote.yml", version="v1.7.0", reason="a slip")
    host.settle()
    assert host.run("promote").conclusion == "failure"
    assert not issues(host)
    assert "never promoted; there is" in host.run("promote").summary
    assert len(held) == 1
    ada.main()
    lines = ada.audit()
    assert lines[0] == "Sound: 2 versions, 6 events"
    assert "  approvals   ada merged pull request #1 (GitHub says)" in lines


def test_where_github_forgot_the_run_an_owner_has_to_say_it(begin: Begin) -> None:
    host = begin("second")
    gone = events(host, "promotion")[-1]["run"]["id"]
    host.home.runs[:] = [run for run in host.home.runs if run.id != gone]
    host.clone("bob")
    host.dispatch("promote.yml", "bob", version="v1.1.0")
    host.settle()
    assert f"the promotion of v1.1.0 is not believed, there is no run {gone}" in (
        host.run("promote").log
    )
    ada = newest(host)
    ada.edit("params.yaml", model={"boosted": {"max_iter": 31}})
    pull = ada.open("next")
    trained(host, pull, evidence(ada, 0.5 * (said(ada) + answers(ada))))
    host.settle()
    assert str(host.gate(pull).description).startswith("Not judged: the tags say that v1.1.0 is")
    host.dispatch("promote.yml", version="v1.1.0", reason="I was there")
    host.settle()
    assert host.run("promote").conclusion == "success", host.run("promote").log
    assert (live(host), len(events(host, "rollback"))) == (V2, 1)
    host.rerun(next(run for run in reversed(host.runs) if run.name == "judge"))
    host.settle()
    assert str(host.gate(pull).description).startswith("Better"), host.run("judge").log


TRAP = "import pathlib\npathlib.Path(r'{}').touch()\n"


def forge_tag(host: ProjectHost, name: str, trap: Path) -> str:
    """Bob, who may write, tags a commit of his that leaves a mark where it is run."""
    bob = newest(host, "bob")
    for path in bob.package.glob("*.py"):
        path.write_text(TRAP.format(trap) + path.read_text(), encoding="utf-8")
    sha = bob.commit("mine")
    bob.git("tag", "--annotate", "--message", "mine", name)
    bob.git("push", "--quiet", "--no-verify", "origin", f"refs/tags/{name}")
    return sha


def forge_event(host: ProjectHost, sha: str) -> None:
    """He writes into the ledger, too, that the last run of promote did this."""
    bob = host.folder / "clone-bob"
    last = events(host, "promotion")[-1]
    body = {**last, "version": "v1.2.0", "commit": sha}
    (bob / "event.json").write_text(json.dumps(body), encoding="utf-8")
    project = BakedProject(bob, {}, "")
    project.champion("ledger", "append", "promotion", "--key", "forged", "--body", "event.json")


def test_what_was_written_beforehand_is_in_nobodys_way(begin: Begin) -> None:
    """Lines of the ledger and a tag that Bob made up, and merged code that writes what it likes."""
    host = begin("judged")
    bob = newest(host, "bob")
    (verdict,) = [event for event in host.ledger() if event["kind"] == "verdict"][-1:]
    first, its = events(host, "promotion")[0], verdict["body"]["challenger"]
    model = its["model"]["md5"]
    last = {**first, "version": "v999999.999999.999999", "model": model}
    back = {"version": "v1.0.0", "commit": first["commit"], "reason": "mine", "run": first["run"]}
    for kind, key, body in (
        ("promotion", f"promotion/{model}/{verdict['number']}", last),
        ("rollback", "mine", back),
    ):
        bob.write("event.json", json.dumps(body))
        bob.champion("ledger", "append", kind, "--key", key, "--body", "event.json")
    bob.git("tag", V2, f"{first['commit']}~1")
    bob.git("push", "--quiet", "--no-verify", "origin", f"refs/tags/{V2}")

    def lie(place: Place) -> None:
        file = place.workspace / ".champion/judged/promotion.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "commit": first["commit"]}))

    host.hooks.append(Hook("promote", "verify", "keep", lie))
    merge(host, host.home.pulls[0])
    host.settle()
    assert "is not the default branch's with that model" in host.run("promote").log
    assert live(host) == V1
    host.dispatch("promote.yml")
    host.settle()
    assert live(host) == "model@v1.2.0", host.run("promote").log


def forge_object(host: ProjectHost, digest: str) -> str:
    """And another file under the name of a stored one; the branch's commit before that."""
    bob = Clone(host.folder / "clone-bob")
    bob.git("config", "core.hooksPath", "/dev/null")
    bob.git("fetch", "--quiet", "origin", "dvc-storage")
    bob.git("switch", "--quiet", "--discard-changes", "--detach", "FETCH_HEAD")
    stored = bob.git("rev-parse", "HEAD")
    bob.commit(f"files/md5/{digest[:2]}/{digest[2:]}", "another model")
    bob.git("push", "--quiet", "origin", "HEAD:dvc-storage")
    return stored


def test_a_model_that_was_swapped_after_its_verdict_does_not_go_live(begin: Begin) -> None:
    host = begin("judged")
    newest(host, "bob")
    stored = forge_object(host, host.ledger()[-1]["body"]["challenger"]["model"]["md5"])
    ada = newest(host)
    merge(host, host.home.pulls[0])
    ada.main()
    ada.write("NOTES.md", "A note.\n")
    ada.commit()
    ada.push()
    host.settle()
    ran = [run for run in host.runs if run.name == "promote"]
    assert [run.conclusion for run in ran] == ["failure", "failure"], "two merges in a row"
    assert "is not what its hash says: it was changed" in ran[0].log
    assert live(host) == V1
    assert len(issues(host)) == 1
    host.home.bare.point("refs/heads/dvc-storage", stored)
    for run in ran:
        host.rerun(run)
    host.settle()
    assert tags(host) == ["model#production#1", "model#production#2", V1, V2]
    assert [it["version"] for it in events(host, "promotion")] == ["v1.0.0", "v1.1.0"]
    assert live(host) == V2


def test_a_tag_that_somebody_pushed_puts_nothing_into_production(begin: Begin) -> None:
    host = begin("second")
    trap = host.folder / "ran"
    ada = newest(host)
    ada.edit("params.yaml", model={"boosted": {"max_iter": 31}})
    pull = ada.open("next")
    sha = forge_tag(host, "model#production#9", trap)
    trained(host, pull, evidence(ada, 0.5 * (said(ada) + answers(ada))))
    host.settle()
    told = f"Not judged: the tags say that {sha[:10]} is in production, and the ledger's last confirmed"
    assert told in str(host.gate(pull).description)
    forge_event(host, sha)
    again = host.rerun(host.run("judge"))
    host.settle()
    assert told in str(host.gate(pull).description)
    assert "another model was verified" in host.run("judge").log
    assert len(events(host, "verdict")) == 2
    host.dispatch("promote.yml", version="v1.1.0", reason="somebody pushed a tag")
    host.settle()
    assert live(host) == V2, host.run("promote").log
    stored = forge_object(host, events(host, "promotion")[1]["model"])
    told = "\n".join(ada.audit())
    for words in ("The tag model#production#9 says", "Event 5 of the ledger (promotion) names run",
                  "Event 5 of the ledger (promotion) is not what a workflow of main said",
                  "The model of v1.2.0, v1.1.0 in the remote"):  # fmt: skip
        assert words in told, told
    again = host.rerun(again)
    host.settle()
    assert "Not judged" in str(host.gate(pull).description), host.run("judge").log
    assert "is not what its hash says" in host.comments(pull)[0]
    host.home.bare.point("refs/heads/dvc-storage", stored)
    host.rerun(again)
    host.settle()
    assert host.gate(pull).state == "success", host.run("judge").log
    assert not trap.exists(), "what nobody judged was run"
