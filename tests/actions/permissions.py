"""What a job's token may do."""

from dataclasses import dataclass
from typing import Any

SCOPES = (
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
)
WRITE_ONLY = ("id-token",)
DEFAULTS: dict[str, Any] = {"read": {"contents": "read", "packages": "read"}, "write": "write-all"}


@dataclass
class Token:
    """A `GITHUB_TOKEN`: one a job, worth nothing when the job is over."""

    value: str
    permissions: dict[str, str]  # scope to "read" or "write"; what is not named is refused
    run_id: int
    job: str
    live: bool = True

    def may(self, scope: str, access: str) -> bool:
        held = self.permissions.get(scope)
        return self.live and (held == "write" or held == access)


def granted(workflow: Any, job: Any, default: str, untrusted: bool) -> dict[str, str]:
    """A job's `permissions` replace the workflow's, which replace the repository's default.

    Parameters
    ----------
    workflow, job : their `permissions`, None where there are none.
    default : "read" or "write", the repository's setting.
    untrusted : every write is a read.
    """
    asked = next((one for one in (job, workflow) if one is not None), DEFAULTS[default])
    if isinstance(asked, str):
        level = asked.removesuffix("-all")
        asked = {scope: level for scope in SCOPES if level == "write" or scope not in WRITE_ONLY}
    held = {scope: access for scope, access in asked.items() if access != "none"}
    if untrusted:
        held = {scope: "read" for scope in held if scope not in WRITE_ONLY}
    return {"metadata": "read", **held}
