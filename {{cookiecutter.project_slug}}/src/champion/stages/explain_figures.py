"""The figures of an explanation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.figures import ACCENT, FAINT, INK, figure, short
from champion.settings import Settings

if TYPE_CHECKING:
    from champion.stages.explain import Explanation

MOST_FEATURES = 15  # in a figure
MOST_DEPENDENCES = 4  # features whose values are drawn
MOST_CATEGORIES = 12

Array = NDArray[np.float64]


def draw_importance(ranked: pd.DataFrame, what: str, scale: str, label: str, path: Path) -> None:
    """What the explanation gives each feature, beside what the metric loses without it.

    ranked : `feature`, `weight`, `weight_se`, `importance`, `importance_std`, the strongest first
    label : of the metric
    """
    shown = ranked.head(MOST_FEATURES)[::-1]
    places = np.arange(len(shown))
    height = 1.2 + 0.28 * len(shown)
    with figure(path, panels=2, height=height) as (left, right):
        left.barh(places, shown["weight"], xerr=2 * shown["weight_se"], color=ACCENT, ecolor=INK)
        left.set(title="Weight in the predictions", xlabel=f"mean |{what}| ({scale})")
        left.set_yticks(places, [short(name) for name in shown["feature"]])
        right.axvline(0, color=FAINT)
        right.errorbar(
            shown["importance"], places, xerr=2 * shown["importance_std"],
            fmt="o", color=ACCENT, capsize=2,
        )  # fmt: skip
        right.set(title="Loss when shuffled", xlabel=label, ylim=left.get_ylim())
        right.set_yticks(places, [])
        for axis in (left, right):
            axis.locator_params(axis="x", nbins=5)


def draw_contributions(found: "Explanation", X: pd.DataFrame, order: list[str], path: Path) -> None:
    """One dot a row and feature: how far it moved the prediction, coloured by its value."""
    if found.values.shape[2] > 1:
        return
    shown = order[:MOST_FEATURES][::-1]
    jitter = np.random.default_rng(0)
    with figure(path, height=1.4 + 0.3 * len(shown), width=5.6) as axis:
        axis.axvline(0, color=INK, linewidth=0.8)
        for height, name in enumerate(shown):
            moved = found.values[:, X.columns.get_loc(name), 0]
            value = X[name].iloc[: len(moved)]
            colour = value.rank(pct=True).fillna(0.5) if ordered(value) else None
            axis.scatter(
                moved, height + jitter.uniform(-0.3, 0.3, len(moved)), s=3, alpha=0.6, linewidths=0,
                c=INK if colour is None else colour, cmap=None if colour is None else "coolwarm",
            )  # fmt: skip
        axis.set_yticks(range(len(shown)), [short(name) for name in shown])
        axis.set(
            title="What moved each prediction",
            xlabel=f"{found.what} ({found.scale})\nblue: low · red: high · black: a category",
        )


def ordered(values: pd.Series) -> bool:
    return values.dtype.kind in "fM"


def draw_dependence(
    found: "Explanation", X: pd.DataFrame, order: list[str], settings: Settings, path: Path
) -> None:
    """How the contribution of the strongest features depends on their values.

    Values that may not be shown are ranks, or numbered categories.
    """
    names = order[:MOST_DEPENDENCES]
    several = found.values.shape[2] > 1
    with figure(path, panels=len(names), height=3.2, width=3.1) as axes:
        for axis, name in zip(np.atleast_1d(axes), names, strict=True):
            place = X.columns.get_loc(name)
            moved = found.sizes[:, place] if several else found.values[:, place, 0]
            shown = settings.report.show_values and name not in settings.data.personal
            axis.set_title(short(name))
            axis.axhline(0, color=FAINT)
            draw_one = draw_numbers if ordered(X[name]) else draw_categories
            draw_one(axis, X[name].iloc[: len(moved)], moved, shown)
        what = f"|{found.what}|, mean of the classes" if several else found.what
        np.atleast_1d(axes)[0].set_ylabel(f"{what} ({found.scale})")


def draw_numbers(axis: Any, values: pd.Series, moved: Array, shown: bool) -> None:
    x = values if shown else 100 * values.rank(pct=True)
    axis.scatter(x, moved, s=4, alpha=0.4, color=ACCENT, linewidths=0)
    axis.set_xlabel("" if shown else "rank of the value, %")
    if values.dtype.kind == "M" and shown:
        axis.tick_params(axis="x", rotation=30)


def draw_categories(axis: Any, values: pd.Series, moved: Array, shown: bool) -> None:
    """The mean of the most frequent categories, with two deviations, the largest on top."""
    grouped = pd.Series(moved, index=values.index).groupby(values.fillna("(missing)"))
    table = pd.DataFrame({"count": grouped.size(), "mean": grouped.mean(), "std": grouped.std()})
    table = table.sort_values("count", ascending=False, kind="stable").head(MOST_CATEGORIES)
    names = [short(name) for name in table.index] if shown else numbered(len(table))
    table = table.assign(name=names).sort_values("mean", kind="stable")
    places = np.arange(len(table))
    axis.errorbar(
        places, table["mean"], 2 * table["std"].fillna(0), fmt="o", color=ACCENT, capsize=2
    )
    axis.set_xticks(places, table["name"], rotation=90 if len(table) > 4 else 0)
    axis.set_xlabel("mean, two deviations")


def numbered(count: int) -> list[str]:
    return [f"value {rank}" for rank in range(1, count + 1)]
