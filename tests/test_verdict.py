"""The decision: every verdict, policy, guard, slice and budget; and rows that define nothing."""

import itertools
import json
import math
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from champion.errors import Refusal
from champion.judge import evidence
from champion.judge.compare import as_json, as_text
from champion.judge.difference import Case
from champion.judge.metrics import of_task
from champion.judge.verdict import PASSING, judge
from champion.settings import Gate, Settings

Array = NDArray[Any]


def binary(change: float = 0.0, rows: int = 4000, seed: int = 0, **more: Any) -> Case:
    """A challenger whose score is apart by `change` more than the champion's."""
    random = np.random.default_rng(seed)
    y = (random.random(rows) < 0.4).astype(float)
    base = random.normal(size=rows)
    old, new = (
        expit(base + 0.1 * random.normal(size=rows) + apart * (y - 0.4))
        for apart in (1.2, 1.2 + change)
    )
    return Case("binary", y, new, old, **more)


def regression(change: float = 0.0, rows: int = 2000, seed: int = 0) -> Case:
    random = np.random.default_rng(seed)
    y = 10 + 3 * random.normal(size=rows)
    old, new = (y + size * random.normal(size=rows) for size in (1.0, 1.0 - change))
    return Case("regression", y, new, old)


def anchored(change: float, below: float) -> Case:
    """The same challenger, with an anchor that is so much better than the champion."""
    return replace(binary(change), anchor=binary(below).challenger)


UNCHANGED = replace(binary(), champion=binary().challenger)
NO_CHAMPION = replace(binary(), champion=None)
USELESS = replace(binary(), champion=None, challenger=np.random.default_rng(9).random(4000))
OF_CONSTANT = replace(binary(), champion=np.full(4000, 0.4))
WIDE, NARROW = Gate(margin=0.02), Gate(margin=0.0005)


@pytest.mark.parametrize(
    ("case", "gate", "word", "merges_improve", "merges_maintain"),
    [
        pytest.param(UNCHANGED, Gate(), "equivalent", True, True, id="nothing changed"),
        pytest.param(binary(0.3), Gate(), "better", True, True, id="better"),
        pytest.param(binary(-0.3), Gate(), "worse", False, False, id="worse"),
        pytest.param(binary(0.0), WIDE, "no_worse", False, True, id="within the margin"),
        pytest.param(binary(-0.05), WIDE, "no_worse", False, True, id="lower, but immaterially"),
        pytest.param(binary(0.0), NARROW, "inconclusive", False, False, id="rows do not show it"),
        pytest.param(binary(0.0), Gate(margin=0.0), "inconclusive", False, False, id="no margin"),
        pytest.param(anchored(-0.05, 0.3), WIDE, "worse", False, False,
                     id="no worse than the champion, but than the anchor"),
        pytest.param(anchored(0.0, 0.3), WIDE, "inconclusive", False, False,
                     id="equal to the champion, below the anchor"),
        pytest.param(anchored(0.0, 0.0), WIDE, "no_worse", False, True, id="as good as the anchor"),
        pytest.param(anchored(0.3, 0.6), Gate(), "better", True, True,
                     id="better than the champion is better"),
        pytest.param(NO_CHAMPION, Gate(), "better", True, True, id="first, beats the dummy"),
        pytest.param(USELESS, Gate(), "inconclusive", False, False, id="first, says nothing"),
        pytest.param(USELESS, Gate(margin=0.2), "inconclusive", False, False,
                     id="first, no worse than the dummy is not enough"),
        pytest.param(replace(USELESS, champion=OF_CONSTANT.champion), Gate(), "inconclusive",
                     False, False, id="a champion that says nothing leaves no margin"),
        pytest.param(regression(0.2), Gate(), "better", True, True, id="regression, better"),
        pytest.param(regression(-0.2), Gate(), "worse", False, False, id="regression, worse"),
        pytest.param(regression(), Gate(), "no_worse", False, True, id="regression, no worse"),
    ],
)  # fmt: skip
def test_verdict(
    case: Case, gate: Gate, word: str, merges_improve: bool, merges_maintain: bool
) -> None:
    for policy, merges in (("improve", merges_improve), ("maintain", merges_maintain)):
        file = judge(case, gate, policy)
        assert (file["verdict"], file["merge"]) == (word, merges)
        assert file["policy"] == policy
        assert file["budget"]["spent"] is (word != "equivalent")


