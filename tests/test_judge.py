"""A branch is judged on the command line, as a person does it before the pull request."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion.judge import context
from champion.judge.budget import sketch
from champion.judge.challenge import decide, other_seed, prepare, refuse_lost_rows
from champion.judge.champion import base
from champion.judge.context import cap, stop_at
from champion.judge.evidence import Invalid
from champion.judge.local import working_tree
from champion.settings import Settings
from conftest import Bake, BakedProject
from whole_projects import change, commit, copied, made_once

ROWS = 3000


def members(folder: Path, start: int = 0, rows: int = ROWS, seed: int = 0) -> Path:
    """Who renews? Visits count both ways from the middle, which no straight line can follow."""
    random = np.random.default_rng(seed)
    visits, age = random.normal(size=rows), random.normal(size=rows)
    chance = 1 / (1 + np.exp(-(1.2 * np.abs(visits) - 1 + 0.8 * age)))
    path = folder / "members.csv"
    pd.DataFrame(
        {
            "member": np.arange(start, start + rows),
            "visits": visits.round(3),
            "age": age.round(3),
            "children": random.integers(0, 4, rows),
            "club": random.choice(["north", "south", "west"], rows),
            "renewed": np.where(random.random(rows) < chance, "yes", "no"),
        }
    ).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def main(baked: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """The default branch with a straight-line champion, judged once; copy it."""

    def make(path: Path) -> BakedProject:
        table = members(path.parent)
        project = copied(
            baked(project_name="Members", data_file=str(table), target="renewed"), path
        )
        change(project, "gate.yaml", data={"id": "member", "slices": ["club"]})
        change(project, "gate.yaml", gate={"max_size": 1000.0, "max_latency": 1000.0})
        change(project, "params.yaml", model={"kind": "linear", "boosted": {"max_iter": 30}})
        change(project, "params.yaml", cv={"folds": 2}, explain={"rows": 50})
        project.champion("setup")
        project.champion("repro")
        commit(project, "Train")
        project.champion("judge")
        return project

    return made_once("members", tmp_path_factory, make)


@pytest.fixture
def branch(main: BakedProject, tmp_path: Path) -> BakedProject:
    """A branch of one's own."""
    project = copied(main, tmp_path / "members")
    project.git("switch", "--quiet", "--create", "try")
    return project


