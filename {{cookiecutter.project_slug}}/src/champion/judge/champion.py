"""The champion: which model is the current one."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from champion.errors import Refusal
from champion.judge.commit import run_commit
from champion.project import MODEL, RAW
from champion.workspace.git import default_branch, git, resolve, show

STAGE = re.compile(r"model#production(!?)#(\d+)")
VERSION = re.compile(r"model@v(\d+)\.(\d+)\.(\d+)")
ANCHOR = re.compile(r"(?:^|[\s\[{,:])&[^\s&]")  # not the && of a shell


@dataclass(frozen=True)
class Champion:
    """The current model."""

    commit: str
    version: str | None  # None: not promoted yet

    @property
    def name(self) -> str:
        return f"champion {self.version or self.commit[:7]}"


def find() -> Champion | None:
    """The model in production by its Git tag; before the first one, the default branch's.

    Returns
    -------
    None where there is no model yet.

    Raises
    ------
    Refusal : the tag names a commit without a model.
    """
    stages = sorted(
        (int(found[2]), found[1] == "!", tag) for tag in tags() if (found := STAGE.fullmatch(tag))
    )
    if stages and not stages[-1][1]:
        commit = git("rev-parse", f"refs/tags/{stages[-1][2]}^{{commit}}")
        if not output(commit, "train", MODEL):
            raise Refusal(f"the tag {stages[-1][2]} names a commit whose dvc.lock has no model.")
        versions = [found for tag in tags("--points-at", commit)
                    if (found := VERSION.fullmatch(tag))]  # fmt: skip
        newest = max(versions, key=lambda found: tuple(map(int, found.groups())), default=None)
        return Champion(commit, newest[0].partition("@")[2] if newest else None)
    commit = base()
    return Champion(commit, None) if output(commit, "train", MODEL) else None


def tags(*options: str) -> list[str]:
    return git("for-each-ref", "--format=%(refname:strip=2)", *options, "refs/tags").splitlines()


def anchor(champion: Champion) -> Champion | None:
    """The last model that was proven better, where that is an earlier one than the champion.

    A better model gets a new minor version, one that is no worse a new patch: v1.2.3 is measured
    against v1.2.0 too, lest many small losses add up.
    """
    found = re.fullmatch(r"v(\d+\.\d+)\.[1-9]\d*", champion.version or "")
    commit = resolve(f"refs/tags/model@v{found[1]}.0") if found else None
    return Champion(commit, f"v{found[1]}.0") if found and commit else None


def base() -> str:
    """The tip of the default branch, as last fetched."""
    name = default_branch()
    commit = resolve(f"refs/remotes/origin/{name}") or resolve(f"refs/heads/{name}")
    if not commit:
        raise Refusal(f"there is no branch {name}: judge in a clone of the repository.")
    return commit


def read_yaml(text: str) -> Any:
    """What a YAML text says; an empty dictionary if it is none, or one made to be a trap."""
    from ruamel.yaml import YAML, YAMLError

    if ANCHOR.search(text):  # aliases can grow without end
        return {}
    try:
        return YAML(typ="safe").load(text) or {}
    except (YAMLError, ValueError, RecursionError):
        return {}


def output(commit: str, stage: str, path: Path) -> str | None:
    """The hash of what a stage wrote, as the commit's dvc.lock has it."""
    stages = read_yaml(show(commit, "dvc.lock")).get("stages") or {}
    outs = (stages.get(stage) or {}).get("outs") or []
    return next((out["md5"] for out in outs if out.get("path") == path.as_posix()), None)


def data_of(commit: str) -> str:
    """The hash of the raw data that a commit tracks.

    Raises
    ------
    Refusal : it tracks none.
    """
    outs = read_yaml(show(commit, f"{RAW.as_posix()}.dvc")).get("outs") or [{}]
    if not outs[0].get("md5"):
        raise Refusal(f"commit {commit[:7]} tracks no data: run set-up there.")
    return str(outs[0]["md5"])


def run(_: argparse.Namespace) -> int:
    """Verb `score-champion`: what the champion says of the working tree's holdout."""
    champion = find()
    if champion is None:
        print("There is no champion yet: a challenger has to be better than a dummy model.")
        return 0
    if champion.version is None:
        print(f"No model was promoted yet: the default branch's {champion.commit[:7]} stands in.")
    data = tracked_data()
    model = output(champion.commit, "train", MODEL)
    assert model
    scored = run_commit(champion.commit, data, model)
    print(f"{champion.name}: {scored.predictions} ({len(pd.read_parquet(scored.predictions)):,} rows,"
          f" Python {scored.about['python']})")  # fmt: skip
    return 0


def tracked_data() -> str:
    """The hash of the raw data that the working tree tracks."""
    outs = read_yaml(Path(f"{RAW}.dvc").read_text(encoding="utf-8")).get("outs") or [{}]
    return str(outs[0].get("md5"))
