"""What a row must hold to be predicted: the schema of training, applied to each row.

Training judges a table by shares, and a row alone has none. Of the built-in checks a row fails on a
value of another type, a word that schema.py does not list, a value outside of the declared range,
and a missing value where none was missing when the data were described. Outliers and repeated rows
are no row's fault. A user's own check counts where it answers for each row; one that answers for a
whole table, or asks for columns that a request does not have, is training's alone.

The same is written down twice: `check_table` lets pandera do it, for tables; `Compiled` asks plain
values, for requests, where a DataFrame and pandera would cost more than the model. Whatever is not
plain goes through the conversion of the tables here, too.
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError, SchemaErrors

from champion.stages.validate import CONFORM_SAYS
from champion.tables.conform import CONVERT, wrong_type
from champion.tables.schema import kind_of, measuring

REFUSED = {
    "missing": "missing, which it never was when the data were described",
    "range": "outside the declared range",
    "unseen": "a word that schema.py does not list",
}
PLAIN = (str, int, float, bool)
Columns = dict[str, list[Any]]


@dataclass
class Fault:
    """A check that some rows fail; `rows` are their places, from 0. Never holds a value."""

    column: str | None
    check: str
    message: str
    rows: list[int]


def part_of(schema: pandera.DataFrameSchema, names: list[str]) -> pandera.DataFrameSchema:
    """The user's schema for some of its columns."""
    return pandera.DataFrameSchema({n: schema.columns[n] for n in names}, checks=schema.checks)


def check_table(
    df: pd.DataFrame, schema: pandera.DataFrameSchema
) -> tuple[pd.DataFrame, list[Fault]]:
    """Conform a table and find the rows that the schema refuses.

    Returns
    -------
    the schema's columns as training has them; what is wrong, a column and check once.
    """
    columns, faults = {}, []
    unread: dict[str | None, np.ndarray] = {}
    for name, it in schema.columns.items():
        columns[name], bad = CONVERT[kind_of(it)](df[name], it.metadata or {})
        unread[name] = bad
        if bad.any():
            found = wrong_type(name, kind_of(it), int(bad.sum()), bad)
            faults.append(Fault(name, "type", found.message, np.flatnonzero(bad).tolist()))
    table = pd.DataFrame(columns, index=df.index)
    with measuring() as measures:
        own = [
            without(f, np.flatnonzero(unread[f.column]).tolist()) if f.check == "missing" else f
            for f in own_faults(table, schema)
        ]
    for measure in measures:
        if measure.check not in REFUSED or measure.seen or measure.mask is None:
            continue
        bad = unread[measure.column]
        mask = measure.mask & ~bad if len(bad) else measure.mask
        if mask.any():
            said = REFUSED[measure.check]
            rows = np.flatnonzero(mask).tolist()
            faults.append(Fault(measure.column, measure.check, said, rows))
    return table, [fault for fault in faults + own if fault.rows]


