"""The monitor sees a change of the world, cries no wolf, and never takes silence for calm."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow.parquet as pq
import pytest

from champion.errors import Refusal
from champion.judge.difference import Case
from champion.judge.metrics import METRICS
from champion.monitor import history, live, page
from champion.monitor import labels as answers
from champion.monitor.checks import Check, decide
from champion.monitor.columns import Counts, draw, of_days
from champion.monitor.log import Log
from champion.monitor.performance import loss, measured
from champion.monitor.reference import Reference, reference
from champion.monitor.shifts import exceeding, likeness, rise, stability, worth
from champion.monitor.watch import watch
from champion.settings import Settings
from champion.tables.schema import category, number

START = pd.Timestamp("2026-03-02")
END = START + pd.Timedelta(7, "D")
ROWS = 2000
Look = dict[str, Any]


def world(rows: int, seed: int, days: int = 7, start: pd.Timestamp = START) -> pd.DataFrame:
    """Rows as a service logs them, with the answer; all rows of a day share its weather."""
    random = np.random.default_rng(seed)
    day = np.sort(random.integers(0, days, rows))
    size = random.standard_normal(rows)
    score = 1 / (1 + np.exp(-1.5 * size - 0.3 * random.standard_normal(rows)))
    return pd.DataFrame({
        "request_id": [f"r{seed}-{k}" for k in range(rows)],
        "time": start + pd.to_timedelta(day + random.random(rows) * 0.99 + 0.005, unit="D"),
        "score": score,
        "size": size,
        "weather": random.standard_normal(days)[day] + 0.2 * random.standard_normal(rows),
        "colour": random.choice(["red", "green", "blue"], rows, p=[0.5, 0.3, 0.2]),
        "late": random.random(rows) < score,
    })  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Settings:
    it = Settings()
    it.data.target, it.data.task, it.data.positive = "late", "binary", True
    it.data.slices = ["colour"]
    it.report.show_values = True
    return it


@pytest.fixture(scope="module")
def trained() -> Reference:
    """Forty days of training, seven of holdout."""
    train = world(8000, 1, days=40, start=START - pd.Timedelta(60, "D"))
    held = world(ROWS, 2, start=START - pd.Timedelta(10, "D"))
    case = Case("binary", held["late"].to_numpy(float), held["score"].to_numpy(),
                slices=held[["colour"]])  # fmt: skip
    y = train["late"].to_numpy(float)
    return reference(train[["size", "weather", "colour"]], y, case, train["time"], held["time"])


@pytest.fixture(autouse=True)
def schema(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    columns = {
        "size": number(-9, 9),
        "weather": number(-9, 9),
        "colour": category(["red", "green", "blue"]),
    }
    module = SimpleNamespace(schema=pandera.DataFrameSchema(columns))
    for place in (live, answers):
        monkeypatch.setattr(place, "user_module", lambda _: module)
    return module


@pytest.fixture
def look(tmp_path: Path, settings: Settings, trained: Reference) -> Callable[..., Look]:
    """Log some tables, each a file, and look at them."""

    def at(*tables: pd.DataFrame, labels: pd.DataFrame | None = None, **changed: Any) -> Look:
        folder = tmp_path / "log"
        folder.mkdir(exist_ok=True)
        for place, table in enumerate(tables):
            table.to_parquet(folder / f"{place}.parquet")
        told = None
        if labels is not None:
            labels.to_parquet(tmp_path / "labels.parquet")
            told = answers.read(str(tmp_path / "labels.parquet"), settings, [])
        log = Log(str(folder), START, changed.pop("until", END), changed.pop("now", END))
        it = changed.pop("trained", trained)
        return watch(it, log, told, settings, changed.pop("before", None))

    return at


def alerts(file: Look) -> set[tuple[str, str | None]]:
    return {(it["check"], it["column"]) for it in file["checks"] if it["state"] == "alert"}


def quiet(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    return world(rows, seed)


def moved(**columns: Any) -> pd.DataFrame:
    """A week in which columns are replaced."""
    return quiet().assign(**columns)


def some(share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(ROWS) < share


def test_a_quiet_week_is_an_all_clear_with_numbers(look: Callable[..., Look]) -> None:
    file = look(quiet())
    assert file["state"] == "ok", file["reasons"]
    assert file["rows"] == file["labelled"] == ROWS
    asked = {(it["family"], it["check"], it["column"]) for it in file["checks"]}
    assert {("inputs", c, n) for c in ("drift", "missing", "new")
            for n in ("size", "weather", "colour")} <= asked  # fmt: skip
    assert {("performance", "roc_auc", None), ("predictions", "drift", "score"),
            ("predictions", "target", "late"), ("slices", "roc_auc", "colour")} <= asked  # fmt: skip
    assert all(it["value"] is not None and it["p"] is not None for it in file["checks"])
    json.dumps(file, allow_nan=False)


CHANGES: dict[str, tuple[Callable[[pd.DataFrame], Any], tuple[str, str | None]]] = {
    "shift": (lambda t: t.assign(size=t["size"] + 0.6), ("drift", "size")),
    "scale": (lambda t: t.assign(size=t["size"] * 2), ("drift", "size")),
    "swap": (lambda t: t.assign(colour=t["colour"].where(~some(0.4), "blue")), ("drift", "colour")),
    "missing": (lambda t: t.assign(size=t["size"].mask(some(0.1))), ("missing", "size")),
    "unseen": (lambda t: t.assign(colour=t["colour"].where(~some(0.05), "pink")), ("new", "colour")),
    "range": (lambda t: t.assign(size=t["size"].where(~some(0.05), 8.0)), ("new", "size")),
    "below": (lambda t: t.assign(size=t["size"].where(~some(0.05), -8.0)), ("new", "size")),
    "gaps": (lambda t: t.assign(colour=t["colour"].where(~some(0.1))), ("missing", "colour")),
    "weather": (lambda t: t.assign(weather=t["weather"] + 6), ("drift", "weather")),
    "flip": (lambda t: t.assign(late=t["late"] ^ some(0.4)), ("roc_auc", None)),
    "answers": (lambda t: t.assign(late=t["late"] | some(0.6)), ("target", "late")),
    "scores": (lambda t: t.assign(score=t["score"] ** 3), ("drift", "score")),
    "text": (lambda t: t.assign(size=np.where(some(0.03), "n/a", t["size"].astype(str))), ("type", "size")),
    "gone": (lambda t: t.drop(columns="size"), ("gone", "size")),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_an_alert_that_says_what(look: Callable[..., Look], change: str) -> None:
    make, wanted = CHANGES[change]
    file = look(make(quiet()))
    assert file["state"] == "alert"
    assert wanted in alerts(file)
    _, column = wanted
    other = (
        {"score"} if change in ("flip", "answers") else {"late"} if change != "scores" else set()
    )
    assert {name for _, name in alerts(file)} - {column, None} <= other | {"colour"} - {column}
    assert (column or "ROC AUC") in file["headline"] or change == "answers"
    assert file["reasons"]


@pytest.mark.parametrize(
    "table",
    [moved(size=quiet()["size"] + 0.03), moved(size=quiet()["size"].mask(some(0.01))),
     moved(colour=quiet()["colour"].where(~some(0.01), "pink"))],
    ids=["shift", "missing", "unseen"],
)  # fmt: skip
def test_a_change_too_small_to_matter_is_none(
    look: Callable[..., Look], trained: Reference, table: pd.DataFrame
) -> None:
    """However many rows make it significant."""
    many = pd.concat([table] * 40, ignore_index=True)
    assert look(many)["state"] == "ok"


def test_one_weeks_weather_is_no_drift_though_its_rows_are_many() -> None:
    """Counted by rows any week differs from any other; counted by days it does not."""
    wrong = 0
    for seed in range(20):
        train, week = world(8000, seed, days=40), world(4000, 100 + seed)
        bins = draw("weather", train["weather"])
        assert bins
        before, after = Counts(bins), Counts(bins)
        for counts, table in ((before, train), (after, week)):
            counts.add(table["weather"], *of_days(table["time"], len(table)))
        by_rows = [counts.spread.sum(axis=0)[None] for counts in (before, after)]
        assert stability(*by_rows).p < 1e-6
        told = likeness(before.spread)
        assert told
        assert worth(before.spread, told.alike) < 200
        wrong += stability(before.spread, after.spread).p < 0.01
    assert wrong <= 2


@pytest.mark.parametrize("rows", [100, 500, 5000])
def test_p_values_keep_their_promise_without_change(rows: int) -> None:
    random, small, sizes = np.random.default_rng(rows), {"drift": 0, "share": 0}, []
    for _ in range(400):
        x, y = (pd.Series(random.standard_normal(n)) for n in (4000, rows))
        bins = draw("x", x)
        assert bins
        before, after = Counts(bins), Counts(bins)
        for counts, column in ((before, x), (after, y)):
            counts.add(column, *of_days(None, len(column)))
        it = stability(before.spread, after.spread)
        small["drift"] += it.p < 0.05
        sizes.append(it.value)
        hits = [np.array([[n, k - n]], float) for n, k in
                ((random.binomial(4000, 0.1), 4000), (random.binomial(rows, 0.1), rows))]  # fmt: skip
        small["share"] += rise(*hits).p < 0.05
    assert 8 <= small["drift"] <= 36
    assert np.median(sizes) < 1 / rows, "what chance makes of it is taken off"
    assert 8 <= small["share"] <= 36


def test_few_days_are_weak_evidence() -> None:
    """Seven days on either side tell little of how much days differ."""
    random, small, rows = np.random.default_rng(7), [], 500

    def week() -> np.ndarray:
        hits = random.binomial(rows, random.beta(2, 8, 7))
        return np.column_stack([hits, rows - hits]).astype(float)

    for _ in range(1000):
        small.append(stability(week(), week()).p)
    assert np.mean(np.array(small) < 0.01) <= 0.02


def test_days_on_which_a_model_fails_widen_its_interval() -> None:
    random, days = np.random.default_rng(8), np.repeat(np.arange(8), 200)
    y = (random.random(1600) < 0.5).astype(float)
    good = np.where(days % 2, y, random.random(1600)) * 0.5 + random.random(1600) * 0.5
    error = measured(METRICS["roc_auc"], y, good, None, None)[1]
    assert measured(METRICS["roc_auc"], y, good, None, days)[1] > 3 * error
    shuffled = random.permutation(days)
    assert measured(METRICS["roc_auc"], y, good, None, shuffled)[1] < 2 * error


def test_a_loss_is_as_unsure_as_both_sides_together(settings: Settings) -> None:
    few, many = (Case("binary", t["late"].to_numpy(float), t["score"].to_numpy())
                 for t in (quiet(400), quiet(20_000)))  # fmt: skip
    none = np.zeros(400, np.intp)
    back = loss(METRICS["roc_auc"], few, many, None, np.zeros(20_000, np.intp), settings)
    forth = loss(METRICS["roc_auc"], many, few, None, none, settings)
    assert back.value == pytest.approx(-(forth.value or 0))
    assert back.upper - back.lower == pytest.approx(forth.upper - forth.lower, rel=1e-6)  # type: ignore[operator]


def test_a_check_of_ones_own_holds_for_live_rows(
    look: Callable[..., Look], schema: SimpleNamespace
) -> None:
    small = pandera.Check.lt(2.5, name="small")
    schema.schema = schema.schema.update_column("size", checks=[small])
    file = look(quiet().assign(size=lambda t: t["size"].clip(upper=2.4).where(t.index != 5, 2.6)))
    assert alerts(file) == {("small", "size")}
    assert f"size: your own check small fails, in 0.1 % of {ROWS:,} rows." in file["reasons"]


def test_the_interval_of_the_index_holds_the_truth() -> None:
    """Of a shift by d standard deviations the index over fine bins would be d²; over deciles less."""
    random, inside = np.random.default_rng(5), 0
    x = pd.Series(random.standard_normal(50_000))
    bins = draw("x", x)
    assert bins
    many = counted(bins, pd.Series(random.standard_normal(2_000_000) + 0.5))
    p = counted(bins, pd.Series(random.standard_normal(2_000_000))).spread.sum(axis=0) / 2e6
    q = many.spread.sum(axis=0) / 2e6
    truth = float(((q - p) * np.log(q / p)).sum())
    for _ in range(100):
        it = stability(counted(bins, x).spread,
                       counted(bins, pd.Series(random.standard_normal(1000) + 0.5)).spread)  # fmt: skip
        inside += it.lower <= truth <= it.upper
    assert inside >= 89


def counted(bins: Any, column: pd.Series) -> Counts:
    counts = Counts(bins)
    counts.add(column, *of_days(None, len(column)))
    return counts


def test_rosenbaums_probability() -> None:
    assert exceeding(0, 24, 7) == 1
    assert exceeding(2, 24, 7) == pytest.approx(7 * 6 / (31 * 30))
    random = np.random.default_rng(0)
    top = np.argsort(random.random((20_000, 31)), axis=1)[:, -2:]
    assert (top < 7).all(axis=1).mean() == pytest.approx(exceeding(2, 24, 7), rel=0.1)


def test_the_same_counts_in_pieces_and_at_once(
    look: Callable[..., Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = look(quiet())["checks"]
    monkeypatch.setattr("champion.monitor.log.PIECE", 77)
    assert look(quiet())["checks"] == whole


def test_memory_holds_a_part_of_many_answers(
    look: Callable[..., Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that is drawn at random; the interval widens as it must."""
    table = quiet()
    whole, few = look(table), 500
    monkeypatch.setattr(live.Sample.__init__, "__defaults__", (few,))
    monkeypatch.setattr("champion.monitor.log.PIECE", 100)
    part = look(table)
    one, other = (next(it for it in file["checks"] if it["check"] == "roc_auc" and not it["part"])
                  for file in (whole, part))  # fmt: skip
    assert few <= other["rows"] <= 2 * few + 100 < one["rows"]
    assert other["upper"] - other["lower"] > one["upper"] - one["lower"]
    assert part["labelled"] == ROWS


