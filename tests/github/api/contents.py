"""Files of a commit."""

from base64 import b64decode, b64encode

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..bare import EMPTY_TREE
from ..requests import Request
from ..routing import route
from . import references
from .repositories import HOME


@route(f"GET {HOME}/contents/{{path:path}}", "contents: read")
def show(request: Request, path: str) -> Answer:
    """A file, in base64 or as it is; or the names in a folder."""
    bare, path = request.repository.bare, path.strip("/")
    sha = bare.resolve(request.query.get("ref", request.repository.default_branch))
    if sha is None:
        raise Refused(404, f"No commit found for the ref {request.query.get('ref')}")
    kind = bare.attempt("cat-file", "-t", f"{sha}:{path}").stdout.decode().strip()
    if kind == "tree":
        names = bare.git("ls-tree", "-z", f"{sha}:{path}").split("\0")
        return Answer([entry(request, path, line) for line in names if line])
    if kind != "blob":
        raise Refused(404)
    content = bare.attempt("cat-file", "blob", f"{sha}:{path}").stdout
    if "raw" in request.headers.get("accept", ""):
        return Answer(content)
    (line,) = bare.git("ls-tree", "-z", sha, "--", path).strip("\0").split("\0")
    shape = entry(request, "", line)
    text = b64encode(content).decode()
    lines = "".join(f"{text[place : place + 60]}\n" for place in range(0, len(text), 60))
    return Answer({**shape, "size": len(content), "encoding": "base64", "content": lines})


def entry(request: Request, folder: str, line: str) -> shapes.Shape:
    """A line of Git's list of a tree."""
    about, name = line.split("\t", 1)
    _, kind, sha = about.split()
    path = f"{folder}/{name}" if folder else name
    return {
        "type": {"blob": "file", "tree": "dir"}.get(kind, "submodule"),
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": sha,
        "url": f"{shapes.home(request.github, request.repository)}/contents/{path}",
    }


@route(f"PUT {HOME}/contents/{{path:path}}", "contents: write")
def write(request: Request, path: str) -> Answer:
    """Commit one file; to change one, `sha` must be that of its present content."""
    repository, fields = request.repository, request.json()
    bare, branch = repository.bare, fields.get("branch", repository.default_branch)
    name = f"refs/heads/{branch}"
    tip = bare.references(name).get(name)
    before = bare.attempt("rev-parse", "--verify", "--quiet", f"{name}:{path}").stdout
    if before.decode().strip() != (fields.get("sha") or ""):
        raise Refused(409, f"{path} does not match {fields.get('sha')}")
    permissions = request.caller.permissions
    if path.startswith(".github/workflows/") and permissions is not None:
        raise Refused(403, "Resource not accessible by integration")
    try:
        content = b64decode(request.text("content"))
    except ValueError:
        raise invalid("content is not valid Base64") from None
    blob = bare.git("hash-object", "-w", "--stdin", text=content)
    tree = with_file(request, tip or EMPTY_TREE, path, blob)
    sha = bare.commit_tree(tree, [tip] if tip else [], request.text("message"))
    references.move(request, name, tip, sha)
    shape = shapes.git_commit(request.github, repository, bare.commit(sha))
    home = shapes.home(request.github, repository)
    file = {"path": path, "sha": blob, "url": f"{home}/contents/{path}"}
    return Answer({"content": file, "commit": shape}, 200 if before else 201)


def with_file(request: Request, tree: str, path: str, blob: str) -> str:
    """The tree with one file changed."""
    bare, parts = request.repository.bare, path.split("/", 1)
    listed = bare.attempt("ls-tree", "-z", tree).stdout.decode().split("\0")
    lines = [line for line in listed if line]
    kept = [line for line in lines if line.split("\t", 1)[1] != parts[0]]
    if len(parts) == 1:
        made = f"100644 blob {blob}\t{path}"
    else:
        below = next((line for line in lines if line not in kept and " tree " in line), None)
        inner = with_file(request, below.split()[2] if below else EMPTY_TREE, parts[1], blob)
        made = f"040000 tree {inner}\t{parts[0]}"
    return bare.git("mktree", "-z", text="\0".join([*kept, made, ""]).encode())
