"""Send code and large files to origin: the first push, and what a later push sends along."""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from champion.errors import Refusal
from champion.project import RAW
from champion.workspace import branch, environment, readers, remote
from champion.workspace.environment import Environment, typed
from champion.workspace.git import (
    ORPHANS,
    attempt,
    commit,
    config,
    current_branch,
    default_branch,
    git,
    has_remote,
    heads,
    reason,
    resolve,
)
from champion.workspace.readers import Readers
from champion.workspace.repro import repro

MB = 1_000_000
LARGE_FILE = 50 * MB
LARGE_TOTAL = 500 * MB
REFUSED_FILE = 100 * MB  # by Git hosts
CONFIRMED = "champion.public"  # in .git/config: the URL that was confirmed
SENT = Path(".dvc/tmp/champion-sent")
CODEOWNERS = Path(".github/CODEOWNERS")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--confirm", choices=["public"], help="yes, everybody may read these data")
    parser.add_argument(
        "--public", action="store_true", help="make the new repository a public one"
    )


def run(arguments: argparse.Namespace) -> int:
    env = environment.find()
    if arguments.verb == "push-files":
        return push_files(env)
    return publish(env, arguments)


def publish(env: Environment, arguments: argparse.Namespace) -> int:
    """Push the default branch, then the large files."""
    if attempt("cat-file", "-e", f"HEAD:{RAW.as_posix()}.dvc").returncode:
        raise Refusal(f"the data are not described yet: run `{typed('setup')}` first.")
    own = own_data(env)
    create_origin(arguments.public, own and not arguments.confirm)
    url = git("remote", "get-url", "--push", "origin")
    there = heads()
    default = default_branch()
    if current_branch() == default:
        code = train_first()
        if code:
            return code
        name_owner(url)
    if git("status", "--porcelain", "--untracked-files=no"):
        print("Some changes are not committed: they are not sent")
    new = collect(env)
    weigh(new)
    found = readers.readers(url)
    announce(env, new, found)
    if arguments.confirm:
        git("config", "--local", CONFIRMED, url)
    if own:
        check_readers(url, found)
    push_code(default, there)
    send_files(env, url)
    attempt("remote", "set-head", "origin", default)
    print(f"Published {default} to {url}")
    return 0


def train_first() -> int:
    """Run the pipeline if it never ran, and commit its first results; return DVC's exit code."""
    lock = Path("dvc.lock")
    if Path("dvc.yaml").exists() and not lock.exists():
        print("The pipeline has not run yet: running it", flush=True)
        code = repro()
        if code:
            return code
    results = [lock, Path("reports"), Path("data/.gitignore"), Path(".gitignore")]
    if lock.exists() and not tracked(lock):
        commit("Train the first model", results)
        print("Committed: Train the first model")
    return 0


def push_files(env: Environment) -> int:
    """Send the files of the code that is being pushed; quick when there are none."""
    target = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    name = os.environ.get("PRE_COMMIT_REMOTE_NAME", "origin")
    if target.startswith("refs/tags/") or target.removeprefix("refs/heads/") in ORPHANS:
        return 0
    if name != "origin" or not has_remote():
        print("Large files are sent with a push to the remote called origin, not with this one.")
        return 0
    url = git("remote", "get-url", "--push", "origin")
    mark = fingerprint(url)
    if SENT.exists() and SENT.read_text() == mark:
        return 0
    if not remote.on_branch():
        if remote.push(env):
            remember(mark)
        return 0
    there = heads()
    if not there:
        print(f"origin is empty: the large files follow with `{typed('publish')}`.")
        return 0
    branch.prepare(known=there)
    complete = fill_folder(env)
    new = branch.pending()
    if new:
        weigh(new)
        if config(CONFIRMED) != url and own_data(env):
            check_readers(url, readers.readers(url))
        sent = branch.send(known=there)
        print(f"Sent {branch.counted(sent)}")
    if complete:
        remember(mark)
    else:
        print("Some files that dvc.lock names are neither here nor at the remote: run the pipeline")
    return 0