def test_all_checks_of_a_family_share_its_level() -> None:
    def family(*p: float) -> list[str]:
        checks = [Check("inputs", "drift", str(k), value=1.0, threshold=0.1, p=value)
                  for k, value in enumerate(p)]  # fmt: skip
        decide(checks, alpha=0.05)
        return [it.state for it in checks]

    assert family(0.009) == ["alert"]
    assert family(0.009, 0.5) == ["ok", "ok"]
    assert family(0.004, 0.009) == ["alert", "alert"], "Holm, not Bonferroni"
    assert family(0.011) == ["ok"]


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    return table[["request_id", "late"]]


def test_labels_come_later_by_id(look: Callable[..., Look]) -> None:
    table, log = quiet(), quiet().drop(columns="late")
    file = look(log)
    assert file["state"] == "ok"
    assert "performance not known: no labels yet" in file["headline"]
    file = look(log, labels=labelled(table.iloc[::2]))
    assert file["state"] == "ok"
    assert file["labelled"] == ROWS / 2
    file = look(log, labels=labelled(table.assign(late=~table["late"])))
    assert ("roc_auc", None) in alerts(file)


def test_labels_that_fit_nothing_are_no_all_clear(look: Callable[..., Look]) -> None:
    strange = labelled(quiet()).assign(request_id=lambda t: "x" + t["request_id"])
    file = look(quiet().drop(columns="late"), labels=strange)
    assert file["state"] == "unknown"
    assert "no label belongs to a row of the window" in file["headline"]
    assert f"{ROWS:,} of {ROWS:,} labels are of no request in this window." in file["findings"]


