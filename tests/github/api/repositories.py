"""Repositories, their people and the settings of their workflows."""

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import ROLES

HOME = "/repos/{owner}/{repository}"
FORMER = {"maintain": "write", "triage": "read"}  # how the oldest field names the newer roles


@route("GET /user")
def own(request: Request) -> Answer:
    if request.caller.permissions is not None:
        raise Refused(403, "Resource not accessible by integration")
    return Answer(shapes.user(request.github, request.caller.actor))


@route("GET /users/{login}")
def user(request: Request, login: str) -> Answer:
    if login not in request.github.users:
        raise Refused(404)
    return Answer(shapes.user(request.github, request.github.users[login]))


@route("GET /rate_limit")
def rate_limit(request: Request) -> Answer:
    rate = {"limit": 5000, "remaining": 4999, "used": 1, "reset": 0}
    return Answer({"resources": {"core": rate}, "rate": rate})


@route(f"GET {HOME}", "metadata: read")
def show(request: Request) -> Answer:
    """The repository; on its own it tells its settings, too."""
    merges = {"allow_merge_commit": True, "allow_squash_merge": True, "allow_rebase_merge": False}
    shape = shapes.repository(request.github, request.repository)
    if request.token and request.token.permissions is None:
        role = ROLES.index(request.repository.role(request.token.actor.login))
        names = {"pull": "read", "triage": "triage", "push": "write"}
        names |= {"maintain": "maintain", "admin": "admin"}
        shape["permissions"] = {key: role >= ROLES.index(least) for key, least in names.items()}
    return Answer(shape | merges | request.repository.settings)


@route(f"PATCH {HOME}", "administration: write", role="admin")
def change(request: Request) -> Answer:
    request.repository.settings |= request.json()
    return show(request)


@route(f"GET {HOME}/forks", "metadata: read")
def forks(request: Request) -> Answer:
    made = request.github.repositories.values()
    found = [repository for repository in made if repository.parent is request.repository]
    return page(request, found, lambda fork: shapes.repository(request.github, fork))


@route(f"GET {HOME}/collaborators/{{login}}/permission", "metadata: read", public=False)
def permission(request: Request, login: str) -> Answer:
    """The role of a person; on a public repository everybody reads."""
    if login not in request.github.users:
        raise Refused(404)
    role = request.repository.role(login)
    return Answer(
        {
            "permission": FORMER.get(role, role),
            "role_name": role,
            "user": shapes.user(request.github, request.github.users[login]),
        }
    )


@route(f"PUT {HOME}/collaborators/{{login}}", "administration: write", role="admin")
def invite(request: Request, login: str) -> Answer:
    """Give a role, under the names that the API has for read and write."""
    named = request.text("permission", "push")
    role = {"pull": "read", "push": "write"}.get(named, named)
    if role not in ROLES:
        raise invalid("Validation Failed")
    request.github.grant(request.repository, login, role)
    return Answer(status=204)


WORKFLOW_SETTINGS = f"{HOME}/actions/permissions/workflow"


@route(f"GET {WORKFLOW_SETTINGS}", "administration: read", role="admin", public=False)
def workflow_settings(request: Request) -> Answer:
    where = request.repository
    return Answer(
        {
            "default_workflow_permissions": where.workflow_permissions,
            "can_approve_pull_request_reviews": where.actions_may_open_pulls,
        }
    )


@route(f"PUT {WORKFLOW_SETTINGS}", "administration: write", role="admin")
def change_workflow_settings(request: Request) -> Answer:
    where, fields = request.repository, request.json()
    if where.organisation_decides:
        raise Refused(409, "The organization decides on this setting")
    allowed = fields.get("can_approve_pull_request_reviews", False)
    where.actions_may_open_pulls = bool(allowed)
    where.workflow_permissions = fields.get("default_workflow_permissions", "read")
    return Answer(status=204)