def judged(project: BakedProject, code: int, *options: str) -> dict[str, Any]:
    """Reproduce and judge; the verdict file."""
    project.champion("repro")
    done = project.champion("judge", *options, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    file: dict[str, Any] = json.loads((project.path / "verdict/verdict.json").read_text("utf-8"))
    assert (project.path / "verdict/report.md").exists()
    return file


def test_an_untouched_branch_is_no_change(branch: BakedProject) -> None:
    file = judged(branch, 0)
    assert file["verdict"] == "equivalent"
    assert file["merge"]
    assert not file["changes"]["paths"]
    assert branch.git("status", "--porcelain") == "", "judging leaves nothing to commit"
    assert ".champion" not in branch.git("worktree", "list")


def test_a_curve_beats_a_line(branch: BakedProject) -> None:
    change(branch, "params.yaml", model={"kind": "boosted"})
    file = judged(branch, 0)
    assert file["verdict"] == "better"
    assert file["policy"] == "improve"
    assert file["metric"]["lower"] > 0
    assert file["changes"]["params"] == [
        {"key": "model.kind", "champion": "linear", "challenger": "boosted"}
    ]
    assert file["cv"]["challenger"] > file["cv"]["champion"]
    size, latency = file["caps"]
    assert size["challenger"] == (branch.path / "model.skops").stat().st_size / 1e6
    assert size["passed"]
    assert latency["champion"] > 0
    assert latency["challenger"] > 0
    assert {part["value"] for part in file["slices"]} <= {"north", "south", "west"}
    assert {it["column"] for it in file["parity"]} == {"club"}
    assert file["weak"]["looked"] > 10
    assert file["policies"] == []
    told = json.loads(branch.champion("judge", "--format", "json").stdout)
    assert told["metric"] == file["metric"]
    again = branch.champion("judge")
    assert "Look 1 at this holdout" in again.stdout, "the same predictions are the same look"
    rows = pd.read_parquet(branch.path / ".champion/evidence/holdout.parquet")["row_id"]
    (branch.path / "sketch.json").write_text(json.dumps(sketch(rows)), encoding="utf-8")
    holdout = f"{file['budget']['holdout']}=sketch.json"
    record = ("--key", "try", "--body", "verdict/verdict.json", "--holdout", holdout)
    branch.champion("ledger", "append", "verdict", *record)
    assert "1 event" in branch.champion("ledger", "verify").stdout
    file = judged(branch, 0)
    assert file["budget"]["look"] == 2, "the ledger knows of one"


def test_a_change_within_chance_is_not_proven(branch: BakedProject) -> None:
    """Nor does the branch's own, generous gate.yaml change that."""
    change(branch, "gate.yaml", gate={"margin": 0.5, "metric": "accuracy", "false_merges": 20})
    change(branch, "params.yaml", model={"kind": "boosted"})
    change(branch, "params.yaml", model={"boosted": {"max_iter": 20, "learning_rate": 0.6}})
    file = judged(branch, 1)
    assert file["verdict"] == "inconclusive"
    assert file["resolution"]["rows_for_target"] > file["resolution"]["rows"]
    assert f"{file['resolution']['rows_for_target']:,} rows" in " ".join(file["reasons"])
    assert file["metric"]["name"] == "roc_auc"
    assert file["budget"]["alpha"] == 0.02
    assert file["changes"]["owner_paths"] == ["gate.yaml"]


def test_new_rows_must_do_no_harm(branch: BakedProject, tmp_path: Path) -> None:
    file = str(members(tmp_path, ROWS, 1500, seed=1).rename(tmp_path / "more.csv"))
    branch.champion("data", file)
    commit(branch, "More members")
    verdict = judged(branch, 0)
    assert verdict["policy"] == "maintain"
    assert verdict["verdict"] in ("better", "no_worse")
    assert verdict["changes"]["data"]["added"] == 1500
    assert verdict["changes"]["data"]["removed"] == 0


def test_a_lock_that_moves_nothing_is_no_change(branch: BakedProject) -> None:
    lock = branch.path / "requirements.txt"
    dev = (branch.path / "requirements-dev.txt").read_text(encoding="utf-8")
    start = dev.index("\nnbstripout==") + 1
    end = next(i for i in range(start + 12, len(dev)) if dev[i - 1] == "\n" and dev[i].isalpha())
    lock.write_text(lock.read_text(encoding="utf-8") + dev[start:end], encoding="utf-8")
    shutil.rmtree(branch.path / ".champion")  # so that the champion's own lock is installed
    file = judged(branch, 0)
    assert file["verdict"] == "equivalent"
    assert file["policy"] == "maintain"
    assert [it["package"] for it in file["changes"]["lock"]] == ["nbstripout"]
    (made,) = (branch.path / ".champion/environments").iterdir()
    assert (made / "complete").exists()


def raw(project: BakedProject) -> pd.DataFrame:
    return pd.read_csv(next((project.path / "data/raw").glob("*.csv")))


def track(project: BakedProject, table: pd.DataFrame) -> None:
    """Put other data in place of those there are, past every check."""
    path = next((project.path / "data/raw").glob("*.csv"))
    path.unlink()
    table.to_csv(path, index=False)
    project.run(sys.executable, "-m", "dvc", "add", "-q", "data/raw")
    commit(project, "Other data")


def hard_row(project: BakedProject) -> int:
    """The position in the table of the holdout's row that the champion is most wrong about."""
    holdout = pd.read_parquet(project.path / "data/holdout.parquet")
    said = pd.read_parquet(project.path / "predictions.parquet").set_index("row_id")["score"]
    error = (holdout["row_id"].map(said) - holdout["renewed"].astype(float)).abs()
    return int(float(holdout.loc[error.idxmax(), "member"]))


def test_a_hard_row_cannot_be_deleted(
    branch: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(branch, raw(branch).drop(index=hard_row(branch)))
    monkeypatch.chdir(branch.path)
    monkeypatch.setenv("CHAMPION_VENV", sys.prefix)
    with pytest.raises(Invalid, match="lack 1 of the"):
        decide(prepare(base(), working_tree(base()), None), Settings.load(), "maintain")


ANSWERED = pd.DataFrame(
    {
        "row_id": ["a-0", "b-1", "c-0", "d-1"],
        "content": ["1", "2", "3", "4"],
        "holdout": [False, True, True, True],
        "time": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
    }
)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(ANSWERED.replace("c-0", "c-1"), "lack 1 of the 3", id="relabelled"),
        pytest.param(ANSWERED.replace("3", "5"), "change the values of 1", id="rewritten"),
        pytest.param(ANSWERED.iloc[[0, 2, 3]], "lack 1 of the 3", id="deleted"),
        pytest.param(ANSWERED.iloc[2:], "", id="a window that drops the oldest"),
        pytest.param(ANSWERED.iloc[[0, 2, 3]].drop(columns="time"), "lack 1", id="without a time"),
        pytest.param(ANSWERED.iloc[::-1].assign(holdout=False), "", id="a window that moved on"),
    ],
)
def test_the_holdouts_rows_stay_as_they_are(after: pd.DataFrame, said: str) -> None:
    if not said:
        refuse_lost_rows(ANSWERED, after)
        return
    with pytest.raises(Invalid, match=said):
        refuse_lost_rows(ANSWERED, after)


