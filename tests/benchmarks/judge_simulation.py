"""The judge where the truth is known: false merges, true gains, error of each metric, rows needed.

A score of two Gaussian classes has the AUC Phi(apart / (spread · √2)), so what a pull request does
to the model is known exactly, whatever a holdout says of it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from report import Report
from scipy.special import expit, ndtr, ndtri

from champion.judge.difference import Case, Difference, difference
from champion.judge.metrics import METRICS, Groups, Metric, of_task
from champion.judge.verdict import judge, too_few
from champion.judge.wording import used_up
from champion.settings import Gate

Array = NDArray[np.float64]
Random = np.random.Generator

PULLS = 200  # pull requests of a series
POSITIVE = 0.3  # share of the rows
START = 1.19  # between the classes' means; AUC .80
NOISE = 0.065  # weight of a feature that says nothing: costs .0005 AUC
ALIKE = 0.98  # correlation of two fits of equal quality
USEFUL = 0.135  # share of the mixed series
GAINS = (0.0008, 0.0016, 0.0032)  # mean AUC of a useful change; the sizes are exponential
GAIN = 0.0016
GROUP, ICC = 10, 0.3  # rows of a group, and how alike they are
LEVELS = (0.02, 0.05)
CONFIDENCE, REUSES = 0.01, 32  # of ease.ml/ci's example: one error in a hundred, in 32 looks


@dataclass
class Model:
    """A model by its score on the holdout's rows."""

    score: Array
    apart: float = START  # the positives' mean score is above the negatives' by this
    spread: float = 1.0  # standard deviation within a class

    @property
    def auc(self) -> float:
        """The true one."""
        return float(ndtr(self.apart / self.spread / math.sqrt(2)))


def noise(model: Model, y: Array, random: Random, weight: float = NOISE) -> Model:
    """A feature that says nothing: slightly worse."""
    score = model.score + weight * random.standard_normal(len(y))
    return Model(score, model.apart, math.hypot(model.spread, weight))


def refit(model: Model, y: Array, random: Random) -> Model:
    """Another fit of exactly the same quality."""
    own = model.score - model.apart * y
    fresh = model.spread * random.standard_normal(len(y))
    score = model.apart * y + ALIKE * own + math.sqrt(1 - ALIKE**2) * fresh
    return Model(score, model.apart, model.spread)


def feature(model: Model, y: Array, random: Random, gain: float) -> Model:
    """A feature of its own information with its best weight, worth `gain` AUC on average."""
    ratio = model.apart / model.spread
    slope = ratio * math.exp(-(ratio**2) / 4) / math.sqrt(16 * math.pi)
    weight = math.sqrt(random.exponential(gain) / slope)
    score = model.score + weight * model.spread * (
        weight * ratio * y + random.standard_normal(len(y))
    )
    apart = model.apart + weight**2 * model.apart
    return Model(score, apart, model.spread * math.hypot(1, weight))


def mixed(model: Model, y: Array, random: Random, gain: float = GAIN) -> Model:
    """Useful or useless."""
    if random.random() < USEFUL:
        return feature(model, y, random, gain)
    return noise(model, y, random)


Series = Callable[[Model, Array, Random], Model]
SERIES: dict[str, tuple[Series, int]] = {
    "hill-climbing on noise, 2k rows": (noise, 2_000),
    "equal quality, 2k rows": (refit, 2_000),
    "useful and useless, 10k rows": (mixed, 10_000),
}


@dataclass
class Holdout:
    """Rows, the champion's score of them, and what they were asked."""

    y: Array
    champion: Model
    look: int = 0
    merges: int = 0

    @classmethod
    def drawn(cls, rows: int, random: Random, apart: float = START, spread: float = 1) -> "Holdout":
        y = (random.random(rows) < POSITIVE).astype(float)
        score = apart * y + spread * random.standard_normal(rows)
        return cls(y, Model(score, apart, spread))

    @property
    def spent(self) -> bool:
        """Whether its budget is used up."""
        gate = Gate()
        return used_up({
            "look": self.look + 1, "max_looks": gate.max_looks,
            "merges": self.merges, "max_merges": gate.max_merges,
        })  # fmt: skip

    def compare(self, challenger: Model) -> Difference:
        return difference(METRICS["roc_auc"], self.y, self.champion.score, challenger.score)


Decide = Callable[[Holdout, Model], bool]


def oracle(holdout: Holdout, challenger: Model) -> bool:
    return challenger.auc > holdout.champion.auc


def naive(holdout: Holdout, challenger: Model) -> bool:
    return holdout.compare(challenger).delta > 0


def significant(level: float) -> Decide:
    return lambda holdout, challenger: holdout.compare(challenger).p_above(0) < level


def ours(holdout: Holdout, challenger: Model) -> bool:
    """The verdict's own word."""
    case = Case("binary", holdout.y, challenger.score, holdout.champion.score)
    return bool(judge(case, Gate(), "improve", holdout.look, holdout.merges)["merge"])


ORACLE, JUDGE = "oracle", "**the judge**"
GATES: dict[str, Decide] = {
    ORACLE: oracle,
    "naive `>`": naive,
    "p < .05": significant(0.05),
    JUDGE: ours,
    f"familywise .05/{PULLS}": significant(0.05 / PULLS),
}


@dataclass
class Outcome:
    """What a gate did to one series."""

    merges: int = 0
    harmful: int = 0
    gain: float = 0.0  # the true one, in AUC
    claimed: float = 0.0  # what the holdout showed


