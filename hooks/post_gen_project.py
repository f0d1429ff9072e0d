"""Keep what was chosen, bring in the user's file, and make the first commit."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

NOTE = Path(".answers.json")
CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")  # of the template in use
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def choose(folder: str, names: dict[str, str]) -> None:
    """Keep files of `folder` under other names, where there are such; remove the others."""
    for chosen, name in names.items():
        if Path(folder, chosen).is_file():
            os.replace(Path(folder, chosen), name)
    shutil.rmtree(folder, ignore_errors=True)


def keep_deployment(chosen: str) -> None:
    """Remove what serves the model where nobody asked for."""
    if chosen == "none":
        for name in ("docs/endpoints.md", ".github/workflows/deploy.yml"):
            Path(name).unlink()
    unwanted = {"none": "deploy", "docker": "deploy/kubernetes"}
    if chosen in unwanted:
        shutil.rmtree(unwanted[chosen])


def safe_name(path: Path) -> str:
    """A file name that every system takes: report 3.CSV -> report-3.csv."""
    stem = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:80]
    if not stem or RESERVED.fullmatch(stem):
        stem = f"data-{stem}".rstrip("-")
    return stem + path.suffix.lower().replace(".pq", ".parquet")


def remove_sample() -> None:
    """The user's own data take the sample's place."""
    for path in Path("data/raw").glob("flights-*.parquet"):
        path.unlink()
    shutil.rmtree("data/later", ignore_errors=True)
    Path("data/README.md").unlink(missing_ok=True)


def ignore_data() -> None:
    """Keep data out of Git. In the template this file would keep out the sample itself."""
    with Path("data/.gitignore").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(["/raw\n", "/later\n"] if Path("data/later").exists() else ["/raw\n"])


def set_remote(url: str) -> None:
    """Let DVC keep large files at `url`; what a cloud answers is not trusted, its hash is checked."""
    config = Path(".dvc/config")
    verify = "\n    verify = true" if "://" in url else ""
    text = re.sub(
        r"(?m)^( *url =).*$", lambda it: f"{it[1]} {url}{verify}", config.read_text("utf-8")
    )
    with config.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def git(*arguments: str) -> str:
    """Run Git on this repository only, whatever the surrounding variables point to."""
    kept = ("GIT_AUTHOR", "GIT_COMMITTER", "GIT_CONFIG", "GIT_EXEC", "GIT_SSL")
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith(kept)
    }
    done = subprocess.run(
        ["git", *arguments],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode and arguments[0] != "config":
        raise OSError(f"git could not make the repository: {done.stderr.strip()}")
    return done.stdout.strip()


def commit(author: str, package: str) -> None:
    """Make the repository and its one commit, with an identity even where Git has none."""
    git("init", "--quiet")
    git("symbolic-ref", "HEAD", "refs/heads/main")
    found = re.fullmatch(r"(.*?)\s*<([^<>@\s]+@[^<>\s]+)>\s*", author)
    name, email = found.groups() if found else (author, f"{package}@localhost")
    identity = {
        "user.name": re.sub(r"[<>]", "", name).strip(" .,:;'\"\\") or package,
        "user.email": email,
    }
    settings = {
        "core.hooksPath": os.devnull,
        "core.excludesFile": os.devnull,
        "core.autocrlf": "false",
    }
    settings.update({key: value for key, value in identity.items() if not git("config", key)})
    flags = [flag for key, value in settings.items() for flag in ("-c", f"{key}={value}")]
    git(*flags, "add", "--all")
    git(*flags, "commit", "--quiet", "--no-gpg-sign", "-m", "Generate the project")


def say_next() -> None:
    """Three lines: where it is and the two commands."""
    folder = Path.cwd()
    try:
        shown = os.path.relpath(folder, os.environ.get("PWD") or folder.parent)
    except ValueError:  # another Windows drive
        shown = str(folder)
    windows = os.name == "nt"  # which has no make
    quoted = subprocess.list2cmdline([shown]) if windows else shlex.quote(shown)
    run = "python src\\champion" if windows else "make"
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    print(f"Generated {folder}")
    print(f"Next:  cd {quoted} && {run} setup")
    print(f"Then:  {run} repro")


def main(answers: dict[str, str]) -> None:
    """Finish the project in the current folder."""
    note = json.loads(NOTE.read_text(encoding="utf-8"))
    NOTE.unlink()
    for cache in [path for name in CACHES for path in Path().rglob(name)]:
        shutil.rmtree(cache, ignore_errors=True)
    choose(".licenses", {f"{answers['license']}.txt": "LICENSE"})
    scheme = re.match(r"(\w+)://", answers["storage"])
    choose(".locks", {f"{scheme[1] if scheme else 'none'}.txt": "requirements-storage.txt"})
    tracker = {
        ".py": "src/tracker.py", ".txt": "requirements-tracking.txt", ".md": "docs/tracking.md"
    }  # fmt: skip
    choose(".trackers", {answers["tracking"] + end: name for end, name in tracker.items()})
    keep_deployment(answers["deploy"])
    if answers["data_file"]:
        remove_sample()
    ignore_data()
    if note["regenerated"]:
        return
    if "data" in note:
        source = Path(note["data"])
        Path("data/raw").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, Path("data/raw", safe_name(source)))
    if "storage" in note:
        set_remote(note["storage"])
    if not Path(".git").exists():
        commit(answers["author"], answers["__package"])
    say_next()


if __name__ == "__main__":
    try:
        main(json.loads(r"""{{ cookiecutter | tojson }}"""))
    except OSError as error:
        print(f"Not generated. {error}", file=sys.stderr)
        sys.exit(1)
