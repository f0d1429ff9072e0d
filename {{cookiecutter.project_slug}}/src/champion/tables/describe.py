"""Read the data once: write schema.py, complete gate.yaml, say what was decided."""

import argparse
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.errors import BadData, Refusal
from champion.project import RAW, SOURCE, package_name, user_module
from champion.settings import GATE, PARAMS, Settings
from champion.stages.validate import load
from champion.tables.conform import conform
from champion.tables.delimited import semicolons
from champion.tables.infer import Described, describe_column, is_name_word, up
from champion.tables.read import table_paths
from champion.tables.render import schema_source
from champion.tables.roles import check_names

ENOUGH = 1000  # rows that a holdout should have, and below which a linear model is the default
HOLDOUT = 0.2
LARGEST_HOLDOUT = 0.5
MOST_CLASSES = 100
FEW = 10  # rows of a class below which little can be said about it
RARE = 0.05  # share of the rarer class below which precision and recall say more
METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "mae"}
UNUSABLE = ("text", "identifier")


@dataclass
class Description:
    """Everything that was decided.

    Parameters
    ----------
    rows : rows with a target.
    about_task : why this task, for people.
    rarest : rows of the rarest class; 0 for regression.
    """

    columns: list[Described]
    rows: int
    unlabelled: int
    task: str
    about_task: str
    rarest: int
    positive: str | bool | None
    id: str | None
    features: list[Described]
    key: list[str]
    holdout: float
    window: str | None
    metric: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--again",
        action="store_true",
        help="rewrite schema.py; what gate.yaml already says stays",
    )


def run(args: argparse.Namespace) -> int:
    settings = Settings.load()
    path = SOURCE / package_name() / "schema.py"
    if described() and not args.again:
        print(f"Already described in {path}: nothing changed (`describe --again` rewrites it).")
        return 0
    description = describe(load(RAW, settings), settings, any(map(semicolons, table_paths(RAW))))
    write_schema(path, description)
    complete_gate(description)
    if not args.again:
        choose_model(description.rows)
    for line in told(description, Settings.load(), path):
        print(line)
    track()
    return 0


def described() -> bool:
    """Whether schema.py has columns."""
    return bool(getattr(user_module("schema").schema, "columns", None))


def describe(df: pd.DataFrame, settings: Settings, semicolons: bool = False) -> Description:
    """Decide everything from one table.

    Parameters
    ----------
    semicolons : they separate the file that it comes from.

    Raises
    ------
    BadData : the target, or a column that gate.yaml names, cannot play its part.
    """
    data = settings.data
    check_names(list(df), settings)
    columns = [
        describe_column(
            df[name],
            is_time=name == data.time,
            is_target=name == data.target,
            hidden=name in data.personal,
            semicolons=semicolons,
        )
        for name in df.columns
    ]
    by_name = {it.name: it for it in columns}
    table = conformed(df, columns)
    for it in columns:
        missing = up(float(table[it.name].isna().mean()))
        if missing and it.kind not in UNUSABLE:
            it.arguments["missing"] = missing
    known = table[data.target].notna()
    task, about_task, rarest = infer_task(by_name[data.target], table[data.target], settings)
    table = table[known] if not known.all() else table
    rows = len(table)
    if data.time and by_name[data.time].kind != "time":
        raise BadData(
            f"data.time in gate.yaml is {data.time!r}, which holds no dates: name another column, "
            "or turn it into dates in data.py."
        )
    if data.id and not by_name[data.id].unique:
        raise BadData(
            f"data.id in gate.yaml is {data.id!r}, which is missing or repeats in some rows: use it as "
            "data.group if rows of one belong together, or name another column."
        )
    id_ = data.id or find_id(columns, settings)
    if id_ == data.id and id_ is not None:
        by_name[id_].kind, by_name[id_].arguments = "identifier", {}
        by_name[id_].values = None
    if id_ is not None:
        by_name[id_].arguments = {"unique": True} if by_name[id_].unique else {}
    features = [it for it in columns if is_feature(it, id_, settings)]
    if not features:
        raise BadData(
            "no column is left to learn from: all others are constants, names, free text or left "
            "out; add one that tells something about the target."
        )
    key = [id_] if id_ else [it.name for it in features] + ([data.time] if data.time else [])
    share = max(HOLDOUT, min(LARGEST_HOLDOUT, math.ceil(100 * ENOUGH / rows) / 100))
    if settings.split.holdout != HOLDOUT:
        share = settings.split.holdout
    return Description(
        columns=columns,
        rows=rows,
        unlabelled=int((~known).sum()),
        task=task,
        about_task=about_task,
        rarest=rarest,
        positive=positive_class(table[data.target]) if task == "binary" else None,
        id=id_,
        features=features,
        key=key,
        holdout=share,
        window=window(table[data.time], share) if data.time else None,
        metric="average_precision" if task == "binary" and rarest < RARE * rows else METRIC[task],
    )


