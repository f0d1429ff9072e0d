"""Describing data once: the task, schema.py, gate.yaml."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from champion.tables import describe
from champion.tables.dates import date_formats
from champion.tables.describe import window
from champion.tables.infer import (
    describe_column,
    groups_of_three,
    number_style,
    quoted,
    rounded,
    up,
)
from champion.tables.personal import tokens
from champion.tables.render import schema_source
from conftest import PROJECT
from tables_desk import Desk, diamonds, packaged

N = 400
RANDOM = np.random.default_rng(0)
DAYS = pd.date_range("2020-01-01", periods=N)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A project whose verbs run here; DVC is left out, which `test_dvc_tracks` puts back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(describe, "track", lambda: None)
    desk = Desk(tmp_path)
    yield desk
    desk.forget()


def table(**columns: Any) -> pd.DataFrame:
    """400 rows with two plain features, a binary target `y`, and what is given."""
    base = {"x1": RANDOM.normal(size=N), "x2": RANDOM.integers(0, 50, N)}
    return pd.DataFrame({**base, **columns, **({} if "y" in columns else {"y": ["a", "b"] * 200})})


def green(desk: Desk) -> None:
    """What was described validates without errors, and schema.py is as a person would write it."""
    said = desk.run("validate")
    assert said.code == 0, said.all
    assert not desk.report["errors"]
    for command in (
        ["format", "--check"],
        ["check", "--select=A,B,C4,E,F,I,N,PT,RUF,SIM,UP,W", "--ignore=E501"],
    ):
        path = str(desk.source("schema.py"))
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, path], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def european(number: float) -> str:
    return f"{number:,.2f}".replace(",", " ").replace(".", ",")


COLUMNS: dict[str, tuple[Any, str, str]] = {
    "numbers": (RANDOM.normal(size=N), "number", r"number\(-\d\.\d+, \d\.\d+, quartiles="),
    "integers with gaps": (pd.array([1, None, 3, 4] * 100, dtype="Int64"), "integer", r"integer\(1, 4"),
    "decimal commas": ([f"{i / 7:.3f}".replace(".", ",") for i in range(N)], "number", r'decimal=","'),
    "German": ([f"{i * 31.5:,.2f}".translate(str.maketrans(",.", ".,")) for i in range(N)], "number", r'decimal=",", thousands="\."'),
    "French": ([european(i * 31.5) for i in range(N)], "number", r'decimal=",", thousands=" "'),
    "thousands": ([f"{i * 31:,}" for i in range(N)], "integer", r'thousands=","'),
    "inf": (np.where(np.arange(N) % 9, np.arange(N) / 7, np.inf), "number", r"number\(0\.142857, 57\.0"),
    "true and false": ([True, False, True, None] * 100, "boolean", r"boolean\(\)"),
    "mixed case": (["Yes", "NO", "yes", "no"] * 100, "boolean", r'true="yes", false="no"'),
    "y and n": (["Y", "n", "yes", "N"] * 100, "boolean", r'true=\["y", "yes"\], false="n"'),
    "words": (["red", "green", None, "blue"] * 100, "category", r'\["blue", "green", "red"\]'),
    "codes": ([f"{i % 90:05d}" for i in range(N)], "category", r"category\(CODES_VALUES\)"),
    "120 words": ([f"w{i % 120}" for i in range(N)], "category", r"_120_WORDS_VALUES|COLUMN_120_WORDS_VALUES"),
    "iso": (DAYS.strftime("%Y-%m-%d"), "time", r'time\(earliest="2020-01-01"\)'),
    "iso with zone": ([f"{d:%Y-%m-%dT%H:%M:%S}+02:00" for d in DAYS], "time", r'earliest="2019-12-31 22:00:00"'),
    "dotted": (DAYS.strftime("%d.%m.%Y"), "time", r'time\("%d\.%m\.%Y"'),
    "day first": (DAYS.strftime("%d/%m/%Y"), "time", r'time\("%d/%m/%Y"'),
    "month first": (DAYS.strftime("%m/%d/%Y %I:%M %p"), "time", r'time\("%m/%d/%Y %I:%M %p"'),
    "two digits": (DAYS.strftime("%d-%b-%y"), "time", r'time\("%d-%b-%y"'),
    "English": (DAYS.strftime("%B %d, %Y"), "time", r'time\("%B %d, %Y"'),
    "two formats": ([f"{d:%Y-%m-%d}" if i % 3 else f"{d:%d/%m/%Y}" for i, d in enumerate(DAYS)], "time", r'time\(\["'),
    "no date": (["0000-00-00" if i % 9 == 0 else f"{d:%Y-%m-%d}" for i, d in enumerate(DAYS)], "time", r'earliest="2020-01-02"'),
    "date as a number": (DAYS.strftime("%Y%m%d").astype(int), "time", r'time\("%Y%m%d"'),
    "clock": ([f"{i % 24:02d}:{i % 60:02d}" for i in range(N)], "time", r'time\("%H:%M"'),
    "free text": ([f"the {i}th customer said {i % 7} things about it" for i in range(N)], "text", "free text"),
    "hashes": ([f"{i:016x}" for i in RANDOM.permutation(N)], "identifier", "an identifier"),
    "Kundennummer": (RANDOM.permutation(N) * 7, "identifier", "an identifier"),
    "long numbers": ([2**60 + i for i in range(N)], "identifier", "an identifier"),
    "constant": (["x"] * N, "category", "one value only"),
    "constant number": ([3] * N, "integer", "one value only"),
    "empty": ([None] * N, "text", "no values"),
    "naïve \u2013 \u201cquotes\u201d": (["ä", "ö\u2019s", 'a "b"', "it's"] * 100, "category", "ö\u2019s"),
    'a "quoted" name, with: marks\\': (["a\tb", "c\\d", "e\u200bf", "{g}"] * 100, "category", r"a\\tb"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_each_messy_column_is_understood(name: str) -> None:
    values, kind, written = COLUMNS[name]
    it = describe_column(table(**{name: values})[name])
    assert it.kind == kind
    text = schema_source([it])
    assert re.search(written, text), text
    left_out = {
        "constant": "one value only",
        "constant number": "one value only",
        "empty": "no values",
    }
    if kind not in ("text", "identifier") or name in left_out:
        assert it.left_out == left_out.get(name, "")


def test_numbers_that_rise_nearly_one_by_one_are_names(desk: Desk) -> None:
    desk.described(table(laufend=np.arange(N) + np.arange(N) // 3 + 4711), "y")
    assert '"laufend": identifier()' in desk.schema_text


@pytest.mark.parametrize("lowest", [1, 0], ids=["all over 1,000", "some below"])
def test_dots_group_thousands_in_a_file_with_decimal_commas(desk: Desk, lowest: int) -> None:
    people = [1000 * (lowest + i % 900) + 100 + i % 899 for i in range(N)]
    rows = [f"{i % 7},5;{people[i]:_};{'ab'[i % 2]}".replace("_", ".") for i in range(N)]
    desk.put("Wert;Einwohner;y\n" + "\n".join(rows) + "\n")
    desk.gate("y")
    assert desk.run("describe").code == 0
    assert f'"Einwohner": integer({min(people)}, {max(people)}, ' in desk.schema_text
    assert 'decimal=","' in desk.schema_text


@pytest.mark.parametrize(
    ("separator", "written"), [(";", "number(10.001, "), ("\t", "integer(10001, ")]
)
def test_semicolons_mean_decimal_commas(desk: Desk, separator: str, written: str) -> None:
    """10,001 alone may be a large number or a small one; Excel writes ; where a comma is decimal."""
    rows = [f"{10_001 + 149 * (i * 7 % 600):_}".replace("_", ",") for i in range(N)]
    lines = [f"{value}{separator}{'ab'[i % 2]}" for i, value in enumerate(rows)]
    desk.put(f"Wert{separator}y\n" + "\n".join(lines) + "\n")
    desk.gate("y")
    assert desk.run("describe").code == 0
    assert written in desk.schema_text
    assert desk.run("validate").code == 0
    assert desk.report["errors"] == []


def test_a_name_that_yaml_would_read_as_a_key(desk: Desk) -> None:
    assert desk.described(table(**{"? sure": np.arange(N) * 3.5}), "y").code == 0
    assert "? sure" in desk.settings["split"]["key"]


def test_numbers_that_rise_faster_are_measures(desk: Desk) -> None:
    desk.described(table(area=np.arange(N) * 3 + 4711), "y")
    assert '"area": integer(' in desk.schema_text


def test_hundreds_of_categories_are_not_listed(desk: Desk) -> None:
    rows = 3000
    df = pd.DataFrame({"shop": [f"s{i % 500}" for i in range(rows)], "y": ["a", "b"] * (rows // 2)})
    assert desk.described(df, "y").code == 0
    assert '"shop": category(),  # 500 values, too many to list: any is fine' in desk.schema_text
    assert "s499" not in desk.schema_text
    green(desk)


def test_all_of_it_at_once_in_a_semicolon_file_with_a_mark(desk: Desk) -> None:
    columns = {name: values for name, (values, _, _) in COLUMNS.items()}
    df = table(**columns)
    df = pd.concat([df, df.head(20)])  # duplicate rows
    text = df.to_csv(index=False, sep=";")
    desk.put(f"\ufeff{text}")
    desk.gate("y")
    said = desk.run("describe")
    assert said.code == 0, said.all
    kinds = desk.kinds()
    assert {name: kinds[name] for name in COLUMNS} == {n: k for n, (_, k, _) in COLUMNS.items()}
    assert desk.settings["data"]["leave_out"] == ["constant", "constant number", "empty"]
    green(desk)
    assert (None, "duplicate rows") in desk.found("warning")


TARGETS: dict[str, tuple[Any, str, Any, str]] = {
    "words": (["good", "bad", "good", "good"] * 100, "binary", "bad", "roc_auc"),
    "negated": (["no churn"] * 100 + ["churn"] * 300, "binary", "churn", "roc_auc"),
    "yes and no": (["Yes", "no", "no", "No"] * 100, "binary", True, "roc_auc"),
    "true and false": ([True, False] * 200, "binary", True, "roc_auc"),
    "0 and 1": ([0, 1, 1, 1] * 100, "binary", "1", "roc_auc"),
    "0 and 1 with gaps": ([0, 1, None, 1] * 100, "binary", "1", "roc_auc"),
    "1 and 2": ([1, 2, 2, 2] * 100, "binary", "1", "roc_auc"),
    "rare": ([0] * 385 + [1] * 15, "binary", "1", "average_precision"),
    "three floats": ([0.5, 1.0, 1.5, 1.5] * 100, "multiclass", None, "log_loss"),
    "three words": (["a", "b", "c", None] * 100, "multiclass", None, "log_loss"),
    "decimal commas in classes": (["0,5", "1,0", "1,5", "0,5"] * 100, "multiclass", None, "log_loss"),
    "ten grades": (list(range(10)) * 40, "multiclass", None, "log_loss"),
    "many integers": (list(range(200)) * 2, "regression", None, "mae"),
    "all different numbers": (RANDOM.normal(size=N), "regression", None, "mae"),
    "prices": ([f"{i * 31.5:,.2f}" for i in range(N)], "regression", None, "mae"),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_the_task_follows_from_the_target(desk: Desk, name: str) -> None:
    values, task, positive, metric = TARGETS[name]
    said = desk.described(table(y=values), "y")
    assert said.code == 0, said.all
    gate = desk.settings
    assert gate["data"]["task"] == task
    assert gate["data"].get("positive") == positive
    assert gate["gate"]["metric"] == metric
    assert gate["split"]["key"] == ["x1", "x2"]
    assert desk.params["model"]["kind"] == "linear"
    green(desk)


REFUSED: dict[str, tuple[Any, str]] = {
    "constant": (["x"] * N, "the same value in every row"),
    "empty": ([None] * N, "has no values"),
    "all different": ([f"text {i} of many words" for i in range(N)], "different texts"),
    "id": ([f"{i:08x}" for i in range(N)], "names rows|different texts"),
    "date": (DAYS.strftime("%Y-%m-%d"), "is a date"),
    "timestamps": (DAYS, "is a date"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_targets_that_cannot_be_learned_are_refused(desk: Desk, name: str) -> None:
    values, says = REFUSED[name]
    said = desk.described(table(outcome=values), "outcome")
    assert said.code == 1
    assert re.search(says, said.err)
    assert "outcome" in said.err
    assert len(said.err.splitlines()) == 1
    assert "DataFrameSchema({})" in desk.schema_text


def test_a_number_column_that_names_rows_is_no_target(desk: Desk) -> None:
    said = desk.described(table(customer_id=range(1000, 1000 + N)), "customer_id")
    assert "names rows" in said.err


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"target": "Lable"}, "did you mean 'label'"),
        ({"time": "x1"}, "data.time in gate.yaml is 'x1', which holds no dates"),
        ({"id": "x2"}, "data.id in gate.yaml is 'x2', which is missing or repeats"),
        ({"group": "nope"}, "data.group in gate.yaml is 'nope'"),
        ({"personal": ["label"]}, "cannot be in data.personal"),
        ({"leave_out": ["x1", "x2"]}, "no column is left to learn from"),
        ({"task": "regression"}, "data.task in gate.yaml is regression"),
    ],
)
def test_roles_that_do_not_fit_are_refused(desk: Desk, roles: dict[str, Any], says: str) -> None:
    df = table(label=["a", "b"] * 200).drop(columns="y")
    desk.put(df, "t.parquet")
    target = roles.pop("target", "label")
    desk.gate(target, **roles)
    said = desk.run("describe")
    assert said.code in (1, 2)
    assert says in said.err
    assert len(said.err.splitlines()) == 1


def test_shares_of_missing_values_are_written(desk: Desk) -> None:
    columns = {name: COLUMNS[name][0] for name in ("inf", "no date", "integers with gaps", "words")}
    assert desk.described(table(**columns), "y").code == 0
    for name, share in {
        "inf": 0.1125,
        "no date": 0.1125,
        "integers with gaps": 0.25,
        "words": 0.25,
    }.items():
        assert re.search(rf'"{name}": .*missing={share}', desk.schema_text)


def test_a_rare_class_is_said(desk: Desk) -> None:
    said = desk.described(table(y=["a"] * 390 + ["b"] * 3 + ["c"] * 7), "y")
    assert said.code == 0
    assert "a class of 'y' has 3 rows only" in said.out


def test_id_time_and_groups_shape_the_split(desk: Desk) -> None:
    said = desk.described(table(order_id=[f"A{i}" for i in range(N)], day=DAYS), "y", time="day")
    assert said.code == 0
    assert desk.settings["data"]["id"] == "order_id"
    assert desk.settings["split"] == {"key": ["order_id"], "window": "200 days"}
    assert '"order_id": identifier(unique=True)' in desk.schema_text


def test_repeated_ids_are_no_id_and_groups_are_named(desk: Desk) -> None:
    df = pd.concat([table(customer_id=[f"A{i}" for i in range(N)])] * 2)
    said = desk.described(df, "y")
    assert "id" not in desk.settings["data"]
    assert "rows that share customer_id stay together with data.group" in said.out


@pytest.mark.parametrize(
    ("rows", "holdout"), [(60, 0.5), (1000, 0.5), (2500, 0.4), (5000, 0.2), (20_000, 0.2)]
)
def test_the_holdout_has_a_thousand_rows_where_there_are_enough(
    desk: Desk, rows: int, holdout: float
) -> None:
    df = pd.DataFrame({"x": RANDOM.normal(size=rows), "y": ["a", "b"] * (rows // 2)})
    assert desk.described(df, "y").code == 0
    assert desk.settings["split"]["holdout"] == holdout
    assert desk.params["model"]["kind"] == ("linear" if rows < 1000 else "boosted")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 60 * 24 * 3600), min_size=2, max_size=50, unique=True),
    st.sampled_from([0.2, 0.35, 0.5]),
)
def test_the_window_is_the_shortest_that_holds_the_share(seconds: list[int], share: float) -> None:
    times = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(seconds, unit="s"))
    length = pd.Timedelta(window(times, share))
    unit = pd.Timedelta(days=1) if np.ptp(seconds) >= 10 * 86400 else pd.Timedelta(hours=1)
    assert (times > times.max() - length).mean() >= share
    if length > unit:
        assert (times > times.max() - (length - unit)).mean() < share


def test_what_gate_yaml_says_stays_with_its_comments(desk: Desk) -> None:
    desk.put(table(constant=["x"] * N, day=DAYS))
    text = (
        "# How models are judged.\ndata:\n  target: y # the outcome\n  positive: b\n  time: day\n"
        "  leave_out: [x2] # drifts\n  # the end of data\nsplit:\n  window: 9 days\n"
        "report:\n  show_values: false      # never\n"
    )
    (desk.path / "gate.yaml").write_text(text)
    assert desk.run("describe").code == 0
    after = (desk.path / "gate.yaml").read_text()
    for kept in (
        "# How models are judged.",
        "y # the outcome",
        "# drifts",
        "# the end of data",
        "# never",
    ):
        assert kept in after
    gate = desk.settings
    assert gate["data"]["positive"] == "b"
    assert gate["data"]["leave_out"] == ["x2", "constant"]
    assert gate["split"] == {"window": "9 days", "key": ["x1", "day"]}
    assert "# tuned" in (desk.path / "params.yaml").read_text()
    assert "# or linear" in (desk.path / "params.yaml").read_text()


def test_describing_twice_changes_nothing_and_again_keeps_the_split(desk: Desk) -> None:
    desk.described(table(), "y")
    before = desk.everything()
    said = desk.run("describe")
    assert said.code == 0
    assert "Already described" in said.out
    assert desk.everything() == before
    desk.put(table(x3=["u", "v"] * 200))
    assert desk.run("describe", "--again").code == 0
    assert '"x3"' in desk.schema_text
    assert desk.settings["split"]["key"] == ["x1", "x2"]


def test_about_ten_lines_are_printed(desk: Desk) -> None:
    said = desk.described(table(constant=["x"] * N, email=[f"u{i}@x.org" for i in range(N)]), "y")
    assert 8 <= len(said.out.splitlines()) <= 12
    for word in ("400", "binary", "positive: b", "50 %", "constant (one value only)", "schema.py"):
        assert word in said.out


PERSONAL: dict[str, Any] = {
    "contact": [f"person{i}@secret.example" for i in range(N)],
    "phone": [5550000000 + 7 * i for i in range(N)],
    "tel": [f"+49 171 {i:07d}" for i in range(N)],
    "ssn": [f"{i % 900:03d}-{i % 90 + 10}-{i:04d}" for i in range(N)],
    "LastName": [f"Secretson{i}" for i in range(N)],
    "Name": [f"Ada Secret {i}" for i in range(N)],
    "birth_date": [f"19{i % 90 + 10}-03-{i % 28 + 1:02d}" for i in range(N)],
    "client ip": [f"10.1.{i % 200}.{i % 250}" for i in range(N)],
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_columns_are_recognised_and_appear_nowhere(desk: Desk, name: str) -> None:
    said = desk.described(table(**{name: PERSONAL[name]}), "y")
    assert said.code == 0, said.all
    assert desk.settings["data"]["personal"] == [name]
    assert desk.settings["data"]["leave_out"] == [name]
    green(desk)
    shown = said.all + desk.everything() + desk.run("validate").all
    assert not [value for value in set(map(str, PERSONAL[name])) if value in shown]


@pytest.mark.parametrize("name", ["PhoneService", "Street", "mobile", "licensed", "mean area"])
def test_ordinary_columns_are_not_called_personal(desk: Desk, name: str) -> None:
    desk.described(table(**{name: ["yes", "no"] * 200}), "y")
    assert "personal" not in desk.settings["data"]


def test_columns_that_the_user_calls_personal_get_no_values(desk: Desk) -> None:
    df = table(town=["Secretville", "Hiddenham"] * 200, age=RANDOM.integers(71_001, 71_900, N))
    assert desk.described(df, "y", personal=["town", "age"]).code == 0
    assert '"town": category(),' in desk.schema_text
    assert '"age": integer(),' in desk.schema_text
    green(desk)
    assert "Secretville" not in desk.everything()
    assert "leave_out" not in desk.settings["data"]  # they may still be features


REAL = {
    "penguins": (lambda: pd.read_csv(packaged("palmerpenguins", "data/penguins.csv")), "species", "multiclass"),
    "raw penguins": (lambda: packaged("palmerpenguins", "data/penguins-raw.csv").read_bytes(), "Sex", "binary"),
    "randhie": (lambda: packaged("statsmodels", "datasets/randhie/src/randhie.csv").read_bytes(), "mdvis", "regression"),
    "diamonds": (diamonds, "price", "regression"),
    "cancer": (lambda: load_breast_cancer(as_frame=True).frame, "target", "binary"),
    "wine": (lambda: load_wine(as_frame=True).frame, "target", "multiclass"),
    "iris": (lambda: load_iris(as_frame=True).frame, "target", "multiclass"),
    "diabetes": (lambda: load_diabetes(as_frame=True).frame, "target", "regression"),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_tables_are_described_and_validate(desk: Desk, name: str) -> None:
    load, target, task = REAL[name]
    said = desk.described(load(), target)
    assert said.code == 0, said.all
    assert desk.settings["data"]["task"] == task
    green(desk)


def test_the_sample_is_described_as_the_template_expects(desk: Desk) -> None:
    (path,) = (PROJECT / "data/raw").glob("*.parquet")
    desk.put(path.read_bytes(), path.name)
    out = ["dep_delay", "flight", "temp", "pressure"]
    desk.gate("late", show=True, time="departure", leave_out=out)
    said = desk.run("describe")
    assert said.code == 0, said.all
    assert desk.settings["data"]["task"] == "binary"
    assert desk.settings["data"]["positive"] is True
    assert desk.settings["data"]["leave_out"] == out
    assert desk.params["model"]["kind"] == "boosted"
    green(desk)


def test_dvc_tracks_the_raw_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    said = desk.described(table(), "y")
    assert said.code == 0, said.all
    assert (tmp_path / "data/raw.dvc").is_file()


CELLS: list[Any] = [
    st.floats(width=32),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 2)),
    st.integers(-5, 5),
    st.integers(-(2**62), 2**62),
    st.sampled_from(["yes", "No", "YES"]),
    st.sampled_from(["1,5", "2", "1.234,5"]),
    st.sampled_from(["01/02/2020", "13/02/2020", "2020-03-04", ""]),
    st.text(st.characters(exclude_characters="\0"), max_size=6),  # which no text file holds
    st.text("ab ,;\"'\\\n\r#{}%\t", max_size=4),
    st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2100-01-01")).map(str),
    st.booleans(),
    st.none(),
]


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10)
        .map(str.strip)
        .filter(lambda name: name and name not in ("y", "x", "row_id") and "\ufeff" not in name),
        min_size=1,
        max_size=4,
        unique=True,
    ),
)
def test_an_inferred_schema_accepts_the_data_it_came_from(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, names: list[str]
) -> None:
    columns: dict[str, Any] = {"x": RANDOM.normal(size=40), "y": ["a", "b"] * 20}
    for name in names:
        kind = data.draw(st.sampled_from(CELLS))
        cells = data.draw(st.lists(kind | st.none(), min_size=1, max_size=40))
        columns[name] = (cells * 40)[:40]
    df = pd.DataFrame({n: pd.Series(v, dtype=object) for n, v in columns.items()})
    folder = tmp_path_factory.mktemp("property")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(describe, "track", lambda: None)
        desk = Desk(folder)
        # Ending its lines so, pandas quotes values that hold a carriage return.
        said = desk.described(df.to_csv(index=False, lineterminator="\r\n"), "y")
        assert said.code == 0, said.all
        assert desk.run("validate").code == 0, desk.schema_text
        assert {w for w in desk.found("warning") if w[1] != "leak"} <= {(None, "duplicate rows")}
        desk.forget()


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounded_bounds_hold_what_they_bound(value: float) -> None:
    low, high = rounded(value, down=True), rounded(value, down=False)
    assert low <= value <= high


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-9, 1e9) | st.floats(-1e9, -1e-9))
def test_bounds_are_short_enough_to_read(value: float) -> None:
    for down in (True, False):
        bound = rounded(value, down=down)
        assert float(f"{bound:.6g}") == bound
        assert abs(bound - value) <= 2e-5 * abs(value)


@given(st.integers(1, 10**7), st.data())
def test_shares_are_rounded_up(total: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, total)) / total
    assert share <= up(share) <= share + 1e-4


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_strings_are_written_so_that_python_reads_them(text: str) -> None:
    assert eval(quoted(text)) == text


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["01/02/2020", "02/02/2020", "25/02/2020"], ["%d/%m/%Y"]),
        (["01/02/2020", "01/03/2020", "01/25/2020"], ["%m/%d/%Y"]),
        ([f"{d:02d}/{m:02d}/2020" for m in (1, 2, 3) for d in (3, 5, 9)], ["%d/%m/%Y"]),  # in order
        ([f"{m:02d}/{d:02d}/2020" for m in (1, 2, 3) for d in (3, 5, 9)], ["%m/%d/%Y"]),
        (["03/04/2020", "01/02/2020", "05/01/2020"], ["%m/%d/%Y"]),  # nothing tells: the usual
        (["03.04.2020", "01.02.2020"], ["%d.%m.%Y"]),
        (["2020-01-01", "2020-01-01T10:00:00.123Z"], ["ISO8601"]),
        (["1 Jan 2020", "12 March 2020"], ["%d %b %Y", "%d %B %Y"]),
        (["2020/01/31 10:11:12"], ["%Y/%m/%d %H:%M:%S"]),
        (["13/01/2020", "01/13/2020"], None),  # both orders at once: nobody can tell
        (["2020-01-01", "soon"], None),
        (["1.5", "2.5"], None),
        (["12"], None),
        (["abc"], None),
    ],
)
def test_date_formats_are_decided_over_the_column(
    values: list[str], formats: list[str] | None
) -> None:
    found = date_formats(pd.Series(values, dtype="str"))
    assert (found and sorted(found)) == (formats and sorted(formats))


@pytest.mark.parametrize(
    ("values", "style"),
    [
        (["1,5", "2,25"], (",", "")),
        (["1,234", "999", "12,345"], (".", ",")),
        (["1,234", "0,500"], (",", "")),
        (["1,234", "2,345,678"], (".", ",")),
        (["231,600", "99,500"], (".", ",")),
        (["1.234,5", "2"], (",", ".")),
        (["1'234.5", "2"], (".", "'")),
        (["1 234,5"], (",", " ")),
        (["007", "012"], None),
        (["1,2,3"], None),
        (["x1"], None),
    ],
)
def test_number_styles_are_decided_over_the_column(
    values: list[str], style: tuple[str, str] | None
) -> None:
    how = number_style(pd.Series(values, dtype="str"))
    assert (how and (how["decimal"], how["thousands"])) == style


def test_names_are_cut_into_words() -> None:
    assert tokens("customerE-MailAddress_2") == ["customeremail", "address"]
    assert tokens("Customer E-Mail") == ["customer", "email"]
    assert tokens("IPAddress") == ["ip", "address"]
    assert not groups_of_three(pd.Series(["1,5"], dtype="str"))
