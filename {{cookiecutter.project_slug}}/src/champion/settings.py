"""The settings: gate.yaml, params.yaml and the default of every key that they leave out."""

import dataclasses
import difflib
import math
import re
import reprlib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from champion.errors import Refusal, shown

GATE = Path("gate.yaml")
PARAMS = Path("params.yaml")
TASKS = ("binary", "multiclass", "regression")
RETRAIN = ("data", "alert", "never")
EXPLAIN = ("shap", "lime")
DAYS = re.compile(r"[1-9]\d{0,8} days?")
WINDOW = re.compile(rf"all|{DAYS.pattern}|[1-9]\d{{0,8}} rows")
MOST_GUARDS = 50
GUARDED_SLICES = "slices."  # before a column's name, of a guard of all its values
POLICY = {"card": "complete", "licence": "stated", "slices": "guarded", "schema": "reviewed"}
MOST_BYTES = 100_000  # of a file of settings


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
    """What a challenger must show."""

    metric: str | None = None  # None: roc_auc, log_loss or mae, by task
    margin: str | float = "5 %"  # "no worse" within it; of the champion's gain over a constant
    # A metric, or slices.COLUMN for the metric in each value of a column; or either: its margin.
    guards: list[str | dict[str, Any]] = field(default_factory=list)
    target: float | None = None  # the difference that matters; None: the margin
    equivalent: float = 1e-9  # predictions this close are the same
    false_merges: float = 1.0  # expected of so many
    max_looks: int = 50  # at one holdout, before it must be refreshed
    max_merges: int = 10
    min_slice: int = 200  # rows
    slice_margin: float | None = None  # None: the margin
    max_size: float | None = None  # of the model's file, as a multiple of the champion's
    max_latency: float | None = None  # of a prediction, likewise


@dataclass
class Policy:
    """What must hold before a merge, whatever the verdict; left out: nothing."""

    card: str | None = None  # complete: card.yaml states all that a reader needs
    licence: str | None = None  # stated: card.yaml states that of the data
    slices: str | None = None  # guarded: each column of data.slices has a guard
    schema: str | None = None  # reviewed: an owner approves what changes schema.py


@dataclass
class Monitor:
    """When the world has changed since the champion was trained."""

    log: str | None = None  # what the service logs: a file, a folder or an fsspec URL
    labels: str | None = None  # the answers that come later, likewise
    window: str = "7 days"  # of live data to look at
    retrain: str = "data"  # when new data are there; alert: while it alerts, too; never
    merge: bool = False  # what is judged no worse goes live without a person
    alpha: float = 0.02  # chance of a false alarm in one look, all checks together
    min_rows: int = 200  # live rows, below which nothing is said
    drift: float = 0.1  # population stability index
    missing: float = 0.05  # change of the share of missing values
    new: float = 0.02  # share of values outside the range or words of the training data
    loss: str | float = "20 %"  # of the champion's gain over a constant


@dataclass
class Report:
    """What may be shown."""

    show_values: bool = False


@dataclass
class Train:
    """Which rows to learn from."""

    window: str = "all"  # the latest "90 days" by data.time, or "50000 rows"
    half_life: str | None = None  # "60 days": rows that much older count half


@dataclass
class CrossValidation:
    """The score that people tune on, inside train."""

    folds: int = 5  # 0: off


@dataclass
class Explain:
    """How, and how much of the holdout is explained."""

    method: str = "shap"  # or lime
    rows: int = 2000
    seconds: float = 30.0


@dataclass
class Params:
    """What you tune."""

    model: dict[str, Any] = field(default_factory=dict)
    train: Train = field(default_factory=Train)
    cv: CrossValidation = field(default_factory=CrossValidation)
    explain: Explain = field(default_factory=Explain)
    seed: int = 0


