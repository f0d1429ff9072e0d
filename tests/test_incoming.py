"""A new file: checked, compared, put in place; or nothing changes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from champion.errors import Refusal
from champion.tables import describe, incoming
from tables_desk import Desk, Said


def rows(start: int, stop: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    n = stop - start
    return pd.DataFrame(
        {
            "order_id": [f"A{i}" for i in range(start, stop)],
            "price": random.normal(50, 10, n).round(2),
            "shop": random.choice(["north", "south"], n),
            "paid": random.choice(["yes", "no"], n),
        }
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A project with one file, described; DVC is left out."""
    monkeypatch.chdir(tmp_path)
    for module in (describe, incoming):
        monkeypatch.setattr(module, "track", lambda: None)
    desk = Desk(tmp_path)
    desk.put(rows(0, 1000), "january.csv")
    desk.gate("paid", show=True)
    assert desk.run("describe").code == 0
    yield desk
    desk.forget()


def bring(desk: Desk, df: pd.DataFrame, name: str, *more: str) -> Said:
    folder = desk.path / "elsewhere"
    folder.mkdir(exist_ok=True)
    df.to_csv(folder / name, index=False)
    return desk.run("data", str(folder / name), *more)


def state(desk: Desk) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted((desk.path / "data").rglob("*")) if p.is_file()}


def test_a_file_is_appended_under_its_name(desk: Desk) -> None:
    said = bring(desk, rows(1000, 1600, 1), "february.csv")
    assert said.code == 0, said.all
    assert "1,000 rows before, 1,600 after: 600 added, 0 changed, 0 removed" in said.out
    assert sorted(os.listdir("data/raw")) == ["february.csv", "january.csv"]
    assert sorted(os.listdir("data")) == ["raw"]
    assert "is this very file" in bring(desk, rows(1000, 1600, 1), "february.csv").out


def test_a_name_is_made_safe(desk: Desk) -> None:
    assert bring(desk, rows(1000, 1100), "März 2024 (new).csv").code == 0
    assert bring(desk, rows(1100, 1200), "con.csv").code == 0
    assert sorted(os.listdir("data/raw")) == ["März-2024-new-.csv", "data-con.csv", "january.csv"]


def test_replacing_counts_what_changed(desk: Desk) -> None:
    df = rows(0, 1000)
    df.loc[3, "price"] = 51.25
    df.loc[7, "paid"] = "no" if df.loc[7, "paid"] == "yes" else "yes"
    df = pd.concat([df.drop(index=[9, 10]), rows(2000, 2005)])
    said = bring(desk, df, "january.csv", "--mode", "replace")
    assert said.code == 0, said.all
    assert "1,003 after: 5 added, 2 changed, 2 removed" in said.out
    assert os.listdir("data/raw") == ["january.csv"]


def test_replacing_all_needs_the_same_columns(desk: Desk) -> None:
    bring(desk, rows(1000, 1600), "february.csv")
    said = bring(desk, rows(0, 1600).drop(columns="shop"), "all.csv", "--mode", "replace")
    assert said.code == 2
    assert "has other columns than" in said.err
    assert bring(desk, rows(0, 1600), "all.csv", "--mode", "replace").code == 0
    assert os.listdir("data/raw") == ["all.csv"]


def test_another_file_of_that_name_is_refused(desk: Desk) -> None:
    before = state(desk)
    said = bring(desk, rows(5000, 5100), "january.csv")
    assert said.code == 2
    assert "is there with other content" in said.err
    assert state(desk) == before


def test_duplicates_are_counted(desk: Desk) -> None:
    desk.gate("paid", show=True)
    desk.put(rows(0, 1000).drop(columns="order_id"), "january.csv")
    assert desk.run("describe", "--again").code == 0
    said = bring(desk, rows(0, 100).drop(columns="order_id"), "again.csv")
    assert said.code == 0, said.all
    duplicate = int(
        pd.concat([rows(0, 1000), rows(0, 100)]).drop(columns="order_id").duplicated().sum()
    )
    assert f"100 added, 0 changed, 0 removed, {duplicate} duplicate" in said.out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda df: df.assign(order_id="A1"), "duplicate|repeat the id"),
        (lambda df: df.assign(price="high"), "wrong type"),
        (lambda df: df.drop(columns="price"), "the column is gone"),
        (lambda df: df[["order_id", "paid"]].head(9), "the column is gone"),
        (lambda df: df.assign(shop="west"), "schema.py does not list"),
        (lambda df: df.head(0), "no rows"),
    ],
)
def test_bad_files_change_nothing(desk: Desk, change: object, says: str) -> None:
    assert callable(change)
    before = state(desk)
    said = bring(desk, change(rows(1000, 1600)), "february.csv")
    assert said.code == 1
    assert any(part in said.all for part in says.split("|")), said.all
    assert state(desk) == before
    assert sorted(os.listdir("data")) == ["raw"]


