"""Who may say yes to a change of how models are judged. Standard library only."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from champion.ci.api import Api, NotFound

CODEOWNERS = Path(".github/CODEOWNERS")
OWNING = ("admin", "maintain")  # roles


def agreed(api: Api, pull: dict[str, Any], paths: list[str]) -> bool:
    """Whether an owner of the paths wrote a pull request, or approved its newest commit."""
    if is_owner(api, pull["user"]["login"], paths):
        return True
    latest: dict[str, Any] = {}
    for review in api.pages(f"pulls/{pull['number']}/reviews"):
        if review["user"] and review["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[review["user"]["login"]] = review
    return any(
        review["state"] == "APPROVED"
        and review["commit_id"] == pull["head"]["sha"]
        and is_owner(api, login, paths)
        for login, review in latest.items()
    )


def is_owner(api: Api, login: str, paths: list[str]) -> bool:
    """Whether somebody administers the repository, or CODEOWNERS names them for all the paths."""
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
