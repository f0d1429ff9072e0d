"""Set the holdout aside: the rows that no training sees."""

import argparse

import pandas as pd

from champion.errors import BadData, Refusal
from champion.project import HOLDOUT, TRAIN, VALID
from champion.settings import Settings
from champion.tables.read import write_parquet
from champion.tables.roles import answers
from champion.tables.rows import in_holdout, row_ids, window

# With fewer rows than these nothing can be learned, or said of what was learned.
SMALLEST = 50
SMALLEST_CLASS = 5


def run(_: argparse.Namespace) -> None:
    settings = Settings.load()
    table = pd.read_parquet(VALID)
    held = in_holdout(table, settings)
    check(table, held, settings)
    table.insert(0, "row_id", row_ids(table, settings))
    write_parquet(table[~held].reset_index(drop=True), TRAIN)
    write_parquet(table[held].reset_index(drop=True), HOLDOUT)
    how = f"the latest {settings.split.window}" if settings.data.time else "drawn by hash"
    print(f"{(~held).sum():,} rows to train on, {held.sum():,} in the holdout ({how})")


def check(table: pd.DataFrame, held: pd.Series, settings: Settings) -> None:
    """Refuse a split that no verdict could come from.

    Raises
    ------
    BadData : too few rows, or classes, on a side; says how many are needed.
    """
    for side, rows in (("holdout", held), ("train", ~held)):
        if rows.sum() < SMALLEST:
            raise BadData(
                f"the {side} has {rows.sum():,} of {len(table):,} rows, and {SMALLEST} are the "
                f"least that is useful: {more(settings)}"
            )
    if settings.data.task == "regression":
        return
    classes = answers(table, settings)
    if settings.data.task == "binary" and not classes.any():
        raise Refusal(
            f"gate.yaml: data.positive is {settings.data.positive!r}, which no row of "
            f"{settings.data.target!r} holds: write it as it stands in the data."
        )
    for side, rows in (("holdout", held), ("train", ~held)):
        counts = classes[rows].value_counts().reindex(classes.unique(), fill_value=0)
        rare = int(counts.min())
        if len(counts) < 2 or (counts > 0).sum() < 2:
            raise BadData(
                f"the {side} holds one class of {settings.data.target!r} only: two are needed to "
                f"learn or to compare; {more(settings)}"
            )
        if settings.data.task == "binary" and rare < SMALLEST_CLASS:
            needed = -(-len(table) * SMALLEST_CLASS // max(rare, 1))
            raise BadData(
                f"the rarer class of {settings.data.target!r} has {rare} rows in the {side}, and "
                f"{SMALLEST_CLASS} are the least that is useful: about {needed:,} rows in all "
                f"are needed; {more(settings)}"
            )
        if side == "train" and rare == 0:
            raise BadData(
                f"{int((counts == 0).sum())} classes of {settings.data.target!r} are in the "
                "holdout but not in train: merge or leave out the rarest, or gather more rows."
            )


def more(settings: Settings) -> str:
    """What to change for another balance of the two sides."""
    if settings.data.time:
        return f"gather more, or change split.window ({window(settings)}) in gate.yaml."
    return f"gather more, or change split.holdout ({settings.split.holdout:g}) in gate.yaml."
