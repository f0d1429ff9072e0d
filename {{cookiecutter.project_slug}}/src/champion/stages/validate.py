"""Stage: check the data. Reads data/raw, writes data/valid.parquet and reports/data.json."""

import argparse
import json
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError, SchemaErrors

from champion.errors import BadData, Refusal
from champion.project import RAW, REPORTS, SOURCE, VALID, user_module
from champion.settings import Settings
from champion.tables.conform import conform
from champion.tables.findings import (
    Finding,
    as_json,
    as_text,
    first_rows,
    may_show,
    percent,
    show_values,
)
from champion.tables.identical import duplicated
from champion.tables.leaks import leaks
from champion.tables.read import clean_names, write_parquet
from champion.tables.roles import check_names, features
from champion.tables.schema import LIMIT, Measure, kind_of, measuring

CONFORM_SAYS = ("COLUMN_NOT_IN_DATAFRAME", "WRONG_DATATYPE")
LIMITS = {
    "missing": "MISSING_LIMIT",
    "unseen": "UNSEEN_LIMIT",
    "range": "RANGE_LIMIT",
    "outliers": "OUTLIER_LIMIT",
}
SAYS = {
    "missing": "missing",
    "unseen": "words that schema.py does not list",
    "range": "outside the declared range",
    "outliers": "outliers, over 3 interquartile ranges outside the quartiles",
    "duplicates": "rows repeat a name that schema.py declares unique",
}


@dataclass
class Checked:
    """A table that was looked at.

    Parameters
    ----------
    loaded : what load() gave.
    table : the same rows, conformed; includes rows without a target.
    """

    loaded: pd.DataFrame
    table: pd.DataFrame
    findings: list[Finding]

    @property
    def failed(self) -> bool:
        return any(f.level == "error" for f in self.findings)


