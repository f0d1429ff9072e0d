"""Whose word lifts the hold on a change of how models are judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from champion.ci import owners
from champion.ci.api import Api
from champion.ci.owners import is_owner
from champion.judge.paths import owned
from champion.workspace.git import changed, touched
from github import GitHub, Repository
from github_client import Clone, ask

GATE, JUDGE = "gate.yaml", ".github/workflows/judge.yml"


@dataclass
class Branch:
    """The branch `try` of Bob, who may write; Ada owns the repository, `carl` a file of it."""

    host: GitHub
    home: Repository
    work: Clone
    pull: int = 0

    @property
    def api(self) -> Api:
        return Api(self.host.api, self.home.full_name, self.host.token("ada").secret)

    def commit(self, path: str, text: str = "2\n") -> str:
        return self.work.commit(path, text)

    def push(self, login: str, branch: str = "try") -> None:
        url = self.host.remote(self.home, self.host.token(login))
        self.work.git("push", "--quiet", "--force", url, f"HEAD:refs/heads/{branch}")

    def open(self, login: str, branch: str = "try") -> None:
        body = {"head": branch, "base": "main", "title": "Try"}
        token = self.host.token(login)
        said = ask(self.host, f"POST /repos/{self.home.full_name}/pulls", token, body)
        self.pull = said.json["number"]

    def approve(self, login: str, event: str = "APPROVE") -> None:
        path = f"POST /repos/{self.home.full_name}/pulls/{self.pull}/reviews"
        assert (
            ask(self.host, path, self.host.token(login), {"event": event, "body": "."}).status < 300
        )

    def agreed(self, branch: str = "try") -> bool:
        """As the judge asks: it runs on the default branch's tip."""
        sha = self.work.git("rev-parse", "HEAD")
        tip = self.work.git("rev-parse", "main")
        self.work.git("checkout", "--quiet", "--detach", "main")
        try:
            its = owned({*changed(tip, sha), *touched(sha, tip)})
            assert its
            return owners.agreed(self.api, {"number": self.pull}, sha, branch, its)
        finally:
            self.work.git("checkout", "--quiet", "--detach", sha)


@pytest.fixture
def branch(tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Branch]:
    with GitHub(tmp_path / "host") as host:
        home = host.create("ada/flights")
        for login in ("bob", "carl", "dora"):
            host.grant(home, login, "write")
        work = Clone(tmp_path / "work")
        work.path.mkdir()
        work.git("init", "--quiet", "--initial-branch=main")
        work.commit(GATE, "1\n")
        work.commit(JUDGE, "1\n")
        work.commit(".github/CODEOWNERS", "/gate.yaml @Carl # who decides\n/src/ @ada/people\n")
        made = Branch(host, home, work)
        made.push("ada", "main")
        work.git("checkout", "--quiet", "--detach", "main")
        monkeypatch.chdir(work.path)
        yield made


