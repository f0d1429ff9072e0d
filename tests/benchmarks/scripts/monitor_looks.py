"""Looks of `champion monitor` at tables made from a pool of live rows, in a trained project.

`python monitor_looks.py CONFIG`, JSON: {live, jobs: [{name, draw, rows, plant, size, looks}], keep,
folder, seed}. The first `keep` tables of each job are written to `folder` with the reference beside
them, for others to look at. Prints JSON: of each job its looks: the alerts and the seconds.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.judge.difference import Case
from champion.models import load_model, scores
from champion.monitor.log import Log
from champion.monitor.reference import Reference, reference
from champion.monitor.watch import watch
from champion.project import HOLDOUT, MODEL, TRAIN, user_module
from champion.settings import Settings
from champion.tables.conform import conform
from champion.tables.roles import answers, class_names, inputs

WEEK = pd.Timedelta(7, "D")
START = pd.Timestamp("2014-01-06")
Random = np.random.Generator


def before(settings: Settings) -> tuple[Reference, pd.DataFrame]:
    """The reference of the project's own train and holdout, and the training inputs."""
    train, held = pd.read_parquet(TRAIN), pd.read_parquet(HOLDOUT)
    features = inputs(train, settings)
    said = scores(load_model(MODEL), inputs(held, settings), "binary")
    y = answers(held, settings).to_numpy(float)
    slices = pd.DataFrame({name: class_names(held[name]) for name in settings.data.slices})
    case = Case("binary", y, said, slices=slices.astype("str"))
    when = str(settings.data.time)
    y = answers(train, settings).to_numpy(float)
    return reference(features, y, case, train[when], held[when]), features


def logged(path: str, settings: Settings) -> pd.DataFrame:
    """Rows as a service logs them, with the answer; a day's rows together."""
    table = conform(pd.read_parquet(path), user_module("schema").schema)[0]
    table = table[table[settings.data.target].notna()].reset_index(drop=True)
    log = inputs(table, settings)
    log["score"] = scores(load_model(MODEL), log, "binary")
    log["time"] = table[settings.data.time]
    log[settings.data.target] = table[settings.data.target]
    return log.sort_values("time", ignore_index=True)


def draw(job: dict[str, Any], pool: pd.DataFrame, number: int, random: Random) -> pd.DataFrame:
    """A week of the pool: whole days in any order, single rows, or the calendar's own week."""
    days = pool["time"].dt.floor("D")
    if job["draw"] == "weeks":
        start = days.min() + number * WEEK
        return pool[(pool["time"] > start) & (pool["time"] <= start + WEEK)].copy()
    if job["draw"] == "rows":
        table = pool.iloc[random.integers(0, len(pool), job["rows"])].copy()
        table["time"] = START + pd.to_timedelta(random.random(len(table)) * 7, unit="D")
        return table
    parts = []
    for place, day in enumerate(random.choice(days.unique(), 7, replace=False)):
        part = pool[days == day].copy()
        part["time"] += START + pd.Timedelta(place, "D") - pd.Timestamp(day)
        parts.append(part)
    return pd.concat(parts)


def plant(table: pd.DataFrame, kind: str | None, size: float, random: Random) -> str | None:
    """Change a week; gives the column, or the metric, that should alert."""
    some = random.random(len(table)) < size
    if kind in ("shift", "shift of a day's weather"):
        name = "normal" if kind == "shift" else "humid"
        table[name] += size * table[name].std()
        return name
    if kind == "scale":
        table["normal"] *= size
        return "normal"
    if kind == "category swap":
        table["kind50"] = table["kind50"].where(~some, "k1")
        return "kind50"
    if kind == "new category":
        table["carrier"] = table["carrier"].where(~some, "ZZ")
        return "carrier"
    if kind == "missing":
        table["normal"] = table["normal"].mask(some)
        return "normal"
    if kind == "label flip":
        table["late"] = table["late"] ^ some
        return "roc_auc"
    return None


def main() -> None:
    config = json.loads(sys.argv[1])
    settings, random = Settings.load(), np.random.default_rng(config["seed"])
    settings.report.show_values = False
    it, features = before(settings)
    pool = logged(config["live"], settings)
    folder = Path(config["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    features.to_parquet(folder / "reference.parquet")
    found = []
    for place, job in enumerate(config["jobs"]):
        for number in range(job["looks"]):
            table = draw(job, pool, number, random)
            if not len(table):
                continue
            wanted = plant(table, job.get("plant"), job.get("size", 0.0), random)
            path = folder / "look.parquet"
            table.to_parquet(path)
            end = table["time"].max()
            started = time.perf_counter()
            file = watch(it, Log(str(path), end - WEEK, end, end), None, settings)
            seconds = time.perf_counter() - started
            alerts = [check for check in file["checks"] if check["state"] == "alert"]
            kept = number < config["keep"]
            if kept:
                table[list(features)].to_parquet(folder / f"{place}-{number}.parquet")
            found.append({
                "job": job["name"], "seconds": seconds, "wanted": wanted, "rows": len(table),
                "table": f"{place}-{number}.parquet" if kept else None, "end": str(end)[:10],
                "alerts": [[c["family"], c["check"], c["column"], c["part"]] for c in alerts],
                "state": file["state"], "headline": file["headline"],
            })  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main()
