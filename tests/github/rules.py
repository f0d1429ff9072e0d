"""What rulesets and branch protection forbid."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from .state import ROLES, CheckRun, PullRequest, Repository, Status
from .tokens import Token

GOOD = ("success", "neutral", "skipped")
ROLE_IDS = {2: "maintain", 4: "write", 5: "admin"}
Rule = dict[str, Any]


def active(repository: Repository, reference: str, token: Token | None = None) -> list[Rule]:
    """The rules for a reference, without those that who asks may bypass."""
    return [
        rule
        for ruleset in repository.rulesets.values()
        if ruleset.get("enforcement") == "active"
        and included(repository, ruleset, reference)
        and not (token and bypasses(repository, ruleset, token))
        for rule in ruleset.get("rules", [])
    ]


def included(repository: Repository, ruleset: dict[str, Any], reference: str) -> bool:
    """Whether a ruleset's conditions name the reference."""
    folder = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(ruleset.get("target", "branch"), "")
    default = f"refs/heads/{repository.default_branch}"
    names = ruleset.get("conditions", {}).get("ref_name", {})

    def any_of(patterns: list[str]) -> bool:
        return any(
            pattern == "~ALL"
            or (pattern == "~DEFAULT_BRANCH" and reference == default)
            or fnmatchcase(reference, pattern)
            for pattern in patterns
        )

    listed = any_of(names.get("include", [])) and not any_of(names.get("exclude", []))
    return bool(folder) and reference.startswith(folder) and listed


def bypasses(repository: Repository, ruleset: dict[str, Any], token: Token) -> bool:
    """Whether who asks is among the ruleset's bypass actors."""
    role = ROLES.index(repository.role(token.actor.login))
    for actor in ruleset.get("bypass_actors", []):
        kind, number = actor.get("actor_type"), actor.get("actor_id")
        if kind == "Integration" and token.app is not None and number == token.app:
            return True
        least = ROLE_IDS.get(number, "admin")
        if kind == "RepositoryRole" and token.app is None and role >= ROLES.index(least):
            return True
    return False


def refused(
    repository: Repository, token: Token, reference: str, old: str | None, new: str | None
) -> bool:
    """Whether the reference must not be made, moved or deleted directly."""
    kinds = {rule["type"] for rule in active(repository, reference, token)}
    if old is None:
        return "creation" in kinds
    if new is None:
        return "deletion" in kinds
    protected = reference.removeprefix("refs/heads/") in repository.protection
    return protected or bool(kinds & {"update", "pull_request", "required_status_checks"})


def forward_only(repository: Repository, token: Token, reference: str) -> bool:
    """Whether the reference must not be moved back."""
    kinds = {rule["type"] for rule in active(repository, reference, token)}
    return "non_fast_forward" in kinds


def required(repository: Repository, branch: str) -> tuple[list[Rule], bool]:
    """The checks that a merge into the branch needs; whether the head must be up to date."""
    found, strict = [], False
    for rule in active(repository, f"refs/heads/{branch}"):
        if rule["type"] == "required_status_checks":
            parameters = rule.get("parameters", {})
            found += parameters.get("required_status_checks", [])
            strict |= parameters.get("strict_required_status_checks_policy", False)
    protection = repository.protection.get(branch, {}).get("required_status_checks") or {}
    found += protection.get("checks", [])
    found += [{"context": context} for context in protection.get("contexts", [])]
    return found, strict or protection.get("strict", False)


def behind(repository: Repository, pull: PullRequest) -> bool:
    """Whether the head lacks commits of the base that the rules want in it."""
    base = repository.bare.resolve(f"refs/heads/{pull.base_branch}")
    _, strict = required(repository, pull.base_branch)
    return strict and base is not None and not repository.bare.contains(base, pull.head_sha)


def missing_checks(repository: Repository, pull: PullRequest) -> list[str]:
    """The required contexts that did not pass; a status and a check of one name both count."""
    found, _ = required(repository, pull.base_branch)
    return [
        check["context"]
        for check in found
        if not passed(repository, pull.head_sha, check["context"], check.get("integration_id"))
    ]


def passed(repository: Repository, sha: str, context: str, app: int | None) -> bool:
    """Whether the latest status and the latest check of a name are all good, and one is there."""
    states = latest_states(repository, sha, context, app)
    return bool(states) and all(state in GOOD for state in states)


def failed(repository: Repository, sha: str, context: str, app: int | None) -> bool:
    """Whether one of the two is decided, and not good."""
    states = latest_states(repository, sha, context, app)
    return any(state not in (*GOOD, "pending", None) for state in states)


def latest_states(
    repository: Repository, sha: str, context: str, app: int | None
) -> list[str | None]:
    """How the latest status and the latest check of a name stand, as far as there are any."""
    latest: list[Status | CheckRun] = []
    kinds: tuple[Sequence[Status | CheckRun], ...] = (repository.statuses, repository.checks)
    for kind in kinds:
        for entry in reversed(kind):
            name = entry.context if isinstance(entry, Status) else entry.name
            if entry.sha == sha and name == context and app in (None, entry.app):
                latest.append(entry)
                break
    return [entry.state if isinstance(entry, Status) else entry.conclusion for entry in latest]


def merge_state(repository: Repository, pull: PullRequest) -> str:
    """What the merge button says, in the API's words."""
    if not pull.mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    if behind(repository, pull):
        return "behind"
    if missing_checks(repository, pull):
        return "blocked"
    return "clean"
