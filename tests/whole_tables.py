"""Tables for whole projects: real ones, and messy ones as people have them. Each writes a file."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from tables_desk import packaged


@dataclass(frozen=True)
class Table:
    """A file as a user brings it, and what a project of it must say.

    Parameters
    ----------
    write : puts the file into a folder and returns its path.
    score : the metric of reports/cv.json and the range it must be in.
    roles : what the user writes under `data` of gate.yaml before set-up.
    """

    write: Callable[[Path], Path]
    target: str
    task: str
    score: tuple[str, float, float]
    features: set[str]
    roles: dict[str, Any] = field(default_factory=dict)


def penguins(folder: Path) -> Path:
    return Path(shutil.copy(packaged("palmerpenguins", "data/penguins.csv"), folder))


def from_sklearn(name: str, file: str, target: str = "target") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        table = getattr(datasets, f"load_{name}")(as_frame=True).frame
        return written(table.rename(columns={"target": target}), folder / file)

    return write


def iris_by_name(folder: Path) -> Path:
    """Three flowers, a target of words with capitals and spaces."""
    iris = datasets.load_iris(as_frame=True)
    names = np.array([f"Iris {name.title()}" for name in iris.target_names])
    return written(iris.data.assign(Flower=names[iris.target]), folder / "Iris (1936).csv")


def written(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


def subscribers(folder: Path, rows: int = 900, mark: str = "") -> Path:
    """What a spreadsheet exports: `;`, decimal commas, a mark, umlauts, words for booleans.

    mark : where given, a personal value in one row
    """
    random = np.random.default_rng(5)
    monthly = random.gamma(4, 9, rows).round(2)
    since = pd.Timestamp("2019-01-15") + pd.to_timedelta(random.integers(0, 2000, rows), "D")
    paperless = random.random(rows) < 0.6
    tariff = random.choice(["Größe S", "Größe M", "Größe L; Familie"], rows, p=[0.5, 0.3, 0.2])
    calls = random.poisson(1.2, rows).astype(float)
    logit = 0.05 * (monthly - 36) + 0.7 * calls - 1.5 * paperless - 0.8
    left = random.random(rows) < 1 / (1 + np.exp(-logit))
    words = {True: ["Ja", "JA", "ja"], False: ["Nein", "nein", "NEIN"]}
    lines = ["Kunden-Nr.;E-Mail;Beitrag (€/Monat);seit;papierlos?;Tarif;Anrufe;leer;Land;Gekündigt"]
    for i in range(rows):
        mail = mark if mark and i == 7 else f"kunde.{i * 37 % rows}@beispiel.de"
        price = f"{monthly[i]:.2f}".replace(".", ",") if i % 23 else ""
        count = "" if i % 31 == 0 else f"{calls[i]:.0f}"
        cells = [
            f"K-{100000 + i}", mail, price, since[i].strftime("%d.%m.%Y"),
            words[bool(paperless[i])][i % 3], f'"{tariff[i]}"', count, "", "DE",
            words[bool(left[i])][(i + 1) % 3] if i % 60 else "",
        ]  # fmt: skip
        lines.append(";".join(cells))
    path = folder / "Kündigungen März.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    return path


def deliveries(folder: Path, rows: int = 1500) -> Path:
    """Minutes until a parcel arrives: times, hundreds of routes, gaps in integers, an outlier."""
    random = np.random.default_rng(6)
    start = pd.Timestamp("2024-03-01 08:00") + pd.to_timedelta(
        np.sort(random.integers(0, 90 * 24 * 60, rows)), "min"
    )
    routes = np.array([f"Route {number}" for number in range(400)])
    route = random.integers(0, 400, rows)
    parcels = random.integers(1, 6, rows)
    minutes = 12 + 0.05 * route + 6 * parcels + 9 * start.hour.isin([16, 17, 18])
    minutes = minutes + random.gamma(2, 4, rows)
    table = pd.DataFrame(
        {
            "Start Time": start.strftime("%Y-%m-%d %H:%M"),
            "promised": (start + pd.Timedelta("3h")).strftime("%m/%d/%Y %I:%M %p"),
            "route": routes[route],
            "parcels": pd.array(parcels, "Int64"),
            "van $ (cost/km)": random.normal(1.4, 0.1, rows).round(3),
            "driver note": [f"left at the door, rang {i} times, no answer" for i in range(rows)],
            "minutes": np.asarray(minutes).round(1),
        }
    )
    table.loc[::19, "parcels"] = pd.NA
    table.loc[3, "minutes"] = 480
    return written(table, folder / "deliveries.csv")


def visits(folder: Path, rows: int = 1600) -> Path:
    """Visits of patients: rows of one belong together, each visit has a name."""
    random = np.random.default_rng(7)
    patients = 400
    patient = random.integers(0, patients, rows)
    age = random.integers(20, 90, patients)[patient]
    pressure = (110 + 0.4 * age + random.normal(0, 12, rows)).round()
    again = random.random(rows) < 1 / (1 + np.exp(-(pressure - 132) / 8))
    table = pd.DataFrame(
        {
            "visit": [f"V{100 + i}" for i in random.permutation(rows)],
            "patient": [f"P{number:03}" for number in patient],
            "age": age,
            "pressure": pressure,
            "ward": random.choice(["north", "south"], rows),
            "back within 30 days": np.where(again, "yes", "no"),
        }
    )
    return written(table, folder / "visits.parquet")


def settings_of_a_machine(folder: Path, rows: int = 900) -> Path:
    """A target of floats with three values; the columns are called as pandas' own words."""
    random = np.random.default_rng(8)
    table = pd.DataFrame(
        {
            "index": random.normal(size=rows).round(4),
            "self": random.normal(size=rows).round(4),
            "output": random.choice(["a", "b", "a_b"], rows),
            "output_a": random.normal(size=rows).round(4),
            "2013": random.normal(size=rows).round(4),
        }
    )
    score = table["index"] + (table["output"] == "a_b") + 0.3 * random.normal(size=rows)
    table["mode"] = np.select([score < 0, score < 1], [0.5, 1.0], 2.5)
    return written(table, folder / "machine.csv")


