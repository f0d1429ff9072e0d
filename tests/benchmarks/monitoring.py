"""The monitor: false alarms where nothing changed, how soon it sees what did, and its speed."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from flights import SAMPLE, Project, generate, packages
from measure import median
from report import Report
from ruamel.yaml import YAML
from validation import SCRIPTS, peers

LOCK = Path(__file__).parent / "requirements-evidently.txt"
PEER = "Evidently's preset"
STABLE = ("01", "02", "03")  # months whose days are put in any order: a world without change
TRAINED = 31  # days of it that the champion has, the last 7 as holdout
LEFT_OUT = ["dep_delay", "flight"]
WORLDS = 4
DRAWS = [("whole days", "days", 0), ("single rows", "rows", 500), ("single rows", "rows", 2_000),
         ("single rows", "rows", 6_500), ("single rows", "rows", 50_000)]  # fmt: skip
PLANTED: dict[str, tuple[float, ...]] = {
    "shift": (0.1, 0.25, 0.5, 1.0),  # standard deviations
    "shift of a day's weather": (0.5, 1.0, 2.0),
    "scale": (1.25, 1.5, 2.0),
    "category swap": (0.1, 0.2, 0.4),
    "new category": (0.01, 0.03, 0.1),
    "missing": (0.03, 0.06, 0.2),
    "label flip": (0.05, 0.1, 0.2, 0.4),
}
Look = dict[str, Any]


def benchmark(report: Report, folder: Path, times: int, trial: bool) -> None:
    """Ours and Evidently's default preset on the same weeks of flights of 20 columns."""
    generate(folder)
    project = Project(folder, shared=trial)
    python = None if trial else peers(report, LOCK)
    step = 20 if trial else 1  # of every so many rows one is taken
    set_up(project, report, step)
    stable, planted = [], []
    for world in range(1 if trial else WORLDS):
        report.progress(f"monitor: world {world + 1}")
        for mixed in (False,) if trial else (True, False):
            make_world(project, world, mixed, step)
            jobs: list[Look] = [
                {"name": f"{name}|{rows}", "draw": draw, "rows": rows, "looks": 3 if trial else 52}
                for name, draw, rows in DRAWS
                if (draw == "rows") == mixed
            ]
            stable += looks(project, python, jobs, keep=5, seed=world)
        changed: list[Look] = [
            {
                "name": f"{kind}|{size}",
                "draw": "days",
                "plant": kind,
                "size": size,
                "looks": 3 if trial else 10,
            }
            for kind, sizes in (list(PLANTED.items())[:1] if trial else PLANTED.items())
            for size in (sizes[-1:] if trial else sizes)
        ]
        planted += looks(project, python, changed, keep=2, seed=100 + world)
    false_alarms(report, stable)
    delays(report, planted)
    if not trial:
        report.progress("monitor: January's model through the year")
        make_year(project)
        weeks = {"name": "weeks", "draw": "weeks", "looks": 48}
        year(report, looks(project, python, [weeks], keep=48, seed=0))
    speed(report, project, python, times, trial)


def set_up(project: Project, report: Report, step: int) -> None:
    """Describe the table of 20 columns once."""
    make_raw(project, world_of(0, step=step))
    yaml = YAML()
    for name, section, changed in (
        ("gate.yaml", "data", {"leave_out": LEFT_OUT}),
        ("params.yaml", "cv", {"folds": 0}),
    ):
        path = project.path / name
        content = yaml.load(path)
        content[section].update(changed)
        yaml.dump(content, path)
    project.champion("setup")