def test_a_small_broken_file_is_found_too(desk: Desk) -> None:
    desk.put(rows(0, 3000), "january.csv")
    said = bring(desk, rows(3000, 3060).assign(price=None), "february.csv")
    assert said.code == 1
    assert "In february.csv alone" in said.out
    assert bring(desk, rows(3000, 3060), "march.csv").code == 0


def test_a_broken_month_is_found_among_many_good_ones(desk: Desk) -> None:
    """4 % of all rows would pass; all of the new ones do not."""
    desk.put(rows(0, 30_000), "january.csv")
    said = bring(desk, rows(30_000, 31_000).assign(price=None), "february.csv")
    assert said.code == 1
    assert "In february.csv alone" in said.out
    assert os.listdir("data/raw") == ["january.csv"]


@pytest.mark.parametrize("name", ["gone.csv", "photo.png", "data/raw/january.csv"])
def test_what_is_no_new_table_is_refused(desk: Desk, name: str) -> None:
    (desk.path / "photo.png").write_bytes(b"x")
    said = desk.run("data", name)
    assert said.code in (1, 2)
    assert said.err.count("\n") == 1


def test_one_of_two_joined_tables_is_replaced(desk: Desk) -> None:
    (desk.path / "data/raw/january.csv").unlink()
    desk.put(rows(0, 1000).drop(columns="shop").assign(shop_id=1), "orders.csv")
    shops = pd.DataFrame({"shop_id": [1, 2], "town": ["A", "B"]})
    desk.put(shops, "shops.csv")
    desk.source("data.py").write_text(
        "from pathlib import Path\n\nimport pandas as pd\n\n"
        "from champion.tables.read import read_table\n\n\n"
        "def load(folder: Path) -> pd.DataFrame:\n"
        '    orders = read_table(folder / "orders.csv")\n'
        '    return orders.merge(read_table(folder / "shops.csv"), on="shop_id")\n'
    )
    assert desk.run("describe", "--again").code == 0
    said = bring(desk, shops.assign(town=["A", "C"]), "shops.csv", "--mode", "replace")
    assert said.code == 0, said.all
    assert "0 added, 0 changed, 0 removed" in said.out
    said = bring(desk, shops.drop(columns="town"), "shops.csv", "--mode", "replace")
    assert said.code == 1
    assert "town" in pd.read_csv("data/raw/shops.csv")


def test_a_replacement_cures_a_table_that_does_not_load(desk: Desk) -> None:
    desk.put("order_id,price\n1\n", "january.csv")
    said = bring(desk, rows(0, 900), "january.csv", "--mode", "replace")
    assert said.code == 0, said.all
    assert len(pd.read_csv("data/raw/january.csv")) == 900


def test_when_tracking_fails_the_old_data_come_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Refusal("dvc failed")

    monkeypatch.setattr(incoming, "track", fail)
    before = state(desk)
    assert bring(desk, rows(1000, 1600), "february.csv").code == 2
    assert state(desk) == before


def test_a_run_killed_between_two_renames_is_undone(desk: Desk) -> None:
    os.rename("data/raw", incoming.BEFORE)
    assert bring(desk, rows(1000, 1600), "february.csv").code == 0
    assert sorted(os.listdir("data/raw")) == ["february.csv", "january.csv"]
    shutil.copytree("data/raw", incoming.BEFORE)
    assert bring(desk, rows(2000, 2600), "march.csv").code == 0
    assert not incoming.BEFORE.exists()


def test_values_are_shown_only_where_they_may_be(desk: Desk) -> None:
    desk.gate("paid", show=False)
    desk.run("describe", "--again")
    said = bring(desk, rows(1000, 1600).assign(price="Secretly"), "february.csv")
    assert said.code == 1
    assert "Secretly" not in said.all


def test_dvc_tracks_the_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    desk.described(rows(0, 1000), "paid")
    before = (tmp_path / "data/raw.dvc").read_text()
    assert bring(desk, rows(1000, 1600), "february.csv").code == 0
    after = (tmp_path / "data/raw.dvc").read_text()
    assert after != before
    assert "nfiles: 2" in after
    desk.forget()
