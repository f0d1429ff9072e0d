"""Rulesets and branch protection."""

from typing import Any

from .. import rules
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import ACTIONS_APP
from .repositories import HOME

READ, WRITE = "administration: read", "administration: write"
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."


def paid(request: Request) -> None:
    """Refuse where the plan has no rules: on free private repositories."""
    if request.repository.private and request.repository.free:
        raise Refused(403, UPGRADE)


def checked(request: Request, fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse what cannot be kept; Actions cannot be let past a repository's rules."""
    where = request.repository
    for number, known in where.rulesets.items():
        if known["name"] == fields.get("name") and number != fields.get("id"):
            raise invalid("Validation Failed", message="Name must be unique")
    queued = any(rule["type"] == "merge_queue" for rule in fields.get("rules", []))
    if queued and where.owner.kind != "Organization":
        raise Refused(422, None, "Invalid rule 'merge_queue': ")
    if not fields.get("name") or fields.get("enforcement") not in (
        "active",
        "disabled",
        "evaluate",
    ):
        raise invalid("Validation Failed")
    if any(actor.get("actor_id") == ACTIONS_APP for actor in fields.get("bypass_actors", [])):
        raise invalid(
            "Validation Failed",
            message="Actor GitHub Actions integration must be part of the ruleset source or owner organization",
        )
    return fields


@route(f"GET {HOME}/rulesets", "metadata: read")
def listed(request: Request) -> Answer:
    paid(request)
    return page(request, list(request.repository.rulesets.values()), dict)


@route(f"POST {HOME}/rulesets", WRITE, role="admin")
def create(request: Request) -> Answer:
    paid(request)
    fields, number = checked(request, request.json()), request.github.number()
    source = {"source_type": "Repository", "source": request.repository.full_name}
    made = {"target": "branch", "id": number, **source, **fields}
    request.repository.rulesets[number] = made
    return Answer(made, 201)


def find(request: Request, number: str) -> dict[str, Any]:
    paid(request)
    found = request.repository.rulesets.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise Refused(404)
    return found


@route(f"GET {HOME}/rulesets/{{number}}", "metadata: read")
def show(request: Request, number: str) -> Answer:
    return Answer(find(request, number))


@route(f"PUT {HOME}/rulesets/{{number}}", WRITE, role="admin")
def change(request: Request, number: str) -> Answer:
    found = find(request, number)
    found |= checked(request, found | request.json())
    return Answer(found)


@route(f"DELETE {HOME}/rulesets/{{number}}", WRITE, role="admin")
def delete(request: Request, number: str) -> Answer:
    del request.repository.rulesets[find(request, number)["id"]]
    return Answer(status=204)


@route(f"GET {HOME}/rules/branches/{{branch:path}}", "metadata: read")
def of_branch(request: Request, branch: str) -> Answer:
    paid(request)
    return page(request, rules.active(request.repository, f"refs/heads/{branch}"), dict)


PROTECTION = f"{HOME}/branches/{{branch}}/protection"


@route(f"GET {PROTECTION}", READ, role="admin", public=False)
def protection(request: Request, branch: str) -> Answer:
    paid(request)
    if branch not in request.repository.protection:
        raise Refused(404, "Branch not protected")
    return Answer(request.repository.protection[branch])


@route(f"PUT {PROTECTION}", WRITE, role="admin")
def protect(request: Request, branch: str) -> Answer:
    paid(request)
    request.repository.protection[branch] = request.json()
    return Answer(request.json())


@route(f"DELETE {PROTECTION}", WRITE, role="admin")
def unprotect(request: Request, branch: str) -> Answer:
    if request.repository.protection.pop(branch, None) is None:
        raise Refused(404, "Branch not protected")
    return Answer(status=204)