def own_faults(table: pd.DataFrame, schema: pandera.DataFrameSchema) -> list[Fault]:
    """Run pandera; the rows that a user's own checks refuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            schema.validate(table, lazy=True, inplace=True)
        except SchemaErrors as errors:
            found = [own_fault(error, table) for error in errors.schema_errors]
            return [fault for fault in found if fault]
    return []


def own_fault(error: SchemaError, table: pd.DataFrame) -> Fault | None:
    reason = getattr(error.reason_code, "name", "")
    if reason in CONFORM_SAYS:
        return None
    column = getattr(error.schema, "name", None)
    if reason == "SERIES_CONTAINS_NULLS":
        return Fault(
            column, "missing", REFUSED["missing"], np.flatnonzero(table[column].isna()).tolist()
        )
    name = str(getattr(error.check, "name", None) or error.check)
    said = f"your own check {name} fails"
    if reason == "CHECK_ERROR":  # of a whole table: it asks for a column that is not here
        return Fault(column, name, said, list(range(len(table)))) if column else None
    output = error.check_output
    if not isinstance(output, pd.Series | pd.DataFrame) or len(output) != len(table):
        return None
    passed = output if isinstance(output, pd.Series) else output.all(axis=1)
    return Fault(column, name, said, np.flatnonzero(~passed.fillna(False).to_numpy(bool)).tolist())


class Compiled:
    """The schema as questions to plain values.

    Parameters
    ----------
    schema : the user's.
    features : the columns that a row must have; the others of the schema may be there.
    kept : those of the others that are read, too, without a check.
    """

    def __init__(
        self, schema: pandera.DataFrameSchema, features: list[str], kept: Sequence[str] = ()
    ) -> None:
        self.known = frozenset(schema.columns)
        self.features = features
        own = {name: own_checks(schema.columns[name]) for name in features}
        self.own: pandera.DataFrameSchema | None = None
        if schema.checks or any(own.values()):
            self.own = pandera.DataFrameSchema(
                {
                    name: pandera.Column(
                        schema.columns[name].dtype, checks=own[name], nullable=True
                    )
                    for name in features
                },
                checks=schema.checks,
            )
        self.questions = [Question(schema.columns[name]) for name in features]
        self.others = [Question(schema.columns[name]) for name in kept]

    def check(self, rows: Sequence[dict[str, Any]]) -> tuple[Columns, list[Fault]]:
        """Read rows as JSON has them.

        Returns
        -------
        the features and kept columns as Python's floats, strings (missing: None) and pandas'
        times; what is wrong.
        """
        columns: Columns = {}
        faults = self.extra(rows)
        for question in self.questions:
            name = question.name
            try:
                values = [row[name] for row in rows]
            except KeyError:
                gone = [place for place, row in enumerate(rows) if name not in row]
                faults.append(Fault(name, "gone", "the column is missing", gone))
                values = [row.get(name) for row in rows]
                columns[name], found = question.ask(values)
                faults += [without(fault, gone) for fault in found if set(fault.rows) - set(gone)]
                continue
            columns[name], found = question.ask(values)
            faults += found
        for question in self.others:
            columns[question.name] = question.read([row.get(question.name) for row in rows])[0]
        if self.own and not any(fault.check in ("gone", "type") for fault in faults):
            faults += own_faults(self.frame(columns, flags=True), self.own)
        return columns, faults

    def extra(self, rows: Sequence[dict[str, Any]]) -> list[Fault]:
        """Columns that the schema does not know."""
        known = self.known
        if all(row.keys() <= known for row in rows):
            return []
        counts = Counter(name for row in rows for name in row.keys() - known)
        return [
            Fault(name, "extra", "schema.py has no such column", [
                place for place, row in enumerate(rows) if name in row
            ])
            for name in sorted(counts)[:20]
        ]  # fmt: skip

    def frame(self, columns: Columns, flags: bool = False) -> pd.DataFrame:
        """The features as `roles.inputs` gives them to a model; flags: booleans stay boolean."""
        made = {}
        for question in self.questions:
            dtype = "boolean" if flags and question.kind == "boolean" else DTYPES[question.kind]
            values: Any = columns[question.name]
            if dtype == "float64":
                made[question.name] = pd.Series(np.array(values, float))
            elif dtype == "boolean":
                made[question.name] = pd.Series(
                    [None if math.isnan(v) else bool(v) for v in values], dtype="boolean"
                )
            else:
                made[question.name] = pd.Series(values, dtype=dtype)
        return pd.DataFrame(made)


DTYPES = {
    "number": "float64", "integer": "float64", "boolean": "float64", "category": "str",
    "time": "datetime64[ns]", "text": "str", "identifier": "str",
}  # fmt: skip


def without(fault: Fault, rows: list[int]) -> Fault:
    left = sorted({*fault.rows} - {*rows})
    return Fault(fault.column, fault.check, fault.message, left)


def own_checks(it: pandera.Column) -> list[pandera.Check]:
    """The checks of a column that schema.py's own words did not make."""
    return [check for check in it.checks if "seen" not in (check.statistics or {})]