def test_odd_labels_are_counted(look: Callable[..., Look]) -> None:
    table = quiet()
    told = pd.concat([labelled(table), labelled(table.head(9)), labelled(table.iloc[9:12])
                      .assign(late=lambda t: ~t["late"])])  # fmt: skip
    file = look(table.drop(columns="late"), labels=told)
    assert file["labelled"] == ROWS - 3
    assert "3 requests have two different labels: they are left out." in file["findings"]


def test_a_table_of_labels_needs_its_columns(tmp_path: Path, settings: Settings) -> None:
    pd.DataFrame({"id": [1], "late": [True]}).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(Refusal, match="needs the columns request_id and late"):
        answers.read(str(tmp_path / "labels.csv"), settings, [])


def half_written(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "there is no log yet at"),
        (quiet().assign(time=START - pd.Timedelta(1, "D")), "the log holds no row of this window; its newest row is of 2026-03-01"),
        (quiet().assign(time=END + pd.Timedelta(1, "D")), "rows are from the future"),
        (quiet().assign(time=None), "rows have no time"),
        (quiet(100), "the window has only 100 rows"),
    ],
    ids=["no log", "empty window", "future", "no time", "few rows"],
)  # fmt: skip
def test_no_data_is_unknown(
    look: Callable[..., Look], table: pd.DataFrame | None, said: str
) -> None:
    file = look(*([] if table is None else [table]))
    assert file["state"] == "unknown"
    assert said in file["headline"]
    assert not alerts(file)
    assert page.render(file, [])


