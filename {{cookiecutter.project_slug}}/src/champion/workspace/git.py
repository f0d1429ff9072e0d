"""Git, as a person would type it in the project's folder."""

import functools
import getpass
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from champion.errors import Refusal
from champion.workspace.environment import HOOK_VARIABLES

ORPHANS = ("dvc-storage", "ledger")  # branches that hold no code


def variables(index: Path | None = None, **extra: str) -> dict[str, str]:
    """The variables for Git itself: English, and nothing that a hook was told."""
    kept = {key: value for key, value in os.environ.items() if key not in HOOK_VARIABLES}
    own = {"GIT_INDEX_FILE": str(index.absolute())} if index else {}
    return {**kept, **own, **extra, "LC_ALL": "C"}


def attempt(
    *arguments: str,
    text: str | None = None,
    index: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Git; never raises for its exit code.

    Parameters
    ----------
    text : what it reads.
    index : an index file of one's own.
    extra : more variables.
    """
    try:
        return subprocess.run(
            ["git", *arguments],
            env=variables(index, **(extra or {})),
            input=text if text is not None else "",
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except FileNotFoundError as error:
        raise Refusal("git is not installed: install it, then run this again.") from error


def git(
    *arguments: str,
    text: str | None = None,
    index: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Run Git and return what it prints.

    Raises
    ------
    Refusal : it failed, with Git's own reason.
    """
    done = attempt(*arguments, text=text, index=index, extra=extra)
    if done.returncode:
        verb = next((a for a in arguments if not a.startswith("-") and "=" not in a), "")
        raise Refusal(f"git {verb} failed: {reason(done.stderr)}", code=1)
    return done.stdout.removesuffix("\n")


def reason(errors: str) -> str:
    """The line of Git's errors that says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:", "remote: error:"))]
    line = (named or lines or ["no reason given"])[0]
    return line.removeprefix("remote: ").removeprefix("fatal: ").removeprefix("error: ")


def resolve(reference: str) -> str | None:
    """The commit that a reference names, or None."""
    return (
        attempt("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}").stdout.strip()
        or None
    )


def show(commit: str, path: str) -> str:
    """A file's text in a commit; empty where there is none."""
    done = attempt("show", f"{commit}:{path}")
    return "" if done.returncode else done.stdout


def changed(before: str, after: str) -> list[str]:
    """The paths that differ between two commits."""
    listed = git("diff", "--name-only", "--no-renames", "-z", before, after)
    return sorted(filter(None, listed.split("\0")))


def touched(commit: str, *without: str) -> list[str]:
    """The paths that a commit's history changed, also where a later commit took that back.

    Parameters
    ----------
    without : commits whose own history does not count.
    """
    options = (
        "--format=",
        "--name-only",
        "--no-renames",
        "-c",
        "-z",
    )  # -c: what a merge itself did
    listed = git("log", *options, commit, *(f"^{it}" for it in without))
    return sorted(set(filter(None, listed.split("\0"))))


def config(key: str) -> str:
    """One setting of Git; empty if it is not set."""
    return attempt("config", "--get", key).stdout.strip()


@functools.cache
def identity() -> tuple[str, ...]:
    """Flags that name a committer where Git knows none; says so."""
    known = (
        attempt("var", who).returncode == 0 for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
    )
    if all(known):
        return ()
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = "champion"
    print(
        f"Git does not know who you are: committing as {name} <{name}@localhost> "
        "(git config user.name and user.email set it)"
    )
    return ("-c", f"user.name={name}", "-c", f"user.email={name}@localhost")


def commit(message: str, paths: Sequence[str | Path]) -> bool:
    """Commit what changed in `paths`, and nothing else; False if nothing did."""
    names = [str(path) for path in paths if Path(path).exists()]
    if not names:
        return False
    git("add", "--", *names)
    if attempt("diff", "--cached", "--quiet", "--", *names).returncode == 0:
        return False
    git(*identity(), "commit", "--quiet", "--no-verify", "-m", message, "--", *names)
    return True


def has_remote(name: str = "origin") -> bool:
    return name in git("remote").split()


def heads(remote: str = "origin") -> dict[str, str]:
    """The branches of a remote and their commits.

    Raises
    ------
    Refusal : it cannot be reached.
    """
    lines = git("ls-remote", "--heads", remote).splitlines()
    return {
        name.removeprefix("refs/heads/"): commit for commit, name in (x.split("\t") for x in lines)
    }


def current_branch() -> str:
    """The branch that is checked out; empty on a detached HEAD."""
    return attempt("symbolic-ref", "--short", "--quiet", "HEAD").stdout.strip()


def default_branch(remote: str = "origin") -> str:
    """The branch that changes are merged into: the remote's, else the likeliest one here."""
    known = attempt("symbolic-ref", "--short", "--quiet", f"refs/remotes/{remote}/HEAD").stdout
    if known.strip():
        return known.strip().removeprefix(f"{remote}/")
    if has_remote(remote):
        for line in attempt("ls-remote", "--symref", remote, "HEAD").stdout.splitlines():
            name = line.removeprefix("ref: refs/heads/").removesuffix("\tHEAD")
            if line.startswith("ref: refs/heads/") and name not in ORPHANS:
                return name
    here = git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
    here = [name for name in here if name not in ORPHANS]
    if len(here) == 1:
        return here[0]
    likely = ("main", config("init.defaultBranch"), "master", current_branch())
    return next((name for name in likely if name in here), current_branch())
