"""Take the default branch back to what is in production, where it holds another model.

Production is as it was; an issue says why, and a pull request puts the branch in step with it.
"""

import tempfile
from pathlib import Path

from champion.ci import proposal
from champion.ci.api import Api
from champion.ci.issue import tell
from champion.ci.outputs import write_summary
from champion.judge.champion import find
from champion.judge.paths import shaping
from champion.markdown import prose
from champion.workspace import orphan
from champion.workspace.git import git, identity

MOST_LETTERS = 1000


def shown(why: str) -> str:
    return prose(why, MOST_LETTERS)


def refuse(api: Api, model: str, why: str) -> int:
    """Say that the merged model does not go live, and propose the way back; exit code 1."""
    print(why)
    body = f"{shown(why)}\n\nProduction stays as it is."
    write_summary(f"### 🚫 Not promoted\n\n{body}")
    title = f"Not promoted: model {model[:10]}"
    champion = find()
    if not champion or not champion.version:
        first = "There is no champion yet: the next model that is merged can be the first."
        tell(api, title, f"{body}\n\n{first}")
        return 1
    issue = tell(api, title, body)
    back = f"Go back to {champion.version}"
    why += f" Closes #{issue}."
    _, said = propose(api, f"revert/{model[:10]}", champion.commit, back, why)
    tell(api, title, f"{body}\n\n{said}")
    return 1


def propose(api: Api, branch: str, target: str, title: str, why: str) -> tuple[int, str]:
    """Open a pull request that restores what makes the model; one for each branch.

    Returns
    -------
    Its number, 0 if there is none, and a sentence that says where it is or how to open it; empty if
    there is nothing to restore.
    """
    commit = restored(git("rev-parse", "HEAD"), target, title)
    if not commit:
        return 0, ""
    body = f"{shown(why)}\n\nThis restores what makes the model as it is in production."
    number, instead = proposal.propose(api, branch, commit, title, body)
    if not number:
        return 0, f"Open the pull request that goes back: {instead}"
    return number, f"#{number} goes back: merge it."


def restored(tip: str, target: str, message: str) -> str:
    """A commit on top of `tip` with what makes the model as in `target`; empty if it is so."""
    quiet = ("-r", "-z", "--no-renames", "--raw", "--no-abbrev")
    tokens = iter(git("diff-tree", *quiet, tip, target).split("\0"))
    lines = []
    for token in filter(None, tokens):
        _, mode, _, digest, _ = token.split()
        path = next(tokens)
        if shaping([path]):
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