def test_a_half_written_file_is_no_all_clear(look: Callable[..., Look], tmp_path: Path) -> None:
    assert look(quiet(), quiet(seed=4))["state"] == "ok"
    half_written(tmp_path / "log/1.parquet")
    log = Log(str(tmp_path / "log"), START, END, END)
    assert sum(map(len, log.pieces())) == ROWS
    file = look(quiet())
    assert file["state"] == "unknown"
    assert "1 of 2 files do not open" in file["findings"][0]
    assert file["headline"].startswith("Not known: 1 of 2 files")


def test_files_still_being_written_and_old_damaged_ones_are_left_out(
    look: Callable[..., Look], tmp_path: Path
) -> None:
    look(quiet())
    for name in (".next.parquet", "_next.parquet", "next.parquet.partial"):
        (tmp_path / "log" / name).write_bytes(b"PAR1")
    assert look(quiet())["state"] == "ok"
    later = pd.Timestamp.now() + pd.Timedelta(9, "D")
    (tmp_path / "log/old.parquet").write_bytes(b"PAR1")
    log = Log(str(tmp_path / "log"), later - pd.Timedelta(7, "D"), later, later)
    assert list(log.pieces()) == []
    assert log.damaged == []


def test_a_window_reads_only_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = world(10_000, 3, days=30)
    table.to_parquet(tmp_path / "a.parquet", row_group_size=1000)
    read: list[int] = []
    whole = pq.ParquetFile.iter_batches

    def watched(self: pq.ParquetFile, size: int, groups: list[int], names: list[str]) -> Any:
        read.extend(groups)
        return whole(self, size, groups, names)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    since = START + pd.Timedelta(23, "D")
    log = Log(str(tmp_path), since, since + pd.Timedelta(7, "D"), since + pd.Timedelta(7, "D"))
    assert sum(map(len, log.pieces())) == (table["time"] > since).sum()
    assert read == [7, 8, 9]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None])
