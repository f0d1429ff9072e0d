"""The steps of train.yml: what is to be done, the pipeline, and what the judge gets of it.

They run a branch's own code without any right to write: what they leave is evidence, no verdict.
"""

import json
import os
import shutil
from pathlib import Path

from champion.ci.outputs import write_output
from champion.errors import Refusal
from champion.judge.paths import PROSE, matching, tests, trains
from champion.workspace.git import changed, git, resolve

PACKED = Path(".champion/packed")


def tip() -> str:
    """The default branch, as `plan` fetched it."""
    return f"refs/remotes/origin/{os.environ['BASE']}"


def plan() -> int:
    """Step `plan`: which of check, test and train the changed paths ask for.

    Runs before anything is installed.
    """
    quiet = ("--quiet", "--no-tags", "--filter=blob:none")
    git("fetch", *quiet, "origin", f"+refs/heads/{os.environ['BASE']}:{tip()}")
    paths = changed(tip(), "HEAD")
    train = trains(paths)
    found = {
        "check": train or paths != matching(paths, PROSE),
        "test": tests(paths),
        "train": train,
    }
    for name, needed in found.items():
        write_output(name, str(needed).lower())
    to_do = ", ".join(name for name, needed in found.items() if needed)
    print(f"{len(paths):,} paths differ from {os.environ['BASE']}: {to_do or 'nothing to run'}")
    return 0


def data() -> int:
    """Step `data`: bring the raw data; of a fork's own branch what this repository lacks.

    Raises
    ------
    Refusal : they are not to be had.
    """
    from champion.ci.lock import pointed
    from champion.project import RAW
    from champion.workspace import branch, objects, remote

    fork = os.environ["HEAD_REPOSITORY"] not in ("", os.environ["GITHUB_REPOSITORY"])
    if fork and not remote.on_branch():
        raise Refusal(
            "the large files are in a cloud, and a fork has no credentials: ask a maintainer to run "
            "`make adopt PR=N`.",
            code=1,
        )
    name = pointed("HEAD")
    try:
        objects.place(name, RAW)
    except Refusal:
        if not fork:
            raise
        address = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['HEAD_REPOSITORY']}.git"
        git("fetch", "--quiet", "--no-tags", "--depth=1", address, branch.LOCAL)
        shutil.rmtree(RAW, ignore_errors=True)
        branch.extract_objects("FETCH_HEAD", objects.CACHE)
        objects.place(name, RAW)
    return 0


def train() -> int:
    """Step `train`: the pipeline, from the default branch's results: only those were judged."""
    from champion.ci.lock import parsed, pointed
    from champion.judge.champion import data_of
    from champion.judge.evidence import Invalid
    from champion.workspace import objects
    from champion.workspace.git import show
    from champion.workspace.repro import repro
    from champion.workspace.update import take_results

    take_results(tip())
    try:
        known = parsed(show(tip(), "dvc.lock")).outs if data_of(tip()) == pointed("HEAD") else {}
    except (Invalid, Refusal):
        known = {}
    for path, name in known.items():
        if not Path(path).exists():  # reports are in Git
            try:
                objects.place(name, Path(path))
            except Refusal as refusal:
                print(f"{path} will be made anew: {refusal}")
    return repro()


def pack() -> int:
    """Step `pack`: what the judge needs: hashes, reports, and the objects that the remote lacks."""
    from champion.ci import lock
    from champion.judge.evidence import Invalid
    from champion.project import REPORTS
    from champion.workspace import branch, objects, remote
    from champion.workspace.git import show

    shutil.rmtree(PACKED, ignore_errors=True)
    PACKED.mkdir(parents=True)
    if (REPORTS / "data.json").exists():
        keep(REPORTS / "data.json", PACKED / "reports/data.json")
    try:
        made = lock.read(Path("dvc.lock"))
    except Invalid as invalid:
        print(f"Nothing to judge: {invalid}")
        return 0
    keep(Path("dvc.lock"), PACKED / "dvc.lock")
    wanted = {lock.pointed("HEAD")}
    for path, name in made.outs.items():
        if Path(path).parent == REPORTS and path.endswith(".json") and Path(path).exists():
            keep(Path(path), PACKED / path)
        elif objects.cached(name).exists():
            wanted.add(name)
    for name in [name for name in wanted if name.endswith(".dir")]:
        wanted |= {item["md5"] for item in objects.items(name)}
    if remote.on_branch() and (stored := resolve(branch.tracking())):
        there = {name.removeprefix("files/md5/").replace("/", "") for name in branch.stored(stored)}
    else:
        there = set(lock.parsed(show(tip(), "dvc.lock")).outs.values())
    for name in sorted(wanted - there):
        keep(objects.cached(name), PACKED / "objects" / name[:2] / name[2:])
    measure()
    return 0


def keep(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.link(source, target)


def measure() -> None:
    """Time the champion and the model side by side, where gate.yaml limits the latency."""
    from champion.judge.champion import find, tracked_data
    from champion.judge.context import seconds
    from champion.settings import GATE, Settings

    if Settings.of_gate(GATE).gate.max_latency and (champion := find()):
        before, after = seconds(champion, tracked_data())
        said = {"champion": before, "challenger": after}
        (PACKED / "seconds.json").write_text(json.dumps(said), encoding="utf-8")
