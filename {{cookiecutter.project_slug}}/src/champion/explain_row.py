"""Why this folder's model says what it says of one row of the data; `champion explain-row`."""

import argparse
import warnings

import numpy as np
import pandas as pd

from champion.errors import BadData, Refusal, shown
from champion.judge.wording import level
from champion.markdown import clean
from champion.models import load_model, scores
from champion.project import HOLDOUT, MODEL, TRAIN
from champion.settings import Settings
from champion.stages.explain import Explanation, explanation, sample
from champion.tables.roles import class_name, inputs

HIDDEN = "(not shown)"
SHORTEST = 6  # letters that a row_id may be cut to
SIDES = {HOLDOUT: "the holdout", TRAIN: "train: the model has learned from it"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("row", help="its row_id (or how that begins), or what data.id says of it")


def run(args: argparse.Namespace) -> int:
    settings, model = Settings.load(), load_model(MODEL)
    table, side = find(args.row, settings)
    X = inputs(table, settings)
    known = inputs(sample(pd.read_parquet(HOLDOUT), settings), settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of column names, which these methods take away
        found = explanation(model, X, settings, known)
    if not found.adds_up:
        raise Refusal(
            "SHAP's values do not add up to what this model says; `make repro` tells why."
        )
    said = scores(model, X, str(settings.data.task)).reshape(-1)
    place = int(said.argmax()) if len(said) > 1 else 0
    print(f"row {table['row_id'][0]}, of {side}")
    print(prediction(said, [str(name) for name in getattr(model, "classes_", [])], settings))
    print(how(found, float(said[place])), *filter(None, [found.note]), sep="; ")
    moved = pd.Series(found.values[0, :, place], X.columns)
    for name in moved.abs().sort_values(ascending=False, kind="stable").index:
        value = clean(table[name][0]) if may_show(name, settings) else HIDDEN
        print(f"{level(moved[name], None, signed=True):>10}  {clean(name)} = {value}")
    return 0


def may_show(name: str, settings: Settings) -> bool:
    return settings.report.show_values and name not in settings.data.personal


def find(asked: str, settings: Settings) -> tuple[pd.DataFrame, str]:
    """The one row that is meant, and what the model knows of it.

    Raises
    ------
    BadData : no row is, or several are.
    Refusal : the data are not split yet.
    """
    name = settings.data.id
    for path, side in SIDES.items():
        if not path.exists():
            raise Refusal(f"there is no {path}: run `make repro`.")
        table = pd.read_parquet(path)
        hit = table[name].map(class_name).eq(asked) if name else pd.Series(False, table.index)
        if not hit.any() and len(asked) >= SHORTEST:
            hit = table["row_id"].str.startswith(asked)
        if (count := int(hit.sum())) > 1:
            raise BadData(f"{count:,} rows are {shown(asked)}: name one by its whole row_id.")
        if count:
            return table[hit].reset_index(drop=True), side
    ids = f", or an id of the column {name!r}" if name else ""
    raise BadData(
        f"no row is {shown(asked) or '(empty)'}: give ROW= a row_id of predictions.parquet, or how "
        f"one begins ({SHORTEST} letters or more){ids}."
    )


def prediction(said: np.ndarray, classes: list[str], settings: Settings) -> str:
    """What the model says of the row; of several classes the three likeliest."""
    target = clean(settings.data.target)
    if settings.data.task == "regression":
        return f"prediction: {target} {said[0]:.6g}"
    if settings.data.task == "binary":
        return f"prediction: {said[0]:.1%} for {target} = {class_name(settings.data.positive)}"
    likely = [f"{said[i]:.1%} for {clean(classes[i])}" for i in np.argsort(-said)[:3]]
    return f"prediction of {target}: {', '.join(likely)}; what moved it to the first:"


def how(found: Explanation, said: float) -> str:
    """From where to where the contributions lead, and how sure that is."""
    what = f"{found.what}s by the method {found.method!r} ({found.scale})"
    if found.fidelity is not None:
        return f"{what}; the linear model around the row explains {found.fidelity:.0%} (R²)"
    if found.values.shape[2] > 1:
        return what
    odds = said / (1 - said) if found.scale == "log-odds" else said
    end = float(np.log(odds)) if found.scale.startswith("log") else said
    start = end - float(found.values[0].sum())
    return f"{what} from {level(start, None)}, the mean, to {level(end, None)}, this row"