def run(args: argparse.Namespace) -> int:
    settings = Settings.load()
    VALID.unlink(missing_ok=True)
    checked = check(load(RAW, settings), settings)
    target = settings.data.target
    report = as_json(
        checked.findings, rows=len(checked.loaded), columns=checked.loaded.shape[1], target=target,
        period=period(checked.table, settings),
    )  # fmt: skip
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "data.json").write_text(
        json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    if checked.findings:
        print(as_text(checked.findings))
    errors, warned = len(report["errors"]), len(report["warnings"])
    print(f"{len(checked.loaded):,} rows: {number(errors, 'error')}, {number(warned, 'warning')}.")
    if checked.failed:
        return 1
    del checked.loaded
    write_parquet(labelled(checked.table, target), VALID)
    return 0


def period(table: pd.DataFrame, settings: Settings) -> list[str] | None:
    """The first and the last day, where there are times that may be shown."""
    name = settings.data.time
    if name not in table or not may_show(name, settings) or not table[name].notna().any():
        return None
    return [f"{day:%Y-%m-%d}" for day in (table[name].min(), table[name].max())]


def number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def labelled(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """The rows that have a target."""
    known = table[target].notna()
    return table if known.all() else table[known]


def load(folder: Path, settings: Settings) -> pd.DataFrame:
    """Run the user's load(); one row an example, column names that are strings.

    Raises
    ------
    Refusal : load() failed; names the file and line, and the text only if values may be shown.
    BadData : no rows, or column names that are empty or double.
    """
    module = user_module("data")
    if not callable(getattr(module, "load", None)):
        raise Refusal(f"{place(module)} has no function load(folder): write it or take it back.")
    try:
        df = module.load(folder)
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(failure(error, settings)) from None
    if not isinstance(df, pd.DataFrame):
        raise Refusal(
            f"load() in {place(module)} must return a DataFrame, not {type(df).__name__}."
        )
    if isinstance(df.columns, pd.MultiIndex):
        raise Refusal(
            f"load() in {place(module)} gives column names of several levels: flatten them."
        )
    df = df.reset_index(drop=df.index.names == [None])
    df.columns = pd.Index(clean_names(list(map(str, df.columns)), "the table of load()"))
    if "row_id" in df:
        raise BadData("the table has a column row_id, a name that the pipeline needs: rename it.")
    if df.empty:
        raise BadData(f"load() in {place(module)} gives no rows: look at {folder}.")
    return df


def place(module: ModuleType) -> str:
    path = Path(str(module.__file__))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def failure(error: Exception, settings: Settings) -> str:
    """Where the user's code failed; what the error says only where values may be shown."""
    source = SOURCE.resolve()
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if Path(f.filename).resolve().is_relative_to(source)]
    own = [
        f
        for f in mine
        if "champion" not in Path(f.filename).resolve().relative_to(source).parts[:1]
    ]
    last = (own or mine or frames)[-1]
    said = type(error).__name__
    if settings.report.show_values and not settings.data.personal:
        said += f": {error}"
    where = Path(last.filename)
    shown = where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where.name
    return f"load() failed in {shown}, line {last.lineno}: {said}."


def check(df: pd.DataFrame, settings: Settings) -> Checked:
    """Look at a loaded table with the user's schema; gives every finding at once."""
    module = user_module("schema")
    schema = getattr(module, "schema", None)
    if not isinstance(schema, pandera.DataFrameSchema) or not schema.columns:
        raise Refusal("schema.py describes no column yet: run `make setup`, which writes it.")
    target = settings.data.target
    if target not in schema.columns:
        raise Refusal(f"schema.py has no column {target!r}, the target of gate.yaml: add it there.")
    check_names(list(dict.fromkeys([*schema.columns, *df])), settings)
    when = schema.columns.get(settings.data.time)
    if when and kind_of(when) != "time":
        raise Refusal(
            f"data.time in gate.yaml is {when.name!r}, which schema.py does not call a time: "
            "name another column, or change it there."
        )
    chosen = set(features(settings))
    table, findings = conform(df, schema)
    if not any(f.check == "gone" and f.column == target for f in findings):
        findings += without_target(table, target)
    with measuring() as measures:
        findings += own_checks(table, schema)
    said = {(f.column, "missing") for f in findings if f.check in ("type", "no target")}
    said.add((settings.data.id, "duplicates"))
    for measure in measures:
        if (measure.column, measure.check) in said:
            continue
        findings += judged(measure, module, chosen, settings)
    findings += duplicate_ids(table, settings.data.id) + duplicate_rows(table)
    findings += learned_from([c for c in table if c in chosen], settings)
    if target in table and settings.data.task:
        findings += possible_leaks(table, [c for c in table if c in chosen], settings)
    show_values(findings, df, settings)
    return Checked(df, table, findings)


def judged(
    measure: Measure, module: ModuleType, chosen: set[str], settings: Settings
) -> list[Finding]:
    """An error, a warning or nothing, as the share grew over the share seen."""
    kind = kind_of(module.schema.columns[measure.column])
    limit = float(getattr(module, LIMITS.get(measure.check, ""), LIMIT))
    said = SAYS[measure.check]
    if measure.check == "duplicates":
        level = "error"
    elif measure.share <= measure.seen:
        return []
    else:
        stops = measure.column in chosen and kind != "time"
        level = "error" if stops and measure.share > measure.seen + limit else "warning"
        if measure.column == settings.data.target and settings.data.task == "binary":
            level = "error" if measure.check == "unseen" else level
    if measure.seen:
        said += f" (seen before: {percent(measure.seen)})"
    return [
        Finding(
            level, measure.column, measure.check, measure.count, measure.share, said, measure.rows
        )
    ]


def without_target(table: pd.DataFrame, target: str) -> list[Finding]:
    """Rows that cannot be learned from; an error when there is nothing else."""
    mask = table[target].isna().to_numpy()
    count = int(mask.sum())
    if not count:
        return []
    level = "error" if count == len(table) else "warning"
    said = "rows without a target are left out"
    return [Finding(level, target, "no target", count, count / len(table), said, first_rows(mask))]


def own_checks(table: pd.DataFrame, schema: pandera.DataFrameSchema) -> list[Finding]:
    """Run pandera; findings of checks that users added. Pandera's texts hold values: not used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            schema.validate(table, lazy=True, inplace=True)
        except SchemaErrors as errors:
            found = [own_finding(error, len(table)) for error in errors.schema_errors]
            return [finding for finding in found if finding]
    return []


def own_finding(error: SchemaError, total: int) -> Finding | None:
    if error.reason_code is not None and error.reason_code.name in CONFORM_SAYS:
        return None
    named = getattr(error.check, "name", None) or str(error.check)
    column = getattr(error.schema, "name", None)
    rows: list[int] = []
    count = 0
    output = error.check_output
    if isinstance(output, pd.Series | pd.DataFrame) and output.size:
        passed = output if isinstance(output, pd.Series) else output.all(axis=1)
        mask = ~passed.fillna(False).to_numpy(bool)
        count, rows = int(mask.sum()), first_rows(mask) if len(mask) == total else []
    said = f"your own check {named} fails"
    if isinstance(error.failure_cases, pd.DataFrame) and not count:
        count = len(error.failure_cases)
    return Finding("error", column, str(named), count, count / total, said, rows)


def duplicate_ids(table: pd.DataFrame, name: str | None) -> list[Finding]:
    if name is None or name not in table:
        return []
    mask = table[name].duplicated().to_numpy()
    count = int(mask.sum())
    if not count:
        return []
    said = "rows repeat the id of an earlier row: keep one of each"
    return [
        Finding("error", name, "duplicate ids", count, count / len(table), said, first_rows(mask))
    ]


def duplicate_rows(table: pd.DataFrame) -> list[Finding]:
    mask = duplicated(table)
    count = int(np.count_nonzero(mask))
    if not count:
        return []
    said = "rows are the same as an earlier one in every column"
    share = count / len(table)
    return [Finding("warning", None, "duplicate rows", count, share, said, first_rows(mask))]


def learned_from(chosen: list[str], settings: Settings) -> list[Finding]:
    """Personal columns that are features: no report shows their values, but a model is no report."""
    said = (
        "personal, and the model learns from it: its file may hold such values. Put it in "
        "data.leave_out, unless whoever gets the model may know them"
    )
    named = [name for name in chosen if name in settings.data.personal]
    return [Finding("warning", name, "personal", 0, 0.0, said) for name in named]


def possible_leaks(table: pd.DataFrame, chosen: list[str], settings: Settings) -> list[Finding]:
    target = settings.data.target
    numeric = settings.data.task == "regression"
    if numeric and table[target].dtype.kind != "f":
        return []
    return [
        Finding(
            "warning", name, "leak", 0, 0.0,
            f"alone predicts the target ({'R²' if numeric else 'AUC'} {score:.2f}): a leak? "
            "If it is not known when you predict, put it in data.leave_out",
        )
        for name, score in leaks(table, chosen, target, numeric).items()
    ]  # fmt: skip
