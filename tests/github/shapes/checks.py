"""Statuses and check runs."""

from typing import TYPE_CHECKING

from ..state import ACTIONS_APP, CheckRun, Repository, Status
from .repositories import Shape, home, node, time, user

if TYPE_CHECKING:
    from ..service import GitHub


def status(github: "GitHub", where: Repository, which: Status) -> Shape:
    return {
        "id": which.id,
        "node_id": node("Status", which.id),
        "url": f"{home(github, where)}/statuses/{which.sha}",
        "state": which.state,
        "description": which.description,
        "target_url": which.target_url,
        "context": which.context,
        "creator": user(github, which.creator),
        "created_at": time(which.created_at),
        "updated_at": time(which.created_at),
    }


def check(github: "GitHub", where: Repository, which: CheckRun) -> Shape:
    return {
        "id": which.id,
        "node_id": node("CheckRun", which.id),
        "url": f"{home(github, where)}/check-runs/{which.id}",
        "html_url": f"{github.url}/{where.full_name}/runs/{which.id}",
        "details_url": which.details_url,
        "external_id": which.external_id,
        "name": which.name,
        "head_sha": which.sha,
        "status": which.status,
        "conclusion": which.conclusion,
        "started_at": time(which.started_at),
        "completed_at": time(which.completed_at),
        "output": {"title": None, "summary": None, "text": None, **which.output},
        "app": {"id": which.app, "slug": "github-actions" if which.app == ACTIONS_APP else "app"},
        "pull_requests": [],
    }
