"""Labels, of the repository and on an issue or a pull request."""

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import Issue, Label
from .issues import ANY_COLOR, READ, WRITE, find, label, shape, writable
from .repositories import HOME


@route(f"GET {HOME}/labels", READ)
def labels(request: Request) -> Answer:
    found = list(request.repository.labels.values())
    return page(request, found, lambda each: shapes.label(request.github, request.repository, each))


@route(f"POST {HOME}/labels", WRITE)
def create_label(request: Request) -> Answer:
    name, fields = request.text("name"), request.json()
    if name in request.repository.labels:
        raise invalid("Validation Failed", resource="Label", code="already_exists", field="name")
    color, description = fields.get("color", ANY_COLOR), fields.get("description") or ""
    made = Label(id=request.github.number(), name=name, color=color, description=description)
    request.repository.labels[name] = made
    return Answer(shapes.label(request.github, request.repository, made), 201)


def issue_labels(request: Request, issue: Issue) -> Answer:
    return Answer(shape(request, issue)["labels"])


@route(f"GET {HOME}/issues/{{number}}/labels", READ)
def show_labels(request: Request, number: str) -> Answer:
    return issue_labels(request, find(request, number))


@route(f"POST {HOME}/issues/{{number}}/labels", WRITE, role="triage")
def add_labels(request: Request, number: str) -> Answer:
    issue = writable(request, number, "triage")
    label(request, issue, request.json().get("labels", []))
    return issue_labels(request, issue)


@route(f"DELETE {HOME}/issues/{{number}}/labels/{{name}}", WRITE, role="triage")
def remove_label(request: Request, number: str, name: str) -> Answer:
    issue = writable(request, number, "triage")
    if name not in issue.labels:
        raise Refused(404, "Label does not exist")
    issue.labels.remove(name)
    return issue_labels(request, issue)
