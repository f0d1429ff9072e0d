"""Environments, and which branches may enter them."""

from typing import Any

from ..answers import Answer, Refused
from ..requests import Request
from ..routing import route
from ..shapes.repositories import node
from ..state import Environment
from .repositories import HOME

READ, WRITE = "actions: read", "administration: write"
ONE = f"{HOME}/environments/{{name}}"
POLICIES = f"{ONE}/deployment-branch-policies"


def find(request: Request, name: str) -> Environment:
    if name not in request.repository.environments:
        raise Refused(404)
    return request.repository.environments[name]


def shape(environment: Environment) -> dict[str, Any]:
    limit = [{"id": environment.id, "type": "branch_policy"}] if environment.policy else []
    return {
        "id": environment.id,
        "node_id": node("Environment", environment.id),
        "name": environment.name,
        "protection_rules": [*environment.rules, *limit],
        "deployment_branch_policy": environment.policy,
    }


@route(f"GET {ONE}", READ)
def show(request: Request, name: str) -> Answer:
    return Answer(shape(find(request, name)))


@route(f"PUT {ONE}", WRITE, role="admin")
def put(request: Request, name: str) -> Answer:
    """Make or change one; what is left out is reset. Free private repositories have none."""
    if request.repository.private and request.repository.free:
        raise Refused(404)
    policy = request.json().get("deployment_branch_policy")
    if policy and policy["protected_branches"] == policy["custom_branch_policies"]:
        raise Refused(422, "protected_branches and custom_branch_policies cannot be the same")
    made = Environment(id=request.github.number(), name=name)
    found = request.repository.environments.setdefault(name, made)
    found.policy, found.rules = policy, []
    return Answer(shape(found))


def policy_shape(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "type": "branch"}


@route(f"GET {POLICIES}", READ)
def policies(request: Request, name: str) -> Answer:
    found = [policy_shape(*item) for item in find(request, name).branches.items()]
    return Answer({"total_count": len(found), "branch_policies": found})


@route(f"POST {POLICIES}", WRITE, role="admin")
def let_in(request: Request, name: str) -> Answer:
    found, number = find(request, name), request.github.number()
    if not (found.policy or {}).get("custom_branch_policies"):
        raise Refused(404)
    pattern = request.text("name")
    if pattern in found.branches.values():
        raise Refused(303, "Already exists")
    found.branches[number] = pattern
    return Answer(policy_shape(number, pattern))


@route(f"DELETE {POLICIES}/{{number}}", WRITE, role="admin")
def keep_out(request: Request, name: str, number: str) -> Answer:
    del find(request, name).branches[int(number)]
    return Answer(status=204)


@route(f"GET {HOME}/codeowners/errors", "contents: read")
def codeowners_errors(request: Request) -> Answer:
    """What a test says is wrong with the file: who exists is not looked up."""
    return Answer({"errors": request.repository.codeowners_errors})
