"""Caches of a repository: folders under a key, each in the scope of the ref that saved it."""

import tarfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Cache:
    scope: str
    key: str
    version: str  # of the paths that it holds: other paths never match
    archive: Path


@dataclass
class Caches:
    """Never overwritten: a key is saved once a scope."""

    folder: Path
    saved: list[Cache] = field(default_factory=list)

    def find(self, scopes: list[str], version: str, keys: list[str]) -> Cache | None:
        """The first key exactly, else the newest that any key begins; scopes in their order."""
        for scope in scopes:
            held = [one for one in self.saved if (one.scope, one.version) == (scope, version)]
            exact = [one for one in held if one.key == keys[0]]
            begun = ([one for one in held if one.key.startswith(key)] for key in keys)
            for found in (exact, *begun):
                if found:
                    return found[-1]
        return None

    def save(self, scope: str, version: str, key: str, paths: list[Path]) -> bool:
        """Keep what is at `paths`; False if the scope has the key already, or nothing is there."""
        taken = any(
            (one.scope, one.version, one.key) == (scope, version, key) for one in self.saved
        )
        if taken or not any(path.exists() for path in paths):
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        archive = self.folder / f"{len(self.saved)}.tar"
        with tarfile.open(archive, "w") as target:
            for number, path in enumerate(paths):
                if path.exists():
                    target.add(path, str(number))
        self.saved.append(Cache(scope, key, version, archive))
        return True


def restore(cache: Cache, paths: list[Path]) -> None:
    """Put what was kept back to where it was: the folders of another job."""
    with tarfile.open(cache.archive) as source:
        for member in source.getmembers():
            number, _, inner = member.name.partition("/")
            target = paths[int(number)]
            member = member.replace(name=f"{target.name}/{inner}".rstrip("/"))
            source.extract(member, target.parent, filter="tar")