def test_numbers_of_the_file_belong_together() -> None:
    gate = Gate(false_merges=2, max_looks=100, target=0.01)
    file = judge(binary(0.1), gate, look=7, merges=3)
    metric, alpha = file["metric"], 0.02
    assert file["budget"] == {
        "look": 7, "max_looks": 100, "merges": 3, "max_merges": 10, "alpha": alpha, "spent": True,
    }  # fmt: skip
    assert metric["delta"] == pytest.approx(metric["challenger"] - metric["champion"])
    assert metric["upper"] - metric["delta"] == pytest.approx(metric["delta"] - metric["lower"])
    assert metric["delta"] - metric["lower"] == pytest.approx(
        -ndtri(alpha) * metric["se"], rel=0.01
    )
    assert metric["dummy"] == 0.5
    assert metric["margin"] == pytest.approx(0.05 * (metric["champion"] - 0.5))
    resolution = file["resolution"]
    assert resolution["mde80"] == pytest.approx((ndtri(0.8) - ndtri(alpha)) * metric["se"])
    assert resolution["rows_for_target"] == math.ceil(4000 * (resolution["mde80"] / 0.01) ** 2)


def test_p_better_is_below_alpha_exactly_when_the_lower_bound_is_above_0() -> None:
    words = set()
    for seed in range(60):
        file = judge(binary(0.02, rows=500, seed=seed), Gate(false_merges=10))
        metric = file["metric"]
        assert (metric["p_better"] < 0.2) == (metric["lower"] > 0) == (file["verdict"] == "better")
        words.add(file["verdict"])
    assert len(words) > 1


def test_the_smallest_visible_difference_is_seen_in_four_of_five_tries() -> None:
    mde = judge(regression(rows=500), Gate())["resolution"]["mde80"]
    # E|error| = size · sqrt(2 / pi)
    change = mde / math.sqrt(2 / math.pi)
    seen = [
        judge(regression(change, 500, seed), Gate())["verdict"] == "better" for seed in range(200)
    ]
    assert 0.7 < np.mean(seen) < 0.9


@pytest.mark.parametrize("target", [1e-300, 0.0])
def test_a_target_that_no_rows_can_show_needs_no_number(target: float) -> None:
    assert judge(binary(), Gate(target=target))["resolution"]["rows_for_target"] is None


@pytest.mark.parametrize(
    ("look", "merges", "spent", "warned"),
    [(1, 0, False, False), (39, 6, False, False), (40, 0, False, True), (50, 0, False, True),
     (1, 7, False, True), (1, 9, False, True), (51, 0, True, False), (1, 10, True, False)],
)  # fmt: skip
def test_budget(look: int, merges: int, spent: bool, warned: bool) -> None:
    file = judge(binary(0.3), Gate(), look=look, merges=merges)
    assert file["verdict"] == ("inconclusive" if spent else "better")
    assert file["merge"] is not spent
    assert any("used up" in reason for reason in file["reasons"]) is spent
    assert any("nearly used up" in finding for finding in file["findings"]) is warned
    assert judge(UNCHANGED, Gate(), look=look, merges=merges)["verdict"] == "equivalent"


@pytest.mark.parametrize(("moved", "equal"), [(0.5e-9, True), (2e-9, False)])
@pytest.mark.parametrize("tolerance", [1e-9, 1e-6])
def test_equivalent_is_within_the_tolerance_in_every_row(
    moved: float, equal: bool, tolerance: float
) -> None:
    case = binary()
    assert case.champion is not None
    case.challenger = case.champion.copy()
    case.challenger[17] += moved / 1e-9 * tolerance
    verdict = judge(case, Gate(equivalent=tolerance))["verdict"]
    assert (verdict == "equivalent") is equal


def trade(rows: int = 4000) -> Case:
    """Ranks better, but its probabilities are far too sure."""
    case = binary(0.3, rows)
    case.challenger = expit(6 * (np.log(case.challenger) - np.log1p(-case.challenger)))
    return case


