"""Where stories begin: a host that has come so far, once made, then copied."""

import copy
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conftest import BakedProject
from pull_requests import ProjectHost

KEPT = ("issues", "statuses", "checks", "runs", "releases", "roles", "activity")  # of a repository


@dataclass
class Moment:
    """A host as it was; `again` makes one that goes on from there."""

    host: ProjectHost
    published: BakedProject

    def again(self, folder: Path) -> ProjectHost:
        made = ProjectHost(folder, self.published)
        old, new = self.host.home, made.home
        shutil.rmtree(new.bare.path / "objects")
        shutil.copytree(old.bare.path / "objects", new.bare.path / "objects")
        for name in old.bare.git("for-each-ref", "--format=%(refname)").split():
            new.bare.git("update-ref", name, old.bare.git("rev-parse", name))
        memo = {id(old): new, id(old.bare): new.bare}
        for name in KEPT:
            setattr(new, name, copy.deepcopy(getattr(old, name), memo))
        made.github.users = copy.deepcopy(self.host.github.users, memo)
        made.github._numbers = itertools.count(self.host.github.number())
        return made


def reached(
    folder: Path, before: Moment | None, published: BakedProject, go: Callable[[ProjectHost], None]
) -> Moment:
    """The moment after something else has happened."""
    host = before.again(folder) if before else ProjectHost(folder, published)
    with host:
        go(host)
    return Moment(host, published)
