"""Parts of a holdout, parity between them, the weakest of them, and a guard of all of them."""

from typing import Any

import fairlearn.metrics as reference
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import accuracy_score

from champion.errors import Refusal
from champion.fairness.parity import parity, rates
from champion.fairness.parts import (
    labels,
    left_out,
    of_columns,
    of_slices,
    pairs,
    singles,
    unsearched,
)
from champion.fairness.weakest import halves, weakest
from champion.judge.difference import Case
from champion.judge.metrics import METRICS, of_task
from champion.judge.verdict import judge
from champion.settings import Data, Gate, Report, Settings
from champion.stages.measured import metrics

Array = NDArray[Any]
ROWS = 4000


def people(seed: int = 0, rows: int = ROWS) -> tuple[pd.DataFrame, Array, Array]:
    """Two columns of unequal parts; the model says yes more often in some of them."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "town": random.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "sex": random.choice(["f", "m"], rows),
        }
    )
    y = (random.random(rows) < 0.4).astype(float)
    score = np.clip(0.3 * y + 0.7 * random.random(rows) + 0.1 * (table["town"] == "b"), 0, 1)
    return table, y, score.to_numpy()


# parity


def test_measures_are_fairlearns() -> None:
    table, y, score = people()
    said = score >= 0.5
    found = {(it["column"], it["measure"]): it["value"] for it in parity(table, y, score)}
    for column in table:
        for measure, function in (
            ("demographic_parity", reference.demographic_parity_difference),
            ("equal_opportunity", reference.equal_opportunity_difference),
            ("equalised_odds", reference.equalized_odds_difference),
        ):
            wanted = function(y, said, sensitive_features=table[column])
            assert found[column, measure] == pytest.approx(wanted), (column, measure)


def test_metrics_by_part_and_intersection_are_fairlearns() -> None:
    table, y, score = people()
    asked = [METRICS["accuracy"], METRICS["recall"]]
    framed = reference.MetricFrame(
        metrics={"accuracy": accuracy_score, "recall": reference.true_positive_rate},
        y_true=y, y_pred=score >= 0.5, sensitive_features=table,
    )  # fmt: skip
    crossed = list(pairs(table))
    assert len(crossed) == len(framed.by_group)
    for part in crossed:
        ours = metrics(y[part.rows], score[part.rows], asked)
        for name, wanted in framed.by_group.loc[part.values].items():
            assert ours[name]["value"] == pytest.approx(wanted, abs=1e-6)
            assert ours[name]["lower"] < wanted < ours[name]["upper"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_interval_leaves_what_its_metric_can_be(task: str) -> None:
    """A few rows, nearly all right."""
    random = np.random.default_rng(5)
    y = (np.arange(60) % 10 == 0).astype(float)
    score = np.clip(0.1 + 0.8 * y + random.normal(0, 0.2, 60), 0.001, 0.999)
    said = np.column_stack([1 - score, score]) if task == "multiclass" else score
    for name, it in metrics(y, said, of_task(task)).items():
        ends = [it[key] or 0.0 for key in ("lower", "value", "upper")]
        assert ends == sorted(ends), name
        assert ends[0] >= 0 or name == "r2", name
        assert ends[2] <= 1 or not (METRICS[name].higher_is_better or name == "brier"), name


@pytest.mark.parametrize("clustered", [False, True])
def test_an_interval_of_parity_holds_the_truth(clustered: bool) -> None:
    """Of six parts, some of them small; where all are equal, it begins at nothing."""
    truths = {"equal": np.full(6, 0.3), "apart": np.array([0.2, 0.3, 0.3, 0.3, 0.3, 0.4])}
    tries, rows = 150, 4500 if clustered else 900
    for name, truth in truths.items():
        held = 0
        for seed in range(tries):
            random = np.random.default_rng(seed)
            groups = np.arange(rows) // 5  # five alike rows, of one part
            part = random.choice(6, rows, p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05])
            drawn = random.random(rows)
            if clustered:
                part, drawn = part[5 * groups], drawn[5 * groups]
            said = (drawn < truth[part]).astype(float)
            table = pd.DataFrame({"part": part.astype("str")})
            (it, *_) = parity(table, np.zeros(rows), said, groups if clustered else None)
            everybody = np.ones(rows, bool)
            told = [int(name) for name in rates(table, said, everybody, None).names]
            held += it["lower"] <= np.ptp(truth[told]) <= it["upper"]
        assert held >= 0.93 * tries, name


def test_none_of_thirty_is_no_certainty() -> None:
    """Less so are ten groups of three alike rows."""
    table = pd.DataFrame({"part": ["a"] * 30 + ["b"] * 30 + ["c"] * 600})
    said = np.where(np.arange(660) < 60, 0.0, np.arange(660) // 3 % 2)
    none, widths = np.zeros(660), []
    for groups in (None, np.arange(660) // 3):
        (it, *_) = parity(table, none, said, groups)
        widths.append(it["upper"] - it["lower"])
        among = None if groups is None else groups[:60]
        (alone, *_) = parity(table[:60], none[:60], said[:60], among)
        assert (alone["value"], alone["lower"]) == (0, 0)
        assert alone["upper"] > 0.08
    assert widths[0] > 0.15
    assert widths[1] > 1.4 * widths[0]


def test_what_few_rows_say_is_left_out_and_counted() -> None:
    table, y, score = people()
    table["town"] = np.where(np.arange(ROWS) < 20, "hamlet", table["town"])
    found = {it["measure"]: it for it in parity(table[["town"]], y, score)}
    assert {it["left_out"] for it in found.values()} == {1}
    alone = parity(pd.DataFrame({"town": ["a"] * ROWS}), y, score)
    assert {(it["value"], it["lower"], it["highest"]) for it in alone} == {(None, None, None)}
    nobody = parity(table[["town"]], np.zeros(ROWS), score)
    assert [it["value"] is None for it in nobody] == [False, True, True]


# parts


def test_values_are_named_numbers_are_cut_and_gaps_stay_gaps() -> None:
    many = pd.Series([*np.arange(100.0), np.nan])
    assert labels(many).value_counts().to_dict() == {
        "0 … 24": 25, "25 … 49": 25, "50 … 74": 25, "75 … 99": 25,
    }  # fmt: skip
    assert labels(pd.Series([1.0, 2.0, None])).tolist()[:2] == ["1", "2"]
    assert labels(pd.Series(["x", None])).isna().tolist() == [False, True]
    days = pd.Series(pd.date_range("2020-01-01", periods=100, freq="D"))
    assert labels(days).iloc[0] == "2020-01-01 … 2020-01-25"
    assert labels(pd.Series([np.nan] * 5)).isna().all()


@pytest.mark.parametrize(
    "values",
    [["zed", "zed", "amy"], [7.25, 7.25, 3.5], np.arange(1000, 1100) / 7],
    ids=["words", "few numbers", "many numbers"],
)
def test_hidden_values_are_only_counted(values: Any) -> None:
    hidden, shown = (labels(pd.Series(values), hide) for hide in (True, False))
    assert set(hidden) <= {"value 1", "value 2", *(f"quarter {n}" for n in range(1, 5))}
    pd.testing.assert_series_equal(
        hidden.groupby(shown).transform("first"), hidden, check_names=False
    )


def test_what_may_not_be_shown_is_not() -> None:
    table = pd.DataFrame({"town": ["Oslo", "Rome"] * 50, "age": np.arange(100.0)})
    table["income"] = 7 + table["age"]
    settings = Settings(data=Data(slices=["town"], personal=["town", "income"]))
    named = of_slices(table, settings)
    for show in (True, False):
        settings.report = Report(show_values=show)
        columns = of_columns(table, named, settings, most=8)
        assert set(columns["town"]) == {"value 1", "value 2"}
        assert set(columns["income"]) == {f"quarter {n}" for n in range(1, 5)}
        assert ("0 … 24" in set(columns["age"])) is show


@pytest.mark.parametrize(
    ("column", "told", "words"),
    [
        (["x"] * 99 + ["y"], ["x"], "1 of 2 values are left out (1 rows)"),
        ([f"v{n}" for n in range(10_000)], [], "none of 10,000 values has 30 rows"),
        ([None] * 100, ["(missing)"], "every row of the holdout lacks it"),
        (["x", "y"] * 50, ["x", "y"], ""),
    ],
    ids=["one row", "10,000 values", "all missing", "nothing left out"],
)
def test_what_is_not_told_is_said(column: list[Any], told: list[str], words: str) -> None:
    table = pd.DataFrame({"it": labels(pd.Series(column))})
    assert [it.values[0] for it in singles(table) if it.rows.sum() >= 30] == told
    said = list(left_out(table))
    assert (words in said[0]) if words else not said


# the weakest


def searched(table: pd.DataFrame, loss: Array, groups: Array | None = None, **how: Any) -> Any:
    ids = pd.Series(np.arange(len(table)) if groups is None else groups)
    return weakest(table, loss, halves(ids), groups, **how)


def columns(random: np.random.Generator, rows: int = ROWS) -> pd.DataFrame:
    made = {f"c{n}": labels(pd.Series(random.choice(list("abcdef"), rows))) for n in range(5)}
    return pd.DataFrame({**made, "size": labels(pd.Series(random.normal(size=rows)))})


def test_a_planted_pair_is_found_by_its_names_with_numbers_nobody_searched() -> None:
    random = np.random.default_rng(1)
    table, loss = columns(random), random.normal(1, 1, ROWS)
    planted = table["c1"].eq("b") & table["c3"].eq("e")
    loss = loss + 1.5 * planted.to_numpy()
    (worst, *_) = searched(table, loss).parts
    assert (set(worst.where), worst.rows.tolist()) == (
        {("c1", "b"), ("c3", "e")},
        planted.tolist(),
    )
    other = ~halves(pd.Series(np.arange(ROWS)))
    assert worst.value == pytest.approx(loss[planted & other].mean())
    assert worst.elsewhere == pytest.approx(loss[~planted & other].mean())
    assert worst.name in ("c1 = b and c3 = e", "c3 = e and c1 = b")


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("rest", [False, True])
def test_where_nothing_is_weak_nothing_is_told(clustered: bool, rest: bool) -> None:
    """The best of a thousand always looks weak; and alike rows look like many."""
    false = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        table, groups = columns(random, 1500), None
        loss = random.normal(size=1500)
        if clustered:
            groups = np.arange(1500) // 10
            table = table.iloc[groups * 10].reset_index(drop=True)
            loss = random.normal(size=150)[groups] + 0.3 * loss
        found = searched(table, loss, groups, rest=rest)
        assert found.looked > 90
        false += bool(found.parts)
    assert false <= 8


def test_columns_beyond_the_first_are_left_out_and_counted() -> None:
    wide = pd.DataFrame({f"x{n}": np.arange(60.0) for n in range(70)})
    some = of_columns(wide, wide[["x69"]].astype("str"), Settings(), most=8)
    assert (some.shape[1], next(iter(some))) == (50, "x69")
    assert list(unsearched(some, wide)) == [
        "The search for weak parts leaves out 20 features, the last ones."
    ]


def test_too_few_rows_are_not_searched() -> None:
    random = np.random.default_rng(0)
    assert searched(columns(random, 50), random.normal(size=50)).looked == 0


# guards of slices


def served(harm: float, margin: str | float = "20 %", **gate: Any) -> dict[str, Any]:
    """A better challenger that is worse in one town by about `harm` log-odds of noise."""
    random = np.random.default_rng(4)
    rows = 12_000
    town = random.choice(["a", "b", "c"], rows)
    y = (random.random(rows) < 0.4).astype(float)
    base = random.normal(size=rows)
    old, new = (base + apart * (y - 0.4) for apart in (1.2, 1.9))
    new = new + harm * (town == "b") * random.normal(size=rows)
    case = Case("binary", y, expit(new), expit(old))
    case.slices = pd.DataFrame({"town": np.where(np.arange(rows) < 40, "hamlet", town)})
    return judge(case, Gate(guards=[{"slices.town": margin}], **gate))


def test_a_guarded_slice_may_not_lose_more_than_the_margin() -> None:
    fine, harmed = served(0.0), served(3.0)
    assert fine["merge"]
    assert not harmed["merge"]
    (guard,) = harmed["guards"]
    assert (guard["name"], guard["label"]) == ("slices.town", "ROC AUC in town = b")
    assert harmed["reasons"][0].startswith("Guarded: ROC AUC in town = b may be worse by more")
    assert "town: 1 of 4 values are not judged by themselves" in fine["notes"][0]


def test_a_guard_must_be_shown_where_harm_need_not_be() -> None:
    """Between the two: no harm is proven, and none is ruled out."""
    between = served(1.2, 0.0, slice_margin=1.0)
    assert not any(part["harmed"] for part in between["slices"])
    assert (between["verdict"], between["guards"][0]["passed"]) == ("better", False)
    assert served(1.2, 0.3)["guards"][0]["passed"]


def test_a_guard_of_parts_too_small_to_tell_does_not_pass() -> None:
    file = served(0.0, min_slice=10_000)
    assert not file["merge"]
    assert "ROC AUC by town, no value of which has enough rows" in file["reasons"][0]


def test_a_guard_of_no_slice_is_refused_in_a_sentence() -> None:
    case = Case("binary", np.arange(100.0) % 2, np.full(100, 0.5), np.linspace(0, 1, 100))
    case.slices = pd.DataFrame({"town": ["a"] * 100})
    with pytest.raises(Refusal, match=r"slices\.twon, and 'twon' is none of .* mean 'town'\?"):
        judge(case, Gate(guards=["slices.twon"]))