@pytest.mark.parametrize(
    ("case", "guards", "failed"),
    [
        pytest.param(trade(), [], [], id="no guard"),
        pytest.param(trade(), ["average_precision"], [], id="one that is better, too"),
        pytest.param(trade(), ["log_loss", "brier"], ["log loss", "Brier score"], id="two fail"),
        pytest.param(trade(), [{"log_loss": 5.0}], [], id="a margin of its own"),
        pytest.param(trade(), [{"log_loss": "5000 %"}], [], id="a share of its own"),
        pytest.param(binary(0.3), [{"accuracy": 0.0}], [], id="no margin: not shown to be worse"),
        pytest.param(replace(trade(), champion=None), ["log_loss"], ["log loss"],
                     id="against the dummy"),
    ],
)  # fmt: skip
def test_a_guard_blocks_and_leaves_the_word(
    case: Case, guards: list[Any], failed: list[str]
) -> None:
    file = judge(case, Gate(guards=guards))
    assert file["verdict"] == "better"
    assert file["merge"] is not bool(failed)
    assert [guard["label"] for guard in file["guards"] if not guard["passed"]] == failed
    assert file["reasons"][0].startswith("Guarded") is bool(failed)


def test_a_guard_must_be_shown_to_hold() -> None:
    """Few rows do not show that accuracy stays within a narrow margin."""
    case, gate = binary(0.1, rows=400), Gate(guards=[{"accuracy": 0.001}])
    file = judge(case, gate)
    assert (file["verdict"], file["merge"]) == ("better", False)
    assert file["guards"][0]["delta"] > 0 > file["guards"][0]["lower"]
    case.champion = case.challenger
    equivalent = judge(case, gate)
    assert equivalent["merge"]
    assert equivalent["guards"] == []


@pytest.mark.parametrize("none", [0.0, "0 %"])
def test_a_guard_with_no_margin_must_be_shown_to_gain(none: float | str) -> None:
    """The less may be lost, the more must be shown."""
    gate, seen = Gate(guards=[{"accuracy": none}]), set()
    for seed in range(20):
        guard = judge(binary(0.1, rows=500, seed=seed), gate)["guards"][0]
        assert guard["passed"] is (guard["lower"] > 0)
        seen |= {guard["passed"]}
    assert seen == {True, False}


def sliced(harm: float, parts: int = 10, rows: int = 4000) -> Case:
    """Better everywhere but in part 0, where it is worse by `harm`."""
    case = binary(0.4, rows)
    assert case.champion is not None
    part = np.arange(rows) % parts
    case.slices = pd.DataFrame({"part": part.astype(str), "other": "all"})
    hurt = np.random.default_rng(2).normal(size=rows) * harm
    logit = np.log(case.champion) - np.log1p(-case.champion)
    case.challenger = np.where(part == 0, expit(logit + hurt), case.challenger)
    return case


def test_a_harmed_slice_blocks() -> None:
    file = judge(sliced(4.0), Gate())
    assert (file["verdict"], file["merge"]) == ("better", False)
    assert [part["value"] for part in file["slices"] if part["harmed"]] == ["0"]
    assert file["reasons"][0].startswith("Harmed: ROC AUC is worse in part = 0")
    assert file["slices"][0]["value"] == "0", "the likeliest harm first"
    assert len(file["slices"]) == 11
    assert judge(sliced(0.0), Gate())["merge"]
    assert judge(sliced(4.0), Gate(slice_margin=1.0))["merge"]


def parted(harm: float, parts: int, seed: int) -> Case:
    """Of two models the challenger is worse by up to `harm`, more so in the later parts."""
    random, rows = np.random.default_rng(seed), parts * 200
    part = np.arange(rows) % parts
    y, old, new = random.normal(size=(3, rows))
    new *= 1 + harm * part / parts
    table = pd.DataFrame({"part": part.astype(str)})
    return Case("regression", y, y + new, y + old, slices=table)


def test_slices_are_corrected_by_holm() -> None:
    """As closed testing of subsets says; also where Bonferroni or each step alone says otherwise."""
    simpler = np.zeros(2, int)
    subsets = [some for size in (1, 2, 3) for some in itertools.combinations(range(3), size)]
    for seed in range(60):
        found = judge(parted(0.25, 3, seed), Gate(slice_margin=0.0))["slices"]
        p_values = np.array([part["p_harm"] for part in found])
        harmed = [part["harmed"] for part in found]
        assert harmed == [
            all(min(p_values[list(some)]) * len(some) < 0.05 for some in subsets if part in some)
            for part in range(3)
        ]
        alone = p_values * (3 - np.arange(3)) < 0.05
        simpler += [(p_values * 3 < 0.05).tolist() != harmed, alone.tolist() != harmed]
    assert (simpler > 0).all()


