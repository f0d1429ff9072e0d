"""The stand-ins do what their actions document."""

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from actions.events import Event
from actions.result import REAL, STAND_IN, Run
from actions.runner import again, execute, prepare
from small_workflow import CHECKOUT, FORK, PATH, PIN, World, job, new_world

ROOT = Path(__file__).resolve().parents[1]
UPLOAD, DOWNLOAD = f"actions/upload-artifact@{PIN}", f"actions/download-artifact@{PIN}"
CACHE = f"actions/cache@{PIN}"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs the jobs of other systems")


@pytest.fixture
def world(tmp_path: Path, outside: Path) -> World:
    return new_world(tmp_path)


TELL = """
- run: |
    git rev-parse --abbrev-ref HEAD
    git rev-list --count HEAD
    git for-each-ref --format='%(refname)' | xargs
    git config --get http.https://github.com/.extraheader || true
"""


def told(run: Run) -> list[str]:
    return run.job("job").steps[-1].log.splitlines()


@pytest.mark.parametrize(("tags", "kept"), [("false", ""), ("true", " refs/tags/v1")])
def test_checkout_takes_one_commit_and_remembers_the_token(
    world: World, tags: str, kept: str
) -> None:
    text = f"- uses: {CHECKOUT}\n  with: {{fetch-tags: {tags}}}{TELL}"
    world.commit({"a": "1"})
    run = world.prepare(job(text))
    world.git("tag", "v1")
    execute(run)
    refs = f"refs/heads/main refs/remotes/origin/main{kept}"
    assert told(run) == ["main", "1", refs, "AUTHORIZATION: basic ***"]
    assert "x-access-token" not in run.log


def test_checkout_forgets_the_token_and_takes_history(world: World) -> None:
    world.commit({"a": "1"})
    world.git("branch", "side")
    world.git("tag", "v1")
    options = "with: {persist-credentials: false, fetch-depth: 0, path: here}"
    tell = f"{TELL}  working-directory: here"
    run = world.steps(f"- uses: {CHECKOUT}\n  {options}{tell}")
    refs = "refs/heads/main refs/remotes/origin/main refs/remotes/origin/side refs/tags/v1"
    assert told(run) == ["main", "2", refs]


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(
    ("ref", "branch"),
    [("side", "side"), ("v1", "HEAD"), ("refs/heads/side", "side"), ("SHA", "HEAD")],
)
def test_checkout_of_another_ref(world: World, ref: str, branch: str, depth: int) -> None:
    sha = world.commit({"a": "side"})
    world.git("branch", "side")
    world.git("tag", "v1")
    options = f"with: {{ref: {ref.replace('SHA', sha)}, fetch-depth: {depth}}}"
    run = world.steps(f"- uses: {CHECKOUT}\n  {options}{TELL}- run: cat a", {"a": "main"})
    assert told(run) == ["side"]
    assert run.job("job").steps[1].log.splitlines()[:2] == [branch, "1"]


@pytest.mark.parametrize("depth", [0, 1])
def test_checkout_of_what_the_event_was_about(world: World, depth: int) -> None:
    """The branch has moved on; a pull request is its merge commit."""
    text = f"on: [push, pull_request]\njobs: {{job: {{runs-on: x, steps: [{{uses: {CHECKOUT}, with: {{fetch-depth: {depth}}}}}, run: git rev-parse HEAD]}}}}"
    base = world.commit({PATH: text})
    world.git("checkout", "--quiet", "-b", "side")
    head = world.commit({"a": "1"})
    world.git("checkout", "--quiet", "main")
    tip = world.commit({"b": "1"})
    tree = world.git("merge-tree", "--write-tree", tip, head)
    merge = world.git("commit-tree", tree, "-p", tip, "-p", head, "-m", "merge")
    world.git("update-ref", "refs/pull/7/merge", merge)
    payload = {"action": "opened", **FORK}
    for event in (Event("push", base), Event("pull_request", merge, "refs/pull/7/merge", payload)):
        run = execute(prepare(world.repository, PATH, event))
        assert told(run) == [event.sha]


FORKED = {
    "event": "pull_request",
    "head_sha": "f" * 40,
    "head_repository": {"full_name": "eve/flights"},
}


