"""Commits and references."""

from base64 import b64encode
from typing import TYPE_CHECKING

from ..bare import Commit, Signature
from ..state import Repository
from .repositories import Shape, home

if TYPE_CHECKING:
    from ..service import GitHub


def signature(which: Signature) -> Shape:
    return {"name": which.name, "email": which.email, "date": which.date}


def pushed_commit(which: Commit) -> Shape:
    """A commit in an event."""
    return {
        "id": which.sha,
        "tree_id": which.tree,
        "message": which.message,
        "timestamp": which.committer.date,
        "author": {"name": which.author.name, "email": which.author.email},
        "committer": {"name": which.committer.name, "email": which.committer.email},
    }


def git_commit(github: "GitHub", where: Repository, which: Commit) -> Shape:
    """A commit as Git has it."""
    api = f"{home(github, where)}/git"
    return {
        "sha": which.sha,
        "url": f"{api}/commits/{which.sha}",
        "html_url": f"{github.url}/{where.full_name}/commit/{which.sha}",
        "author": signature(which.author),
        "committer": signature(which.committer),
        "message": which.message,
        "tree": {"sha": which.tree, "url": f"{api}/trees/{which.tree}"},
        "parents": [{"sha": sha, "url": f"{api}/commits/{sha}"} for sha in which.parents],
    }


def commit(github: "GitHub", where: Repository, which: Commit) -> Shape:
    """A commit as GitHub has it; whose account wrote it is not known here."""
    inner, left_out = git_commit(github, where, which), ("sha", "html_url", "parents")
    api = f"{home(github, where)}/commits"
    return {
        "sha": which.sha,
        "node_id": b64encode(which.sha.encode()).decode(),
        "commit": {key: value for key, value in inner.items() if key not in left_out},
        "url": f"{api}/{which.sha}",
        "html_url": inner["html_url"],
        "author": None,
        "committer": None,
        "parents": [{"sha": sha, "url": f"{api}/{sha}"} for sha in which.parents],
    }


def reference(github: "GitHub", where: Repository, name: str, sha: str) -> Shape:
    api = f"{home(github, where)}/git"
    kind = where.bare.git("cat-file", "-t", sha)
    return {
        "ref": name,
        "node_id": b64encode(name.encode()).decode(),
        "url": f"{api}/{name}",
        "object": {"type": kind, "sha": sha, "url": f"{api}/{kind}s/{sha}"},
    }