def test_without_harm_hardly_anything_is_stopped() -> None:
    """Of twenty parts one is below 5 % in most tries."""
    files = [judge(parted(0.0, 20, seed), Gate(slice_margin=0.0)) for seed in range(60)]
    assert sum(file["slices"][0]["p_harm"] < 0.05 for file in files) > 25
    assert sum(file["slices"][0]["harmed"] for file in files) <= 8


@pytest.mark.parametrize(
    ("size", "positives", "metric", "tested"),
    [(250, 100, "roc_auc", True), (250, 20, "roc_auc", False), (250, 20, "log_loss", True),
     (150, 60, "log_loss", False)],
)  # fmt: skip
def test_a_slice_needs_rows(size: int, positives: int, metric: str, tested: bool) -> None:
    case = binary(0.1)
    case.y[:size] = np.arange(size) < positives
    case.slices = pd.DataFrame({"part": np.where(np.arange(4000) < size, "small", "rest")})
    found = {part["value"] for part in judge(case, Gate(metric=metric))["slices"]}
    assert found == ({"small", "rest"} if tested else {"rest"})


@pytest.mark.parametrize(("lucky", "merges"), [(1, False), (5, False), (40, True)])
@pytest.mark.parametrize("metric", ["accuracy", "brier", "log_loss"])
def test_a_handful_of_lucky_rows_does_not_promote(lucky: int, merges: bool, metric: str) -> None:
    """The challenger is the champion but for a few rows of ten thousand, which it gets right."""
    case = binary(rows=10_000)
    assert case.champion is not None
    case.challenger = case.champion.copy()
    wrong = np.flatnonzero((case.champion > 0.5) != case.y)[:lucky]
    case.challenger[wrong] = 1 - case.champion[wrong]
    assert judge(case, Gate(metric=metric))["merge"] is merges


@pytest.mark.parametrize(
    ("case", "metric", "why"),
    [
        pytest.param(binary(2.0, rows=29), None, "29 rows", id="rows"),
        pytest.param(
            replace(binary(2.0), groups=np.arange(4000) % 9), None, "9 groups", id="groups"
        ),
        pytest.param(
            replace(binary(2.0), y=(np.arange(4000) < 9).astype(float)), "f1", "9 rows", id="class"
        ),
    ],
)
def test_too_few_rows_prove_nothing(case: Case, metric: str | None, why: str) -> None:
    file = judge(case, Gate(metric=metric), "maintain")
    assert (file["verdict"], file["merge"]) == ("inconclusive", False)
    assert why in file["reasons"][0]


@pytest.mark.parametrize(("said", "word"), [(9, "inconclusive"), (10, "better")])
def test_precision_needs_rows_of_which_a_model_says_yes(said: int, word: str) -> None:
    y = (np.arange(1000) < 200).astype(float)
    case = Case("binary", y, np.where(np.arange(1000) < said, 0.9, 0.1), np.roll(y, 100))
    assert judge(case, Gate(metric="precision"))["verdict"] == word
    case.challenger, case.champion = np.full(1000, 0.2), np.full(1000, 0.3)
    assert judge(case, Gate(metric="roc_auc", guards=["precision"]))["guards"][0]["passed"]


def read(folder: Path, y: Array, **models: dict[str, Array]) -> Case:
    """A case out of the tables that `compare` takes."""
    ids = np.arange(len(y)).astype(str)
    pd.DataFrame({"row_id": ids, "y_true": y}).to_csv(folder / "holdout.csv", index=False)
    for name, said in models.items():
        pd.DataFrame({"row_id": ids, **said}).to_csv(folder / f"{name}.csv", index=False)
    holdout, new, old = (folder / f"{name}.csv" for name in ("holdout", "challenger", "champion"))
    return evidence.case(holdout, new, old, None, Settings())