@pytest.mark.parametrize(
    ("name", "payload", "options", "refused"),
    [
        ("pull_request_target", {"action": "opened", **FORK}, "{}", False),
        ("pull_request_target", {"action": "opened", **FORK}, "{ref: refs/pull/7/head}", True),
        ("workflow_run", {"workflow_run": FORKED}, "{}", False),
        ("workflow_run", {"workflow_run": FORKED}, f"{{ref: {'f' * 40}}}", True),
        ("workflow_run", {"workflow_run": FORKED}, "{repository: eve/flights}", True),
        (
            "workflow_run",
            {"workflow_run": FORKED},
            "{ref: refs/pull/7/head, allow-unsafe-pr-checkout: true}",
            False,
        ),
        (
            "workflow_run",
            {"workflow_run": {**FORKED, "head_repository": {"full_name": "ada/flights"}}},
            "{ref: refs/pull/7/head}",
            False,
        ),
        (
            "workflow_run",
            {"workflow_run": {**FORKED, "event": "push"}},
            "{ref: refs/pull/7/head}",
            False,
        ),
    ],
)
def test_checkout_refuses_a_fork_s_code(
    world: World, name: str, payload: dict[str, Any], options: str, refused: bool
) -> None:
    world.commit({"a": "1"})
    world.git("update-ref", "refs/pull/7/head", "HEAD")
    world.repository.others["eve/flights"] = str(world.repository.folder)
    run = world.steps(f"- uses: {CHECKOUT}\n  with: {options}", name=name, payload=payload)
    assert run.conclusion == ("failure" if refused else "success"), run.log
    assert ("Refusing to check out" in run.log) is refused


CACHED = f"""
- id: cache
  uses: {CACHE}
  with: {{path: "~/kept\\nhere/file", key: KEY, restore-keys: k-}}
- run: |
    mkdir -p ~/kept here
    touch ~/kept/a here/file
    echo "$(cat ~/kept/a here/file | xargs) [${{{{ steps.cache.outputs.cache-hit }}}}]"
    echo KEY | tee ~/kept/a > here/file
- run: exit CODE
"""


def cached(world: World, key: str, code: int = 0, **event: Any) -> str:
    run = world.steps(CACHED.replace("KEY", key).replace("CODE", str(code)), **event)
    return run.job("job").steps[1].log


def test_a_cache_is_kept_once_and_found_by_its_beginning(world: World) -> None:
    assert cached(world, "k-0", code=1) == " []"
    assert cached(world, "k-1") == " []"  # what failed kept nothing
    assert cached(world, "k-10") == "k-1 k-1 [false]"
    assert cached(world, "k-1") == "k-1 k-1 [true]"
    assert cached(world, "k-3") == "k-10 k-10 [false]"
    assert cached(world, "other") == "k-3 k-3 [false]"


def test_a_pull_request_reads_its_base_s_caches_and_keeps_its_own(world: World) -> None:
    payload = {"action": "opened", **FORK}
    pull: Any = {"name": "pull_request", "ref": "refs/pull/7/merge", "payload": payload}
    cached(world, "k-1")
    assert cached(world, "k-2", **pull) == "k-1 k-1 [false]"
    assert cached(world, "k-3", **pull) == "k-2 k-2 [false]"
    assert cached(world, "k-4") == "k-1 k-1 [false]"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("path: out", ["a", "in/b"]),
        ("path: out/in/b", ["b"]),
        ("path: out/**/b", ["in/b"]),
        ('path: "out/a\\nother"', ["other/c", "out/a"]),
        ('path: "out\\n!out/in"', ["a"]),
        ("{path: out, include-hidden-files: true}", [".hidden/x", "a", "in/.d", "in/b"]),
    ],
)
def test_what_an_artifact_holds(world: World, options: str, names: list[str]) -> None:
    given = options if options.startswith("{") else f"{{{options}}}"
    run = world.steps(f"""
        - run: mkdir -p out/in out/.hidden other && touch out/a out/in/b out/in/.d out/.hidden/x other/c
        - uses: {UPLOAD}
          with: {given}
    """)
    (artifact,) = run.artifacts
    with zipfile.ZipFile(artifact.file) as archive:
        assert sorted(archive.namelist()) == names
    assert (artifact.name, artifact.size) == ("artifact", artifact.file.stat().st_size)


@pytest.mark.parametrize(
    ("options", "conclusion"), [("", "success"), (", if-no-files-found: error", "failure")]
)
def test_an_artifact_of_nothing(world: World, options: str, conclusion: str) -> None:
    run = world.steps(f"- uses: {UPLOAD}\n  with: {{path: none{options}}}")
    assert (run.conclusion, run.artifacts) == (conclusion, [])


