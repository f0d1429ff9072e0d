"""Gates before hundreds of pull requests whose truth is known: false merges and true gains.

A score of two Gaussian classes has the AUC Phi(apart / (spread · √2)), so what a pull request does
to the model is known exactly, whatever a holdout says of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from report import Report
from scipy.special import ndtr

from champion.judge.difference import Case, Difference, difference
from champion.judge.metrics import METRICS
from champion.judge.verdict import judge
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
        "gains .0021 AUC is seen on 10,000 rows in 80 % of cases.",
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


def benchmark(report: Report, trial: bool) -> None:
    """All series; some minutes on one core, or a second to see that it works."""
    series = (2, 12, 0.05) if trial else (40, PULLS, 1.0)
    many_pull_requests(report, *series)
    shares(report, *series)
    slow_decline(report, *series)
