"""What a column holds, found from its values."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from champion.tables.conform import as_number, as_time, parse, strings
from champion.tables.dates import date_formats, number_format
from champion.tables.personal import looks_personal, tokens
from champion.tables.schema import fences, missing_mask

LISTED = 200  # categories beyond which they are not listed
CLASSES = 10  # distinct numbers up to which a numeric target is a class
EXACT = 2**53  # whole numbers that float64 holds exactly
NAMES = {
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "identifier",
    "pk",
    "rowid",
    "index",
    "unnamed",
    "rownames",
    "nr",
    "no",
    "number",
    "nummer",
    "numero",
    "número",
    "numéro",
}
COMPOUNDS = ("nummer", "nummern", "nr")  # Kundennummer
SPACES = " \u00a0\u202f"
STYLES = [  # decimal, thousands
    (".", ""), (",", ""), (".", ","), (",", "."), (".", "'"),
    *((decimal, space) for space in SPACES for decimal in ".,"),
]  # fmt: skip
TRUE_FALSE = [
    ({"true", "t"}, {"false", "f"}),
    ({"yes", "y"}, {"no", "n"}),
    ({"on"}, {"off"}),
    ({"ja", "j"}, {"nein", "n"}),
    ({"oui"}, {"non"}),
    ({"si", "sí", "sì"}, {"no"}),
    ({"sim"}, {"não", "nao"}),
    ({"wahr"}, {"falsch"}),
    ({"vrai"}, {"faux"}),
]


@dataclass
class Described:
    """A column of schema.py before it is written.

    Parameters
    ----------
    arguments : of the function `kind` of champion.tables.schema, in their order.
    values : the categories, where they are listed.
    left_out : why it must not be a feature; empty where it may.
    distinct : how many different values there are.
    unique : no value twice, none missing.
    remark : a comment for its line.
    """

    name: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    values: list[str] | None = None
    left_out: str = ""
    personal: str = ""
    distinct: int = 0
    unique: bool = False
    remark: str = ""


def describe_column(
    column: pd.Series,
    *,
    is_time: bool = False,
    is_target: bool = False,
    hidden: bool = False,
    semicolons: bool = False,
) -> Described:
    """Find kind, ranges and shares of one column.

    Parameters
    ----------
    is_time : gate.yaml calls it the time column.
    is_target : a few distinct numbers are classes then, and its name is no sign of a person.
    hidden : a personal column: no value or range is written.
    semicolons : they separate the file, which keeps its commas for decimals.
    """
    name = str(column.name)
    mask = missing_mask(column)
    missing = 0 if mask is None else int(np.count_nonzero(mask))
    rows = len(column) - missing
    if rows == 0:
        return Described(name, "text", left_out="no values")
    if pd.api.types.is_bool_dtype(column.dtype):
        it = from_booleans(column, name)
    elif column.dtype.kind == "M":
        it = from_times(column, name, [])
    elif column.dtype.kind in "iuf":
        it = from_numbers(column, name, rows, is_time, is_target)
    else:
        it = from_strings(column, name, rows, is_time, is_target, semicolons)
    it.unique = it.distinct == len(column)
    if is_target:
        it.personal = ""
    if it.distinct == 1 and not it.left_out:
        it.left_out = "one value only"
    if hidden or it.personal:
        hide(it)
    return it


def hide(it: Described) -> None:
    """Keep values and ranges of a personal column out of schema.py."""
    shown = {"missing", "decimal", "thousands", "true", "false", "format", "unique"}
    it.arguments = {k: v for k, v in it.arguments.items() if k in shown}
    it.values = None
    it.remark = "personal: no values or ranges here" + ("; left out" if it.left_out else "")


def from_booleans(column: pd.Series, name: str) -> Described:
    return Described(name, "boolean", distinct=int(column.nunique()))


def from_times(column: pd.Series, name: str, formats: list[str]) -> Described:
    times = column.dropna()
    arguments: dict[str, Any] = {}
    if formats and formats != ["ISO8601"]:
        arguments["format"] = formats[0] if len(formats) == 1 else formats
    clock = bool(formats) and not any("Y" in f or "y" in f or f[0] in "Iu" for f in formats)
    if len(times) and not clock:
        earliest = times.min()
        arguments["earliest"] = (
            f"{earliest:%Y-%m-%d}" if earliest == earliest.normalize() else f"{earliest.floor('s')}"
        )
    return Described(name, "time", arguments, distinct=int(times.nunique()))


def from_numbers(
    column: pd.Series, name: str, rows: int, is_time: bool = False, is_target: bool = False
) -> Described:
    """From numbers, whether whole or not."""
    values = column.to_numpy("float64", na_value=np.nan)
    held = values[np.isfinite(values)]
    whole = bool(len(held)) and bool((held == np.trunc(held)).all())
    distinct = int(column.nunique())
    if is_target and distinct <= CLASSES:
        return from_classes(column, name)
    if whole and (is_time or dated(name)):
        format_ = number_format(pd.Series(held))
        if format_ and (is_time or format_ != "%Y"):
            times = as_time(column, {"formats": [format_]})[0]
            return from_times(times, name, [format_])
    if whole and (np.abs(held).max() > EXACT or is_name(name, column, distinct, rows)):
        why = "an identifier" if distinct == rows else "an identifier that repeats"
        return Described(name, "identifier", left_out=why, distinct=distinct,
                         personal=looks_personal(name, pd.Series(held), rows) if distinct > 1 else "")  # fmt: skip
    personal = looks_personal(name, pd.Series(np.unique(held)), rows)
    if not len(held):
        return Described(name, "number", left_out="no finite value", distinct=distinct)
    it = measured("integer" if whole else "number", name, held, len(column))
    it.distinct = distinct
    if personal:
        it.personal, it.left_out = personal, "personal"
    return it


def measured(kind: str, name: str, held: np.ndarray, total: int) -> Described:
    """Range, quartiles and outliers, rounded so that every value seen stays inside."""
    exact = kind == "integer"
    low, high = float(held.min()), float(held.max())
    first, third = (float(q) for q in np.quantile(held, [0.25, 0.75], method="nearest"))
    arguments: dict[str, Any] = {
        "low": int(low) if exact else rounded(low, down=True),
        "high": int(high) if exact else rounded(high, down=False),
    }
    first, third = (q if exact else float(f"{q:.6g}") for q in (first, third))
    if first < third:
        arguments["quartiles"] = (int(first), int(third)) if exact else (first, third)
        below, above = fences(*arguments["quartiles"])
        outliers = np.count_nonzero((held < below) | (held > above)) / total
        if outliers:
            arguments["outliers"] = up(outliers)
    return Described(name, kind, arguments)


def from_classes(column: pd.Series, name: str) -> Described:
    """Numbers that stand for classes: their text."""
    texts = pd.Series(strings(column).to_numpy(), dtype="str").dropna()
    values = sorted(texts.unique(), key=float)
    return Described(name, "category", values=values, distinct=len(values))


def from_strings(
    column: pd.Series,
    name: str,
    rows: int,
    is_time: bool = False,
    is_target: bool = False,
    semicolons: bool = False,
) -> Described:
    """From text: a number, a yes or no, a date, a category, an identifier or free text."""
    held = strings(column)
    trimmed = pc.utf8_trim_whitespace(held.unique().drop_null())
    values = pd.Series(pc.unique(trimmed).to_numpy(zero_copy_only=False), dtype="str")
    distinct = len(values)
    how = number_style(values, semicolons)
    if how is not None:
        numbers = as_number(pd.Series(held.to_numpy(), dtype="str", name=name), how)[0]
        if is_target and numbers.nunique() <= CLASSES:
            return words(name, values, rows, listed=True)
        it = from_numbers(numbers, name, rows, is_time, is_target)
        if it.kind in ("number", "integer"):
            it.arguments.update({k: v for k, v in how.items() if v and (k, v) != ("decimal", ".")})
            if it.kind == "integer" and "decimal" in it.arguments:
                it.kind = "number"
        return it
    pair = true_false(values)
    if pair is not None:
        arguments = {
            k: v[0] if len(v) == 1 else v for k, v in zip(("true", "false"), pair, strict=True)
        }
        if arguments["true"] == "true":
            del arguments["true"]
        if arguments["false"] == "false":
            del arguments["false"]
        return Described(name, "boolean", arguments, distinct=2)
    personal = looks_personal(name, values, rows)
    formats = date_formats(values)
    if formats is not None and not personal.startswith("holds"):
        times = as_time(column, {"formats": formats})[0]
        it = from_times(times, name, formats)
        if personal:
            it.personal, it.left_out = personal, "personal"
        return it
    if personal:
        return Described(name, "text", left_out="personal", personal=personal, distinct=distinct)
    return words(name, values, rows, listed=is_target)


def words(name: str, values: pd.Series, rows: int, listed: bool = False) -> Described:
    """A category, an identifier or free text, by how many and how long the words are."""
    distinct = len(values)
    spread = distinct / rows
    length = float(values.str.len().mean())
    parts = float(values.str.count(r"\s+").mean()) + 1
    if listed or (distinct <= LISTED and not (distinct > 20 and spread > 0.5)):
        return Described(name, "category", values=sorted(values), distinct=distinct)
    if spread > 0.5:
        if parts <= 1.5 and length <= 64 and (spread > 0.9 or "id" in tokens(name)):
            why = "an identifier" if distinct == rows else "an identifier that repeats"
            return Described(name, "identifier", left_out=why, distinct=distinct)
        why = "free text" if parts > 1.5 else "too many different values"
        return Described(name, "text", left_out=why, distinct=distinct)
    if parts >= 4 or length > 60:
        return Described(name, "text", left_out="free text", distinct=distinct)
    if is_name_word(name):
        return Described(
            name, "identifier", left_out="an identifier that repeats", distinct=distinct
        )
    remark = f"{distinct:,} values, too many to list: any is fine"
    return Described(name, "category", distinct=distinct, remark=remark)


def number_style(values: pd.Series, semicolons: bool = False) -> dict[str, str] | None:
    """How numbers are written, if every value is one; decided over all of them."""
    if not values.head(500).str.match(rf"^[-+]?\d?[\d.,'{SPACES}]*\d[\d.,]*([eE][-+]?\d+)?$").all():
        return None
    if values.str.match(r"^[-+]?0\d").any():
        return None  # 007 is a name
    texts = pa.chunked_array([pa.array(values, pa.large_string())])
    for decimal, thousands in STYLES:
        how = {"decimal": decimal, "thousands": thousands}
        if np.isnan(parse(texts, how)).any():
            continue
        if (decimal, thousands) == (",", "") and groups_of_three(values, semicolons):
            return {"decimal": ".", "thousands": ","}
        return how
    return None


def groups_of_three(values: pd.Series, semicolons: bool = False) -> bool:
    """Is the comma of 1,234 a thousands separator? Then it is in all, and small numbers lack it."""
    comma = values[values.str.contains(",", regex=False)]
    plain = values[~values.str.contains(",", regex=False)]
    grouped = comma.str.match(r"^[-+]?[1-9]\d{0,2}(,\d{3})+$").all()
    small = plain.str.match(r"^[-+]?\d{1,3}$").all()
    return bool(grouped and small and not (semicolons and plain.empty))


def true_false(values: pd.Series) -> tuple[list[str], list[str]] | None:
    """The words for true and false, lowered, if there are both and no others."""
    lowered = set(values.str.lower())
    if len(values) > 12 or len(lowered) < 2:
        return None
    for true, false in TRUE_FALSE:
        if lowered <= true | false and lowered & true and lowered & false:
            return sorted(lowered & true), sorted(lowered & false)
    return None


def is_name(name: str, column: pd.Series, distinct: int, rows: int) -> bool:
    """Are whole numbers names? By the column's name, or as they rise from top to bottom, nearly
    one by one: 4711, 4712, 4714, …"""
    if distinct <= LISTED and distinct < rows:
        return False
    if is_name_word(name):
        return True
    if rows < 20 or rows != len(column):
        return False
    values = column.to_numpy("float64")
    return bool((np.diff(values) > 0).all() and values[-1] - values[0] < 2 * rows)


def is_name_word(name: str) -> bool:
    """id, customer_id, OrderID, uuid; not `paid`."""
    parts = tokens(name)
    whole = name.lower().rstrip(". ").endswith(COMPOUNDS)
    return bool(parts) and (whole or parts[-1] in NAMES or parts[0] in ("id", "unnamed"))


def dated(name: str) -> bool:
    return bool(set(tokens(name)) & {"date", "day", "datum", "time", "timestamp", "created", "at"})


def up(share: float) -> float:
    """A share rounded up to 4 decimals, so that what was seen stays within."""
    return min(1.0, math.ceil(share * 1e4 - 1e-9) / 1e4) if share < 1 else 1.0


def rounded(value: float, *, down: bool) -> float:
    """6 significant digits, never on the wrong side of `value`."""
    near = float(f"{value:.6g}")
    if near == value or (near < value) == down:
        return near
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 5)
    near = float(f"{near - step if down else near + step:.6g}")
    return near if (near <= value) == down and math.isfinite(near) else value


def quoted(text: str) -> str:
    """A string as ruff writes it."""
    plain = repr(text)
    if plain[0] == '"' or '"' in text:
        return plain
    return '"' + plain[1:-1].replace("\\'", "'") + '"'


def literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Sequence):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return repr(value)


def constant_name(name: str, taken: set[str]) -> str:
    """A Python name for the list of a column's categories."""
    stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper() or "COLUMN"
    stem = f"COLUMN_{stem}" if stem[0].isdigit() else stem
    chosen, number = f"{stem}_VALUES", 2
    while chosen in taken:
        chosen, number = f"{stem}_VALUES_{number}", number + 1
    taken.add(chosen)
    return chosen