@dataclass
class Settings:
    """Everything that can be set."""

    data: Data = field(default_factory=Data)
    split: Split = field(default_factory=Split)
    gate: Gate = field(default_factory=Gate)
    policy: Policy = field(default_factory=Policy)
    monitor: Monitor = field(default_factory=Monitor)
    report: Report = field(default_factory=Report)
    params: Params = field(default_factory=Params)

    @classmethod
    def load(cls, root: Path = Path(".")) -> "Settings":
        """Read gate.yaml and params.yaml.

        Raises
        ------
        Refusal : not YAML, an unknown key (with the nearest one) or a value of another type.
        """
        settings = cls.of_gate(root / GATE)
        settings.params = build(Params, read_yaml(root / PARAMS), str(PARAMS))
        if not settings.data.target:
            raise Refusal("gate.yaml names no target: set data.target to the column to predict.")
        settings.check()
        return settings

    @classmethod
    def of_gate(cls, path: Path) -> "Settings":
        """Read a gate.yaml alone."""
        return build(cls, read_yaml(path), str(GATE))

    def assign(self, pair: str) -> None:
        """Set one key from `gate.metric=roc_auc`; the value is YAML.

        Raises
        ------
        Refusal : no such key, or a value of another type.
        """
        path, equals, text = pair.partition("=")
        section, _, key = path.partition(".")
        try:
            value = parsed(text)
        except ValueError as error:
            raise Refusal(f"--set {shown(pair)}: the value is not valid YAML.") from error
        hints = typing.get_type_hints(type(self))
        if not equals or section == "params" or section not in hints:
            raise Refusal(f"--set {shown(pair)}: write KEY=VALUE, such as gate.metric=roc_auc.")
        own = build(hints[section], {key: value}, f"--set {section}")
        setattr(getattr(self, section), key, getattr(own, key))

    def check(self) -> None:
        """Refuse numbers that make no sense."""
        gate, monitor, params = self.gate, self.monitor, self.params
        most = 10**9
        if self.data.task not in (None, *TASKS):
            said = reprlib.repr(self.data.task)
            raise Refusal(f"{GATE}: data.task must be {', '.join(TASKS)} or nothing, not {said}.")
        for where, value, low, high in (
            (f"{GATE}: split.holdout", self.split.holdout, 0.01, 0.5),
            (f"{GATE}: gate.margin", share(gate.margin), 0, most),
            (f"{GATE}: gate.target", gate.target, 0, most),
            (f"{GATE}: gate.equivalent", gate.equivalent, 0, 0.1),
            (f"{GATE}: gate.max_looks", gate.max_looks, 1, 10**6),
            (f"{GATE}: gate.max_merges", gate.max_merges, 1, 10**6),
            (f"{GATE}: gate.false_merges", gate.false_merges, 0.001, gate.max_looks / 2),
            (f"{GATE}: gate.min_slice", gate.min_slice, 30, most),
            (f"{GATE}: gate.slice_margin", gate.slice_margin, 0, most),
            (f"{GATE}: gate.max_size", gate.max_size, 0.1, most),
            (f"{GATE}: gate.max_latency", gate.max_latency, 0.1, most),
            (f"{GATE}: monitor.alpha", monitor.alpha, 1e-6, 0.5),
            (f"{GATE}: monitor.min_rows", monitor.min_rows, 30, most),
            (f"{GATE}: monitor.drift", monitor.drift, 0.001, most),
            (f"{GATE}: monitor.missing", monitor.missing, 0.001, 1),
            (f"{GATE}: monitor.new", monitor.new, 0.001, 1),
            (f"{GATE}: monitor.loss", share(monitor.loss), 0, most),
            (f"{PARAMS}: cv.folds", params.cv.folds, 0, 100),
            (f"{PARAMS}: explain.rows", params.explain.rows, 10, 10**6),
            (f"{PARAMS}: explain.seconds", params.explain.seconds, 1, 10**5),
        ):
            if value is not None and not low <= value <= high:
                raise Refusal(f"{where} must be between {low:,} and {high:,}, not {value}.")
        for key, word in POLICY.items():
            if (said := getattr(self.policy, key)) not in (None, word):
                raise Refusal(
                    f"{GATE}: policy.{key} must be {word}, or left out, not {reprlib.repr(said)}."
                )
        if monitor.retrain not in RETRAIN:
            said = reprlib.repr(monitor.retrain)
            raise Refusal(f"{GATE}: monitor.retrain must be {', '.join(RETRAIN)}, not {said}.")
        if params.explain.method not in EXPLAIN:
            said = reprlib.repr(params.explain.method)
            raise Refusal(f"{PARAMS}: explain.method must be {' or '.join(EXPLAIN)}, not {said}.")
        if not WINDOW.fullmatch(params.train.window):
            said = reprlib.repr(params.train.window)
            raise Refusal(
                f"{PARAMS}: train.window must be all, `90 days` or `50000 rows`, not {said}."
            )
        if not DAYS.fullmatch(params.train.half_life or "1 day"):
            said = reprlib.repr(params.train.half_life)
            raise Refusal(f"{PARAMS}: train.half_life must be such as `60 days`, not {said}.")
        if len(gate.guards) > MOST_GUARDS:
            raise Refusal(f"{GATE}: gate.guards: at most {MOST_GUARDS}, not {len(gate.guards):,}.")
        for item in gate.guards:
            for name, margin in item.items() if isinstance(item, dict) else ():
                said = reprlib.repr({name: margin})
                if not isinstance(name, str) or not 0 <= share(margin) <= most:
                    raise Refusal(
                        f"{GATE}: gate.guards: write f1 or f1: 0.01 or f1: 5 %, not {said}."
                    )


def share(margin: object) -> float:
    """The number of a margin, 0.01 or "5 %"; NaN for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", margin) if isinstance(margin, str) else None
    if found:
        return float(found[1]) / 100
    return float(margin) if isinstance(margin, int | float) else math.nan


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; an empty or missing file is an empty one."""
    if not path.exists():
        return {}
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise Refusal(f"{path} must be a file of at most {MOST_BYTES:,} bytes.")
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        place = getattr(error.__cause__, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        problem = getattr(error.__cause__, "problem", None) or "unreadable"
        raise Refusal(f"{path}{where} is not valid YAML: {shown(problem)}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Refusal(f"{path} must be a mapping of keys to values.")
    return content


def parsed(text: str) -> Any:
    """Read YAML.

    Raises
    ------
    ValueError : it is none; its cause is what the reader says.
    """
    from ruamel.yaml import YAML

    try:
        return YAML(typ="safe").load(text)
    except Exception as error:  # besides its own errors, whatever a tag's conversion raises
        raise ValueError("not valid YAML") from error


def build(kind: Any, content: Any, where: str) -> Any:
    """Make the dataclass `kind` from a mapping, checking keys and types."""
    if not isinstance(content, dict):
        raise Refusal(f"{where} must hold keys and values, not {reprlib.repr(content)}.")
    hints = typing.get_type_hints(kind)
    if where == str(GATE):
        hints.pop("params")
    values = {}
    for key, value in content.items():
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            meant = f": did you mean {near[0]}?" if near else f" (it knows {', '.join(hints)})."
            raise Refusal(f"{where} has an unknown key {reprlib.repr(key)}{meant}")
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
    raise Refusal(f"{where} must be {names}, not {reprlib.repr(value)}.")