def test_what_an_owner_pushed_needs_nobody(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("ada")
    branch.open("bob")
    assert branch.agreed()


@pytest.mark.parametrize("opener", ["ada", "bob"])
def test_who_opened_it_or_is_named_as_author_says_nothing(branch: Branch, opener: str) -> None:
    branch.work.git("config", "user.name", "ada")
    branch.commit(GATE)
    branch.push("bob")
    branch.open(opener)
    assert not branch.agreed()


def test_what_is_pushed_onto_an_owners_branch_is_not_hers(branch: Branch) -> None:
    branch.commit("notes.md")
    branch.push("ada")
    branch.open("ada")
    branch.commit(GATE)
    branch.push("bob")
    assert not branch.agreed()
    branch.commit("more.md")
    branch.push("ada")
    assert branch.agreed(), "she pushed on top of it"


def test_an_approval_holds_while_nothing_of_that_kind_follows(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("bob")
    branch.open("bob")
    branch.approve("ada", "REQUEST_CHANGES")
    assert not branch.agreed()
    branch.approve("ada")
    assert branch.agreed()
    branch.commit("notes.md")
    branch.push("bob")
    assert branch.agreed(), "no word on the judge was changed since"
    branch.commit(JUDGE)
    branch.push("bob")
    assert not branch.agreed()
    branch.commit(JUDGE, "1\n")
    branch.push("bob")
    assert not branch.agreed(), "what was taken back would be in the history of main"


def test_a_history_that_was_rewritten_is_another_one(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("bob")
    branch.open("bob")
    branch.approve("ada")
    branch.work.git("commit", "--quiet", "--amend", "-m", "the same, newly written")
    branch.push("bob")
    assert not branch.agreed()


@pytest.mark.parametrize(("how", "stands"), [((), True), (("--strategy=ours",), False)])
def test_a_merge_of_main_takes_its_judge_or_is_seen(
    branch: Branch, how: tuple[str, ...], stands: bool
) -> None:
    """What main changed is nobody's here, and Ada's approval stands; keeping the old is a change."""
    branch.commit(GATE)
    branch.push("bob")
    branch.open("bob")
    branch.approve("ada")
    approved = branch.work.git("rev-parse", "HEAD")
    branch.work.git("checkout", "--quiet", "main")
    branch.commit(JUDGE, "safer\n")
    branch.push("ada", "main")
    branch.work.git("checkout", "--quiet", "--detach", approved)
    branch.work.git("merge", "--quiet", "--no-edit", *how, "main")
    branch.push("bob")
    assert branch.agreed() is stands


@pytest.mark.parametrize(
    ("committer", "hers"), [("noreply@github.com", False), ("ada@a.org", True)]
)
def test_a_click_on_update_branch_is_no_word(branch: Branch, committer: str, hers: bool) -> None:
    branch.commit(GATE)
    branch.push("bob")
    branch.open("bob")
    head = branch.work.git("rev-parse", "HEAD")
    branch.work.git("checkout", "--quiet", "main")
    branch.commit("notes.md")
    branch.push("ada", "main")
    branch.work.git("checkout", "--quiet", "--detach", head)
    branch.work.git("-c", f"user.email={committer}", "merge", "--quiet", "--no-edit", "main")
    branch.push("ada")
    assert branch.agreed() is hers


def test_a_strangers_commits_that_an_owner_brought_want_an_approval(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("ada", "adopted/pr-7")
    branch.open("bob", "adopted/pr-7")
    assert not branch.agreed("adopted/pr-7")
    branch.approve("ada")
    assert branch.agreed("adopted/pr-7")


def test_of_a_fork_only_approvals_count(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("ada")
    branch.open("bob")
    assert not branch.agreed("")


def test_where_github_tells_no_pushes_an_approval_is_asked_for(branch: Branch) -> None:
    branch.commit(GATE)
    branch.push("ada")
    branch.open("bob")
    branch.host.faults.fail("GET .*/activity", 404)
    assert not branch.agreed()
    branch.approve("ada")
    branch.host.faults.fail("GET .*/activity", 404)
    assert branch.agreed()


OWNERS: dict[str, tuple[str, list[str], bool]] = {
    "administrator": ("ada", [JUDGE], True),
    "named": ("carl", [GATE], True),
    "named for one of two": ("carl", [GATE, JUDGE], False),
    "of a team": ("dora", ["src/flights/schema.py"], False),
    "not named": ("bob", [GATE], False),
    "stranger": ("eve", [GATE], False),
}


@pytest.mark.parametrize(("login", "paths", "owns"), OWNERS.values(), ids=OWNERS.keys())
def test_who_owns(branch: Branch, login: str, paths: list[str], owns: bool) -> None:
    assert is_owner(branch.api, login, paths) is owns


def test_a_named_person_without_the_right_to_write_owns_nothing(branch: Branch) -> None:
    branch.host.grant(branch.home, "carl", "read")
    assert not is_owner(branch.api, "carl", [GATE])
