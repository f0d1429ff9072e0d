"""Take the default branch back to its champion, where a merged model must not go live.

Production is as it was; an issue says why, and a pull request puts the branch in step with it.
"""

import os
import tempfile
from pathlib import Path

from champion.ci.api import Api
from champion.errors import Refusal
from champion.judge.champion import find
from champion.judge.paths import trains
from champion.markdown import prose
from champion.workspace import orphan
from champion.workspace.git import git, identity, resolve

SETTING = "Settings → Actions → General → Allow GitHub Actions to create and approve pull requests"


def refuse(api: Api, commit: str, model: str, why: str) -> int:
    """Say that a model does not go live, and propose the way back; exit code 1."""
    champion = find()
    text = f"The model {model[:10] or '(none)'} of {commit[:10]} is not promoted: {why}"
    print(text)
    body = f"{prose(text, 1000)}\n\nProduction stays as it is."
    if champion and champion.version:
        body += "\n\n" + propose(api, champion.commit, f"Go back to {champion.version}", why)
    tell(api, f"Not promoted: model {model[:10]}", body)
    return 1


def propose(api: Api, target: str, title: str, why: str) -> str:
    """Open a pull request that restores what reaches the model; return a sentence with its place."""
    tip = git("rev-parse", "HEAD")
    branch = f"revert/{target[:10]}-{tip[:10]}"
    commit = restored(tip, target, title)
    if not commit:
        return ""
    done = orphan.push(commit, branch)
    if done.returncode and not resolve(f"refs/remotes/origin/{branch}"):
        return f"The branch {branch} could not be pushed ({orphan.why(done)})."
    base = os.environ["BASE"]
    for pull in api.pages("pulls", state="open", head=f"{api.owner}:{branch}"):
        return f"#{pull['number']} goes back."
    body = f"{prose(why, 1000)}\n\nThis restores what reaches the model to what is in production."
    try:
        made = api.post("pulls", {"title": title, "head": branch, "base": base, "body": body})
    except Refusal:
        link = f"{os.environ['GITHUB_SERVER_URL']}/{api.name}/compare/{base}...{branch}"
        said = f"Open the pull request yourself: {link} (Actions may not: {SETTING})."
        tell(api, title, f"{body}\n\n{said}")
        return said
    api.post("actions/workflows/train.yml/dispatches", {"ref": branch, "inputs": {}})
    return f"#{made['number']} goes back."


def restored(tip: str, target: str, message: str) -> str:
    """A commit on top of `tip` with what reaches the model as in `target`; empty if it is so."""
    quiet = ("-r", "-z", "--no-renames", "--raw", "--no-abbrev")
    tokens = iter(git("diff-tree", *quiet, tip, target).split("\0"))
    lines = []
    for token in filter(None, tokens):
        _, mode, _, digest, _ = token.split()
        path = next(tokens)
        if trains([path]) and not path.startswith(".github/"):
            lines.append(f"{mode} {digest}\t{path}\0")
    if not lines:
        return ""
    with tempfile.TemporaryDirectory(dir=orphan.scratch()) as folder:
        index = Path(folder, "index")
        git("read-tree", tip, index=index)
        git("update-index", "-z", "--index-info", text="".join(lines), index=index)
        tree = git("write-tree", index=index)
    date = git("show", "--no-patch", "--format=%cI", tip)
    dated = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    return git(*identity(), "commit-tree", tree, "-p", tip, "-m", message, extra=dated)


def tell(api: Api, title: str, body: str) -> None:
    """One open issue of a title: made, or said again."""
    for issue in api.pages("issues", state="open"):
        if issue["title"] == title and "pull_request" not in issue:
            if issue["body"] != body:
                api.patch(f"issues/{issue['number']}", {"body": body})
            return
    api.post("issues", {"title": title, "body": body})
