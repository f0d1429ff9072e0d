"""`protect` lets GitHub hold the gate, and says what a plan or a setting forbids."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from champion.workspace.protect import STILL
from conftest import PROJECT
from desk import Desk
from github import GitHub
from github_client import Clone, ask

RULESETS = PROJECT / ".github/rulesets"
PARAMETERS: dict[str, dict[str, type]] = {
    "deletion": {},
    "non_fast_forward": {},
    "update": {},
    "pull_request": {
        "required_approving_review_count": int,
        "require_code_owner_review": bool,
        "dismiss_stale_reviews_on_push": bool,
        "require_last_push_approval": bool,
        "required_review_thread_resolution": bool,
    },
    "required_status_checks": {
        "strict_required_status_checks_policy": bool,
        "do_not_enforce_on_create": bool,
        "required_status_checks": list,
    },
    "merge_queue": {
        "check_response_timeout_minutes": int,
        "grouping_strategy": str,
        "max_entries_to_build": int,
        "max_entries_to_merge": int,
        "merge_method": str,
        "min_entries_to_merge": int,
        "min_entries_to_merge_wait_minutes": int,
    },
}


@pytest.fixture
def desk(
    tmp_path: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    """Ada in a project that is published to her repository; `ada` is her clone of it."""
    with GitHub(tmp_path / "host") as host:
        repository = host.create("ada/flights")
        work = Clone(tmp_path / "work")
        shutil.copytree(RULESETS, work.path / ".github/rulesets")
        (work.path / ".github/CODEOWNERS").write_text("/gate.yaml @ada\n")
        (work.path / "gate.yaml").write_text("")
        work.git("init", "--quiet")
        work.commit("model.py", "1\n")
        work.git("remote", "add", "origin", host.remote(repository, host.token("ada")))
        work.push("main")
        names = ("main:ledger", "main:dvc-storage", "main:refs/tags/model@v1.0.0")
        work.git("push", "--quiet", "origin", *names)
        monkeypatch.chdir(work.path)
        desk = Desk(host, repository, monkeypatch, capsys)
        desk.log_in("ada")
        yield desk


def rules(desk: Desk) -> dict[str, dict[str, Any]]:
    """The parameters of each rule of the gate."""
    (gate,) = [it for it in desk.repository.rulesets.values() if it["name"] == "gate"]
    return {rule["type"]: rule.get("parameters", {}) for rule in gate["rules"]}


def problems(ruleset: dict[str, Any]) -> list[str]:
    """What GitHub's description of a ruleset forbids in one, as far as we use it."""
    prefix = {"branch": ("refs/heads/", "~DEFAULT_BRANCH"), "tag": ("refs/tags/",)}
    found = [] if set(ruleset) == {"name", "target", "enforcement", "conditions", "rules"} else [""]
    names = ruleset["conditions"]["ref_name"]
    found += [it for it in names["include"] if not it.startswith(prefix[ruleset["target"]])]
    found += [] if names["exclude"] == [] and ruleset["enforcement"] == "active" else ["on"]
    for rule in ruleset["rules"]:
        wanted = PARAMETERS.get(rule["type"])
        parameters = rule.get("parameters", {})
        if wanted is None or {key: type(value) for key, value in parameters.items()} != wanted:
            found.append(rule["type"])
    return found


@pytest.mark.parametrize("path", sorted(RULESETS.glob("*.json")), ids=lambda path: path.stem)
def test_rulesets_are_as_github_describes_them(path: Path) -> None:
    ruleset = json.loads(path.read_text(encoding="utf-8"))
    assert not problems(ruleset)
    broken = copy.deepcopy(ruleset)
    broken["rules"][-1]["parameters"] = {"strict": True}
    assert problems(broken)


