"""The `github` context, and the variables that say the same."""

import json
from pathlib import Path
from typing import Any

from .result import Run

# What of the context every step has as GITHUB_NAME.
VARIABLES = (
    "action",
    "actor",
    "api_url",
    "base_ref",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_type",
    "repository",
    "repository_owner",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
)


def github(run: Run) -> dict[str, Any]:
    """What is the same for every job of a run."""
    event, repository = run.event, run.repository
    return {
        "actor": event.actor,
        "api_url": repository.api_url,
        "base_ref": event.base_ref,
        "event": event.payload,
        "event_name": event.name,
        "graphql_url": f"{repository.api_url}/graphql",
        "head_ref": event.head_ref,
        "ref": event.ref,
        "ref_name": event.short_ref,
        "ref_type": "tag" if event.ref.startswith("refs/tags/") else "branch",
        "repository": repository.name,
        "repository_owner": repository.owner,
        "run_attempt": str(run.attempt),
        "run_id": str(run.id),
        "run_number": str(run.id),
        "server_url": repository.server_url,
        "sha": event.sha,
        "triggering_actor": run.triggered_by or event.actor,
        "workflow": run.name,
        "workflow_ref": f"{repository.name}/{run.path}@{event.ref}",
        "workflow_sha": event.sha,
    }


def in_job(base: dict[str, Any], job: str, token: str, folder: Path) -> dict[str, Any]:
    """What a job adds; writes the event's file."""
    event_path = folder / "event.json"
    event_path.write_text(json.dumps(base["event"]), encoding="utf-8")
    workspace = folder / "workspace"
    return {
        **base,
        "action": "",
        "event_path": str(event_path),
        "job": job,
        "token": token,
        "workspace": str(workspace),
    }


def runner(label: Any, temp: Path) -> dict[str, str]:
    """The `runner` context: what the label promises, on this machine."""
    promised = str(label).split("-")[0]
    system = {"macos": "macOS", "windows": "Windows"}.get(promised, "Linux")
    return {
        "arch": "X64",
        "environment": "github-hosted",
        "name": "executor",
        "os": system,
        "temp": str(temp),
        "tool_cache": str(temp.parent / "tools"),
    }