def conformed(df: pd.DataFrame, columns: list[Described]) -> pd.DataFrame:
    """The table as the stages will see it."""
    scope: dict[str, Any] = {}
    exec(compile(schema_source(columns), "schema.py", "exec"), scope)
    table, findings = conform(df, scope["schema"])
    wrong = [f for f in findings if f.level == "error"]
    if wrong:  # inference promises that this never happens
        raise BadData(
            f"column {wrong[0].column!r}, row {wrong[0].rows[:1]} does not read as the rest of it: "
            "mend that row, or turn the column into text in data.py."
        )
    return table


def infer_task(it: Described, column: pd.Series, settings: Settings) -> tuple[str, str, int]:
    """The task, why, and the size of the rarest class (0 for regression).

    Raises
    ------
    BadData : a target that nothing can be learned for.
    """
    name, rows = it.name, int(column.notna().sum())
    if rows == 0:
        raise BadData(f"the target {name!r} has no values: fill it, or name another column.")
    distinct = int(column.nunique())
    if distinct == 1:
        raise BadData(
            f"the target {name!r} has the same value in every row: give data with at least two "
            "outcomes, or name another column."
        )
    if it.kind == "time":
        raise BadData(
            f"the target {name!r} is a date: compute a number (days until …) or a class from it in "
            "data.py and name that."
        )
    if it.kind == "identifier":
        raise BadData(
            f"the target {name!r} names rows, so nothing can be learned about it: name the column "
            "that holds the outcome."
        )
    if it.kind in ("number", "integer"):
        return "regression", f"{distinct:,} different numbers", 0
    if it.kind == "text" or distinct > MOST_CLASSES or distinct > max(rows / 2, 2):
        raise BadData(
            f"the target {name!r} holds {distinct:,} different texts in {rows:,} rows: that is no "
            "set of classes; group them in data.py, or name another column."
        )
    counts = column.value_counts()
    task = "binary" if distinct == 2 else "multiclass"
    wanted = settings.data.task
    if wanted and wanted != task:
        raise Refusal(
            f"data.task in gate.yaml is {wanted}, but the target {name!r} has {distinct} classes: "
            "take data.task out, or change the target in data.py."
        )
    return task, f"{distinct} classes", int(counts.min())


def positive_class(target: pd.Series) -> str | bool:
    """True; else the one that is not negated; else the rarer class."""
    if target.dtype == "boolean":
        return True
    counts = target.value_counts().sort_index()
    first, second = (str(c) for c in counts.index)
    for one, other in ((first, second), (second, first)):
        if one.lower() in ("1", "yes", "positive", "pos", "true"):
            return one
        for no in ("no", "not", "non", "un", "in", "ab"):
            if letters(other) == no + letters(one):
                return one
    return str(counts.idxmin()) if counts.nunique() > 1 else second


def letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def find_id(columns: list[Described], settings: Settings) -> str | None:
    """The one column that clearly names rows."""
    if settings.split.key:
        return None  # frozen earlier
    taken = {settings.data.target, settings.data.time, settings.data.group}
    found = [
        it.name
        for it in columns
        if it.kind == "identifier" and it.unique and is_name_word(it.name) and it.name not in taken
        and not it.name.lower().startswith(("unnamed", "index", "rowname"))
    ]  # fmt: skip
    return found[0] if found else None


def is_feature(it: Described, id_: str | None, settings: Settings) -> bool:
    data = settings.data
    never = {data.target, id_, data.time, data.group, *data.leave_out}
    return it.name not in never and not it.left_out and it.kind not in UNUSABLE


def window(times: pd.Series, share: float) -> str:
    """The shortest whole number of days (hours under 10 days of data) that holds the share."""
    latest, earliest = times.max(), times.min()
    days = latest - earliest >= pd.Timedelta(days=10)
    unit = pd.Timedelta(days=1) if days else pd.Timedelta(hours=1)
    ages = np.sort((latest - times.dropna()).to_numpy())
    age = pd.Timedelta(ages[min(len(ages) - 1, math.ceil(share * len(times)) - 1)])
    number = max(1, math.floor(age / unit) + 1)
    word = "day" if days else "hour"
    return f"{number} {word}{'s' if number > 1 else ''}"


def write_schema(path: Path, description: Description) -> None:
    """Write schema.py, formatted and without lint."""
    source = schema_source(description.columns)
    path.write_text(source, encoding="utf-8", newline="\n")
    if ruff("format", path) and not source.isascii() and not ruff("check", "--select=RUF001", path):
        # Letters that look like others: names and words of the data are as they are.
        path.write_text(f"# ruff: noqa: RUF001\n{source}", encoding="utf-8", newline="\n")
        ruff("format", path)