class Question:
    """One column: how its values are read, and which are refused."""

    def __init__(self, it: pandera.Column) -> None:
        self.name = str(it.name)
        self.kind = kind_of(it)
        self.how = it.metadata or {}
        told = {c.name: c.statistics for c in it.checks if "seen" in (c.statistics or {})}
        self.missing = not it.nullable or told.get("missing", {"seen": 1})["seen"] == 0
        limits = told.get("range", {})
        self.low, self.high = limits.get("low"), limits.get("high")
        listed = told.get("unseen", {}).get("values")
        self.listed = None if listed is None else frozenset(listed)
        if self.kind == "time":
            self.low, self.high = map(timestamp, (self.low, self.high))
        dotted = self.how.get("decimal", ".") == "."
        self.plain: Callable[[Any], Any] = {
            "number": plain_or_written if dotted else plain_number,
            "integer": plain_integer, "boolean": plain_boolean,
            "category": self.plain_word, "time": no_plain,
        }.get(self.kind, plain_text)  # fmt: skip

    def ask(self, values: list[Any]) -> tuple[list[Any], list[Fault]]:
        """Read values and check them."""
        read, unread = self.read(values)
        faults = []
        if unread:
            bad = np.zeros(len(values), bool)
            bad[unread] = True
            found = wrong_type(self.name, self.kind, len(unread), bad)
            faults.append(Fault(self.name, "type", found.message, unread))
        if self.missing:
            gone = [i for i, v in enumerate(read) if (v is None or v != v) and i not in unread]
            if gone:
                faults.append(Fault(self.name, "missing", REFUSED["missing"], gone))
        low, high = self.low, self.high
        if low is not None or high is not None:
            out = [
                i for i, v in enumerate(read)
                if v is not None
                and ((low is not None and v < low) or (high is not None and v > high))
            ]  # fmt: skip
            if out:
                faults.append(Fault(self.name, "range", REFUSED["range"], out))
        if self.listed is not None:
            new = [i for i, v in enumerate(read) if v is not None and v not in self.listed]
            if new:
                faults.append(Fault(self.name, "unseen", REFUSED["unseen"], new))
        return read, faults

    def read(self, values: list[Any]) -> tuple[list[Any], list[int]]:
        """The values as the model takes them; the places of those that cannot be read."""
        plain = self.plain
        read = [plain(value) for value in values]
        rest: dict[type, list[int]] = {}
        for place, value in enumerate(read):
            if value is ASK:
                rest.setdefault(type(values[place]), []).append(place)
        unread: list[int] = []
        for kind, places in rest.items():
            if kind in PLAIN:
                made, bad = self.convert([values[place] for place in places])
            else:  # nested
                made, bad = [self.nothing] * len(places), [True] * len(places)
            for place, value, wrong in zip(places, made, bad, strict=True):
                read[place] = value
                if wrong:
                    unread.append(place)
        return read, sorted(unread)

    def convert(self, values: list[Any]) -> tuple[list[Any], list[bool]]:
        """As the tables do; values of one type."""
        series, bad = CONVERT[self.kind](pd.Series(values), self.how)
        if self.kind in ("number", "integer"):
            made = series.tolist()
        elif self.kind == "boolean":
            made = series.astype("float64").tolist()
        else:
            made = [None if pd.isna(value) else value for value in series]
        return made, bad.tolist() if len(bad) else [False] * len(values)

    @property
    def nothing(self) -> float | None:
        return math.nan if DTYPES[self.kind] == "float64" else None

    def plain_word(self, value: Any) -> Any:
        if value is None or (type(value) is str and (self.listed is None or value in self.listed)):
            return value
        return ASK


class Ask:
    """Stands for a value that is not plain."""


ASK = Ask()
BIG = 2**53
WRITTEN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
WHOLE = re.compile(r"-?[0-9]{1,15}")


def plain_number(value: Any) -> Any:
    if type(value) is float:
        return value if -math.inf < value < math.inf else math.nan
    if value is None:
        return math.nan
    return float(value) if type(value) is int and -BIG < value < BIG else ASK


def plain_or_written(value: Any) -> Any:
    """Numbers as CSV has them, too."""
    if type(value) is str and WRITTEN.fullmatch(value):
        return float(value)
    return plain_number(value)


def plain_integer(value: Any) -> Any:
    if type(value) is int and -BIG < value < BIG:
        return float(value)
    if value is None:
        return math.nan
    if type(value) is str and WHOLE.fullmatch(value):
        return float(value)
    return value if type(value) is float and value.is_integer() else ASK


def plain_boolean(value: Any) -> Any:
    if type(value) is bool:
        return float(value)
    return math.nan if value is None else ASK


def plain_text(value: Any) -> Any:
    return value if value is None or type(value) is str else ASK


def no_plain(value: Any) -> Any:
    return None if value is None else ASK


def timestamp(value: Any) -> pd.Timestamp | None:
    return None if value is None else pd.Timestamp(value)
