"""Stands in for actions/checkout: the Git commands that it runs, with its rules."""

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

from .call import Call
from .errors import Failed

COMMIT = re.compile(r"[0-9a-f]{40}")
PULL_REQUEST = re.compile(r"refs/pull/\d+/(head|merge)")
INPUTS = {
    "ref": "",
    "path": ".",
    "fetch-depth": "1",
    "fetch-tags": "false",
    "filter": "",
    "persist-credentials": "true",
    "allow-unsafe-pr-checkout": "false",
}


def checkout(call: Call) -> None:
    """Fetch a commit and put its files into the workspace."""
    github = call.place.contexts["github"]
    usual = {"repository": github["repository"], "token": github["token"]}
    asked = call.take({**INPUTS, **usual})
    name, ref, commit = asked["repository"], asked["ref"], ""
    if COMMIT.fullmatch(ref):
        ref, commit = "", ref
    elif not ref and name == github["repository"]:
        ref, commit = github["ref"], github["sha"]
    if asked["allow-unsafe-pr-checkout"] != "true":
        refuse_forks(github, name, asked["ref"])
    git = Git(call, call.place.workspace / asked["path"], asked["token"])
    git.start(call.place.repository.clone_url(name))
    partly = [f"--filter={asked['filter']}"] if asked["filter"] else []
    ref, local = git.qualified(ref)
    wanted = f"+{commit or ref}:{local}" if local else commit
    if asked["fetch-depth"] == "0":
        pull = [wanted] if ref.startswith("refs/pull/") else []
        everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        git.run("fetch", "--prune", *partly, "origin", *everything, *pull)
        if commit and not git.has(commit, local):  # the ref has moved since, or never had it
            git.run("fetch", "--no-tags", *partly, "origin", wanted)
    else:
        tags = [] if asked["fetch-tags"] == "true" else ["--no-tags"]
        depth = f"--depth={asked['fetch-depth']}"
        git.run("fetch", *tags, "--prune", depth, *partly, "origin", wanted)
    branch = ref.removeprefix("refs/heads/")
    git.run("checkout", "--force", *(["-B", branch] if branch != ref else []), local or commit)
    if asked["persist-credentials"] == "true":
        git.remember()
    call.step.outputs.update({"ref": ref, "commit": git.run("rev-parse", "HEAD").strip()})


def refuse_forks(github: dict[str, Any], name: str, ref: str) -> None:
    """Never take a fork's code into a run that has the repository's own rights."""
    event = github["event"]
    if github["event_name"] == "pull_request_target":
        head = event["pull_request"]["head"]
        fork, commits = head["repo"]["full_name"], {head["sha"]}
        commits.add(event["pull_request"].get("merge_commit_sha", ""))
    elif github["event_name"] == "workflow_run":
        followed = event["workflow_run"]
        if not followed.get("event", "").startswith("pull_request"):
            return
        fork, commits = followed["head_repository"]["full_name"], {followed["head_sha"]}
    else:
        return
    if fork != github["repository"] and (
        name == fork or PULL_REQUEST.fullmatch(ref) or (ref and ref in commits)
    ):
        raise Failed(f"Refusing to check out {ref or name}: it is the code of a fork.")


class Git:
    """Git in the checked out folder, with a token."""

    def __init__(self, call: Call, folder: Path, token: str) -> None:
        self.call = call
        self.folder = folder
        login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        call.place.run.masks.add(login)
        self.key = f"http.{call.place.repository.server_url}/.extraheader"
        self.header = f"AUTHORIZATION: basic {login}"

    def run(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        if done.returncode:
            raise Failed(done.stderr.strip())
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.call.say(f"git {' '.join(arguments)}")
        return subprocess.run(
            ["git", "-c", f"{self.key}={self.header}", *arguments],
            cwd=self.folder,
            env={**self.call.variables, "GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            encoding="utf-8",
        )

    def start(self, url: str) -> None:
        """An empty repository with a remote; one that is there is used again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ".git").exists():
            self.run("init", "--quiet", "--initial-branch=main")
            self.run("remote", "add", "origin", url)
        self.run("remote", "set-url", "origin", url)
        self.run("clean", "-ffdx")

    def qualified(self, ref: str) -> tuple[str, str]:
        """A ref's full name and where it is kept here; of no ref the remote's default branch."""
        if not ref:
            return "", ""
        if not ref.startswith("refs/"):
            branch = self.attempt("ls-remote", "--exit-code", "origin", f"refs/heads/{ref}")
            ref = f"refs/{'tags' if branch.returncode else 'heads'}/{ref}"
        local = ref.replace("refs/heads/", "refs/remotes/origin/", 1)
        return ref, local.replace("refs/pull/", "refs/remotes/pull/", 1)

    def has(self, commit: str, local: str) -> bool:
        """Whether the ref, or any, has the commit."""
        found = self.attempt("rev-parse", "--verify", f"{local or commit}^{{commit}}")
        return not found.returncode and found.stdout.strip() == commit

    def remember(self) -> None:
        """Let later steps push: the token stays outside of the checked out folder."""
        temp = Path(self.call.variables["RUNNER_TEMP"])
        kept = temp / f"git-credentials-{next(self.call.place.numbers)}.config"
        self.run("config", "--file", str(kept), self.key, self.header)
        here = f"{self.folder.resolve()}/.git"
        self.run("config", "--local", f"includeIf.gitdir:{here}.path", str(kept))
