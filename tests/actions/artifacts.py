"""Artifacts of runs: real zip files in a folder."""

import hashlib
import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import Failed


@dataclass
class Artifact:
    id: int
    name: str
    run_id: int
    attempt: int
    file: Path
    size: int  # bytes of the zip file
    digest: str
    expired: bool = False


@dataclass
class Artifacts:
    """Every artifact of a repository; a name stands for one a run, the latest attempt's."""

    folder: Path
    stored: dict[int, Artifact] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def upload(
        self, run_id: int, attempt: int, name: str, files: dict[str, Path], again: bool
    ) -> Artifact:
        """Zip files under their paths in the archive.

        Raises
        ------
        Failed : the attempt has one of this name, and it is not to be replaced.
        """
        if older := self.named(run_id, name):
            if older.attempt == attempt and not again:
                raise Failed("Conflict: an artifact with this name already exists on the run")
            del self.stored[older.id]
        self.folder.mkdir(parents=True, exist_ok=True)
        number = next(self.ids)
        archive = self.folder / f"{number}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for path, file in sorted(files.items()):
                target.write(file, path)
        content = archive.read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        made = Artifact(number, name, run_id, attempt, archive, len(content), digest)
        self.stored[number] = made
        return made

    def of(self, run_id: int) -> list[Artifact]:
        """What a run still has."""
        return [one for one in self.stored.values() if one.run_id == run_id and not one.expired]

    def named(self, run_id: int, name: str) -> Artifact | None:
        return next((one for one in self.of(run_id) if one.name == name), None)