def test_a_column_that_the_champion_needs_cannot_go(
    branch: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(branch, raw(branch).drop(columns="age"))
    monkeypatch.chdir(branch.path)
    monkeypatch.setenv("CHAMPION_VENV", sys.prefix)
    with pytest.raises(Invalid, match=r"commit \w{7} cannot use these data: .*schema.py"):
        prepare(base(), working_tree(base()), None)


def test_easy_rows_do_not_hide_what_a_change_of_code_harms(
    branch: BakedProject, tmp_path: Path
) -> None:
    """Who changes data and code must be better on the holdout's earlier rows, too."""
    easy = pd.read_csv(members(tmp_path, ROWS, ROWS, seed=1))
    easy["renewed"] = np.where(easy["children"] > 1, "yes", "no")
    track(branch, pd.concat([raw(branch), easy]))
    change(branch, "params.yaml", model={"kind": "boosted"})
    change(branch, "gate.yaml", data={"leave_out": ["age", "visits"]})
    file = judged(branch, 1)
    assert file["policy"] == "improve"
    assert file["verdict"] == "better"
    assert "on the holdout's earlier rows" in file["reasons"][0]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("split", "holdout", 0.3),
        ("split", "key", ["visits"]),
        ("data", "group", "club"),
        ("data", "target", "club"),
    ],
)
def test_another_split_is_invalid(section: str, key: str, value: object) -> None:
    judging, own = Settings(), Settings()
    own.data.leave_out, own.gate.margin = ["age"], 0.5
    assert other_seed(judging, own) is None, "neither makes another split"
    own.split.seed = 7
    assert other_seed(judging, own) == 7
    own.split.seed = 0
    setattr(getattr(own, section), key, value)
    with pytest.raises(Invalid, match=f"{section}.{key} changed"):
        other_seed(judging, own)


def test_an_engine_that_chooses_its_own_rows_is_invalid(branch: BakedProject) -> None:
    source = branch.path / "src/champion/tables/rows.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("< split.holdout", "> 1 - split.holdout"), encoding="utf-8")
    file = judged(branch, 2)
    assert "rows are not the holdout's" in file["reasons"][0]
    assert "src/champion/tables/rows.py" in file["changes"]["owner_paths"]


def test_a_new_holdout_needs_a_person(branch: BakedProject) -> None:
    said = branch.champion("new-holdout").stdout
    assert "split.seed is 1" in said
    file = judged(branch, 1)
    assert file["verdict"] == "better"
    assert file["champion"] is None
    assert "override" in file["reasons"][0]


def test_a_feature_of_ones_own_is_judged(branch: BakedProject) -> None:
    """The champion is asked about rows that its own code has loaded."""
    data = branch.package / "data.py"
    text = data.read_text(encoding="utf-8")
    assert "    return " in text
    head, _, tail = text.rpartition("    return ")
    expression, _, rest = tail.partition("\n")
    data.write_text(
        f"{head}    table = {expression}\n"
        f"    table['far'] = table['visits'].abs()\n    return table\n{rest}",
        encoding="utf-8",
    )
    schema = branch.package / "schema.py"
    text = schema.read_text(encoding="utf-8")
    line = next(x for x in text.splitlines() if '"visits"' in x)
    schema.write_text(text.replace(line, f'{line}\n        "far": number(),'), encoding="utf-8")
    file = judged(branch, 0)
    assert file["verdict"] == "better"