def ruff(*arguments: str | Path) -> bool:
    """Run ruff where there is one; whether it was content."""
    command = [sys.executable, "-m", "ruff", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def complete_gate(description: Description) -> None:
    """Add what gate.yaml does not say yet; comments and what it says stay."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 96
    content = yaml.load(GATE.read_text(encoding="utf-8"))
    for position, section in enumerate(("data", "split", "gate")):
        if not isinstance(content.get(section), dict):
            content.pop(section, None)
            content.insert(position, section, CommentedMap())
    data, split, gate = content["data"], content["split"], content["gate"]
    put(data, "task", description.task)
    if description.positive is not None:
        put(data, "positive", description.positive)
    if description.id:
        put(data, "id", description.id)
    extend(data, "personal", [it.name for it in description.columns if it.personal])
    extend(data, "leave_out", left_out(description))
    put(split, "key", description.key)
    if description.window:
        put(split, "window", description.window)
    else:
        put(split, "holdout", description.holdout)
    put(gate, "metric", description.metric)
    with GATE.open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump(content, file)


def left_out(description: Description) -> list[str]:
    """Columns for data.leave_out: personal ones, constants, empty ones."""
    return [
        it.name
        for it in description.columns
        if it.left_out in ("personal", "no values", "one value only", "no finite value")
        or it.personal
    ]


def put(section: Any, key: str, value: Any) -> None:
    if section.get(key) in (None, []):
        section[key] = flow(value) if isinstance(value, list) else value


def extend(section: Any, key: str, names: list[str]) -> None:
    """Add names to a list, keeping those that are there."""
    new = [name for name in names if name not in (section.get(key) or [])]
    if not new:
        return
    if section.get(key):
        section[key].extend(new)
    else:
        section[key] = flow(new)


def flow(values: list[str]) -> Any:
    """A list on one line where it is short."""
    from ruamel.yaml.comments import CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

    # There a ? would begin a key; ruamel does not know.
    sequence = CommentedSeq([Quoted(it) if it.startswith("?") else it for it in values])
    if sum(map(len, values)) + 2 * len(values) < 80:
        sequence.fa.set_flow_style()
    return sequence


def choose_model(rows: int) -> None:
    """A linear model learns more from few rows."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    if rows >= ENOUGH or not PARAMS.exists():
        return
    yaml = YAML()
    yaml.preserve_quotes = True
    content = yaml.load(PARAMS.read_text(encoding="utf-8")) or CommentedMap()
    content.setdefault("model", CommentedMap())["kind"] = "linear"
    with PARAMS.open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump(content, file)


def told(description: Description, settings: Settings, path: Path) -> list[str]:
    """About ten lines for people. No value but the positive class, which gate.yaml holds."""
    data, split = settings.data, settings.split
    kinds: dict[str, int] = {}
    for it in description.features:
        kinds[it.kind] = kinds.get(it.kind, 0) + 1
    plural = {"category": "categories"}
    by_kind = ", ".join(f"{n} {k if n == 1 else plural.get(k, k + 's')}" for k, n in kinds.items())
    task = f"{data.task} ({description.about_task} in {data.target}"
    task += f"; positive: {data.positive})" if data.task == "binary" else ")"
    lines = [
        f"Rows         {description.rows:,}"
        + (f", and {description.unlabelled:,} without a target" if description.unlabelled else ""),
        f"Task         {task}",
        "Holdout      "
        + (
            f"the latest {split.window}, by {data.time}"
            if data.time
            else f"{100 * split.holdout:.0f} % of the "
            + (f"groups of {data.group}" if data.group else "rows, drawn by hash")
        ),
        f"Row key      {', '.join(split.key) if len(split.key) <= 3 else f'{len(split.key)} columns'}"
        + ("" if data.id else " (no id column)"),
        f"Features     {len(description.features)}: {by_kind}",
    ]
    out = [f"{it.name} ({it.left_out})" for it in description.columns
           if it.left_out and it.name not in (data.id, data.target, data.time, data.group)]  # fmt: skip
    if out:
        lines.append(f"Left out     {listed(out)}")
    dated = [
        f"{it.name} as {how if isinstance(how, str) else ' or '.join(how)}"
        for it in description.columns
        if (how := it.arguments.get("format"))
    ]
    if dated:
        lines.append(f"Dates        {listed(dated)}")
    grouped = [
        f"{it.name} with {it.arguments['thousands']!r} between thousands"
        for it in description.columns
        if it.arguments.get("thousands")
    ]
    if grouped:
        lines.append(f"Numbers      {listed(grouped)}")
    if data.personal:
        lines.append(f"Personal     {listed(data.personal)}: values are never shown")
    repeats = [it.name for it in description.columns if it.left_out.endswith("repeats")]
    if repeats and not data.group:
        lines.append(f"Groups?      rows that share {repeats[0]} stay together with data.group")
    dates = [it.name for it in description.features if it.kind == "time"]
    if dates and not data.time:
        lines.append(
            f"Time?        with data.time: {dates[0]} and split.window: 7 days the holdout is the "
            "latest window"
        )
    if 0 < description.rarest < FEW:
        lines.append(
            f"Careful      a class of {data.target!r} has {description.rarest} rows only: little can "
            "be learned or said about it"
        )
    lines.append(f"Metric       {settings.gate.metric}")
    lines.append(f"Model        {settings.params.model.get('kind', 'boosted')}")
    lines.append(f"Edit         {path}, {GATE}, {PARAMS}")
    return lines


def listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def track() -> None:
    """Let DVC track the raw data."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", str(RAW)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Refusal(
            f"`dvc add {RAW.as_posix()}` failed: {said[-1] if said else 'no reason given'}"
        )