def create_origin(public: bool, unconfirmed: bool) -> None:
    """Make sure that there is a remote to publish to.

    Raises
    ------
    Refusal : there is none and it cannot be made; says the two commands.
    """
    if has_remote():
        return
    program = shutil.which("gh")
    if not program or subprocess.run([program, "auth", "status"], capture_output=True).returncode:
        raise Refusal(
            "there is no remote called origin: make an empty repository at your Git host, then run "
            f"`git remote add origin URL` and `{typed('publish')}`."
        )
    if public and unconfirmed:
        raise Refusal(
            "these are your own data and everybody could read them: nothing was made; confirm with "
            "`python -m champion publish --public --confirm public`."
        )
    name = re.sub(r"[^\w.-]+", "-", Path.cwd().name)
    kind = "--public" if public else "--private"
    print(f"Making the {kind[2:]} repository {name} with gh", flush=True)
    done = subprocess.run(
        [program, "repo", "create", name, kind, "--source", ".", "--remote", "origin"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise Refusal(f"gh could not make the repository {name}: {reason(done.stderr)}", code=1)


def own_data(env: Environment) -> bool:
    """Whether these are the user's data: anything but the sample, whose values may be shown."""
    code = "from champion.settings import Settings; print(Settings.load().report.show_values)"
    return not env.capture("-c", code).stdout.strip().endswith("True")


def check_readers(url: str, found: Readers) -> None:
    """Stop own data on their way to everybody, or to nobody knows whom.

    Raises
    ------
    Refusal : the repository is public, or may be, and nobody has confirmed that.
    """
    if found.public is not False and config(CONFIRMED) != url:
        confirm = typed("publish", "CONFIRM=public", "--confirm public")
        raise Refusal(
            f"these are your own data, and who can read them is {found.words}: nothing was sent. "
            f"Make the repository private, or confirm that everybody may with `{confirm}`."
        )


def name_owner(url: str) -> None:
    """Write the remote's owner into CODEOWNERS, where it has none, and commit that."""
    where = readers.address(url)
    if not where or not CODEOWNERS.exists() or "/" not in where.path:
        return
    text = CODEOWNERS.read_text(encoding="utf-8")
    if "@OWNER" not in text:
        return
    text = re.sub(r"(?m)^# (/.*) @OWNER$", rf"\1 @{where.owner}", text)
    text = re.sub(r"(?m)^# `make publish` names the owner.*\n", "", text)
    CODEOWNERS.write_text(text, encoding="utf-8", newline="\n")
    if commit(f"Name the owner @{where.owner}", [CODEOWNERS]):
        print(f"Committed: {CODEOWNERS.as_posix()} names @{where.owner}")


def tracked(path: Path) -> bool:
    return attempt("ls-files", "--error-unmatch", "--", str(path)).returncode == 0


def collect(env: Environment) -> dict[str, int]:
    """The large files that the remote lacks and their sizes, ready to send."""
    if not remote.on_branch():
        return {}
    branch.prepare()
    if not fill_folder(env):
        print("Some files that dvc.lock names are neither here nor at the remote")
    return branch.pending()


def fill_folder(env: Environment) -> bool:
    """Let DVC copy into the worktree; False if some files are nowhere to be found."""
    complete = remote.push(env)
    if branch.drop_damaged(branch.pending()):
        complete = remote.push(env)
        branch.prepare(online=False)
    return complete


def weigh(new: dict[str, int]) -> None:
    """Warn of what grows large on a Git host, refuse what it refuses.

    Raises
    ------
    Refusal : a file that Git hosts do not take. It stays in DVC's cache.
    """
    move = f"`{typed('storage', 'URL=s3://bucket/folder', 's3://bucket/folder')}`"
    too_large = [name for name, size in new.items() if size > REFUSED_FILE]
    if too_large:
        shown = ", ".join(called(name, new[name]) for name in too_large)
        for name in too_large:
            if Path(".dvc/cache", name).exists():
                branch.drop(name)
        raise Refusal(
            f"{shown}: Git hosts refuse files over {REFUSED_FILE // MB} MB, so nothing was sent. "
            f"Move the large files to a cloud with {move}."
        )
    for name, size in new.items():
        if size >= LARGE_FILE:
            print(f"Warning: {called(name, size)} is large for a Git host: {move} moves to a cloud")
    total = sum(branch.objects().values())
    if new and total >= LARGE_TOTAL:
        print(f"Warning: {branch.human(total)} in all are much for a Git host: {move} moves them")


def called(name: str, size: int) -> str:
    """What people call an object: data/raw/a.csv (61 MB)."""
    digest = name.removeprefix("files/md5/").replace("/", "")
    label = digest
    for pointer in [*Path().glob("*.dvc"), *Path("data").glob("*.dvc"), Path("dvc.lock")]:
        if pointer.is_file():
            for entry in re.split(r"(?m)^\s*- ", pointer.read_text(encoding="utf-8")):
                path = re.search(r"(?m)^\s*path: (.*)$", entry)
                md5 = re.search(r"(?m)^\s*md5: (\w+)(\.dir)?$", entry)
                if path and md5:
                    place = (pointer.parent / path[1]).as_posix()
                    if md5[1] == digest:
                        label = place
                    elif md5[2] and (inside := within(md5[1], digest)):
                        label = f"{place}/{inside}"
    return f"{label} ({branch.human(size)})"


def within(folder: str, digest: str) -> str:
    """The name that an object has in a folder that DVC tracks; empty if it is not there."""
    path = branch.FOLDER / "files" / "md5" / folder[:2] / f"{folder[2:]}.dir"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return next((item["relpath"] for item in listed if item["md5"] == digest), "")


def announce(env: Environment, new: dict[str, int], found: Readers) -> None:
    """Say what is sent: size, rows, who can read it."""
    files = branch.counted(new) if new else "no large file that is not there already"
    if not remote.on_branch():
        files = f"the code; large files go to {remote.default()[1]}"
    counted = rows(env)
    known = "rows of data not counted" if counted is None else f"{counted:,} rows of data"
    print(f"To send: {files}; {known}")
    print(f"Who can read it: {found.words}", flush=True)


def rows(env: Environment) -> int | None:
    """How many rows the data have: as validated, else as read; None if they cannot be read."""
    try:
        return int(json.loads(Path("reports/data.json").read_text(encoding="utf-8"))["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        code = "from pathlib import Path; from champion.tables.read import read_folder;"
        done = env.capture("-c", f"{code} print(len(read_folder(Path({RAW.as_posix()!r}))))")
        said = (done.stdout.strip().splitlines() or [""])[-1]
        return int(said) if said.isdigit() else None


def push_code(default: str, there: dict[str, str]) -> None:
    """Push the default branch; on an empty remote the first one becomes its default branch.

    Raises
    ------
    Refusal : the remote has other commits, or cannot be written.
    """
    if there.get(default) == resolve(f"refs/heads/{default}"):
        return
    upstream = ("--set-upstream",) if current_branch() == default else ()
    done = attempt("push", "--no-verify", *upstream, "origin", default)
    if "[rejected]" in done.stderr:
        raise Refusal(
            f"origin has commits on {default} that are not here: run "
            f"`git pull --rebase origin {default}`, then `{typed('publish')}` again.",
            code=1,
        )
    if done.returncode:
        raise Refusal(f"origin did not take {default}: {reason(done.stderr)}", code=1)
    print(f"Pushed {default}", flush=True)


def send_files(env: Environment, url: str) -> None:
    """Send the large files that were announced."""
    mark = fingerprint(url)
    if not remote.on_branch():
        complete = remote.push(env)
        print(f"Large files are at {remote.default()[1]}")
    else:
        complete = True
        sent = branch.send()
        if sent:
            print(f"Sent {branch.counted(sent)}")
    if complete:
        remember(mark)


def fingerprint(url: str) -> str:
    """What a push sends along: the pointers to large files, and where they go."""
    digest = hashlib.sha256(f"{url}\0{remote.default()}".encode())
    for name in git("ls-files", "-z", "--", "*.dvc", "dvc.lock").split("\0"):
        if name and Path(name).is_file():
            digest.update(name.encode() + b"\0" + Path(name).read_bytes())
    return digest.hexdigest()


def remember(mark: str) -> None:
    """Note that all these files are at the remote."""
    SENT.parent.mkdir(parents=True, exist_ok=True)
    SENT.write_text(mark)