@pytest.mark.parametrize("total", [0.9991, 1.0009])
def test_probabilities_that_sum_to_a_little_more_gain_nothing(tmp_path: Path, total: float) -> None:
    y, said = np.tile(["a", "b", "c"], 100), whole(np.random.default_rng(3).random(300))
    old = dict(zip("abc", said.T, strict=True))
    new = {name: values * total for name, values in old.items()}
    file = judge(read(tmp_path, y, champion=old, challenger=new), Gate())
    assert file["verdict"] == "equivalent"


def test_a_class_that_is_not_in_the_holdout_takes_its_share(tmp_path: Path) -> None:
    """What a model gives to it is wrong, and is not spread over the others."""
    y, said = np.tile(["a", "b", "c"], 100), whole(np.random.default_rng(3).random(300))
    old = dict(zip("abc", said.T, strict=True))
    new = {**{name: values / 2 for name, values in old.items()}, "d": np.full(300, 0.5)}
    file = judge(read(tmp_path, y, champion=old, challenger=new), Gate())
    assert file["verdict"] == "worse"
    assert file["metric"]["delta"] == pytest.approx(-math.log(2))


# Rows that define nothing, or nearly nothing.

N = 40
HALF = (np.arange(N) % 2).astype(float)
RANDOM = np.random.default_rng(0)
SOME, OTHER = RANDOM.random(N), RANDOM.random(N)
BINARY: dict[str, tuple[Array, Array, Array | None]] = {
    "one class": (np.zeros(N), SOME, OTHER),
    "the other class alone": (np.ones(N), SOME, OTHER),
    "ties everywhere": (HALF, np.full(N, 0.5), np.full(N, 0.25)),
    "n = 1": (HALF[:1], SOME[:1], OTHER[:1]),
    "n = 2": (HALF[:2], SOME[:2], OTHER[:2]),
    "both perfect": (HALF, 0.1 + 0.8 * HALF, 0.2 + 0.6 * HALF),
    "both the labels": (HALF, HALF, HALF),
    "all wrong": (HALF, 1 - HALF, HALF),
    "constant against some": (HALF, np.full(N, 0.5), SOME),
    "champion is the dummy": (HALF, SOME, np.full(N, HALF.mean())),
    "no champion, is the dummy": (HALF, np.full(N, HALF.mean()), None),
    "no champion": (HALF, SOME, None),
    "zeros and ones": (HALF, (SOME > 0.5) * 1.0, (OTHER > 0.5) * 1.0),
    "smallest numbers": (HALF, SOME * 1e-310, OTHER * 1e-310),
    "zero variance": (HALF, np.where(HALF == 1, 0.9, 0.1), np.where(HALF == 1, 0.8, 0.2)),
}


def numbers(unit: float) -> tuple[Array, Array, Array | None]:
    return (1 + SOME) * unit, (1 + OTHER) * unit, (1 + OTHER[::-1]) * unit


REGRESSION: dict[str, tuple[Array, Array, Array | None]] = {
    **{f"unit {unit:g}": numbers(unit) for unit in (1e-320, 1e-300, 1e-160, 1e150, 1e300, 8e307)},
    "constant target": (np.ones(N), SOME, OTHER),
    "constant target and score": (np.ones(N), np.ones(N), np.zeros(N)),
    "n = 1": (SOME[:1], OTHER[:1], SOME[:1]),
    "n = 2": (SOME[:2], OTHER[:2], SOME[:2]),
    "both perfect": (SOME, SOME, SOME),
    "perfect": (SOME, SOME, OTHER),
    "zero variance": (np.round(SOME * 64), np.round(SOME * 64) + 1, np.round(SOME * 64) + 2),
    "no champion, is the dummy": (SOME, np.full(N, np.median(SOME)), None),
    "all nothing": (np.zeros(N), np.zeros(N), np.zeros(N)),
    "one giant": (np.where(np.arange(N), SOME, 1e308), SOME, OTHER),
    "signs": (np.where(HALF == 1, 1e308, -1e308), SOME, np.where(HALF == 1, -1e308, 1e308)),
}


def whole(score: Array, classes: int = 3) -> Array:
    """Probabilities of classes out of one number a row."""
    said = np.column_stack([(score * (k + 3)) % 1 + 0.1 for k in range(classes)])
    return said / said.sum(axis=1, keepdims=True)