def widened(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Flights with columns of other kinds, independent of everything."""
    random, n = np.random.default_rng(seed), len(table)
    table["normal"] = random.standard_normal(n)
    table["skewed"] = random.lognormal(0, 1, n)
    table["count"] = random.poisson(3, n)
    table["rare"] = random.random(n) < 0.03
    table["sparse"] = np.where(random.random(n) < 0.3, np.nan, random.standard_normal(n))
    for count in (5, 50, 500):
        shares = 1 / np.arange(1, count + 1)
        names = np.array([f"k{k}" for k in range(count)])
        table[f"kind{count}"] = random.choice(names, n, p=shares / shares.sum())
    return table


def world_of(seed: int, mixed: bool = False, step: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Real days in any order, so that nothing changes: those trained on, and those to come.

    mixed : each flight goes to a day of its own, so that rows are independent
    """
    table = pd.concat(month(name) for name in STABLE).iloc[::step]
    table = widened(table.reset_index(drop=True), seed)
    days = table["departure"].dt.floor("D")
    names = days.unique()
    random = np.random.default_rng(seed)
    order = dict(zip(names, random.permutation(len(names)), strict=True))
    place = days.map(order)
    if mixed:
        place = pd.Series(random.permutation(place.to_numpy()))
    moved = pd.Timestamp("2013-01-01") + pd.to_timedelta(place, unit="D")
    table["departure"] = table["departure"] - days + moved
    return table[place < TRAINED], table[place >= TRAINED]


def month(name: str) -> pd.DataFrame:
    (path,) = SAMPLE.glob(f"*/flights-2013-{name}.parquet")
    return pd.read_parquet(path)


def make_raw(project: Project, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    raw = project.path / "data" / "raw"
    for path in raw.iterdir():
        path.unlink()
    tables[0].to_parquet(raw / "flights.parquet")
    tables[1].to_parquet(live(project))


def live(project: Project) -> Path:
    return project.path.parent / "live.parquet"


def train(project: Project) -> None:
    for stage in ("validate", "split", "train"):
        project.champion(stage)


def make_world(project: Project, seed: int, mixed: bool, step: int) -> None:
    make_raw(project, world_of(seed, mixed, step))
    train(project)


def make_year(project: Project) -> None:
    """January, and all months after it."""
    tables = [widened(month(f"{number:02}"), number) for number in range(1, 13)]
    make_raw(project, (tables[0], pd.concat(tables[1:])))
    train(project)


def looks(
    project: Project, python: Path | None, jobs: list[Look], keep: int, seed: int
) -> list[Look]:
    """Look at tables, and let Evidently look at the first of each job."""
    folder = project.path.parent / "looks"
    config = {"live": str(live(project)), "jobs": jobs, "keep": keep, "folder": str(folder),
              "seed": seed}  # fmt: skip
    found: list[Look] = project.python(SCRIPTS / "monitor_looks.py", json.dumps(config)).answer
    kept = [look for look in found if look["table"]]
    if python is not None and kept:
        paths = [folder / look["table"] for look in kept]
        script = SCRIPTS / "monitor_evidently.py"
        answers = project.run(python, script, folder / "reference.parquet", *paths).answer
        for look, answer in zip(kept, answers, strict=True):
            look["peer"] = answer
    return found


def by_job(found: list[Look]) -> dict[str, list[Look]]:
    jobs: dict[str, list[Look]] = {}
    for look in found:
        jobs.setdefault(look["job"], []).append(look)
    return jobs


def of_peer(own: list[Look], when: Callable[[Look], bool]) -> str:
    """How many of the peer's looks say so."""
    seen = [look for look in own if "peer" in look]
    return f"{sum(map(when, seen))} of {len(seen)}" if seen else "0 of 0"


def columns_of_peer(own: list[Look]) -> str:
    """What the peer's looks name, most often first."""
    named = Counter(name for look in own if "peer" in look for name in look["peer"]["drifted"])
    return ", ".join(f"{name} {count}" for name, count in named.most_common(5)) or "none"


def false_alarms(report: Report, found: list[Look]) -> None:
    rows = []
    for name, own in by_job(found).items():
        what, size = name.split("|")
        alarms = sum(look["state"] == "alert" for look in own)
        size = size if int(size) else f"{median([look['rows'] for look in own]):.0f}"
        families = sorted({alert[0] for look in own for alert in look["alerts"]})
        rows.append([
            f"{int(size):,}", what, f"{len(own):,}", f"{alarms}", f"{52 * alarms / len(own):.1f}",
            ", ".join(families) or "none",
            of_peer(own, lambda look: bool(look["peer"]["drifted"])),
            of_peer(own, lambda look: look["peer"]["whole"]), columns_of_peer(own),
        ])  # fmt: skip
    report.table(
        "Monitor: false alarms, weeks in which nothing changed, 20 columns",
        ["rows a week", "drawn as", "looks", "alarms", "a year of weekly looks", "families",
         f"{PEER}: any column", f"{PEER}: the table", "columns that it names"],
        rows,
        "Four worlds: the days of January to March in any order, or their rows, a model of 24 days, its "
        "holdout 7, weeks from the others.",
    )  # fmt: skip


def delays(report: Report, found: list[Look]) -> None:
    rows = []
    for name, own in by_job(found).items():
        kind, size = name.split("|")
        wanted = own[0]["wanted"]
        seen = sum(any(wanted in alert[1:3] for alert in look["alerts"]) for look in own)
        rows.append([
            kind, size, f"{seen} of {len(own)}",
            f"{len(own) / seen:.1f}" if seen else "> 10",
            of_peer(own, lambda look: look["wanted"] in look["peer"]["drifted"]),
        ])  # fmt: skip
    report.table(
        "Monitor: planted changes, weeks of whole days, about 6,500 rows",
        ["change", "size", "seen in a week", "mean weeks until seen", f"{PEER}: that column"],
        rows,
        "Sizes: standard deviations, factors, shares of the rows. Answers are none of a peer's "
        "columns.",
    )


def year(report: Report, found: list[Look]) -> None:
    columns: dict[str, list[str]] = {}
    peers_: dict[str, list[str]] = {}
    for look in found:
        for name in {a[2] or a[1] for a in look["alerts"]}:
            columns.setdefault(name, []).append(look["end"])
        for name in look.get("peer", {}).get("drifted", []):
            peers_.setdefault(name, []).append(look["end"])

    def told(ends: list[str]) -> list[str]:
        return [str(len(ends)), ends[0] if ends else "never"]

    rows = [["any", *told([look["end"] for look in found if look["state"] == "alert"]),
             *told([look["end"] for look in found if look.get("peer", {}).get("drifted")])]]  # fmt: skip
    rows += [
        [name, *told(columns.get(name, [])), *told(peers_.get(name, []))]
        for name in sorted({*columns, *peers_}, key=lambda n: -len(columns.get(n, [])))
    ]
    report.table(
        f"Monitor: January's model, {len(found)} weeks from February to December",
        ["column", "weeks with an alert", "the first ends", f"{PEER}: weeks", "the first ends"],
        rows,
        "With temperature and pressure, which the sample leaves out of its features.",
    )


def speed(report: Report, project: Project, python: Path | None, times: int, trial: bool) -> None:
    rows = 5_000 if trial else 1_000_000
    folder = project.path.parent
    script = SCRIPTS / "monitor_speed.py"
    report.progress(f"monitor: {rows:,} rows")
    ours = [project.python(script, str(rows), folder, "tables").answer for _ in range(times)]
    look, made, bare = (median([it[key] for it in ours]) for key in ("look", "reference", "bare"))
    table = [
        ["ours: read, check, compare", f"{look:.2f}", f"{look / bare:.1f}"],
        ["ours, the training data anew", f"{look + made:.2f}", f"{(look + made) / bare:.1f}"],
        ["bare: the stability index alone, in memory", f"{bare:.2f}", "1.0"],
    ]
    if python is not None:
        report.progress(f"monitor: {rows:,} rows, {PEER}")
        peer = [
            project.run(python, SCRIPTS / "monitor_evidently.py", folder / "before.parquet",
                        folder / "after.parquet").answer[0]["seconds"]
            for _ in range(times)
        ]  # fmt: skip
        table.append([f"{PEER}, in memory", f"{median(peer):.2f}", f"{median(peer) / bare:.1f}"])
    version = f" {packages(python, 'evidently')}." if python is not None else ""
    report.table(
        f"Monitor: a look at {rows:,} rows, 20 columns, as many to compare with",
        ["what", "seconds", "ratio"],
        table,
        f"Ours also reads Parquet, holds the rows against schema.py and measures AUC by slice.{version}",
    )
    table = []
    for size in (5_000,) if trial else (1_000_000, 10_000_000):
        report.progress(f"monitor: {size:,} logged rows")
        it = project.python(script, str(size), folder).answer
        table.append([f"{it['rows']:,}", f"{it['look']:.1f}", f"{it['memory'] / 1e6:.0f}"])
    report.table(
        "Monitor: memory",
        ["logged rows", "seconds", "peak of the process, MB"],
        table,
        "In files of a million rows; every row with an answer, of which a million are kept.",
    )
