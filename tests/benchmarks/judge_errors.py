"""How often the judge is wrong of two equal models, by metric; and how many rows it needs."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from report import Report
from scipy.special import expit, ndtri

from champion.judge.difference import Case, difference
from champion.judge.metrics import METRICS, Groups, Metric, of_task
from champion.judge.verdict import judge, too_few
from champion.settings import Gate

Array = NDArray[np.float64]
Random = np.random.Generator

POSITIVE = 0.3  # share of the rows
START = 1.19  # between the means of the classes' scores
GROUP, ICC = 10, 0.3  # rows of a group, and how alike they are
LEVELS = (0.02, 0.05)
CONFIDENCE, REUSES = 0.01, 32  # of ease.ml/ci's example: one error in a hundred, in 32 looks

Pair = tuple[str, Array, Array, Array, Groups | None]


def noises(n: int, random: Random, grouped: bool) -> Iterator[Array]:
    """Independent noise; or noise that the rows of a group share in part."""
    while True:
        own = random.standard_normal(n)
        if grouped:
            shared = random.standard_normal(n // GROUP).repeat(GROUP)
            own = math.sqrt(ICC) * shared + math.sqrt(1 - ICC) * own
        yield own


def binary(n: int, random: Random, share: float = POSITIVE, grouped: bool = False) -> Pair:
    """Two models that are equal in every metric: their parts are exchangeable."""
    labels = random.random(n // GROUP if grouped else n) < share
    y = (labels.repeat(GROUP) if grouped else labels).astype(float)
    draw = noises(n, random, grouped)
    base = START * y + next(draw)
    one, other = (expit(base + 0.5 * next(draw) + math.log(share / (1 - share))) for _ in "ab")
    return "binary", y, one, other, np.arange(n) // GROUP if grouped else None


def multiclass(n: int, random: Random) -> Pair:
    y = random.choice(3, n, p=[0.5, 0.3, 0.2]).astype(float)
    base = 1.5 * np.eye(3)[y.astype(int)] + random.standard_normal((n, 3))
    both = [np.exp(base + 0.5 * random.standard_normal((n, 3))) for _ in "ab"]
    one, other = (each / each.sum(axis=1, keepdims=True) for each in both)
    return "multiclass", y, one, other, None


def regression(n: int, random: Random, tails: float = math.inf, grouped: bool = False) -> Pair:
    """Errors are Student's t with so many degrees of freedom."""
    draw = noises(n, random, grouped)
    heavy = 1.0 if math.isinf(tails) else np.sqrt(tails / random.chisquare(tails, n))
    y, base = 5 + 2 * random.standard_normal(n), next(draw)
    one, other = (y + heavy * (base + 0.7 * next(draw)) for _ in "ab")
    return "regression", y, one, other, np.arange(n) // GROUP if grouped else None


SETTINGS: dict[str, tuple[Callable[[int, Random], Pair], tuple[str, ...]]] = {
    "binary, 30 % positive": (binary, tuple(m.name for m in of_task("binary"))),
    "binary, 2 % positive": (
        partial(binary, share=0.02), tuple(m.name for m in of_task("binary"))),
    "multiclass, 3 classes": (multiclass, tuple(m.name for m in of_task("multiclass"))),
    "regression": (regression, tuple(m.name for m in of_task("regression"))),
    "regression, errors t with 3 df": (
        partial(regression, tails=3), tuple(m.name for m in of_task("regression"))),
    f"binary, groups of {GROUP}": (
        partial(binary, grouped=True), ("roc_auc", "log_loss", "accuracy")),
    f"regression, groups of {GROUP}": (partial(regression, grouped=True), ("mae",)),
}  # fmt: skip


def errors_of_first_kind(report: Report, sizes: list[int], trials: int) -> None:
    """How often each metric calls one of two equal models better."""
    table: dict[tuple[str, str], list[str]] = {}
    for number, (setting, (make, names)) in enumerate(SETTINGS.items()):
        for n in sizes:
            report.progress(f"{setting}: {trials} pairs of models on {n:,} rows")
            found: dict[tuple[str, str], list[float]] = {}
            for trial in range(trials):
                task, y, one, other, groups = make(n, np.random.default_rng([number, n, trial]))
                declared: list[tuple[str, Groups | None]] = [(setting, None)]
                if groups is not None:
                    declared = [
                        (f"{setting}, not declared", None),
                        (f"{setting}, declared", groups),
                    ]
                for label, known in declared:
                    case = Case(task, y, one, other, groups=known)
                    for name in names:
                        p_values = found.setdefault((label, name), [])
                        p_values += of_case(case, METRICS[name])
            for key, p_values in found.items():
                table.setdefault(key, []).append(rates(p_values, 2 * trials))
    report.table(
        "How often one of two equal models is called better, % at nominal 2 % / 5 %",
        ["rows are", "metric", *(f"{n:,}" for n in sizes)],
        [[*key, *cells] for key, cells in table.items()],
        f"{trials} pairs of models whose errors are exchangeable, each asked in both directions; "
        f"the standard error of a share of 2 % is {math.sqrt(0.02 * 0.98 / trials / 2):.1%} or less. "
        f"Groups have {GROUP} rows, one class and noise with an intra-class correlation of {ICC}. "
        "A dash: the judge claims nothing of so few rows.",
    )  # fmt: skip


