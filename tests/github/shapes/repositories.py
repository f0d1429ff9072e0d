"""Users and repositories, and what every shape needs."""

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..state import Activity, Repository, User

if TYPE_CHECKING:
    from ..service import GitHub

Shape = dict[str, Any]


def time(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def node(kind: str, number: int) -> str:
    return b64encode(f"{kind}:{number}".encode()).decode()


def home(github: "GitHub", where: Repository) -> str:
    return f"{github.api}/repos/{where.full_name}"


def activity(github: "GitHub", which: Activity) -> Shape:
    return {
        "id": which.id,
        "node_id": node("PSH", which.id),
        "before": which.before,
        "after": which.after,
        "ref": which.ref,
        "timestamp": time(which.time),
        "activity_type": which.kind,
        "actor": user(github, which.actor),
    }


def user(github: "GitHub", who: User) -> Shape:
    return {
        "login": who.login,
        "id": who.id,
        "node_id": node("User", who.id),
        "avatar_url": f"{github.url}/avatars/{who.id}",
        "url": f"{github.api}/users/{who.login}",
        "html_url": f"{github.url}/{who.login}",
        "type": who.kind,
        "site_admin": False,
    }


def repository(github: "GitHub", where: Repository) -> Shape:
    return {
        "id": where.id,
        "node_id": node("Repository", where.id),
        "name": where.name,
        "full_name": where.full_name,
        "owner": user(github, where.owner),
        "private": where.private,
        "visibility": "private" if where.private else "public",
        "fork": where.parent is not None,
        "url": home(github, where),
        "html_url": f"{github.url}/{where.full_name}",
        "clone_url": f"{github.url}/{where.full_name}.git",
        "default_branch": where.default_branch,
        "archived": False,
        "disabled": False,
        "has_issues": True,
    }
