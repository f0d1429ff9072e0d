"""The stage that checks the data: what stops, what warns, what is shown."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from champion.settings import Settings
from champion.stages.validate import check, load, period
from champion.tables import describe
from champion.tables.identical import duplicated
from champion.tables.leaks import leaks
from conftest import PROJECT
from tables_desk import Desk

N = 1000
OWN_CHECK = "pa.Check(lambda s: s < 8, name='below eight')"


def clean(rows: int = N) -> pd.DataFrame:
    """A table without a fault."""
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "ticket": [f"T{i}" for i in range(rows)],
            "size": random.normal(10, 1, rows).round(3),
            "count": random.integers(0, 20, rows),
            "colour": random.choice(["red", "green", "blue"], rows),
            "member": random.choice([True, False], rows),
            "day": pd.date_range("2020-01-01", periods=rows, freq="h"),
            "note": [f"a few words about the number {i}" for i in range(rows)],
            "ignored": random.normal(0, 1, rows).round(3),
            "won": random.choice(["yes", "no"], rows),
        }
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A project with the clean table described; `note` is text, `ignored` is left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(describe, "track", lambda: None)
    desk = Desk(tmp_path)
    desk.put(clean(), "table.parquet")
    desk.gate("won", show=True, id="ticket", leave_out=["ignored"], time="day")
    assert desk.run("describe").code == 0
    yield desk
    desk.forget()


def faulty(desk: Desk, change: Callable[[pd.DataFrame], Any]) -> int:
    """Validate the clean table after a change; returns the exit code."""
    df = clean()
    changed = change(df)
    desk.put(df if changed is None else changed, "table.parquet")
    return desk.run("validate").code


def put(column: str, value: Any, rows: int) -> Callable[[pd.DataFrame], Any]:
    def change(df: pd.DataFrame) -> None:
        words = isinstance(value, str) and pd.api.types.is_numeric_dtype(df[column])
        df[column] = df[column].astype("str").astype(object) if words else df[column].astype(object)
        df.loc[df.index[:rows], column] = value

    return change


def test_the_clean_table_is_valid(desk: Desk) -> None:
    said = desk.run("validate")
    assert (said.code, said.out) == (0, "1,000 rows: 0 errors, 0 warnings.\n")
    assert desk.report["rows"] == N
    assert desk.valid.dtypes.astype(str).to_dict() == {
        "ticket": "str",
        "size": "float64",
        "count": "float64",
        "colour": "str",
        "member": "boolean",
        "day": "datetime64[ns]",
        "note": "str",
        "ignored": "float64",
        "won": "boolean",
    }


def test_twice_gives_the_same_bytes(desk: Desk) -> None:
    outs = []
    for _ in range(2):
        desk.run("validate")
        outs.append(
            [(desk.path / p).read_bytes() for p in ("data/valid.parquet", "reports/data.json")]
        )
    assert outs[0] == outs[1]


FAULTS: dict[str, tuple[Callable[[pd.DataFrame], Any], tuple[str | None, str]]] = {
    "column gone": (lambda df: df.drop(columns="size"), ("size", "gone")),
    "left out column gone": (lambda df: df.drop(columns="ignored"), ("ignored", "gone")),
    "wrong type": (put("size", "big", 1), ("size", "type")),
    "wrong type of the target": (put("won", "perhaps", 1), ("won", "type")),
    "half an integer": (put("count", 1.5, 1), ("count", "type")),
    "duplicate ids": (put("ticket", "T999", 1), ("ticket", "duplicate ids")),
    "missing": (put("size", None, 51), ("size", "missing")),
    "missing boolean": (put("member", None, 51), ("member", "missing")),
    "unseen": (put("colour", "mauve", 51), ("colour", "unseen")),
    "below the range": (put("count", -3, 51), ("count", "range")),
    "above the range": (put("size", 15.0, 51), ("size", "range")),
    "outliers": (put("size", 1000.0, 51), ("size", "outliers")),
    "no target at all": (put("won", None, N), ("won", "no target")),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_stop(desk: Desk, name: str) -> None:
    assert desk.run("validate").code == 0
    change, finding = FAULTS[name]
    assert faulty(desk, change) == 1
    assert finding in desk.found("error")
    assert not (desk.path / "data/valid.parquet").exists()  # not even yesterday's


WARNINGS: dict[str, tuple[Callable[[pd.DataFrame], Any], tuple[str | None, str]]] = {
    "few missing": (put("size", None, 50), ("size", "missing")),
    "few unseen": (put("colour", "mauve", 1), ("colour", "unseen")),
    "few out of range": (put("count", 99, 50), ("count", "range")),
    "missing where it is no feature": (put("ignored", None, 500), ("ignored", "missing")),
    "range where it is no feature": (put("ignored", 50.0, 500), ("ignored", "range")),
    "missing times": (put("day", None, 500), ("day", "missing")),
    "early times": (put("day", pd.Timestamp("1999-01-01"), 500), ("day", "range")),
    "no target": (put("won", None, 7), ("won", "no target")),
    "new column": (lambda df: df.assign(extra=1), ("extra", "new")),
    "a leak": (lambda df: df.assign(size=np.where(df["won"] == "yes", 9.9, 10.1)), ("size", "leak")),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_smaller_things_warn(desk: Desk, name: str) -> None:
    change, finding = WARNINGS[name]
    assert faulty(desk, change) == 0
    assert finding in desk.found("warning")
    assert desk.found("error") == set()


def test_rows_without_a_target_are_left_out(desk: Desk) -> None:
    assert faulty(desk, put("won", None, 7)) == 0
    assert len(desk.valid) == N - 7


def test_duplicate_rows_warn(desk: Desk) -> None:
    desk.gate("won", leave_out=["ignored"])
    df = clean().drop(columns=["ticket"])
    desk.put(pd.concat([df, df.head(3)]), "table.parquet")
    desk.run("describe", "--again")
    assert desk.run("validate").code == 0
    (found,) = [f for f in desk.report["warnings"] if f["check"] == "duplicate rows"]
    assert (found["count"], found["rows"]) == (3, [1001, 1002, 1003])


def test_the_limits_of_schema_py_count(desk: Desk) -> None:
    source = desk.source("schema.py")
    text = source.read_text().replace("MISSING_LIMIT = 0.05", "MISSING_LIMIT = 0.5")
    source.write_text(text)
    assert faulty(desk, put("size", None, 400)) == 0
    assert faulty(desk, put("size", None, 501)) == 1
    assert faulty(desk, put("colour", "mauve", 51)) == 1


def test_shares_are_measured_against_those_seen(desk: Desk) -> None:
    df = clean()
    put("size", None, 300)(df)
    desk.put(df, "table.parquet")
    desk.run("describe", "--again")
    assert faulty(desk, put("size", None, 300)) == 0
    assert desk.found("warning") == set()
    assert faulty(desk, put("size", None, 350)) == 0
    assert desk.found("warning") == {("size", "missing")}
    assert faulty(desk, put("size", None, 351)) == 1


def test_all_findings_come_at_once_with_rows(desk: Desk) -> None:
    def change(df: pd.DataFrame) -> pd.DataFrame:
        for fault in (put("size", "big", 2), put("colour", "mauve", 60), put("ticket", "T999", 3)):
            fault(df)
        return df.drop(columns="count")

    assert faulty(desk, change) == 1
    assert desk.found("error") == {
        ("size", "type"),
        ("colour", "unseen"),
        ("ticket", "duplicate ids"),
        ("count", "gone"),
    }
    by_check = {f["check"]: f for f in desk.report["errors"]}
    assert by_check["type"]["rows"] == [1, 2]
    assert by_check["unseen"]["rows"] == list(range(1, 11))
    assert by_check["unseen"]["count"] == 60
    assert by_check["unseen"]["values"] == ["mauve"]
    out = desk.run("validate").out
    for part in ("size", "wrong type: no number (big)", "60", "1, 2", "4 errors"):
        assert part in out


def test_an_unseen_class_of_a_binary_target_is_an_error(desk: Desk) -> None:
    df = clean().assign(won=lambda d: d["won"].map({"yes": "win", "no": "loss"}))
    desk.put(df, "table.parquet")
    desk.gate("won", id="ticket")
    desk.run("describe", "--again")
    df.loc[0, "won"] = "draw"
    desk.put(df, "table.parquet")
    assert desk.run("validate").code == 1
    assert desk.found("error") == {("won", "unseen")}


def test_checks_of_ones_own_are_run_and_never_quote_values(desk: Desk) -> None:
    source = desk.source("schema.py")
    text = source.read_text()
    text = text.replace('"count": integer(', f'"count": integer(checks=[{OWN_CHECK}], low=')
    text = text.replace("low=0, 19", "low=0, high=19")
    text = text.replace(
        "    }\n)",
        "    },\n    checks=pa.Check(lambda d: d['size'] > d['count'], name='bigger'),\n)",
    )
    source.write_text(text)
    desk.gate("won", show=False, id="ticket", leave_out=["ignored"], time="day")
    said = desk.run("validate")
    assert said.code == 1, said.all
    found = {(f["column"], f["check"], f["count"]) for f in desk.report["errors"]}
    df = clean()
    assert found == {
        ("count", "below eight", int((df["count"] >= 8).sum())),
        (None, "bigger", int((df["size"] <= df["count"]).sum())),
    }
    assert "your own check below eight fails" in said.out


def test_a_check_that_crashes_is_an_error_without_its_text(desk: Desk) -> None:
    source = desk.source("schema.py")
    crash = "checks=[pa.Check(lambda s: 1 / 0 if len(s) else s['secret'], name='crash')], low="
    text = source.read_text().replace('"count": integer(', f'"count": integer({crash}')
    source.write_text(text.replace("low=0, 19", "low=0, high=19"))
    said = desk.run("validate")
    assert said.code == 1
    assert ("count", "crash") in desk.found("error")


def write_load(desk: Desk, body: str) -> None:
    desk.source("data.py").write_text(
        "from pathlib import Path\n\nimport pandas as pd\n\nfrom champion.tables.read import "
        f"read_folder, read_table\n\n\ndef load(folder: Path) -> pd.DataFrame:\n{body}"
    )


def test_an_error_in_load_is_one_sentence_with_its_line(desk: Desk) -> None:
    write_load(desk, "    df = read_folder(folder)\n    return df['nope']\n")
    said = desk.run("validate")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "data.py, line 10: KeyError" in said.err
    assert "nope" in said.err
    desk.gate("won", show=False)
    said = desk.run("validate")
    assert "data.py, line 10: KeyError." in said.err
    assert "nope" not in said.err  # a KeyError may hold a value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("    return 5\n", "must return a DataFrame, not int"),
        ("    return read_folder(folder).head(0)\n", "gives no rows"),
        ("    return read_folder(folder).assign(row_id=1)\n", "row_id"),
        ("    return pd.concat([read_folder(folder)] * 2, axis=1)\n", "two columns named 'ticket'"),
        ("    return read_table(folder / 'gone.csv')\n", "there is no file"),
    ],
)
def test_what_load_must_not_give_is_refused(desk: Desk, body: str, says: str) -> None:
    write_load(desk, body)
    said = desk.run("validate")
    assert said.code in (1, 2)
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_join_of_two_tables_lives_in_load(desk: Desk) -> None:
    (desk.path / "data/raw/table.parquet").unlink()
    random = np.random.default_rng(2)
    customers = pd.DataFrame({"customer_id": range(100), "town": random.choice(["A", "B"], 100)})
    orders = pd.DataFrame(
        {"customer_id": random.integers(0, 100, N), "price": random.normal(9, 1, N).round(2)}
    )
    orders["paid"] = np.where(orders["price"] + random.normal(0, 1, N) > 9, "yes", "no")
    desk.put(customers, "customers.csv")
    desk.put(orders, "orders.csv")
    write_load(
        desk,
        '    orders = read_table(folder / "orders.csv")\n'
        '    customers = read_table(folder / "customers.csv")\n'
        '    return orders.merge(customers, on="customer_id", how="left", validate="many_to_one")\n',
    )
    desk.gate("paid", group="customer_id")
    said = desk.run("describe", "--again")
    assert said.code == 0, said.all
    assert desk.run("validate").code == 0
    assert desk.settings["split"]["key"] == ["price", "town"]
    assert list(desk.valid) == ["customer_id", "price", "paid", "town"]
    assert len(desk.valid) == N


def test_a_schema_that_is_not_there_yet_is_said(desk: Desk) -> None:
    desk.source("schema.py").write_text(
        "import pandera.pandas as pa\n\nschema = pa.DataFrameSchema({})\n"
    )
    said = desk.run("validate")
    assert said.code == 2
    assert "run `make setup`" in said.err


@pytest.mark.parametrize("show", [True, False])
def test_personal_values_are_shown_nowhere_even_when_they_fail(desk: Desk, show: bool) -> None:
    secret = "Zanzibar-Secret"
    df = clean().assign(town=np.random.default_rng(0).choice(["u", "v"], N))
    desk.put(df, "table.parquet")
    desk.gate("won", show=show, id="ticket", personal=["town", "size", "note"])
    assert desk.run("describe", "--again").code == 0
    source = desk.source("schema.py")
    source.write_text(
        source.read_text().replace('"town": category(', '"town": category(["u", "v"]')
    )
    df["town"] = secret
    df["size"] = secret
    df["note"] = secret
    if not show:
        df["colour"] = secret
    desk.put(df, "table.parquet")
    said = desk.run("validate")
    assert said.code == 1
    assert {("town", "unseen"), ("size", "type")} <= desk.found("error")
    assert secret not in said.all + desk.everything()


def months() -> list[Path]:
    return sorted((PROJECT / "data/later").glob("*.parquet"))


def test_the_months_to_come_pass_with_warnings_alone_and_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(describe, "track", lambda: None)
    desk = Desk(tmp_path)
    (january,) = (PROJECT / "data/raw").glob("*.parquet")
    desk.put(january.read_bytes(), january.name)
    out = ["dep_delay", "flight", "temp", "pressure"]
    desk.gate("late", show=True, time="departure", slices=["origin"], leave_out=out)
    assert desk.run("describe").code == 0
    assert len(months()) == 11
    desk.forget()
    set_ = Settings.load()
    for month in months():
        folder = tmp_path / month.stem
        folder.mkdir()
        (folder / month.name).write_bytes(month.read_bytes())
        found = check(load(folder, set_), set_).findings
        assert found
        assert {f.level for f in found} == {"warning"}, month.name
        desk.put(month.read_bytes(), month.name)
    assert desk.run("validate").code == 0
    assert desk.report["rows"] == 336_776
    desk.forget()


PLANTED = {
    "missing": ("size", None),
    "unseen": ("colour", "mauve"),
    "range": ("count", -1.0),
    "outliers": ("size", 500.0),
}


@settings(max_examples=40, deadline=None)
@given(
    check_name=st.sampled_from(sorted(PLANTED)),
    rows=st.sets(st.integers(0, 199), min_size=1, max_size=60),
)
def test_what_was_planted_is_found(
    tmp_path_factory: pytest.TempPathFactory, check_name: str, rows: set[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("planted")
        patch.chdir(folder)
        patch.setattr(describe, "track", lambda: None)
        desk = Desk(folder)
        df = clean(200).drop(columns=["ticket", "note"])
        assert desk.described(df, "won").code == 0
        column, value = PLANTED[check_name]
        df[column] = df[column].astype(object)
        df.loc[sorted(rows), column] = value
        desk.put(df)
        code = desk.run("validate").code
        level = "error" if len(rows) > 10 else "warning"
        (found,) = [
            f for f in desk.report[f"{level}s"] if (f["column"], f["check"]) == (column, check_name)
        ]
        assert found["count"] == len(rows)
        assert found["rows"] == [row + 1 for row in sorted(rows)[:10]]
        assert code == (1 if level == "error" else 0)
        desk.forget()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 1.0, None])), min_size=1))
def test_duplicate_rows_are_those_that_pandas_finds(rows: list[tuple[str, float | None]]) -> None:
    df = pd.DataFrame(rows, columns=["s", "n"]).astype({"s": "str", "n": "float64"})
    assert duplicated(df).tolist() == df.duplicated().tolist()


def test_leaks_are_told_from_good_features() -> None:
    random = np.random.default_rng(0)
    answer = random.random(2000) < 0.3
    df = pd.DataFrame(
        {
            "good": answer + random.normal(0, 1, 2000),
            "leak": answer * 2.0 + random.normal(0, 0.1, 2000),
            "gap": np.where(answer, np.nan, 1.0),
            "word": np.where(answer, "refunded", "kept"),
            "id": np.arange(2000).astype(str),
            "answer": answer,
            "price": random.normal(100, 10, 2000),
        }
    )
    df["cents"] = df["price"] * 100
    features = ["good", "leak", "gap", "word", "id", "price"]
    assert set(leaks(df, features, "answer", numeric=False)) == {"leak", "gap", "word"}
    assert set(leaks(df, [*features, "cents"], "price", numeric=True)) == {"price", "cents"}
    three = df.assign(answer=pd.cut(df["price"], 3).astype(str))
    assert set(leaks(three, ["price", "good"], "answer", numeric=False)) == {"price"}


def test_the_report_is_plain_json(desk: Desk) -> None:
    faulty(desk, put("colour", "mauve", 60))
    text = (desk.path / "reports/data.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["errors"][0]["share"] == 0.06


@pytest.mark.parametrize(
    ("show", "personal", "said"),
    [(True, [], ["2020-01-31", "2020-03-01"]), (False, [], None), (True, ["day"], None)],
)
def test_the_period_is_told_where_times_may_be_shown(
    show: bool, personal: list[str], said: list[str] | None
) -> None:
    own = Settings()
    table = pd.DataFrame({"day": pd.to_datetime(["2020-03-01 12:00", "2020-01-31 23:00", None])})
    assert period(table, own) is None
    own.data.time, own.data.personal = "day", personal
    own.report.show_values = show
    assert period(table, own) == said
    assert period(table.iloc[2:], own) is None