def test_times_are_utc_whatever_their_zone(tmp_path: Path, zone: str | None) -> None:
    times = quiet()["time"].dt.tz_localize("UTC").dt.tz_convert(zone) if zone else quiet()["time"]
    quiet().assign(time=times).to_parquet(tmp_path / "a.parquet")
    middle = START + pd.Timedelta("60h")
    log = Log(str(tmp_path), START, middle, END)
    assert sum(map(len, log.pieces())) == (quiet()["time"] <= middle).sum()


def test_requests_logged_twice_answer_once(look: Callable[..., Look]) -> None:
    file = look(quiet(), quiet().head(50))
    assert "50 rows repeat a request_id: an answer counts once." in file["findings"]
    (auc,) = (it for it in file["checks"] if it["check"] == "roc_auc" and not it["part"])
    assert auc["rows"] == ROWS
    assert file["state"] == "ok"


def test_rows_of_another_version_do_not_speak_for_the_champion(
    look: Callable[..., Look], trained: Reference
) -> None:
    named = Reference(
        **{**vars(trained), "champion": SimpleNamespace(version="v1.2.0", commit="0" * 40)}
    )
    old = quiet().assign(version="v1.1.0", score=0.5)
    file = look(old, quiet(seed=4).assign(version="v1.2.0"), trained=named)
    assert file["state"] == "ok"
    assert file["labelled"] == ROWS
    assert f"{ROWS:,} rows were predicted by another version (v1.1.0)." in file["findings"]
    file = look(old, old, trained=named)
    (it,) = (it for it in file["checks"] if it["column"] == "score")
    assert it["why"] == "no row was predicted by the champion"


