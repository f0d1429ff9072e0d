"""Stands in for actions/upload-artifact and actions/download-artifact."""

import fnmatch
import glob
import os
import zipfile
from pathlib import Path

from .artifacts import Artifact
from .call import Call
from .errors import Failed

UPLOAD = {
    "name": "artifact",
    "path": "",
    "if-no-files-found": "warn",
    "retention-days": "",
    "compression-level": "6",
    "overwrite": "false",
    "include-hidden-files": "false",
}
DOWNLOAD = {
    "name": "",
    "artifact-ids": "",
    "path": "",
    "pattern": "",
    "merge-multiple": "false",
    "github-token": "",
    "repository": "",
    "run-id": "",
}
WILD = frozenset("*?[")


def upload(call: Call) -> None:
    asked = call.take(UPLOAD)
    found = files(call.place.workspace, asked["path"], asked["include-hidden-files"] == "true")
    if not found:
        message = f"No files were found with the provided path: {asked['path']}."
        if asked["if-no-files-found"] == "error":
            raise Failed(message)
        call.say(message)
        return
    made = call.place.repository.artifacts.upload(
        call.place.run.id,
        call.place.run.attempt,
        asked["name"],
        found,
        asked["overwrite"] == "true",
    )
    call.say(f"{made.name}: {len(found)} files, {made.size} bytes")
    github = call.place.contexts["github"]
    page = f"{github['server_url']}/{github['repository']}/actions/runs/{made.run_id}"
    call.step.outputs.update(
        {
            "artifact-id": str(made.id),
            "artifact-digest": made.digest.removeprefix("sha256:"),
            "artifact-url": f"{page}/artifacts/{made.id}",
        }
    )


def files(workspace: Path, patterns: str, hidden: bool) -> dict[str, Path]:
    """The files that patterns name, by their paths below what they have in common."""
    found: dict[Path, None] = {}
    roots: list[Path] = []
    for line in filter(None, map(str.strip, patterns.splitlines())):
        pattern = str(workspace / line.removeprefix("!"))
        matched = under(pattern, hidden)
        if line.startswith("!"):
            found = {path: None for path in found if path not in matched}
            continue
        found.update(dict.fromkeys(matched))
        roots.append(root(pattern))
    if not found:
        return {}
    common = Path(os.path.commonpath(roots))
    if common.is_file():
        common = common.parent
    return {path.relative_to(common).as_posix(): path for path in found}


def under(pattern: str, hidden: bool) -> list[Path]:
    matched: list[Path] = []
    for name in sorted(glob.glob(pattern, recursive=True, include_hidden=hidden)):
        inner = glob.glob(f"{glob.escape(name)}/**", recursive=True, include_hidden=hidden)
        matched += [Path(one) for one in (sorted(inner) if Path(name).is_dir() else [name])]
    shown = [
        path
        for path in matched
        if hidden or not any(part[0] == "." for part in parts(path, pattern))
    ]
    return [path for path in shown if path.is_file()]


def parts(path: Path, pattern: str) -> tuple[str, ...]:
    """What of a path the search found, or a person wrote, below the pattern's fixed beginning."""
    return (path.name, *path.relative_to(root(pattern)).parts)


def root(pattern: str) -> Path:
    """What comes before the first part with a wildcard."""
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if WILD & set(part):
            break
        fixed.append(part)
    return Path(*fixed)


def download(call: Call) -> None:
    """Unpack artifacts of this run; of another one with a token that may read it."""
    asked = call.take(DOWNLOAD)
    run_id = int(asked["run-id"] or call.place.run.id)
    if run_id != call.place.run.id:
        token = call.place.repository.tokens.get(asked["github-token"])
        if not token or not token.may("actions", "read"):
            raise Failed("Resource not accessible by integration")
    held = call.place.repository.artifacts.of(run_id)
    chosen = choose(held, asked)
    target = call.place.workspace / asked["path"]
    flat = bool(asked["name"]) or asked["merge-multiple"] == "true"
    for artifact in chosen:
        unpack(artifact, target if flat else target / artifact.name)
        call.say(f"{artifact.name}: {artifact.size} bytes")
    call.step.outputs["download-path"] = str(target)


def choose(held: list[Artifact], asked: dict[str, str]) -> list[Artifact]:
    if asked["name"]:
        named = [one for one in held if one.name == asked["name"]]
        if not named:
            raise Failed(f"Unable to download artifact(s): Artifact not found: {asked['name']}")
        return named
    if asked["artifact-ids"]:
        return [one for one in held if str(one.id) in asked["artifact-ids"].split(",")]
    return [one for one in held if fnmatch.fnmatch(one.name, asked["pattern"] or "*")]


def unpack(artifact: Artifact, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(artifact.file) as archive:
        archive.extractall(folder)