def test_artifacts_go_from_job_to_job(world: World) -> None:
    run = world.run(f"""
        jobs:
          a:
            runs-on: ubuntu-latest
            strategy: {{matrix: {{n: [1, 2]}}}}
            steps:
              - run: echo ${{{{ matrix.n }}}} > f${{{{ matrix.n }}}}
              - {{uses: {UPLOAD}, with: {{name: "n-${{{{ matrix.n }}}}", path: "f*"}}}}
          b:
            needs: a
            runs-on: ubuntu-latest
            steps:
              - {{uses: {DOWNLOAD}, with: {{path: all}}}}
              - {{uses: {DOWNLOAD}, with: {{name: n-2, path: one}}}}
              - {{uses: {DOWNLOAD}, with: {{pattern: n-*, path: flat, merge-multiple: true}}}}
              - run: find all one flat -type f | sort | xargs
              - {{uses: {UPLOAD}, with: {{name: n-1, path: one, overwrite: true}}}}
              - {{uses: {UPLOAD}, with: {{name: n-2, path: one}}}}
    """)
    steps = run.job("b").steps
    assert steps[3].log == "all/n-1/f1 all/n-2/f2 flat/f1 flat/f2 one/f2"
    assert [step.conclusion for step in steps[4:]] == ["success", "failure"]
    assert "already exists" in steps[5].log


def test_another_attempt_replaces_an_artifact(world: World) -> None:
    upload = f"- {{uses: {UPLOAD}, with: {{path: f}}}}"
    run = world.steps(f"- run: echo $GITHUB_RUN_ATTEMPT > f\n{upload}")
    second = execute(again(run))
    assert (second.id, second.attempt, second.conclusion) == (run.id, 2, "success")
    (artifact,) = second.artifacts
    with zipfile.ZipFile(artifact.file) as archive:
        assert archive.read("f") == b"2\n"


@pytest.mark.parametrize(("access", "conclusion"), [("read", "success"), ("none", "failure")])
def test_another_run_s_artifact_needs_a_token_that_reads(
    world: World, access: str, conclusion: str
) -> None:
    first = world.steps(f"- run: echo 1 > f\n- {{uses: {UPLOAD}, with: {{path: f}}}}")
    run = world.run(f"""
        permissions: {{actions: {access}}}
        jobs:
          job:
            runs-on: ubuntu-latest
            steps:
              - uses: {DOWNLOAD}
                with: {{name: artifact, run-id: {first.id}, github-token: "${{{{ github.token }}}}"}}
              - run: cat f
    """)
    assert run.conclusion == conclusion
    assert run.log.endswith("1") or "not accessible by integration" in run.log


def test_an_artifact_that_is_not_there_fails(world: World) -> None:
    run = world.steps(f"- {{uses: {DOWNLOAD}, with: {{name: none}}}}")
    assert "Artifact not found: none" in run.log
    assert run.conclusion == "failure"


def test_the_template_s_own_workflow(world: World, tmp_path: Path) -> None:
    """Every job and leg of it, with `make` recording what it is asked instead of doing it."""
    calls = tmp_path / "calls"
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text(
        f'#!/bin/sh\necho "$@" "$(command -v $PYTHON)" "$(command -v uv)" "$(ls)" >> {calls}\n'
    )
    make.chmod(0o755)
    path = ".github/workflows/test.yml"
    sha = world.commit({path: (ROOT / path).read_text(), "Makefile": ""})
    world.machine.path = (make.parent,)
    run = execute(prepare(world.repository, path, Event("push", sha), world.machine))
    assert run.conclusion == "success", run.log
    assert [job.name for job in run.jobs] == [
        "ubuntu-latest, Python 3.11",
        "ubuntu-latest, Python 3.12",
        "ubuntu-latest, Python 3.13",
        "macos-latest, Python 3.12",
        "windows-latest, Python 3.12",
        "make demo, with pip",
    ]
    asked = calls.read_text().splitlines()
    assert [line.split()[0] for line in asked] == ["test"] * 5 + ["demo"]
    assert all("/tools/python/python" in line and line.endswith(" Makefile") for line in asked)
    assert ["/tools/uv/uv" in line for line in asked] == [True] * 5 + [False]
    assert run.how(REAL) == ["Run make test", "Run make demo"]
    assert run.how(STAND_IN) == ["actions/checkout", "actions/setup-python", "astral-sh/setup-uv"]
    assert all(
        job.token and job.token.permissions == {"metadata": "read", "contents": "read"}
        for job in run.jobs
    )
