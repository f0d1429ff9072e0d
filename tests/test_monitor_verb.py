"""`champion monitor` in a project with a champion, as a person or a workflow calls it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from champion.errors import Refusal
from champion.settings import Settings
from conftest import Bake, BakedProject
from whole_projects import change, commit, copied, made_once

END = "2026-03-08"
ROWS = 1500


def members(seed: int, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    visits = random.normal(size=rows).round(3)
    return pd.DataFrame({
        "member": np.arange(rows) + 100_000 * seed,
        "email": [f"user{seed}x{k}@mail.example" for k in range(rows)],
        "visits": visits,
        "club": random.choice(["north", "south", "west"], rows),
        "vip": random.random(rows) < 0.3,
        "renewed": np.where(random.random(rows) < 1 / (1 + np.exp(-2 * visits)), "yes", "no"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def project(baked: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A project with a champion; only read."""

    def make(path: Path) -> BakedProject:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = path.parent / "members.csv"
        members(1).to_csv(table, index=False)
        made = copied(baked(project_name="Seen", data_file=str(table), target="renewed"), path)
        change(made, "gate.yaml", data={"id": "member", "slices": ["club"], "personal": ["email"]})
        change(made, "params.yaml", cv={"folds": 0}, explain={"rows": 20})
        change(made, "params.yaml", model={"kind": "linear"})
        made.champion("setup")
        made.champion("repro")
        commit(made, "Train")
        return made

    return made_once("seen", tmp_path_factory, make)


def log(folder: Path, seed: int = 2) -> pd.DataFrame:
    """A week of the service: features as they came in, a score, and who asked."""
    table = members(seed)
    logged = table.drop(columns="renewed")
    logged.insert(0, "request_id", [f"r{k}" for k in range(len(table))])
    day = np.arange(len(table)) % 7
    logged["time"] = pd.Timestamp("2026-03-01 12:00", tz="UTC") + pd.to_timedelta(day, unit="D")
    logged["score"] = 1 / (1 + np.exp(-2 * table["visits"]))
    folder.mkdir(parents=True, exist_ok=True)
    logged.to_parquet(folder / "a.parquet")
    told = table[["renewed"]].assign(request_id=logged["request_id"])
    told.to_csv(folder.parent / "labels.csv", index=False)
    return logged


def test_a_week_from_the_log_to_the_page(project: BakedProject, tmp_path: Path) -> None:
    """Quiet, then unknown, then drifted, with a history of both."""
    folder, told = tmp_path / "log", str(tmp_path / "labels.csv")
    verb = ("monitor", "--log", folder.as_uri(), "--labels", told, "--until", END)
    logged = log(folder)
    done = project.champion(*verb, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No change that matters in 1,500 rows" in done.stdout
    file = json.loads((project.path / "monitor/monitor.json").read_text("utf-8"))
    assert (file["state"], file["labelled"], file["metric"]) == ("ok", ROWS, "roc_auc")
    assert file["champion"]["commit"] == project.git("rev-parse", "HEAD")
    assert {it["column"] for it in file["checks"] if it["family"] == "inputs"} == {
        "visits", "club", "vip"}  # fmt: skip
    assert {it["part"] for it in file["checks"]} >= {"north", "south", "west"}
    assert project.git("status", "--porcelain") == "", "nothing to commit"
    lines = (project.path / "monitor/summary.json").read_text("utf-8")

    done = project.champion(*verb[:-1], "2027-01-01", check=False)
    assert done.returncode == 3
    assert "Not known: the log holds no row of this window" in done.stdout

    logged.assign(visits=logged["visits"] + 2).to_parquet(folder / "a.parquet")
    (tmp_path / "history.jsonl").write_text(lines, encoding="utf-8")
    done = project.champion(*verb[:-1], "2026-03-08 01:00", "--history",
                            str(tmp_path / "history.jsonl"), check=False)  # fmt: skip
    assert done.returncode == 1
    assert "visits has moved: PSI" in done.stdout
    page = (project.path / "reports/monitor.html").read_text("utf-8")
    assert "Since when" in page
    everything = page + (project.path / "monitor/monitor.json").read_text("utf-8")
    assert "@mail.example" not in everything + done.stdout
    assert "email" not in everything


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "there is no log to look at: set monitor.log in gate.yaml, or give --log."),
        (["--log", "nosuch://bucket/log"], "cannot be opened"),
        (["--log", "log", "--until", "soon"], "--until soon is no time"),
        (["--log", "log", "--history", "nothing.jsonl"], "the history nothing.jsonl cannot be read"),
    ],
    ids=["no log", "protocol", "time", "history"],
)  # fmt: skip
def test_bad_usage_is_a_sentence(project: BakedProject, options: list[str], said: str) -> None:
    done = project.champion("monitor", *options, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "pair", ["alpha=0.9", "min_rows=1", "loss=a lot", "retrain=maybe", "drift=0"]
)
def test_settings_that_make_no_sense_are_refused(pair: str) -> None:
    settings = Settings()
    settings.assign(f"monitor.{pair}")
    with pytest.raises(Refusal, match=f"monitor.{pair.partition('=')[0]} must be"):
        settings.check()