THIRDS = (np.arange(N) % 3).astype(float)
MULTICLASS: dict[str, tuple[Array, Array, Array | None]] = {
    "some": (THIRDS, whole(SOME), whole(OTHER)),
    "a class is absent": (HALF, whole(SOME), whole(OTHER)),
    "one class": (np.zeros(N), whole(SOME), whole(OTHER)),
    "n = 1": (THIRDS[:1], whole(SOME[:1]), whole(OTHER[:1])),
    "n = 2": (THIRDS[:2], whole(SOME[:2]), whole(OTHER[:2])),
    "ties everywhere": (THIRDS, np.full((N, 3), 1 / 3), whole(OTHER)),
    "perfect": (THIRDS, np.eye(3)[THIRDS.astype(int)], whole(OTHER)),
    "all on a class that is not there": (THIRDS, np.zeros((N, 3)), whole(OTHER)),
    "no champion": (THIRDS, whole(SOME), None),
    "no champion, is the dummy": (
        THIRDS, np.tile(np.bincount(THIRDS.astype(int)) / N, (N, 1)), None),
}  # fmt: skip
MATRIX = [
    pytest.param(task, metric.name, *rows, id=f"{task} {metric.name}, {name}")
    for task, cases in (("binary", BINARY), ("multiclass", MULTICLASS), ("regression", REGRESSION))
    for metric in of_task(task)
    for name, rows in cases.items()
]


@pytest.mark.parametrize(("task", "metric", "y", "challenger", "champion"), MATRIX)
def test_any_rows_have_a_verdict(
    task: str, metric: str, y: Array, challenger: Array, champion: Array | None
) -> None:
    rows = np.arange(len(y))
    slices = pd.DataFrame({"part": np.where(rows < 20, "a", "b")})
    gate = Gate(metric=metric, min_slice=10, guards=[m.name for m in of_task(task)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for groups in (None, 0 * rows, rows // 3):
            case = Case(task, y, challenger, champion, champion, groups, slices)
            for policy in PASSING:
                check_file(judge(case, gate, policy), policy)


def check_file(file: dict[str, Any], policy: str) -> None:
    """What holds of every verdict file."""
    assert file["verdict"] in ("equivalent", "better", "no_worse", "worse", "inconclusive")
    assert not file["merge"] or file["verdict"] in PASSING[policy]
    assert file["reasons"]
    assert all(len(text) < 400 for text in file["reasons"])
    assert json.loads(as_json(file)) == file
    assert len(max(as_text(file).splitlines(), key=len)) < 600
    if file["verdict"] in ("better", "no_worse", "worse"):
        assert None not in (file["metric"][key] for key in ("delta", "se", "lower", "upper"))


OWN = {
    "nothing": lambda y, score: float("nan"),
    "infinite": lambda y, score: float("inf"),
    "constant": lambda y, score: 1.0,
    "undefined in parts": lambda y, score: float(score.mean()) if len(y) == N else float("nan"),
    "fine": lambda y, score: float(1 - np.abs(y - score).mean()),
}


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """The name of a function as a metric of the user's."""

    def name(function: Any) -> str:
        module = types.ModuleType("own_metrics")
        module.metric = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "own_metrics", module)
        return "own_metrics:metric"

    return name


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("rows", BINARY)
def test_any_metric_of_the_users_has_a_verdict(
    own: Callable[[Any], str], kind: str, rows: str
) -> None:
    y, challenger, champion = BINARY[rows]
    case = Case("binary", y, challenger, champion)
    for policy in PASSING:
        file = judge(case, Gate(metric=own(OWN[kind]), margin=0.5), policy)
        check_file(file, policy)
        if kind != "fine":
            assert file["verdict"] in ("equivalent", "inconclusive", "no_worse")


def test_an_anchor_that_cannot_be_measured_passes_nothing(own: Callable[[Any], str]) -> None:
    def metric(y: Array, score: Array) -> float:
        return float("nan") if score[0] == 7 else -float(np.abs(y - score).mean())

    case = regression()
    gate = Gate(metric=own(metric), margin=10.0)
    assert judge(case, gate, "maintain")["verdict"] == "no_worse"
    case.anchor = np.full(2000, 7.0)
    assert judge(case, gate, "maintain")["verdict"] == "inconclusive"


def test_a_dummy_that_cannot_be_measured_leaves_no_margin(own: Callable[[Any], str]) -> None:
    def metric(y: Array, score: Array) -> float:
        return float(np.abs(y - score).mean()) if np.ptp(score) else float("inf")

    metric.greater_is_better = False  # type: ignore[attr-defined]
    file = judge(regression(-0.2), Gate(metric=own(metric)), "maintain")
    assert (file["verdict"], file["metric"]["margin"]) == ("worse", 0.0)


def test_a_metric_that_fails_is_refused_in_a_sentence(own: Callable[[Any], str]) -> None:
    def metric(y: Array, score: Array) -> float:
        raise ValueError("a sum of nothing")

    with pytest.raises(Refusal, match="your metric fails: ValueError: a sum of nothing"):
        judge(binary(), Gate(metric=own(metric)))


@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1.0, 1e200])
def test_people_see_digits_in_every_unit(unit: float) -> None:
    case = regression(0.2)
    assert case.champion is not None
    scaled = Case("regression", case.y * unit, case.challenger * unit, case.champion * unit)
    file = judge(scaled, Gate())
    shown = as_text(file).splitlines()[2].split()[-5:]
    names = ("champion", "challenger", "delta", "lower", "upper")
    for text, name in zip(shown, names, strict=True):
        assert float(text) == pytest.approx(file["metric"][name], rel=0.1, abs=0)
        assert len(text) < 12


