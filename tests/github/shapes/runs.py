"""Workflows, their runs, jobs and artifacts."""

from hashlib import sha256
from typing import TYPE_CHECKING
from zlib import crc32

from ..state import Artifact, Job, Repository, Run
from .checks import check
from .commits import pushed_commit
from .repositories import Shape, home, node, repository, time, user

if TYPE_CHECKING:
    from ..service import GitHub


def workflow_id(path: str) -> int:
    return crc32(path.encode())


def workflow(github: "GitHub", where: Repository, path: str, name: str) -> Shape:
    number = workflow_id(path)
    return {
        "id": number,
        "node_id": node("Workflow", number),
        "name": name,
        "path": path,
        "state": "active",
        "url": f"{home(github, where)}/actions/workflows/{number}",
        "html_url": f"{github.url}/{where.full_name}/blob/{where.default_branch}/{path}",
    }


def run(github: "GitHub", where: Repository, which: Run) -> Shape:
    """A run; its pull requests are told only where they are of this repository."""
    api = f"{home(github, where)}/actions/runs/{which.id}"
    return {
        "id": which.id,
        "node_id": node("WorkflowRun", which.id),
        "name": which.name,
        "display_title": which.title,
        "path": which.path,
        "run_number": which.number,
        "run_attempt": which.attempt,
        "event": which.event,
        "status": which.status,
        "conclusion": which.conclusion,
        "workflow_id": workflow_id(which.path),
        "head_branch": which.head_branch,
        "head_sha": which.head_sha,
        "head_commit": pushed_commit(where.bare.commit(which.head_sha)),
        "head_repository": repository(github, which.head_repository),
        "repository": repository(github, where),
        "actor": user(github, which.actor),
        "triggering_actor": user(github, which.triggering_actor),
        "pull_requests": run_pulls(github, where, which),
        "url": api,
        "html_url": f"{github.url}/{where.full_name}/actions/runs/{which.id}",
        "jobs_url": f"{api}/jobs",
        "artifacts_url": f"{api}/artifacts",
        "created_at": time(which.created_at),
        "run_started_at": time(which.started_at),
        "updated_at": time(which.updated_at),
    }


def run_pulls(github: "GitHub", where: Repository, which: Run) -> list[Shape]:
    if which.head_repository is not where:
        return []

    def brief(of: Repository, name: str, sha: str) -> Shape:
        place = {"id": of.id, "name": of.name, "url": home(github, of)}
        return {"ref": name, "sha": sha, "repo": place}

    return [
        {
            "id": found.id,
            "number": found.number,
            "url": f"{home(github, where)}/pulls/{found.number}",
            "head": brief(where, found.head_branch, found.head_sha),
            "base": brief(where, found.base_branch, found.base_sha),
        }
        for found in where.pulls
        if found.state == "open"
        and found.head_repository is where
        and found.head_branch == which.head_branch
    ]


def job(github: "GitHub", where: Repository, which: Run, part: Job) -> Shape:
    shape = check(github, where, part.check)
    kept = ("id", "name", "head_sha", "status", "conclusion", "started_at", "completed_at")
    return {
        **{key: shape[key] for key in kept},
        "node_id": node("WorkflowJob", part.check.id),
        "run_id": which.id,
        "run_attempt": part.attempt,
        "run_url": f"{home(github, where)}/actions/runs/{which.id}",
        "url": f"{home(github, where)}/actions/jobs/{part.check.id}",
        "check_run_url": shape["url"],
        "workflow_name": which.name,
        "head_branch": which.head_branch,
        "steps": part.steps,
        "labels": ["ubuntu-latest"],
    }


def artifact(github: "GitHub", where: Repository, which: Artifact) -> Shape:
    api = f"{home(github, where)}/actions/artifacts/{which.id}"
    return {
        "id": which.id,
        "node_id": node("Artifact", which.id),
        "name": which.name,
        "size_in_bytes": len(which.content),
        "digest": f"sha256:{sha256(which.content).hexdigest()}",
        "expired": which.expired,
        "created_at": time(which.created_at),
        "updated_at": time(which.created_at),
        "expires_at": time(which.expires_at),
        "url": api,
        "archive_download_url": f"{api}/zip",
        "workflow_run": {
            "id": which.run.id,
            "repository_id": where.id,
            "head_repository_id": which.run.head_repository.id,
            "head_branch": which.run.head_branch,
            "head_sha": which.run.head_sha,
        },
    }
