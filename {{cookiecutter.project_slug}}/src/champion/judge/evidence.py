"""What a verdict is about: the holdout and what the models predict of it, checked."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from champion.judge.difference import Array, Case
from champion.judge.untrusted import Invalid, bounded_memory, read, word
from champion.settings import Settings

ROLES = ("row_id", "y_true", "group")
YES = ("1", "1.0", "true", "True", "TRUE")
LARGEST = 1e100  # number whose square is still one
SUM = 1e-3  # by which the probabilities of a row may miss one


def text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as strings; whole numbers without decimals, not a number as a gap."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        with suppress(pa.ArrowInvalid):  # not all are whole
            column = column.cast(pa.int64())
    return column.cast(pa.large_string())


def numbers(column: pa.ChunkedArray, what: str) -> Array:
    """A column as finite float64."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise Invalid(f"{what} is of type {word(column.type)}: numbers are needed.")
    values = column.cast(pa.float64(), safe=False).to_numpy()
    if bad := int(np.count_nonzero(~(np.abs(values) <= LARGEST))):
        raise Invalid(f"{what} is missing, not finite or beyond all use in {bad:,} rows.")
    return values


def scores(
    path: Path, who: str, ids: pa.ChunkedArray, task: str, classes: list[str] | None
) -> Array:
    """Read a table of predictions of the holdout.

    Parameters
    ----------
    who : whose they are, for sentences.
    ids : the holdout's row ids; the predictions must have the same, in that order.
    classes : multiclass: the classes of the holdout; a class without a column has probability 0.

    Returns
    -------
    (n,) or (n, classes)

    Raises
    ------
    Invalid : they cannot be used.
    """
    wanted = None if task == "multiclass" else ["row_id", "score"]
    table = read(path, who, wanted, most=max(2 * len(ids), 1000))
    check_ids(text(table["row_id"]), ids, who)
    if classes is None:
        said = numbers(table["score"], f"{who}'s score")
        if task == "binary" and not ((said >= 0) & (said <= 1)).all():
            raise Invalid(f"{who}'s score must be a probability, between 0 and 1.")
        return said
    columns = [name for name in table.column_names if name != "row_id"]
    if not set(columns) & set(classes):
        raise Invalid(f"{who}'s predictions have no column that is named as a class of y_true.")
    said = np.zeros((len(table), len(classes)))
    total = np.zeros(len(table))
    for name in columns:
        values = numbers(table[name], f"{who}'s column of a class")
        if not ((values >= 0) & (values <= 1)).all():
            raise Invalid(f"{who}'s probabilities must be between 0 and 1.")
        total += values
        if name in classes:
            said[:, classes.index(name)] = values
    if not (np.abs(total - 1) <= SUM).all():
        raise Invalid(f"{who}'s probabilities of a row must sum to one.")
    return said / total[:, None]


def check_ids(found: pa.ChunkedArray, ids: pa.ChunkedArray, who: str) -> None:
    """Refuse predictions of other rows, or in another order."""
    if found.equals(ids):
        return
    missing = pc.sum(pc.invert(pc.is_in(ids, found.unique()))).as_py()
    extra = pc.sum(pc.invert(pc.is_in(found, ids))).as_py()
    twice = len(found) - len(found.unique())
    counts = ((missing, "missing"), (twice, "double"), (extra, "unknown"))
    wrong = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "in another order"
    raise Invalid(f"{who}'s rows are not the holdout's {len(ids):,}: {wrong}.")


def holdout(path: Path) -> pa.Table:
    """Read the holdout: `row_id`, `y_true`, perhaps `group`, and slice columns."""
    table = read(path, "the holdout", None)
    if "y_true" not in table.column_names:
        raise Invalid("the holdout's table has no column 'y_true'.")
    ids, y = text(table["row_id"]), table["y_true"]
    if ids.null_count or len(ids.unique()) < len(ids):
        raise Invalid("the holdout's row_id is missing or double in some rows.")
    if y.null_count or (pa.types.is_floating(y.type) and not pc.all(pc.is_finite(y)).as_py()):
        raise Invalid("the holdout's y_true is missing or not finite in some rows.")
    return table.set_column(table.column_names.index("row_id"), "row_id", ids)


def task_of(table: pa.Table, settings: Settings) -> str:
    """The task: gate.yaml's, else what y_true looks like."""
    if settings.data.task:
        return settings.data.task
    truth = table["y_true"]
    values = pc.count_distinct(truth).as_py()
    if values <= 2:
        return "binary"
    return "regression" if numeric(truth) is not None and values > 20 else "multiclass"


def numeric(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column as numbers, also where a CSV gave text; None where that is not what it holds."""
    try:
        return column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


@bounded_memory()
def case(
    holdout_path: Path,
    challenger: Path,
    champion: Path | None,
    anchor: Path | None,
    settings: Settings,
) -> Case:
    """Read everything that a verdict needs.

    Raises
    ------
    Invalid : some of it cannot be used.
    """
    table = holdout(holdout_path)
    task = task_of(table, settings)
    y, classes = truth(table, task, settings)
    ids = table["row_id"]
    said = scores(challenger, "the challenger", ids, task, classes)
    if copies(said, y):
        raise Invalid(
            "the challenger's scores are the answers themselves: too good to be true, a leak?"
        )
    groups = None
    if "group" in table.column_names:
        codes = text(table["group"]).combine_chunks().dictionary_encode("encode").indices
        groups = codes.to_numpy().astype(np.intp)
    named = dict.fromkeys(settings.data.slices or table.column_names)
    columns = [c for c in named if c in table.column_names and c not in ROLES]
    return Case(
        task,
        y,
        said,
        scores(champion, "the champion", ids, task, classes) if champion else None,
        scores(anchor, "the anchor", ids, task, classes) if anchor else None,
        groups,
        pa.table([text(table[c]) for c in columns], columns).to_pandas(),
    )


def truth(table: pa.Table, task: str, settings: Settings) -> tuple[Array, list[str] | None]:
    """y as `Case` has it, and the classes of a multiclass task."""
    column = table["y_true"]
    if task == "regression":
        values = numeric(column)
        if values is None:
            raise Invalid("the holdout's y_true holds text: a regression needs numbers.")
        return numbers(values, "the holdout's y_true"), None
    names = text(column)
    classes = sorted(names.unique().to_pylist())
    if task == "multiclass":
        return pc.index_in(names, pa.array(classes, pa.large_string())).to_numpy().astype(
            float
        ), classes
    positive = settings.data.positive
    chosen = str(positive).removesuffix(".0") if positive is not None else None
    if chosen not in classes:
        chosen = next((name for name in YES if name in classes), None)
    if chosen is None:
        raise Invalid(
            "the holdout's y_true must be 0 and 1 or true and false; else --set data.positive=NAME "
            "says which class the score is the probability of."
        )
    if len(classes) > 2:
        raise Invalid(f"the holdout's y_true has {len(classes)} classes, a binary task has two.")
    return pc.equal(names, chosen).to_numpy(zero_copy_only=False).astype(float), None


def copies(said: Array, y: Array) -> bool:
    """Whether the scores are the labels themselves."""
    wanted = np.eye(said.shape[1])[y.astype(int)] if said.ndim == 2 else y
    return bool(np.ptp(y) > 0) and bool(np.allclose(said, wanted, rtol=1e-9, atol=1e-9))
