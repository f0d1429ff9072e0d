"""What a challenger's pipeline says of itself: told in the report, never a ground for the verdict.

Anybody can have written these files: what does not fit is left out.
"""

import json
import math
from pathlib import Path
from typing import Any

MOST_BYTES = 5_000_000  # of a file
MOST = 200  # findings, features
LONGEST = 200  # letters of a name
WEIGHTS = ("weight", "weight_se", "importance", "importance_std")  # of a feature
SAYS = {  # our words for the checks of `stages/validate.py`; a user's own check is named
    "gone": "the column is gone",
    "new": "a new column, which is no feature",
    "type": "values of a wrong type",
    "missing": "missing values",
    "unseen": "values that schema.py does not list",
    "range": "values outside the declared range",
    "outliers": "outliers, over 3 interquartile ranges outside the quartiles",
    "duplicates": "values that repeat and should not",
    "duplicate ids": "rows that repeat the id of an earlier row",
    "duplicate rows": "rows that are the same as an earlier one",
    "no target": "rows without a target",
    "personal": "personal, and the model learns from it: its file may hold such values",
    "leak": "alone predicts the target: a leak?",
}


def read(path: Path) -> dict[str, Any]:
    """A JSON file of keys; empty if it is not there or is none."""
    try:
        with path.open("rb") as file:
            return parsed(file.read(MOST_BYTES).decode())
    except (OSError, UnicodeDecodeError):
        return {}


def parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def items(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The entries of a list, those that hold keys."""
    found = content.get(key)
    return [it for it in found if isinstance(it, dict)][:MOST] if isinstance(found, list) else []


def number(value: Any) -> float | None:
    """A number that can be shown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e100 and math.isfinite(value) else None


def name(value: Any) -> str | None:
    return value[:LONGEST] if isinstance(value, str) else None


def findings(reports: Path, level: str) -> list[dict[str, Any]]:
    """What the check of the data found: `errors` or `warnings` of data.json, in our own words."""
    return findings_of(read(reports / "data.json"), level)


def findings_of(content: dict[str, Any], level: str) -> list[dict[str, Any]]:
    """The same of what data.json holds."""
    found = []
    for it in items(content, level):
        check = name(it.get("check")) or "?"
        said = it.get("rows")
        rows = said if isinstance(said, list) else []
        found.append(
            {
                "level": level.removesuffix("s"),
                "column": name(it.get("column")),
                "check": check,
                "count": int(number(it.get("count")) or 0),
                "share": number(it.get("share")),
                "rows": [row for row in rows[:10] if type(row) is int and 0 < row < 1e12],
                "message": SAYS.get(check, f"fails the check `{check}`"),
            }
        )
    return found


def features(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The features of explanation.json, each with its numbers; None where it has none."""
    return [
        {"feature": feature, **{key: number(it.get(key)) for key in WEIGHTS}}
        for it in items(content, "features")
        if (feature := name(it.get("feature")))
    ]


def bins(content: dict[str, Any]) -> list[dict[str, float]]:
    """The calibration of holdout.json."""
    keys = ("said", "observed", "se", "rows")
    found = [{key: number(it.get(key)) for key in keys} for it in items(content, "calibration")]
    return [
        {key: value for key, value in it.items() if value is not None}
        for it in found
        if None not in it.values() and (it["rows"] or 0) > 0
    ]


def folds(reports: Path, metric: str) -> list[float]:
    """The metric in each fold of cross-validation, of folds.json."""
    return listed(read(reports / "folds.json"), metric)


def listed(content: dict[str, Any], key: str) -> list[float]:
    """The numbers of a list."""
    each = content.get(key)
    values = [number(value) for value in each[:MOST]] if isinstance(each, list) else []
    return [value for value in values if value is not None]


def holdout(reports: Path, metric: str) -> tuple[float, float] | None:
    """The metric on the holdout and its standard error, of holdout.json."""
    value, error = measured(read(reports / "holdout.json")).get(metric, (None, None))
    return (value, error) if value is not None and error is not None else None


def measured(content: dict[str, Any]) -> dict[str, tuple[float, float | None]]:
    """The metrics of the holdout, or of a part of it: the value and its standard error."""
    metrics = content.get("metrics")
    pairs = list(metrics.items())[:MOST] if isinstance(metrics, dict) else []
    return {
        key[:LONGEST]: (value, number(said.get("se")))
        for key, said in pairs
        if isinstance(said, dict) and (value := number(said.get("value"))) is not None
    }


def listed_names(content: dict[str, Any], key: str) -> list[str]:
    """The texts of a list."""
    found = content.get(key)
    return [it for it in map(name, found[:MOST]) if it] if isinstance(found, list) else []


def seconds(path: Path) -> tuple[float, float] | None:
    """What 1,000 predictions took the champion and the challenger on one machine."""
    said = read(path)
    before, after = number(said.get("champion")), number(said.get("challenger"))
    return (before, after) if before and after and min(before, after) > 0 else None
