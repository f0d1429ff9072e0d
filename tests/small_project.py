"""A throw-away project of one table and one stage, for the tests of the workspace."""

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import fork_server

PROJECT = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
COPIED = (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".pre-commit-config.yaml", "Makefile")
OBJECTS = "files/md5/"

DESCRIBE = f'''"""Stands in for the real one: tracks the data, writes a schema."""
import argparse, sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent)!r})
from small_project import track

def run(arguments: argparse.Namespace) -> None:
    print("described")
    Path("src/small/schema.py").write_text("schema = 1\\n")
    track(Path())
'''
PIPELINE = """stages:
  train:
    cmd: python train.py
    deps: [data/raw, train.py]
    outs: [model.txt]
    metrics:
      - reports/cv.json: {cache: false}
      - reports/data.json: {cache: false}
"""
TRAIN = """from pathlib import Path
rows = sum(len(p.read_text().splitlines()) - 1 for p in sorted(Path("data/raw").glob("*.csv")))
Path("model.txt").write_text(f"model of {rows} rows\\n")
Path("reports").mkdir(exist_ok=True)
for name in ("cv", "data"):
    Path(f"reports/{name}.json").write_text(f'{{"rows": {rows}}}\\n')
"""


def track(root: Path) -> None:
    """What `dvc add data/raw` does, without the second that it takes."""
    listed = []
    for path in sorted(root.glob("data/raw/*")):
        digest = md5(path.read_bytes()).hexdigest()
        listed.append({"md5": digest, "relpath": path.name})
        cache(root, digest, path.read_bytes())
    content = json.dumps(listed).encode()
    digest = md5(content).hexdigest() + ".dir"
    cache(root, digest, content)
    size = sum(path.stat().st_size for path in root.glob("data/raw/*"))
    pointer = f"outs:\n- md5: {digest}\n  size: {size}\n  nfiles: {len(listed)}\n"
    (root / "data/raw.dvc").write_text(pointer + "  hash: md5\n  path: raw\n")


def cache(root: Path, digest: str, content: bytes) -> None:
    """Put an object into DVC's cache."""
    path = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
        path.chmod(0o444)


@dataclass
class SmallProject:
    """A folder with a project in it."""

    path: Path

    def run(
        self, *command: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there; an empty variable is an absent one."""
        environment = {**os.environ, "CHAMPION_VENV": str(fork_server.environment()), **variables}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # every command would compile DVC
        environment = {key: value for key, value in environment.items() if value}
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, encoding="utf-8"
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def champion(
        self, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "src/champion", *arguments, check=check, **variables)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout.strip()

    def dvc(self, *arguments: str) -> str:
        return self.run(str(fork_server.python()), "-m", "dvc", *arguments).stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def add_data(self, name: str, text: str) -> None:
        """Add a table, track it, commit the pointer."""
        self.write(f"data/raw/{name}", text)
        track(self.path)
        self.git("commit", "--quiet", "--no-verify", "-am", f"Add {name}")


def make(
    folder: Path, own: bool = False, branch: str = "main", stage: bool = False
) -> SmallProject:
    """Make a project with one commit, as the template generates it; not set up yet."""
    project = SmallProject(folder)
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, folder / name)
    engine = folder / "src/champion"
    shutil.copytree(PROJECT / "src/champion", engine, ignore=shutil.ignore_patterns("__pycache__"))
    project.write("src/champion/tables/describe.py", DESCRIBE)
    project.write("src/small/__init__.py", "")
    values = "false" if own else "true"
    project.write("gate.yaml", f"data: {{target: y}}\nreport: {{show_values: {values}}}\n")
    project.write(".gitignore", ".venv/\n__pycache__/\n/model.txt\n")
    project.write("data/.gitignore", "/raw\n")
    project.write("data/raw/a.csv", "x,y\n1,0\n2,1\n3,1\n")
    if stage:
        project.write("dvc.yaml", PIPELINE)
        project.write("train.py", TRAIN)
    project.git("-c", f"init.defaultBranch={branch}", "init", "--quiet")
    project.git("add", "--all")
    project.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "Generate")
    return project


@functools.cache
def trained(folder: Path) -> SmallProject:
    """A project that is set up and trained and was never pushed; made once: copy it."""
    project = make(folder / "my project", stage=True)
    project.champion("setup")
    project.champion("repro")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--no-verify", "-m", "Train")
    return project


def copied(original: SmallProject, folder: Path) -> SmallProject:
    shutil.copytree(original.path, folder, symlinks=True)
    return SmallProject(folder)


def published(original: SmallProject, folder: Path) -> SmallProject:
    """A copy whose first push, to a server beside it, is behind it."""
    project = copied(original, folder / "my project")
    project.git("remote", "add", "origin", str(server(folder / "server.git")))
    project.champion("publish")
    return project


def server(path: Path) -> Path:
    """Make an empty Git server."""
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(path)], check=True)
    return path


def clone(url: Path | str, folder: Path, *options: str) -> SmallProject:
    subprocess.run(["git", "clone", "--quiet", *options, str(url), str(folder)], check=True)
    return SmallProject(folder)


def names(repository: Path, reference: str = "dvc-storage") -> set[str]:
    """The objects that a repository holds on the branch."""
    command = ["git", "-C", str(repository), "ls-tree", "-r", "--name-only", reference]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8").stdout.split()
    return {name for name in listed if name.startswith(OBJECTS)}


def branches(repository: Path) -> set[str]:
    command = [
        "git",
        "-C",
        str(repository),
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads",
    ]
    return set(subprocess.run(command, capture_output=True, encoding="utf-8").stdout.split())
