"""The figures of the reports: PNG for people, and the same curves as CSV for `dvc plots`."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.project import REPORTS

FIGURES = REPORTS / "figures"
CURVES = REPORTS / "curves"
INK, ACCENT, CONTRAST, FAINT = "#24292f", "#0969da", "#cf222e", "#d0d7de"
MOST_POINTS = 400  # of a curve
MOST_DOTS = 3000  # of a scatter
LONGEST = 28  # letters of a label

Array = NDArray[np.float64]


@contextmanager
def figure(path: Path, panels: int = 1, height: float = 3.6, width: float = 4.6) -> Iterator[Any]:
    """Give the axes of a new figure; save it when done. The same drawing gives the same bytes.

    height, width : of a panel, in inches
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    style: dict[Any, Any] = {
        "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.spines.right": False,
        "axes.spines.top": False, "axes.titlelocation": "left", "axes.titlesize": "medium",
        "axes.titleweight": "bold", "figure.dpi": 130, "font.size": 9, "legend.frameon": False,
        "text.color": INK, "text.parse_math": False, "xtick.color": INK, "ytick.color": INK,
    }  # fmt: skip
    with plt.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # names in letters that no font has
        size = (width * panels, height)
        drawn, axes = plt.subplots(1, panels, figsize=size, layout="constrained")
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, metadata={"Software": None})
        plt.close(drawn)


def short(name: str) -> str:
    """A name that fits beside an axis: its beginning and its end."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half].rstrip()}…{name[1 - half :].lstrip()}"


def bounds(values: Array) -> tuple[float, float, str]:
    """The ends of an axis; where few values lie far out, those of the 99 %, and words for it."""
    low, high = np.quantile(values, [0.005, 0.995])
    if values.max() - values.min() <= 3 * (high - low) or high == low:
        return values.min(), values.max(), ""
    return low, high, ", outer 1 % at the edges"


def curve(name: str, x: Array, y: Array) -> None:
    """Save a curve as CSV, thinned."""
    keep = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
    CURVES.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"x": np.asarray(x)[keep], "y": np.asarray(y)[keep]}).round(6)
    table.to_csv(CURVES / f"{name}.csv", index=False, lineterminator="\n")


def draw_holdout(y: Array, said: Array, task: str, classes: list[str]) -> None:
    """Draw what the holdout says of the model; replaces the figures of the run before.

    classes : their names; of a binary task the positive one comes last
    """
    for folder in (FIGURES, CURVES):
        shutil.rmtree(folder, ignore_errors=True)
    if task == "regression":
        draw_residuals(y, said)
        return
    calibrated = calibration(y, said)
    curve("calibration", calibrated["said"].to_numpy(), calibrated["observed"].to_numpy())
    if task == "multiclass":
        draw_confusion(y, said.argmax(axis=1), classes)
        label = "probability of the predicted class"
    else:
        draw_ranking(y, said)
        draw_confusion(y, (said >= 0.5).astype(int), classes)
        label = f"predicted probability of {short(classes[-1]).removeprefix('= ')}"
    draw_calibration(calibrated, label, FIGURES / "calibration.png")


def draw_ranking(y: Array, said: Array) -> None:
    from sklearn.metrics import precision_recall_curve, roc_curve

    false, true, _ = roc_curve(y, said)
    precision, recall, _ = precision_recall_curve(y, said)
    curve("roc", false, true)
    curve("precision_recall", recall[::-1], precision[::-1])
    with figure(FIGURES / "ranking.png", panels=2) as (left, right):
        left.plot([0, 1], [0, 1], color=FAINT)
        left.plot(false, true, color=ACCENT)
        left.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
        right.axhline(y.mean(), color=FAINT)
        right.plot(recall[:-1], precision[:-1], color=ACCENT)
        right.set(
            title="Precision and recall",
            xlabel="recall",
            ylabel="precision",
            ylim=(0, 1.02),
            xlim=(0, 1.02),
        )


def calibration(y: Array, said: Array) -> pd.DataFrame:
    """What was said and what was so, in tenths of the rows: `said`, `observed`, `se`, `rows`.

    said : of several classes their probabilities; then it is about the one that is predicted.
    """
    hit, sure = y, said
    if said.ndim == 2:
        hit, sure = (said.argmax(axis=1) == y).astype(float), said.max(axis=1)
    edges = np.unique(np.quantile(sure, np.linspace(0, 1, 11)))
    bins = np.clip(np.searchsorted(edges, sure, "right") - 1, 0, max(len(edges) - 2, 0))
    grouped = pd.DataFrame({"said": sure, "observed": hit}).groupby(bins)
    means, rows = grouped.mean(), grouped.size()
    error = np.sqrt(means["observed"] * (1 - means["observed"]) / rows)
    return means.assign(se=error, rows=rows)


def draw_calibration(table: pd.DataFrame, label: str, path: Path) -> None:
    """Draw what `calibration` found."""
    said, observed, error = table["said"], table["observed"], 2 * table["se"]
    top = 1.05 * max(said.max(), (observed + error).max(), 1e-6)
    with figure(path) as axis:
        axis.plot([0, top], [0, top], color=FAINT)
        axis.errorbar(said, observed, error, fmt="o", color=ACCENT, capsize=2)
        axis.set(title="Calibration", xlabel=label, ylabel="observed share", ylim=(0, top))


def draw_confusion(y: Array, said: Array, classes: list[str]) -> None:
    count = len(classes)
    table = np.zeros((count, count), int)
    np.add.at(table, (y.astype(int), said.astype(int)), 1)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    named = [short(name) for name in classes]
    longest = max(map(len, named))
    cells = max(2.8, min(0.34 * count, 11))
    letters = max(3.5, min(9, 60 * cells / count))
    size = cells + 0.9 + 0.065 * longest * letters / 9
    with figure(FIGURES / "confusion.png", height=size, width=size + 0.4) as axis:
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axis.set(title="Confusion", xlabel="predicted", ylabel="observed")
        upright = count * longest > 14 * cells
        axis.set_xticks(range(count), named, rotation=90 if upright else 0, fontsize=letters)
        axis.set_yticks(range(count), named, fontsize=letters)
        if count <= 12:
            for (row, column), number in np.ndenumerate(table):
                colour = "white" if share[row, column] > 0.5 else INK
                axis.text(column, row, f"{number:,}", ha="center", va="center", color=colour)


def draw_residuals(y: Array, said: Array) -> None:
    some = np.linspace(0, len(y) - 1, min(len(y), MOST_DOTS)).astype(int)
    residual = y - said
    order = np.sort(np.abs(residual))
    curve("absolute_error", np.linspace(0, 1, len(order)), order)
    with figure(FIGURES / "residuals.png", panels=2) as (left, right):
        low, high, beyond = bounds(np.concatenate([y, said]))
        left.plot([low, high], [low, high], color=FAINT)
        x, observed = (np.clip(values[some], low, high) for values in (said, y))
        left.scatter(x, observed, s=4, alpha=0.4, color=ACCENT, linewidths=0)
        left.set(title=f"Predicted and observed{beyond}", xlabel="predicted", ylabel="observed")
        low, high, beyond = bounds(residual)
        right.hist(np.clip(residual, low, high), bins=40, color=ACCENT)
        right.axvline(0, color=INK, linewidth=0.8)
        right.set(title=f"Residuals{beyond}", xlabel="observed minus predicted", ylabel="rows")