@pytest.mark.parametrize(
    ("options", "owner", "approvals", "queue"),
    [
        ((), "User", 0, False),
        (("--team",), "User", 1, False),
        (("--queue",), "Organization", 0, True),
        (("--team", "--queue"), "Organization", 1, True),
    ],
    ids=["solo", "team", "solo-queue", "team-queue"],
)
def test_only_a_pull_request_with_the_gate_gets_in(
    desk: Desk, options: tuple[str, ...], owner: str, approvals: int, queue: bool
) -> None:
    desk.repository.owner.kind = owner
    assert desk.run("protect", *options) == 0, desk.said
    assert ("approve after the verdict" in desk.said) == bool(approvals)
    found = rules(desk)
    assert found["pull_request"]["required_approving_review_count"] == approvals
    assert found["pull_request"]["require_code_owner_review"] == bool(approvals)
    assert found["pull_request"]["dismiss_stale_reviews_on_push"] == bool(approvals)
    assert found["pull_request"]["require_last_push_approval"] == bool(approvals)
    assert ("merge_queue" in found) == queue
    if queue:  # it tests the merge with the newest default branch itself
        one = ("max_entries_to_build", "max_entries_to_merge", "min_entries_to_merge")
        assert [found["merge_queue"][key] for key in one] == [1, 1, 1]
    assert {"deletion", "non_fast_forward"} < set(found)
    strict = found["required_status_checks"]["strict_required_status_checks_policy"]
    assert strict == (not queue)

    work, ada = Clone(Path.cwd()), desk.host.token("ada")
    work.commit("model.py", "2\n")
    assert "GH013" in work.refused("main")
    work.push("main:try")
    home = "/repos/ada/flights"
    body = {"head": "try", "base": "main", "title": "Try"}
    pull = ask(desk.host, f"POST {home}/pulls", ada, body).json
    merge = f"PUT {home}/pulls/{pull['number']}/merge"
    assert ask(desk.host, merge, ada).status == 405
    status = f"POST {home}/statuses/{pull['head']['sha']}"
    good = {"state": "success", "context": "gate"}
    ask(desk.host, status, ada, good)  # not by a workflow
    assert ask(desk.host, merge, ada).status == 405
    bot = desk.host.workflow_token(desk.repository, {"statuses": "write", "contents": "write"})
    assert ask(desk.host, status, bot, good).status == 201
    assert ask(desk.host, merge, ada).status == 200


def test_records_are_only_added_to_and_versions_stay(desk: Desk) -> None:
    assert desk.run("protect") == 0, desk.said
    work = Clone(Path.cwd())
    bot = desk.host.workflow_token(desk.repository, {"contents": "write"})
    work.git("remote", "set-url", "origin", desk.host.remote(desk.repository, bot))
    first = work.git("rev-parse", "HEAD")
    work.commit("model.py", "2\n")
    for name in ("ledger", "dvc-storage"):
        work.push(f"HEAD:{name}")
        assert "GH013" in work.refused(f"{first}:{name}", "--force")
        assert "GH013" in work.refused(f":{name}")
    work.push(f"{first}:refs/tags/model#production#1")
    for tag in ("model@v1.0.0", "model#production#1"):
        assert "GH013" in work.refused(f"HEAD:refs/tags/{tag}", "--force")
        assert "GH013" in work.refused(f":refs/tags/{tag}")
    work.push("HEAD:refs/tags/other")
    work.push(":refs/tags/other")


def test_through_a_gh_of_its_own_process(desk: Desk) -> None:
    desk.whole()
    assert desk.run("protect") == 0, desk.said
    assert len(desk.repository.rulesets) == 3
    desk.patch.delenv("GH_TOKEN")
    assert desk.run("protect") == 2


def test_again_it_changes_nothing_and_keeps_what_people_set(desk: Desk) -> None:
    where = desk.repository
    where.workflow_permissions = "write"
    assert desk.run("protect") == 0, desk.said
    assert where.actions_may_open_pulls
    assert where.workflow_permissions == "write"
    assert list(where.environments["judge"].branches.values()) == ["main"]
    (gate,) = [it for it in where.rulesets.values() if it["name"] == "gate"]
    gate["bypass_actors"] = [{"actor_id": 5, "actor_type": "RepositoryRole"}]
    kept = copy.deepcopy([where.rulesets, where.environments])
    desk.host.sent.clear()
    assert desk.run("protect") == 0, desk.said
    assert [where.rulesets, where.environments] == kept
    written = {(it.method, it.path.split("/")[4]) for it in desk.host.sent if it.method != "GET"}
    assert written == {("PUT", "rulesets")}
    assert desk.run("protect", "--team") == 0
    assert len(where.rulesets) == 3
    assert rules(desk)["pull_request"]["required_approving_review_count"] == 1