TABLES = {
    "penguins": Table(
        penguins, "species", "multiclass", ("log_loss", 0.0, 0.25),
        {"island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g",
         "sex", "year"},
    ),
    "iris": Table(
        iris_by_name, "Flower", "multiclass", ("log_loss", 0.0, 0.4),
        {"sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"},
    ),
    "breast cancer": Table(
        from_sklearn("breast_cancer", "Breast Cancer.parquet", "benign"),
        "benign", "binary", ("roc_auc", 0.97, 1.0), set(datasets.load_breast_cancer().feature_names),
    ),
    "diabetes": Table(
        from_sklearn("diabetes", "diabetes.csv"), "target", "regression", ("mae", 38, 52),
        {"age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"},
    ),
    "subscribers": Table(
        subscribers, "Gekündigt", "binary", ("roc_auc", 0.75, 0.92),
        {"Beitrag (€/Monat)", "seit", "papierlos?", "Tarif", "Anrufe"},
    ),
    "deliveries": Table(
        deliveries, "minutes", "regression", ("mae", 4, 14),
        {"promised", "route", "parcels", "van $ (cost/km)"},
        {"time": "Start Time"},
    ),
    "visits": Table(
        visits, "back within 30 days", "binary", ("roc_auc", 0.7, 0.9),
        {"age", "pressure", "ward"},
        {"id": "visit", "group": "patient", "slices": ["ward"]},
    ),
    "machine": Table(
        settings_of_a_machine, "mode", "multiclass", ("log_loss", 0.2, 0.8),
        {"index", "self", "output", "output_a", "2013"},
    ),
}  # fmt: skip
