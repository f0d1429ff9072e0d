"""The tour's branches: one of each kind, and what the judge says of it."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run import call, say
from tour_guide import commit, expect, output, tell

Edit = Callable[[Path], None]
RAW = "data/raw/flights-2013-01.parquet"


def judging(project: Path, reports: Path) -> None:
    """Branch, change one thing, judge, come back; the reports are kept."""
    say("3. Is it better? A branch is judged as its pull request will be")
    stories: list[tuple[str, str, str, int, Edit]] = [
        ("untouched", "Nothing is changed", "equivalent", 0, lambda _: None),
        ("linear", "A simpler model", "better", 0, params("kind: boosted", "kind: linear")),
        ("crippled", "Two trees", "worse", 1, params("max_iter: 100", "max_iter: 2")),
        ("larger", "Somewhat larger trees", "inconclusive", 1,
         params("max_leaf_nodes: 15", "max_leaf_nodes: 40")),
        ("lock", "One more package, which moves nothing", "equivalent", 0, one_more_package),
        ("split", "A shorter holdout", "invalid", 2, shorter_holdout),
        ("deleted", "The row that the model is most wrong about disappears", "invalid", 2,
         table("data.drop(index=row)")),
        ("relabelled", "The same row gets the answer that the model gave", "invalid", 2,
         table("data.assign(late=data.late.where(data.index != row, data.late[row] == False))")),
        ("column", "A new column; an integer column gets gaps", "equivalent", 0,
         table("data.assign(seats=100, flight=data.flight.where(gap == False))")),
    ]  # fmt: skip
    for name, told, verdict, code, edit in stories:
        say(f"   {told}")
        call("git", "switch", "--quiet", "--create", name, folder=project)
        rows = holdout(project)
        edit(project)
        output("make", "repro", folder=project, quiet=True)
        if name != "untouched":
            commit(project, told)
        file = judged(project, reports / name, code)
        expect(file["verdict"] == verdict, f"the verdict is {verdict}")
        if name == "larger":
            needed = file["resolution"]["rows_for_target"]
            expect(
                f"{needed:,} rows" in " ".join(file["reasons"]), "it says how many rows it takes"
            )
        if name == "column":
            expect(holdout(project) == rows, "no row has changed side")
        call("git", "switch", "--quiet", "main", folder=project)
        output(*dvc(project), "checkout", "--quiet", folder=project, quiet=True)


def judged(project: Path, reports: Path, code: int) -> dict[str, Any]:
    """Judge, show the report as far as it is in sight, and keep it."""
    output("make", "judge", folder=project, quiet=True, passes=lambda it: bool(it) == bool(code))
    shutil.copytree(project / "verdict", reports)
    text = (reports / "report.md").read_text(encoding="utf-8")
    for line in text.partition("<details>")[0].splitlines():
        if line and not line.startswith("!["):
            tell(f"| {line}")
    file: dict[str, Any] = json.loads((reports / "verdict.json").read_text(encoding="utf-8"))
    expect(file["merge"] == (code == 0), f"it would {'' if code == 0 else 'not '}be merged")
    return file


def params(before: str, after: str) -> Edit:
    def edit(project: Path) -> None:
        path = project / "params.yaml"
        text = path.read_text(encoding="utf-8")
        expect(before in text, f"params.yaml: {before} becomes {after}")
        path.write_text(text.replace(before, after), encoding="utf-8")

    return edit


def one_more_package(project: Path) -> None:
    """Take a package of the development lock into the one of training."""
    dev = (project / "requirements-dev.txt").read_text(encoding="utf-8")
    found = re.search(r"(?m)^nbstripout==.*\\\n(?:    .*\n)+", dev)
    assert found
    lock = project / "requirements.txt"
    lock.write_text(lock.read_text(encoding="utf-8") + found[0], encoding="utf-8")


def shorter_holdout(project: Path) -> None:
    path = project / "gate.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("7 days", "6 days"), encoding="utf-8")


def table(expression: str) -> Edit:
    """Change the tracked table behind the back of `make data`; `row` is the hardest one."""
    script = f"""
import pandas as pd
holdout = pd.read_parquet("data/holdout.parquet")
said = pd.read_parquet("predictions.parquet").set_index("row_id").score
wrong = (holdout.row_id.map(said) - holdout.late.astype(float)).abs().idxmax()
data = pd.read_parquet("{RAW}")
same = [c for c in ("departure", "carrier", "flight", "origin", "dest")]
row = data.reset_index().merge(holdout.loc[[wrong], same], on=same)["index"][0]
gap = (data.index % 9 == 0) & (data.departure < holdout.departure.min())
data = {expression}
import os; os.remove("{RAW}")
data.to_parquet("{RAW}")
"""

    def edit(project: Path) -> None:
        output(str(python(project)), "-c", script, folder=project, quiet=True)
        output(*dvc(project), "add", "--quiet", "data/raw", folder=project, quiet=True)

    return edit


def python(project: Path) -> Path:
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return project / ".venv" / folder / ("python.exe" if folder == "Scripts" else "python")


def dvc(project: Path) -> tuple[str, ...]:
    return (str(python(project)), "-m", "dvc")


def holdout(project: Path) -> set[str]:
    """The names of the holdout's rows."""
    script = "import pandas as pd; print(*pd.read_parquet('data/holdout.parquet').row_id)"
    return set(output(str(python(project)), "-c", script, folder=project, quiet=True).split())
