"""Actions of the repository's own: `./path` as checked out, `$/path` as the workflow's commit has it."""

import io
import tarfile
from pathlib import Path

from .errors import Failed, Refused
from .language import Tree, language
from .place import Place


def is_local(uses: str) -> bool:
    return uses.startswith(("./", "$/"))


def load(place: Place, uses: str) -> tuple[Tree, Path]:
    """An action's definition and its folder.

    Raises
    ------
    Failed : it is not there.
    Refused : it is no composite action.
    """
    path = uses[2:].removeprefix("./").rstrip("/")
    folder = (place.workspace if uses.startswith("./") else own(place, path)) / path
    names = [folder / "action.yml", folder / "action.yaml"]
    file = next((name for name in names if name.is_file()), None)
    if not file:
        raise Failed(
            f"Can't find 'action.yml' or 'action.yaml' under '{folder}'."
            " Did you forget to run actions/checkout before running your local action?"
        )
    tree = language().parse("action", f"{path}/{file.name}", file.read_text(encoding="utf-8"))
    if tree["runs"]["using"] != "composite":
        raise Refused(f"{uses} is no composite action: only those are executed here.")
    return tree, folder


def own(place: Place, path: str) -> Path:
    """Where the folder `path` of the workflow's own commit is put, if it has one."""
    target, commit = place.temp / "own", place.run.event.sha
    there = place.repository.git("ls-tree", "--name-only", commit, path)
    if there and not (target / path).exists():
        packed = place.repository.git("archive", "--format=tar", commit, path)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(target, filter="data")
    return target