# Properties.

cases = st.builds(
    lambda make, change, rows, seed: make(change, rows, seed),
    st.sampled_from([binary, regression]),
    st.sampled_from([-0.3, -0.03, 0.0, 0.03, 0.3]),
    st.integers(30, 400),
    st.integers(0, 10**6),
)


@given(cases, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_does_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case.y)))
    random.shuffle(order)
    assert case.champion is not None
    groups = np.arange(len(order)) // 2
    moved = replace(case, y=case.y[order], challenger=case.challenger[order],
                    champion=case.champion[order], groups=groups[order])  # fmt: skip
    for metric in of_task(case.task):
        one = judge(replace(case, groups=groups), Gate(metric=metric.name))
        other = judge(moved, Gate(metric=metric.name))
        assert one["verdict"] == other["verdict"]
        for key in ("delta", "se", "lower", "upper"):
            assert one["metric"][key] == pytest.approx(other["metric"][key], rel=1e-6, abs=1e-12)


@given(cases)
@settings(max_examples=40, deadline=None)
def test_swapping_the_models_flips_the_difference(case: Case) -> None:
    assert case.champion is not None
    swapped = replace(case, champion=case.challenger, challenger=case.champion)
    for metric in of_task(case.task):
        one, other = (judge(c, Gate(metric=metric.name, margin=0.0)) for c in (case, swapped))
        a, b = one["metric"], other["metric"]
        assert a["delta"] == -b["delta"]
        assert a["se"] == pytest.approx(b["se"], rel=1e-9)
        assert a["lower"] == pytest.approx(-b["upper"], rel=1e-9, abs=1e-15)
        assert {one["verdict"], other["verdict"]} != {"better"}
        assert not (one["verdict"] == "better" and other["verdict"] != "worse")


@given(cases, st.integers(-40, 40))
@settings(max_examples=40, deadline=None)
def test_the_unit_of_a_number_does_not_matter(case: Case, power: int) -> None:
    unit = 10.0**power
    if case.task != "regression":
        return
    assert case.champion is not None
    other = Case("regression", case.y * unit, case.challenger * unit, case.champion * unit)
    for metric in [m for m in of_task("regression") if m.name != "mape" or power >= 0]:
        gate = Gate(metric=metric.name)
        for policy in PASSING:
            one, scaled = judge(case, gate, policy), judge(other, gate, policy)
            assert (one["verdict"], one["merge"]) == (scaled["verdict"], scaled["merge"])


@given(cases, st.sampled_from(list(PASSING)), st.integers(1, 60), st.integers(0, 12),
       st.sampled_from([0.0, 0.001, 0.1, "5 %"]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_only_passing_words_merge(
    case: Case, policy: str, look: int, merges: int, margin: str | float
) -> None:
    file = judge(case, Gate(margin=margin), policy, look, merges)
    check_file(file, policy)
    assert file["merge"] is (file["verdict"] in PASSING[policy])
    if look > 50 or merges >= 10:
        assert not file["merge"]
