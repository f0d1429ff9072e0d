"""Which column plays which part in training."""

import difflib

import pandas as pd

from champion.errors import Refusal
from champion.project import user_module
from champion.settings import GUARDED_SLICES, Settings
from champion.tables.schema import kind_of

UNUSABLE = ("text", "identifier")


def check_names(columns: list[str], settings: Settings) -> None:
    """Refuse names in gate.yaml that no column has, and a target that may not be shown."""
    data = settings.data
    named: dict[str, list[str | None]] = {
        "data.target": [data.target],
        "data.id": [data.id],
        "data.time": [data.time],
        "data.group": [data.group],
        "data.slices": [*data.slices],
        "data.personal": [*data.personal],
        "data.leave_out": [*data.leave_out],
        "split.key": [*settings.split.key],
    }
    for key, names in named.items():
        for name in names:
            if name is not None and name not in columns:
                near = difflib.get_close_matches(name, columns, n=1)
                has = f"it has {', '.join(map(repr, columns[:20]))}."
                meant = f"did you mean {near[0]!r}?" if near else has
                raise Refusal(
                    f"{key} in gate.yaml is {name!r}, which the data do not have: {meant}"
                )
    for guard in settings.gate.guards:
        for name in guard if isinstance(guard, dict) else [guard]:
            column = str(name).removeprefix(GUARDED_SLICES)
            if str(name).startswith(GUARDED_SLICES) and column not in data.slices:
                raise Refusal(
                    f"gate.guards in gate.yaml has {name}, and data.slices has no {column!r}: add "
                    "the column there, or take the guard out."
                )
    if data.target in data.personal:
        raise Refusal(
            f"the target {data.target!r} cannot be in data.personal: reports name its classes or "
            "show its size; take it out there, or predict a column that may be shown."
        )


def features(settings: Settings) -> list[str]:
    """The columns that the model may see, in the order of schema.py."""
    data = settings.data
    never = {data.target, data.id, data.time, data.group, *data.leave_out}
    columns = user_module("schema").schema.columns
    names = [n for n, c in columns.items() if n not in never and kind_of(c) not in UNUSABLE]
    if not names:
        raise Refusal("no column is left to learn from: look at data.leave_out in gate.yaml.")
    return names


def inputs(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The features as a model takes them.

    Returns
    -------
    numbers and booleans as float64 (missing: NaN), categories as strings (missing: NaN), times
    as datetime64[ns] (missing: NaT).
    """
    chosen = table[features(settings)]
    booleans = list(chosen.select_dtypes("boolean"))
    return chosen.astype(dict.fromkeys(booleans, "float64"))


def answers(table: pd.DataFrame, settings: Settings) -> pd.Series:
    """The target as a model learns it: booleans, class names or numbers, by task.

    Raises
    ------
    Refusal : no task yet, or a regression target that is no finite number.
    """
    target, task = settings.data.target, settings.data.task
    column = table[target]
    if task == "binary":
        return class_names(column) == class_name(settings.data.positive)
    if task == "multiclass":
        return class_names(column)
    if task == "regression":
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
        if not numbers.abs().lt(float("inf")).all():
            raise Refusal(f"the target {target!r} holds values that are no finite number.")
        return numbers
    raise Refusal(
        f"gate.yaml: data.task is {task!r}: it must be binary, multiclass or regression; "
        "`make setup` finds out which."
    )


def class_names(column: pd.Series) -> pd.Series:
    """Classes as text."""
    return column.map({value: class_name(value) for value in column.dropna().unique()})


def class_name(value: object) -> str:
    """A class as text; whole numbers without their decimals: "1", never "1.0"."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