def test_a_personal_column_and_hidden_values_are_nowhere(
    look: Callable[..., Look], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.report, "show_values", False)
    monkeypatch.setattr(settings.data, "personal", ["weather"])
    monkeypatch.setattr(settings.data, "slices", [])
    file = look(quiet().assign(colour=lambda t: t["colour"].where(~some(0.4), "pink")))
    text = json.dumps(file["columns"]) + json.dumps(file["reasons"])
    assert "colour" in text
    assert "pink" not in json.dumps(file)
    assert not any(column["bins"] for column in file["columns"] if column["family"] == "inputs")
    assert "weather" not in json.dumps(file) + page.render(file, [])


def weeks(look: Callable[..., Look], *tables: pd.DataFrame) -> list[Look]:
    """Looks at one week after the other; their summaries."""
    found: list[Look] = []
    for place, table in enumerate(tables):
        later = pd.Timedelta(7 * place, "D")
        file = look(table.assign(time=table["time"]), before=list(found))
        for end in file["window"]:
            file["window"][end] = f"{pd.Timestamp(file['window'][end]) + later:%Y-%m-%dT%H:%M:%SZ}"
        found.append(json.loads(history.line(file)))
    return found


def test_since_when_is_the_first_window_without_a_break(look: Callable[..., Look]) -> None:
    shifted = moved(size=quiet()["size"] + 1)
    looks = weeks(look, shifted, quiet(), shifted, shifted)
    file = look(shifted)
    file["window"] = {"from": "2026-03-30T00:00:00Z", "to": "2026-04-06T00:00:00Z"}
    history.add_since(file, looks)
    (it,) = (it for it in file["checks"] if (it["check"], it["column"]) == ("drift", "size"))
    assert it["since"] == looks[2]["window"]["from"]
    text = page.render(file, looks)
    assert "since 2026-03-16" in text
    assert "Since when" in text


def test_a_history_that_was_cut_off_is_read_as_far_as_it_goes(
    look: Callable[..., Look], tmp_path: Path
) -> None:
    line = history.line(look(quiet()))
    (tmp_path / "history.jsonl").write_text(f"{line}[]\nnull\n{line}{line[:50]}")
    assert len(history.read(tmp_path / "history.jsonl")) == 2
    with pytest.raises(Refusal, match="cannot be read"):
        history.read(tmp_path / "nothing.jsonl")


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names(look: Callable[..., Look]) -> None:
    hostile = "<script>alert(1)</script>"
    file = look(quiet().assign(colour=lambda t: t["colour"].where(~some(0.5), hostile)))
    file["headline"] = file["reasons"][0] = hostile
    file["checks"][0]["column"] = hostile
    file["columns"][0]["bins"][0] = file["columns"][0]["column"] = hostile
    text = page.render(file, weeks(look, quiet()))
    assert "<script" not in text
    assert not re.search(r"(?:src|href|url)\s*[=(]", text)
    assert text.count("<svg") == text.count("</svg>") >= 3
    assert "prefers-color-scheme: dark" in text