def test_where_models_are_deployed_production_is_closed_too(desk: Desk) -> None:
    workflow = Path(".github/workflows/deploy.yml")
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.touch()
    assert desk.run("protect") == 0, desk.said
    where = desk.repository.environments
    assert {name: list(it.branches.values()) for name, it in where.items()} == {
        "judge": ["main"],
        "production": ["main"],
    }


def test_only_the_default_branch_enters_the_environment(desk: Desk) -> None:
    where = desk.repository
    assert desk.run("protect") == 0
    where.environments["judge"].branches[7] = "*"
    assert desk.run("protect") == 0
    assert "* is let in no longer" in desk.said
    assert list(where.environments["judge"].branches.values()) == ["main"]
    where.environments["judge"].policy = None
    where.environments["judge"].rules = [{"id": 1, "type": "required_reviewers"}]
    assert desk.run("protect") == 1
    assert "has rules of its own" in desk.said
    assert where.environments["judge"].rules


def test_a_free_private_repository_is_told_what_still_holds(desk: Desk) -> None:
    desk.repository.private = True
    assert desk.run("protect") == 1
    assert "Upgrade to GitHub Pro" in desk.said
    assert STILL in desk.said
    assert "store none" in desk.said
    assert desk.repository.actions_may_open_pulls


def test_a_queue_needs_an_organisation_and_a_plan(desk: Desk) -> None:
    assert desk.run("protect", "--queue") == 1
    assert "only an organisation's" in desk.said
    assert "required_status_checks" in rules(desk)
    desk.repository.owner.kind = "Organization"
    desk.host.faults.fail("PUT .*/rulesets/", 422)
    assert desk.run("protect", "--queue") == 1
    assert "does not take the merge queue (Server said 422)" in desk.said
    assert "through the queue" not in desk.said
    assert "merge_queue" not in rules(desk)


def test_an_organisation_may_forbid_workflows_to_open_pull_requests(desk: Desk) -> None:
    desk.repository.organisation_decides = True
    assert desk.run("protect") == 1
    assert "the organisation decides" in desk.said
    assert rules(desk)
    assert "judge" in desk.repository.environments


@pytest.mark.parametrize("asked", [(), ("--team",)], ids=["solo", "team"])
def test_a_team_needs_a_code_owner_that_github_knows(desk: Desk, asked: tuple[str, ...]) -> None:
    desk.repository.codeowners_errors = [{"line": 2, "kind": "Unknown owner"}]
    assert desk.run("protect", *asked) == len(asked)
    assert ("CODEOWNERS, line 2" in desk.said) == bool(asked)
    Path(".github/CODEOWNERS").write_text("# /gate.yaml @OWNER\n")
    assert desk.run("protect", *asked) == len(asked)
    assert ("names nobody" in desk.said) == bool(asked)


def test_who_cannot_change_settings_is_told_so_and_changes_nothing(desk: Desk) -> None:
    desk.host.grant(desk.repository, "bob", "write")
    desk.log_in("bob")
    assert desk.run("protect") == 1
    assert "only who administers ada/flights" in desk.said
    assert STILL in desk.said
    assert not desk.repository.rulesets


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/srv/flights.git", "origin is no repository at GitHub"),
        ("https://gitlab.com/group/ada/flights.git", "origin is no repository at GitHub"),
        ("git@gitlab.com:ada/flights.git", "else let the default branch take pull requests"),
        ("git@github.com:ada/flights.git", "run `gh auth login --hostname github.com`"),
    ],
)
def test_without_a_login_it_takes_one_sentence(desk: Desk, url: str, sentence: str) -> None:
    Clone(Path.cwd()).git("remote", "set-url", "origin", url)
    desk.patch.delenv("GH_TOKEN")
    assert desk.run("protect") == 2
    assert sentence in desk.said
    assert len(desk.said.splitlines()) == 1
    git = shutil.which("git")
    assert git
    desk.patch.setenv("PATH", str(Path(git).parent))
    if not shutil.which("gh"):
        assert desk.run("protect") == 2
        assert ("gh, the GitHub CLI, is not installed" in desk.said) == ("no repo" not in sentence)


def test_no_answer_is_no_success(desk: Desk) -> None:
    desk.host.faults.drop("GET /repos/ada/flights$")
    assert desk.run("protect") == 1
    assert "gh cannot ask 127.0.0.1" in desk.said
    desk.host.faults.fail("POST .*/rulesets", 500)
    assert desk.run("protect") == 1
    assert "GitHub does not take rules: Server said 500" in desk.said