def of_case(case: Case, metric: Metric) -> list[float]:
    """The one-sided p-values of both directions; none where nothing is claimed."""
    if too_few(case, metric):
        return []
    assert case.champion is not None
    it = difference(metric, case.y, case.champion, case.challenger, case.groups)
    p = it.p_above(0.0)
    return [p, 1 - p] if it.se else [1.0, 1.0]


def rates(p_values: list[float], asked: int) -> str:
    """A share a level; a dash if most trials could not be asked."""
    if len(p_values) < asked / 2:
        return "-"
    values = np.array(p_values)
    return " / ".join(f"{100 * float((values < level).mean()):.1f}" for level in LEVELS)


def fully_adaptive(within: float) -> int:
    """Rows for accuracy's difference ± `within` in every look, whatever was learnt before.

    Hoeffding's inequality for either model with half of the width and half of the error, united
    over the 2^32 histories of 32 answers (Renggli et al. 2019, "Continuous Integration of Machine
    Learning Models with ease.ml/ci").
    """
    logarithm = math.log(2 * 2**REUSES / CONFIDENCE)
    return math.ceil(logarithm / (2 * (within / 2) ** 2))


def accuracies(rows: int, disagree: float, better: float, random: Random) -> Case:
    """Two classifiers that differ on a share of the rows, and by `better` in accuracy."""
    draw = random.random(rows)
    both = random.random(rows) < 0.8  # right, where they agree
    new = np.where(draw < disagree, draw < (disagree + better) / 2, both)
    old = np.where(draw < disagree, draw >= (disagree + better) / 2, both)
    return Case("binary", np.ones(rows), new.astype(float), old.astype(float))


def rows_needed(report: Report, trials: int) -> None:
    """Rows to tell a better model from an equal one, against ease.ml/ci's."""
    table = []
    strict = Gate(metric="accuracy", false_merges=CONFIDENCE, max_looks=REUSES)
    alpha = CONFIDENCE / REUSES
    reach = float(-ndtri(alpha) - ndtri(CONFIDENCE))
    for within, disagree in ((0.1, 0.25), (0.01, 0.1)):
        better = 2 * within
        rows = math.ceil(reach**2 * (disagree - better**2) / better**2)
        report.progress(f"{rows:,} rows: {trials} x an equal and a better model")
        random = np.random.default_rng([7, rows])
        passed, false = 0, 0
        for _ in range(trials):
            passed += judge(accuracies(rows, disagree, better, random), strict)["merge"]
            looks = (accuracies(rows, disagree, 0.0, random) for _ in range(REUSES))
            false += any(judge(case, strict)["merge"] for case in looks)
        theirs = fully_adaptive(within)
        table.append([
            f"{within:g}", f"{theirs:,}", f"{rows:,}", f"{theirs / rows:.0f}", f"{disagree:.0%}",
            f"{passed / trials:.1%}", f"{false / trials:.1%}",
        ])  # fmt: skip
    report.table(
        "Rows to tell an equal model from one that is 2ε more accurate",
        ["ε", "ease.ml/ci", "the judge", "times fewer", "models disagree on", "better found",
         f"any false merge in {REUSES} looks"],
        table,
        f"Both with at most {CONFIDENCE:.0%} error in {REUSES} looks. ease.ml/ci: the formula of its "
        "fully adaptive bound (Renggli et al. 2019), which holds for any models and without the "
        "central limit theorem; its further optimisations, for a known bound on the disagreement, "
        f"are not counted. The judge: `false_merges: {CONFIDENCE}`, `max_looks: {REUSES}`, rows for "
        f"99 % power by the formula; the last two columns are measured, {trials} times, with {REUSES} "
        "models of equal quality on rows of their own. It is cheaper because it pairs the rows and "
        "spends its errors on looks, not on histories: it is no bound for every adaptive developer.",
    )  # fmt: skip


def benchmark(report: Report, trial: bool) -> None:
    """Both tables; some minutes on one core, or a second to see that it works."""
    errors_of_first_kind(report, *(([200], 3) if trial else ([200, 1_000, 10_000], 1_000)))
    rows_needed(report, 3 if trial else 1_000)
