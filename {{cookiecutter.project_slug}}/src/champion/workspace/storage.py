"""Move the large files to another remote."""

import argparse
import os
import re

from champion.errors import Refusal
from champion.workspace import branch, environment, lock
from champion.workspace.environment import Environment
from champion.workspace.git import git
from champion.workspace.remote import (
    CONFIG,
    PLUGINS,
    default,
    dvc,
    last_words,
    on_branch,
    push,
    scheme,
)

# `dvc push --all-commits` asks each commit for its remote: the old one, or, where that is a folder,
# one at the root of the disk.
TRANSFER = """
import json, sys
from pathlib import Path
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo

def transfer(names):
    there = cache if direction == "push" else repo.cloud.get_remote_odb()
    objects = {HashInfo("md5", name) for name in names if there.exists(name)}
    return getattr(repo.cloud, direction)(objects).failed if objects else set()

def inside(name):
    path = Path(cache.oid_to_path(name))
    listed = json.loads(path.read_text()) if name.endswith(".dir") and path.exists() else []
    return {item["md5"] for item in listed}

direction, *names = sys.argv[1:]
with Repo() as repo:
    cache = repo.cache.local
    failed = transfer(names) if direction == "pull" else set()
    failed |= transfer(set.union(*map(inside, names)) if names else set())
    failed |= transfer(names) if direction == "push" else set()
sys.exit(f"{len(failed)} objects failed" if failed else 0)
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", default="", help="s3://, gs://, azure://, ssh:// or a folder"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the DVC remote, such as endpointurl=https://host",
    )
    parser.add_argument(
        "--offline", action="store_true", help="only bring what Git has already fetched"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.url:
        return move(arguments.url, arguments.set)
    if not on_branch():
        print(f"Large files live at {default()[1]}.")
        return 0
    branch.prepare(online=not arguments.offline)
    print(f"On the branch {branch.BRANCH}: {branch.counted(branch.objects())} here.")
    return 0


def move(url: str, options: list[str]) -> int:
    """Make `url` the default remote and send every file there; the old place keeps its own."""
    plugin = PLUGINS.get(scheme(url))
    if not plugin and (scheme(url) or re.match(r"\w{2,}//", url)):
        raise Refusal(
            f"{url} is no place that DVC can write to: give a folder or "
            f"{', '.join(f'{name}://' for name in PLUGINS)}."
        )
    env = environment.find()
    name, old = default()
    changed = [str(CONFIG)]
    if plugin:
        changed += add_plugin(env, scheme(url))
    print(f"Collecting the files of every commit from {old}", flush=True)
    if on_branch(old):
        branch.prepare()
    env.capture("-c", TRANSFER, "pull", *named())  # some may be nowhere
    before = CONFIG.read_bytes()
    target = url if scheme(url) else os.path.expanduser(url)
    try:
        if scheme(url) == scheme(old):
            dvc(env, "remote", "modify", name, "url", target)
        else:  # another kind of remote has other options
            dvc(env, "remote", "add", "--force", "--default", name, target)
        if plugin:  # a cloud's answer is not trusted, its hash is checked
            dvc(env, "remote", "modify", name, "verify", "true")
        for option in options:
            dvc(env, "remote", "modify", name, *option.split("=", 1))
        print(f"Sending them to {url}", flush=True)
        complete = push(env)
        sent = env.capture("-c", TRANSFER, "push", *named())
        if sent.returncode:
            raise Refusal(last_words(sent))
    except Refusal as refusal:
        CONFIG.write_bytes(before)
        raise Refusal(
            f"{url} was not made the remote, and nothing was sent: {refusal}", 1
        ) from refusal
    if not complete:
        print("Some files of earlier commits are neither here nor at the old remote.")
    files = " ".join(changed)
    print(f"Large files now live at {url}. {kept(old)}")
    print(f"Next: git add {files} && git commit -m 'Keep large files at {url}'")
    print("After that everybody else pulls and runs set-up once.")
    return 0


def named() -> list[str]:
    """The objects that the pointers of any commit name."""
    pointers = ("--", "*.dvc", "dvc.lock")
    patches = git("log", "--all", "--format=", "--patch", "--unified=0", *pointers)
    return sorted(set(re.findall(r"(?m)^[+-].*md5: ([0-9a-f]{32}(?:\.dir)?)$", patches)))


def kept(old: str) -> str:
    """What becomes of the old place."""
    return f"The branch {branch.BRANCH} stays as it is." if on_branch(old) else f"{old} stays."


def add_plugin(env: Environment, name: str) -> list[str]:
    """Lock and install what DVC needs for a kind of remote; return the files that changed."""
    changed = lock.lock_storage(env, PLUGINS[name])
    if env.kept:
        environment.make()
    elif env.capture("-c", f"import {PLUGINS[name].replace('-', '_')}").returncode:
        raise Refusal(f"{env.folder} lacks {PLUGINS[name]}: install {lock.STORAGE} there first.")
    return [str(lock.STORAGE)] if changed else []
