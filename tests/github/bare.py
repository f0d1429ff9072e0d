"""The Git side of a repository: a real bare repository on disk."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ZERO = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
HOOK = Path(__file__).with_name("update_hook.sh")
CHANGES = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "T": "changed"}
# As the host does: any stored commit can be fetched, nobody pushes a pull request's references.
SETTINGS = {
    "http.receivepack": "true",
    "receive.hideRefs": "refs/pull",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "gc.auto": "0",
}


@dataclass(frozen=True)
class Signature:
    """Who wrote a commit, and when."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class Commit:
    """A commit, without its files."""

    sha: str
    tree: str
    parents: list[str]
    author: Signature
    committer: Signature
    message: str


class Bare:
    """A bare repository, by its path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, path: Path) -> "Bare":
        """Make an empty one that can be served."""
        bare = cls(path)
        command = ["git", "init", "--quiet", "--bare", "-b", "main", "--template=", str(path)]
        subprocess.run(command, check=True)
        with (path / "config").open("a", encoding="utf-8") as config:
            for name, value in SETTINGS.items():
                section, key = name.split(".")
                config.write(f"[{section}]\n\t{key} = {value}\n")
        hook = path / "hooks/update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_bytes(HOOK.read_bytes())
        hook.chmod(0o755)
        return bare

    def attempt(self, *arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run Git here, whatever comes of it."""
        identity = {"NAME": "GitHub", "EMAIL": "noreply@github.com"}
        environment = os.environ | {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in identity.items()
        }
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=text, capture_output=True, env=environment)

    def git(self, *arguments: str, text: bytes = b"") -> str:
        """Run Git here; return what it printed."""
        done = self.attempt(*arguments, text=text)
        if done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}\n{done.stderr.decode()}")
        return done.stdout.decode("utf-8", "replace").strip("\n")

    def references(self, prefix: str = "refs") -> dict[str, str]:
        """Every reference below a prefix and the object that it names."""
        listed = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split(" ", 1) for line in listed.splitlines())  # type: ignore[misc]

    def resolve(self, name: str) -> str | None:
        """The commit that a branch, tag or SHA names."""
        for full in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            done = self.attempt("rev-parse", "--verify", "--quiet", f"{full}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.decode().strip()
        return None

    def commit(self, sha: str) -> Commit:
        """Read a commit."""
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
        parts = self.git("log", "-1", f"--format={form}", sha, "--").split("\0")
        author, committer = Signature(*parts[3:6]), Signature(*parts[6:9])
        return Commit(
            parts[0], parts[1], parts[2].split(), author, committer, parts[9].rstrip("\n")
        )

    def between(self, base: str | None, head: str, *options: str) -> list[str]:
        """The commits of the head that the base has not, newest first."""
        known = [f"^{base}"] if base else []
        return self.git("rev-list", *options, head, *known, "--").split()

    def contains(self, ancestor: str, descendant: str) -> bool:
        return self.attempt("merge-base", "--is-ancestor", ancestor, descendant).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        return self.attempt("merge-base", one, other).stdout.decode().strip() or None

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of a merge; None where it conflicts."""
        done = self.attempt("merge-tree", "--write-tree", base, head)
        return done.stdout.decode().split()[0] if done.returncode == 0 else None

    def commit_tree(self, tree: str, parents: list[str], message: str) -> str:
        options = [option for parent in parents for option in ("-p", parent)]
        return self.git("commit-tree", tree, *options, text=message.encode())

    def point(self, reference: str, sha: str | None) -> None:
        """Move a reference, make it, or with None delete it."""
        change = ("-d", reference) if sha is None else (reference, sha)
        self.git("update-ref", *change)

    def fetch(self, other: "Bare", sha: str) -> None:
        """Copy a commit and what it needs from another repository."""
        if self.path != other.path:
            self.git("fetch", "--quiet", "--no-tags", str(other.path), sha)

    def changed(self, base: str, head: str) -> list[dict[str, object]]:
        """The files that differ, as the API lists them."""
        counts = {}
        for line in self.git("diff", "--numstat", "--no-renames", "-z", base, head).split("\0"):
            if line:
                added, deleted, name = line.split("\t", 2)
                counts[name] = [0 if part == "-" else int(part) for part in (added, deleted)]
        raw = self.git("diff", "--raw", "--no-renames", "--no-abbrev", "-z", base, head)
        parts = raw.split("\0")
        files: list[dict[str, object]] = []
        for entry, name in zip(parts[::2], parts[1::2], strict=False):
            old, new, letter = entry.split()[2:5]
            additions, deletions = counts[name]
            files.append(
                {
                    "sha": old if letter == "D" else new,
                    "filename": name,
                    "status": CHANGES[letter[0]],
                    "additions": additions,
                    "deletions": deletions,
                    "changes": additions + deletions,
                }
            )
        return files
