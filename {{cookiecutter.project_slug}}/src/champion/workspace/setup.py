"""From a generated or cloned folder to one that runs; again and again without harm."""

import argparse
import sys
from pathlib import Path

from champion.errors import Refusal
from champion.project import RAW, package_name
from champion.workspace import branch, environment, hooks, remote
from champion.workspace.environment import Environment, typed
from champion.workspace.git import attempt, commit, git, has_remote, resolve

NEEDED = (3, 11)
POINTER = Path(f"{RAW}.dvc")
PULLING = Path(".dvc/tmp/champion-pulling")  # there while a pull is under way, or was killed


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        choices=environment.LEAN,
        help="only an environment: to train, to judge or to promote",
    )


def run(arguments: argparse.Namespace) -> int:
    here = tuple(sys.version_info[:2])
    if here < NEEDED:
        raise Refusal(
            f"Python {NEEDED[0]}.{NEEDED[1]} or newer is needed, this is {here[0]}.{here[1]}: "
            "run this with a newer one."
        )
    if arguments.only:
        environment.make(environment.LEAN[arguments.only])
        return 0
    check_repository()
    env = environment.make()
    fresh = not described()
    if remote.on_branch():
        prepare_branch(needed=not fresh and not RAW.exists())
    hooks.install(env)
    if fresh:
        code = describe(env)
        if code:
            return code
    elif not RAW.exists() or PULLING.exists():
        pull(env)
    if untracked(".cruft.json"):
        commit("Record the template's version", [".cruft.json"])
    print(f"Next: {following()}")
    return 0


def check_repository() -> None:
    """Refuse a folder that is not the root of a Git repository with a commit."""
    top = attempt("rev-parse", "--show-toplevel")
    if top.returncode and "not a git repository" not in top.stderr:
        git("rev-parse", "--show-toplevel")  # says why
    if top.returncode or Path(top.stdout.strip()).resolve() != Path.cwd().resolve():
        raise Refusal(
            "this folder is not the root of a Git repository: "
            "run `git init`, `git add .` and `git commit -m Start`, then set-up again."
        )
    if not resolve("HEAD"):
        raise Refusal("nothing is committed yet: run `git add .` and `git commit -m Start` first.")


def described() -> bool:
    """Whether the data were described and that was committed, here or in another clone."""
    return attempt("cat-file", "-e", f"HEAD:{POINTER.as_posix()}").returncode == 0


def prepare_branch(needed: bool) -> None:
    """Make the worktree of the remote; without a network only if no file of it is needed."""
    try:
        branch.prepare()
    except Refusal as refusal:
        if needed:
            raise
        print(f"origin was not asked for files ({refusal})")
        branch.prepare(online=False)


def describe(env: Environment) -> int:
    """Describe the data and commit what that wrote."""
    code = env.call("champion", "describe")
    if code:
        return code
    package = Path("src", package_name())
    written = [package / name for name in ("schema.py", "data.py", "model.py")]
    written += [Path(x) for x in ("gate.yaml", "params.yaml", "dvc.yaml", "data/.gitignore")]
    written += [*sorted(Path("data").glob("*.dvc")), Path(".cruft.json"), Path(".gitignore")]
    if commit("Describe the data", written):
        print("Committed: Describe the data")
    return 0


def pull(env: Environment) -> None:
    """Bring the files that Git names.

    Raises
    ------
    Refusal : the data cannot be had.
    """
    url = f"the branch {branch.BRANCH}" if remote.on_branch() else remote.default()[1]
    print(f"Pulling the large files from {url}", flush=True)
    PULLING.parent.mkdir(parents=True, exist_ok=True)
    PULLING.touch()
    done = env.capture("-m", "dvc", "pull", "--allow-missing")
    if done.returncode or not RAW.exists():
        said = remote.last_words(done) if done.returncode else "they were never sent there"
        raise Refusal(
            f"the data are not here and cannot be pulled from {url} ({said}): once they are there, "
            f"run `{typed('setup')}` again.",
            code=1,
        )
    PULLING.unlink()


def untracked(name: str) -> bool:
    return Path(name).exists() and bool(git("ls-files", "--others", "--", name))


def following() -> str:
    """The next command, by how far the project is."""
    if not Path("dvc.lock").exists():
        return f"{typed('repro')} (trains the first model)"
    if not has_remote():
        return f"{typed('publish')} (the first push)"
    return f"{typed('repro')} (runs what changed)"
