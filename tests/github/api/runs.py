"""Workflows, their runs, jobs and artifacts."""

from .. import shapes
from ..answers import Answer, Refused
from ..pages import page
from ..requests import Request
from ..routing import STORAGE, route
from ..state import Artifact, Run
from .repositories import HOME

READ = "actions: read"
ACTIONS = f"{HOME}/actions"


@route(f"GET {ACTIONS}/runs", READ)
def listed(request: Request) -> Answer:
    return of_workflow(request, None)


@route(f"GET {ACTIONS}/workflows/{{workflow}}/runs", READ)
def of_workflow(request: Request, workflow: str | None) -> Answer:
    """Newest first; `status` may be a status or a conclusion."""
    query = request.query
    status = query.get("status")
    path = find_workflow(request, workflow) if workflow else None
    found = [
        run
        for run in reversed(request.repository.runs)
        if path in (None, run.path)
        and query.get("head_sha") in (None, run.head_sha)
        and query.get("branch") in (None, run.head_branch)
        and query.get("event") in (None, run.event)
        and query.get("actor") in (None, run.actor.login)
        and status in (None, run.status, run.conclusion)
    ]
    return page(request, found, lambda run: shape(request, run), "workflow_runs")


def shape(request: Request, run: Run) -> shapes.Shape:
    return shapes.run(request.github, request.repository, run)


def find_workflow(request: Request, name: str) -> str:
    """The path of a workflow on the default branch, by its file's name or its number."""
    for path in workflow_paths(request):
        if name in (path.rsplit("/", 1)[-1], path, str(shapes.workflow_id(path))):
            return path
    raise Refused(404)


def workflow_paths(request: Request) -> list[str]:
    folder = f"refs/heads/{request.repository.default_branch}:.github/workflows"
    found = request.repository.bare.attempt("ls-tree", "--name-only", folder).stdout.decode()
    return [
        f".github/workflows/{name}" for name in found.split() if name.endswith((".yml", ".yaml"))
    ]


def workflow_shape(request: Request, path: str) -> shapes.Shape:
    """A workflow under its `name:`, else under its path."""
    content = request.repository.bare.git("show", f"{request.repository.default_branch}:{path}")
    named = [line.partition(":")[2] for line in content.splitlines() if line.startswith("name:")]
    name = named[0].strip(" '\"") if named else path
    return shapes.workflow(request.github, request.repository, path, name)


@route(f"GET {ACTIONS}/workflows", READ)
def workflows(request: Request) -> Answer:
    found = workflow_paths(request)
    return page(request, found, lambda path: workflow_shape(request, path), "workflows")


@route(f"GET {ACTIONS}/workflows/{{workflow}}", READ)
def workflow(request: Request, workflow: str) -> Answer:
    return Answer(workflow_shape(request, find_workflow(request, workflow)))


def find(request: Request, number: str) -> Run:
    for run in request.repository.runs:
        if str(run.id) == number:
            return run
    raise Refused(404)


@route(f"GET {ACTIONS}/runs/{{number}}", READ)
def show(request: Request, number: str) -> Answer:
    return Answer(shape(request, find(request, number)))


@route(f"GET {ACTIONS}/runs/{{number}}/jobs", READ)
def jobs(request: Request, number: str) -> Answer:
    """Those of the latest attempt; with `filter=all` of every one."""
    run = find(request, number)
    every = request.query.get("filter", "latest") == "all"
    return attempt_jobs(request, number, "" if every else str(run.attempt))


@route(f"GET {ACTIONS}/runs/{{number}}/attempts/{{attempt}}/jobs", READ)
def attempt_jobs(request: Request, number: str, attempt: str) -> Answer:
    run = find(request, number)
    found = [job for job in run.jobs if attempt in ("", str(job.attempt))]
    home = request.github, request.repository
    return page(request, found, lambda job: shapes.job(*home, run, job), "jobs")


def artifact_page(request: Request, found: list[Artifact]) -> Answer:
    name = request.query.get("name")
    found = [artifact for artifact in found if name in (None, artifact.name)]
    home = request.github, request.repository
    return page(request, found, lambda artifact: shapes.artifact(*home, artifact), "artifacts")


@route(f"GET {ACTIONS}/runs/{{number}}/artifacts", READ)
def run_artifacts(request: Request, number: str) -> Answer:
    return artifact_page(request, find(request, number).artifacts)


@route(f"GET {ACTIONS}/artifacts", READ)
def artifacts(request: Request) -> Answer:
    newest_first = reversed(request.repository.runs)
    return artifact_page(
        request, [each for run in newest_first for each in reversed(run.artifacts)]
    )


def find_artifact(request: Request, number: str) -> Artifact:
    for run in request.repository.runs:
        for artifact in run.artifacts:
            if str(artifact.id) == number:
                return artifact
    raise Refused(404)


@route(f"GET {ACTIONS}/artifacts/{{number}}", READ)
def show_artifact(request: Request, number: str) -> Answer:
    found = find_artifact(request, number)
    return Answer(shapes.artifact(request.github, request.repository, found))


@route(f"GET {ACTIONS}/artifacts/{{number}}/zip", READ, public=False)
def download(request: Request, number: str) -> Answer:
    """Where the bytes lie, which is elsewhere; even a public one is only for who has a token."""
    artifact = find_artifact(request, number)
    if artifact.expired:
        raise Refused(410, "Artifact has expired")
    place = f"{STORAGE}{request.repository.full_name}/{artifact.id}?signature={artifact.id}"
    return Answer(status=302, headers={"Location": f"{request.github.url}{place}"})


@route(f"GET {STORAGE}{{owner}}/{{repository}}/{{number}}")
def stored(request: Request, number: str) -> Answer:
    """The bytes; the signature is the only key, and a second one is refused."""
    if "authorization" in request.headers:
        raise Refused(401, "Authentication information is not given in the correct format.")
    if request.query.get("signature") != number:
        raise Refused(403, "Signature did not match.")
    return Answer(
        find_artifact(request, number).content, headers={"Content-Type": "application/zip"}
    )


@route(f"DELETE {ACTIONS}/artifacts/{{number}}", "actions: write")
def delete_artifact(request: Request, number: str) -> Answer:
    artifact = find_artifact(request, number)
    artifact.run.artifacts.remove(artifact)
    return Answer(status=204)