def follow(decide: Decide, series: Series, rows: int, pulls: int, seed: int) -> Outcome:
    """Open so many pull requests, one after the other; only the judge's holdout is refreshed."""
    plan, random = (np.random.default_rng([seed, stream]) for stream in range(2))
    holdout, outcome = Holdout.drawn(rows, random), Outcome()
    for _ in range(pulls):
        if decide is ours and holdout.spent:
            old = holdout.champion
            holdout = Holdout.drawn(rows, random, old.apart, old.spread)
        holdout.look += 1
        challenger = series(holdout.champion, holdout.y, plan)
        if decide(holdout, challenger):
            change = challenger.auc - holdout.champion.auc
            outcome.merges += 1
            outcome.harmful += change < 0
            outcome.gain += change
            outcome.claimed += holdout.compare(challenger).delta
            holdout.champion = challenger
            holdout.merges += 1
    return outcome


def average(runs: list[Outcome], key: str) -> float:
    return float(np.mean([getattr(run, key) for run in runs]))


def many_pull_requests(report: Report, seeds: int, pulls: int, size: float) -> None:
    """What each gate does to each series."""
    table = []
    for name, decide in GATES.items():
        cells = [name]
        for title, (series, rows) in SERIES.items():
            report.progress(f"{name}: {title}, {seeds} x {pulls} pull requests")
            runs = [follow(decide, series, int(size * rows), pulls, s) for s in range(seeds)]
            mean = {key: average(runs, key) for key in ("merges", "harmful", "gain", "claimed")}
            cells.append(
                "{merges:.1f} / {harmful:.2f} / {gain:+.4f} ({claimed:+.4f})".format(**mean)
            )
            if decide is ours and series is refit:
                each = np.array([run.merges for run in runs]) / pulls
                false, error = each.mean(), each.std() / math.sqrt(seeds)
        table.append(cells)
    report.table(
        f"{pulls} pull requests on a holdout: merges / harmful / true change of AUC (claimed)",
        ["gate", *SERIES],
        table,
        f"Means of {seeds} series; the truth is computed, not estimated. *Claimed*: the sum of what "
        "the holdout showed. Noise costs .0005 AUC; of the useful and useless changes "
        f"{USEFUL:.1%} gain {GAIN} AUC on average (exponential), the others are noise. The judge's "
        "holdout is refreshed when its budget says so (50 looks or 10 merges); the others keep "
        f"theirs. Of two models of equal quality the judge merges **{false:.2%} a look** "
        f"(± {error:.2%}; aim: at most 2 %).",
    )


def shares(report: Report, seeds: int, pulls: int, size: float) -> None:
    """How much of what there is to gain each gate lets in, by the size of what there is."""
    table = []
    title, (_, rows) = list(SERIES.items())[-1]
    for gain in GAINS:
        report.progress(f"{title}, mean gain {gain}: {seeds} x {pulls} pull requests")
        series = partial(mixed, gain=gain)
        total = {
            name: average(
                [follow(decide, series, int(size * rows), pulls, s) for s in range(seeds)], "gain"
            )
            for name, decide in GATES.items()
        }
        most = max(total[ORACLE], 1e-9)
        table.append(
            [f"{gain}", f"{most:.4f}", *(f"{total[g] / most:.0%}" for g in list(GATES)[1:])]
        )
    report.table(
        f"Share of the oracle's true gain: {title}",
        ["mean gain of a useful change", "oracle", *list(GATES)[1:]],
        table,
        f"Means of {seeds} series of {pulls} pull requests; aim of the judge: 80 %. A change that "
        "gains .0011 AUC is what 10,000 rows show with 80 % power.",
    )


def creep(anchored: bool, rows: int, pulls: int, seed: int) -> Outcome:
    """Slightly worse changes, one after the other, under `maintain`, on a new holdout every ten."""
    random = np.random.default_rng([seed, 3])
    first, outcome = Holdout.drawn(rows, random), Outcome()
    anchor, holdout = first.champion, first
    for _ in range(pulls):
        if holdout.spent:
            spread = holdout.champion.spread
            holdout = Holdout.drawn(rows, random)
            anchor = holdout.champion
            holdout.champion = noise(anchor, holdout.y, random, math.sqrt(spread**2 - 1))
        holdout.look += 1
        challenger = noise(holdout.champion, holdout.y, random)
        case = Case("binary", holdout.y, challenger.score, holdout.champion.score)
        case.anchor = anchor.score if anchored else None
        if judge(case, Gate(), "maintain", holdout.look, holdout.merges)["merge"]:
            outcome.merges += 1
            outcome.gain += challenger.auc - holdout.champion.auc
            holdout.champion = challenger
            holdout.merges += 1
    return outcome


def slow_decline(report: Report, seeds: int, pulls: int, size: float) -> None:
    """What the comparison with the last proven model is for."""
    table = []
    for name, anchored in (("champion alone", False), ("champion and the last proven model", True)):
        report.progress(f"maintain, against the {name}: {seeds} x {pulls} pull requests")
        runs = [creep(anchored, int(size * 10_000), pulls, seed) for seed in range(seeds)]
        merges, change = average(runs, "merges"), average(runs, "gain")
        table.append([name, f"{merges:.1f}", f"{change:+.4f}"])
    report.table(
        f"{pulls} slightly worse changes in a row under `maintain`, 10k rows",
        ["no worse than the", "merges", "true change of AUC"],
        table,
        f"Means of {seeds} series. Each change costs .0005 AUC, the margin is 5 % of the champion's "
        "gain over the dummy: .015 AUC at first.",
    )


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
    """All of it, in some minutes on one core; or in a second, to see that it works."""
    series = (2, 12, 0.05) if trial else (40, PULLS, 1.0)
    many_pull_requests(report, *series)
    shares(report, *series)
    slow_decline(report, *series)
    errors_of_first_kind(report, *(([200], 3) if trial else ([200, 1_000, 10_000], 1_000)))
    rows_needed(report, 3 if trial else 1_000)