def test_the_champion_is_the_one_in_production(branch: BakedProject) -> None:
    """A tag names it, whatever the default branch holds by now."""
    for tag in ("model@v1.0.0", "model#production#1"):
        branch.git("tag", "--annotate", tag, "--message", tag)
    change(branch, "params.yaml", model={"kind": "boosted"})
    branch.champion("repro")
    commit(branch, "Merged, and not promoted")
    branch.git("branch", "--force", "main", "HEAD")
    file = judged(branch, 0)
    assert file["champion"]["version"] == "v1.0.0"
    assert file["verdict"] == "better"
    assert "champion v1.0.0" in branch.champion("score-champion").stdout
    for tag in ("model@v1.0.1", "model#production#2"):
        branch.git("tag", "--annotate", tag, "--message", tag)
    branch.champion("judge")
    file = json.loads((branch.path / "verdict/verdict.json").read_text("utf-8"))
    assert file["champion"]["version"] == "v1.0.1"
    assert file["verdict"] == "equivalent"
    assert file["metric"]["lower_against_anchor"] > 0, "v1.0.0 was the last that was proven"


def test_without_a_champion_there_is_a_dummy(main: BakedProject, tmp_path: Path) -> None:
    project = copied(main, tmp_path / "members")
    project.git("rm", "--quiet", "--cached", "dvc.lock")
    project.git("commit", "--quiet", "--no-verify", "--message", "No results yet")
    file = judged(project, 0)
    assert file["champion"] is None
    assert file["metric"]["champion"] == 0.5
    assert file["verdict"] == "better"
    assert "no champion yet" in project.champion("score-champion").stdout


def test_a_cap_stops_whatever_the_verdict() -> None:
    assert cap("size", "size of the model, MB", 1.0, 2.0, limit=2.0)["passed"]
    file: dict[str, Any] = {"merge": True, "reasons": ["ROC AUC is better."]}
    stop_at(file, [cap("size", "size of the model, MB", 1.0, 2.1, limit=2.0)])
    assert not file["merge"]
    assert file["reasons"][0] == (
        "The size of the model is 2.1 times the champion's; gate.yaml allows 2."
    )


def test_what_is_not_ready_is_told(branch: BakedProject) -> None:
    change(branch, "params.yaml", model={"kind": "boosted"})
    stale = branch.champion("judge", check=False)
    assert stale.returncode == 2
    assert "not up to date: run `make repro`" in stale.stderr
    branch.git("checkout", "--quiet", "params.yaml")
    branch.git("switch", "--quiet", "main")
    (branch.path / "README.md").write_text("Other words.\n", encoding="utf-8")
    commit(branch, "Word it otherwise")
    branch.git("switch", "--quiet", "try")
    behind = branch.champion("judge", check=False)
    assert behind.returncode == 1
    assert "run `make update`" in behind.stderr


def test_a_judge_that_was_killed_leaves_nothing_that_is_trusted(branch: BakedProject) -> None:
    shutil.rmtree(branch.path / ".champion")
    environment = {"PYTHONPATH": "src", "CHAMPION_VENV": sys.prefix}
    process = subprocess.Popen(
        [sys.executable, "-m", "champion", "judge"],
        cwd=branch.path,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    assert process.stdout
    assert any("Deriving" in process.stdout.readline() for _ in range(3))
    tmp = branch.path / ".champion/tmp"
    while not list(tmp.glob("*/run")):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list((branch.path / ".champion").glob("runs/*"))
    assert "No change" in branch.champion("judge").stdout


def test_a_change_of_what_the_models_look_at_is_told_from_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(**features: tuple[float | None, float | None]) -> str:
        rows = [{"feature": name, "importance": value, "importance_std": std}
                for name, (value, std) in features.items()]  # fmt: skip
        return json.dumps({"features": [*rows, "damaged", {"feature": 3}]})

    before = said(hour=(0.3, 0.02), temp=(0.1, 0.02), old=(0.05, 0.01), vague=(0.2, None))
    after = said(hour=(0.2, 0.02), temp=(0.12, 0.02), new=(0.04, 0.01), vague=(0.1, 0.01))
    monkeypatch.setattr(context, "show", lambda commit, path: before if commit == "c" else "")
    (tmp_path / "explanation.json").write_text(after)
    found = {it["feature"]: it for it in context.explanations("c", tmp_path)}
    assert list(found)[:2] in (["hour", "vague"], ["vague", "hour"])
    assert {name: it["moved"] for name, it in found.items()} == {
        "hour": True, "temp": False, "old": None, "new": None, "vague": None,
    }  # fmt: skip
    assert found["hour"]["se"] == pytest.approx(0.02 * 2**0.5)
    assert (found["old"]["challenger"], found["new"]["champion"]) == (None, None)
    assert not context.explanations("other", tmp_path / "empty")
