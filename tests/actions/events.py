"""Events, and whether they start a workflow."""

from dataclasses import dataclass, field
from typing import Any

from .errors import Refused
from .filters import matches
from .language import Tree

SKIPS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")


@dataclass(frozen=True)
class Event:
    """Something that happened in a repository.

    Parameters
    ----------
    sha : the commit whose workflow file runs, `github.sha`; of a pull request its merge commit.
    ref : `github.ref`, written in full.
    payload : `github.event`.
    changed : the paths that path filters look at.
    message : the message of the commit that skip instructions are looked for in.
    """

    name: str
    sha: str
    ref: str = "refs/heads/main"
    payload: dict[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    message: str = ""
    actor: str = "ada"

    @property
    def base_ref(self) -> str:
        return self.pull_request.get("base", {}).get("ref", "")

    @property
    def head_ref(self) -> str:
        return self.pull_request.get("head", {}).get("ref", "")

    @property
    def pull_request(self) -> dict[str, Any]:
        return self.payload.get("pull_request", {})

    @property
    def untrusted(self) -> bool:
        """A fork's or Dependabot's: no secrets, no variables, a token that reads."""
        if self.name != "pull_request":
            return False
        head, base = (self.pull_request.get(side, {}).get("repo", {}) for side in ("head", "base"))
        return head.get("full_name") != base.get("full_name") or self.actor == "dependabot[bot]"

    @property
    def short_ref(self) -> str:
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/").removeprefix("refs/")


def triggers(tree: Tree) -> dict[str, dict[str, Any]]:
    """A workflow's `on`, however it is written."""
    on = tree["on"]
    if isinstance(on, dict):
        return {name: filters if filters else {} for name, filters in on.items()}
    return {name: {} for name in ([on] if isinstance(on, str) else on)}


def starts(tree: Tree, event: Event) -> bool:
    """Whether an event starts a workflow."""
    on = triggers(tree)
    if event.name not in on:
        return False
    if event.name in ("push", "pull_request") and any(skip in event.message for skip in SKIPS):
        return False
    filters = on[event.name]
    if event.name == "schedule":
        return True
    return (
        wanted_type(filters, event) and wanted_ref(filters, event) and wanted_path(filters, event)
    )


def wanted_type(filters: dict[str, Any], event: Event) -> bool:
    usual = PULL_REQUEST_TYPES if event.name.startswith("pull_request") else ()
    types = listed(filters.get("types")) or list(usual)
    names = listed(filters.get("workflows"))
    return (not types or event.payload.get("action") in types) and (
        not names or event.payload["workflow_run"]["name"] in names
    )


def wanted_ref(filters: dict[str, Any], event: Event) -> bool:
    if event.name != "push":
        followed = event.payload.get("workflow_run", event.payload.get("merge_group", {}))
        merged = followed.get("base_ref", "").removeprefix("refs/heads/")
        branch = event.base_ref or followed.get("head_branch") or merged
        return passes(filters, "branches", branch)
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/"}
    filtered = [kind for kind in kinds if kind in filters or f"{kind}-ignore" in filters]
    (kind,) = [kind for kind, start in kinds.items() if event.ref.startswith(start)]
    # Filtering one kind of ref leaves the other kind out.
    return not filtered or (kind in filtered and passes(filters, kind, event.short_ref))


def wanted_path(filters: dict[str, Any], event: Event) -> bool:
    if event.ref.startswith("refs/tags/") or not {"paths", "paths-ignore"} & set(filters):
        return True
    return any(passes(filters, "paths", path) for path in event.changed)


def passes(filters: dict[str, Any], kind: str, name: str) -> bool:
    ignored = listed(filters.get(f"{kind}-ignore"))
    wanted = listed(filters.get(kind))
    return not matches(ignored, name) and (not wanted or matches(wanted, name))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def dispatch_inputs(tree: Tree, event: Event) -> dict[str, Any]:
    """The `inputs` of a workflow that is run by hand, typed, with their defaults.

    Raises
    ------
    Refused : one is unknown, required and missing, or not among the options.
    """
    if event.name != "workflow_dispatch":
        return {}
    known = triggers(tree)["workflow_dispatch"].get("inputs") or {}
    given = event.payload.get("inputs") or {}
    if unknown := sorted(set(given) - set(known)):
        raise Refused(f"Unexpected inputs provided: {unknown}")
    return {name: typed(name, about or {}, given.get(name)) for name, about in known.items()}


def typed(name: str, about: dict[str, Any], given: Any) -> Any:
    if given in (None, ""):
        if about.get("required") and "default" not in about:
            raise Refused(f"Required input '{name}' not provided")
        given = about.get("default", "")
    kind = about.get("type", "string")
    if kind == "boolean":
        if str(given).lower() not in ("true", "false", ""):
            raise Refused(f"Input '{name}' is a boolean, not {given!r}")
        return str(given).lower() == "true"
    if kind == "number":
        return float(given or 0)
    if kind == "choice" and given not in about["options"]:
        raise Refused(f"Input '{name}' is {given!r}, not one of {about['options']}")
    return str(given)
