"""Bring a branch up to date with the default branch: its code, its results, then reproduce."""

import argparse

from champion.errors import Refusal
from champion.workspace import branch, environment, remote
from champion.workspace.environment import Environment, typed
from champion.workspace.git import (
    attempt,
    commit,
    current_branch,
    default_branch,
    git,
    has_remote,
    identity,
)
from champion.workspace.repro import repro

# The pipeline writes these: the default branch's were judged, and `dvc repro` makes them anew.
WRITTEN = ("dvc.lock", "reports")


def run(arguments: argparse.Namespace) -> int:
    env = environment.find()
    if not has_remote():
        raise Refusal(f"there is no remote called origin: run `{typed('publish')}` first.")
    if attempt("rev-parse", "--quiet", "--verify", "MERGE_HEAD").returncode == 0:
        raise Refusal("a merge is under way: finish it with `git commit`, then run this again.")
    if git("status", "--porcelain", "--untracked-files=no"):
        raise Refusal("some changes are not committed: commit them, then run this again.")
    default = default_branch()
    reference = f"refs/remotes/origin/{default}"
    print(f"Fetching {default}", flush=True)
    git("fetch", "--quiet", "origin", f"+refs/heads/{default}:{reference}")
    if remote.on_branch():
        branch.prepare()
    if current_branch() == default:
        git("merge", "--quiet", "--ff-only", reference)
    elif attempt("merge-base", "--is-ancestor", reference, "HEAD").returncode:
        merge(default, reference)
    return reproduce(env, default)


def merge(default: str, reference: str) -> None:
    """Merge; what the pipeline wrote is taken from the default branch.

    Raises
    ------
    Refusal : people must decide; Git's state is left for them.
    """
    flags = ("merge", "--no-commit", "--no-ff", "-m", f"Merge {default}", reference)
    done = attempt(*identity(), *flags)
    if done.returncode and not attempt("rev-parse", "--verify", "MERGE_HEAD").stdout:
        raise Refusal(f"{default} cannot be merged: {done.stderr.strip()}", code=1)
    take_results(reference)
    left = sorted({line.split("\t")[1] for line in git("ls-files", "-u").splitlines()})
    if left:
        raise Refusal(
            f"{', '.join(left)} changed here and on {default}: edit, `git add` and "
            f"`git commit`, then run `{typed('update')}` again.",
            code=1,
        )
    git(*identity(), "commit", "--quiet", "--no-verify", "--no-edit")
    print(f"Merged {default}", flush=True)


def take_results(reference: str) -> None:
    """Put the default branch's results into the index and the folder."""
    for path in WRITTEN:
        git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", "--", path)
        if git("ls-tree", "--name-only", reference, "--", path):
            git("checkout", "--quiet", reference, "--", path)


def reproduce(env: Environment, default: str) -> int:
    """Bring the files of what was merged, run what changed, commit the results."""
    done = env.capture("-m", "dvc", "pull", "--allow-missing")
    if done.returncode:
        print(f"Not every file could be pulled ({remote.last_words(done)})")
    code = repro()
    if code:
        return code
    if commit(f"Reproduce on {default}", [*WRITTEN, "data/.gitignore", ".gitignore"]):
        print(f"Committed: Reproduce on {default}")
    print(f"Up to date with {default}")
    return 0
