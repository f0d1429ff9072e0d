"""The settings: gate.yaml, params.yaml and the default of every key that they leave out."""

import dataclasses
import difflib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from champion.errors import Refusal

GATE = Path("gate.yaml")
PARAMS = Path("params.yaml")


@dataclass
class Data:
    """Which column plays which part."""

    target: str = ""
    task: str | None = None  # binary, multiclass, regression; written by set-up
    positive: str | bool | float | None = None  # binary: the class whose probability is the score
    id: str | None = None
    time: str | None = None
    group: str | None = None
    slices: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    leave_out: list[str] = field(default_factory=list)


@dataclass
class Split:
    """Which rows no training sees."""

    key: list[str] = field(default_factory=list)  # frozen by set-up
    holdout: float = 0.2  # share of the ids, groups or rows
    window: str | None = None  # with data.time, instead of a share: "7 days"
    seed: int = 0


@dataclass
class Gate:
    """What a challenger is measured by."""

    metric: str | None = None  # None: roc_auc, log_loss or mae, by task


@dataclass
class Report:
    """What may be shown."""

    show_values: bool = False


@dataclass
class CrossValidation:
    """The score that people tune on, inside train."""

    folds: int = 5  # 0: off


@dataclass
class Explain:
    """How much of the holdout is explained."""

    rows: int = 2000
    seconds: float = 30.0


@dataclass
class Params:
    """What you tune."""

    model: dict[str, Any] = field(default_factory=dict)
    cv: CrossValidation = field(default_factory=CrossValidation)
    explain: Explain = field(default_factory=Explain)
    seed: int = 0


@dataclass
class Settings:
    """Everything that can be set."""

    data: Data = field(default_factory=Data)
    split: Split = field(default_factory=Split)
    gate: Gate = field(default_factory=Gate)
    report: Report = field(default_factory=Report)
    params: Params = field(default_factory=Params)

    @classmethod
    def load(cls, root: Path = Path(".")) -> "Settings":
        """Read gate.yaml and params.yaml.

        Raises
        ------
        Refusal : not YAML, an unknown key (with the nearest one) or a value of another type.
        """
        settings = build(cls, read_yaml(root / GATE), str(GATE))
        settings.params = build(Params, read_yaml(root / PARAMS), str(PARAMS))
        if not settings.data.target:
            raise Refusal("gate.yaml names no target: set data.target to the column to predict.")
        for where, value, low, high in (
            (f"{GATE}: split.holdout", settings.split.holdout, 0.01, 0.5),
            (f"{PARAMS}: cv.folds", settings.params.cv.folds, 0, 100),
            (f"{PARAMS}: explain.rows", settings.params.explain.rows, 10, 10**6),
            (f"{PARAMS}: explain.seconds", settings.params.explain.seconds, 1, 10**5),
        ):
            if not low <= value <= high:
                raise Refusal(f"{where} must be between {low:,} and {high:,}, not {value}.")
        return settings


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; an empty or missing file is an empty one."""
    from ruamel.yaml import YAML, YAMLError

    if not path.exists():
        return {}
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise Refusal(f"{path}{where} is not valid YAML: {problem}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Refusal(f"{path} must be a mapping of keys to values.")
    return content


def build(kind: Any, content: Any, where: str) -> Any:
    """Make the dataclass `kind` from a mapping, checking keys and types."""
    if not isinstance(content, dict):
        raise Refusal(f"{where} must hold keys and values, not {content!r}.")
    hints = typing.get_type_hints(kind)
    if where == str(GATE):
        hints.pop("params")
    values = {}
    for key, value in content.items():
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            meant = f": did you mean {near[0]}?" if near else f" (it knows {', '.join(hints)})."
            raise Refusal(f"{where} has an unknown key {key!r}{meant}")
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            values[key] = build(hint, {} if value is None else value, f"{where}: {key}")
        elif value is not None or not isinstance(hint, types.GenericAlias):
            values[key] = typed(value, hint, f"{where}: {key}")
    return kind(**values)


def typed(value: Any, hint: Any, where: str) -> Any:
    """Return `value` if it is of type `hint`, else refuse."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if isinstance(option, types.GenericAlias):
            inner = typing.get_args(option)[0]
            if option.__origin__ is list and isinstance(value, list):
                return [typed(v, inner, where) for v in value]
            if option.__origin__ is dict and isinstance(value, dict):
                return value
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is str and isinstance(value, int | float) and not isinstance(value, bool):
            if str not in options or float not in options:
                return str(value)  # a column called 2013
        elif isinstance(value, option) and not (isinstance(value, bool) and option is int):
            return value
    names = " or ".join(
        "nothing" if o is type(None) else getattr(o, "__name__", str(o)) for o in options
    )
    raise Refusal(f"{where} must be {names}, not {value!r}.")
