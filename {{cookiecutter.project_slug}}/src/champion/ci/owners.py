"""Who may say yes to a change of how models are judged. Standard library only."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from champion.ci.api import Api, NotFound
from champion.errors import Refusal
from champion.judge.paths import owned
from champion.workspace.git import attempt, changed, git, touched

CODEOWNERS = Path(".github/CODEOWNERS")
OWNING = ("admin", "maintain")  # roles
OWNER = "an owner (who administers this, or is named in CODEOWNERS)"
TIP = "HEAD"  # the default branch's: the judge runs on it
WEB = "noreply@github.com"  # commits what is clicked on the site
ADOPTED = "adopted/"  # branches with a stranger's commits, pushed by whoever brought them here


def agreed(api: Api, pull: dict[str, Any], sha: str, branch: str, paths: list[str]) -> bool:
    """Whether an owner of the paths pushed or approved what is changed in them.

    That may be an earlier commit of the branch, if none of those since touches such a path. Who
    wrote a commit or opened the pull request says nothing: anybody can name, or push to, another.

    Parameters
    ----------
    branch : of this repository; empty of a fork's.
    """
    words = [*approved(api, pull), *pushed(api, branch)]
    stand = {commit for commit in {it for _, it in words} if covers(commit, sha, paths)}
    people = {login for login, commit in words if commit in stand}
    return any(is_owner(api, login, paths) for login in sorted(people))


def covers(commit: str, sha: str, paths: list[str]) -> bool:
    """Whether all that a head changes in the paths was in an earlier commit of it already."""
    if attempt("merge-base", "--is-ancestor", commit, sha).returncode:
        return False
    forked = git("merge-base", commit, TIP)
    seen = {*touched(commit, TIP), *changed(forked, commit)}
    return seen.issuperset(paths) and not owned(touched(sha, commit, TIP))


def approved(api: Api, pull: dict[str, Any]) -> list[tuple[str, str]]:
    """Who approves which commit."""
    latest: dict[str, Any] = {}
    for review in api.pages(f"pulls/{pull['number']}/reviews"):
        if review["user"] and review["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[review["user"]["login"]] = review
    return [
        (login, review["commit_id"])
        for login, review in latest.items()
        if review["state"] == "APPROVED"
    ]


def pushed(api: Api, branch: str) -> Iterator[tuple[str, str]]:
    """Who pushed which commit to a branch, as GitHub saw it."""
    if not branch or branch.startswith(ADOPTED):
        return
    try:
        moves = api.get("activity", ref=f"refs/heads/{branch}", per_page=100)
    except Refusal:  # an approval tells as well
        return
    for move in moves:
        if move["actor"] and not updates(move["after"]):
            yield move["actor"]["login"], move["after"]


def updates(commit: str) -> bool:
    """Whether it is what *Update branch* makes: who clicks on that has not looked at the branch."""
    shown = attempt("show", "--no-patch", "--format=%P %ce", commit).stdout.split()
    return len(shown) > 2 and shown[-1] == WEB


def is_owner(api: Api, login: str, paths: list[str]) -> bool:
    """Whether somebody administers the repository, or CODEOWNERS names them for all the paths.

    A team's members cannot be asked for with a workflow's token: name the people as well.
    """
    try:
        role = api.get(f"collaborators/{login}/permission")
    except NotFound:
        return False
    if role.get("role_name") in OWNING or role["permission"] == "admin":
        return True
    lines = CODEOWNERS.read_text(encoding="utf-8").splitlines() if CODEOWNERS.exists() else []
    rules = [words for words in (line.split("#")[0].split() for line in lines) if words]
    writes = role["permission"] == "write"
    return writes and all(f"@{login}".lower() in owners(path, rules) for path in paths)


def owners(path: str, rules: list[list[str]]) -> list[str]:
    """Those whom the last rule that fits names."""
    fitting = [
        names
        for pattern, *names in rules
        if fnmatch(path, pattern.lstrip("/")) or path.startswith(pattern.strip("/") + "/")
    ]
    return [name.lower() for name in fitting[-1]] if fitting else []
