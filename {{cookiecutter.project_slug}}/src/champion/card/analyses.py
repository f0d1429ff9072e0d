"""What was measured: overall, by part, fairness, calibration; and what explains it."""

import re
from collections.abc import Iterator
from typing import Any

from champion.card.parts import Parts
from champion.card.words import NOT_MEASURED, NOT_SHOWN, ends, figures, label, spread
from champion.judge import claims
from champion.judge.metrics import DEFAULT_METRIC
from champion.judge.wording import amount, level
from champion.markdown import bullets, code, prose, table

MOST_SLICES, MOST_PAIRS, MOST_PARTS, MOST_FEATURES = 30, 15, 10, 15
NUMBERED = re.compile(r"(?:value|quarter) [0-9]{1,6}")


def analyses(it: Parts) -> Iterator[str]:
    report = it.reports["holdout"]
    main = it.settings.gate.metric or DEFAULT_METRIC.get(str(it.settings.data.task), "?")
    yield "### Overall"
    rows = [
        [prose(label(name)), level(value, se), ends(value, se), crossed(it, name)]
        for name, (value, se) in claims.measured(report).items()
    ]
    yield table(["metric", "holdout", "95 % interval", "cross-validation"], rows) or NOT_MEASURED
    yield "### By part"
    singles, pairs = (
        [row for part in claims.items(report, key) if (row := sliced(it, part, main))]
        for key in ("slices", "intersections")
    )
    names = ["part", "rows", prose(label(main)), "95 % interval"]
    yield table(names, singles, most=MOST_SLICES) or NOT_MEASURED
    yield table(names, pairs, most=MOST_PAIRS)
    yield bullets([prose(note) for note in claims.listed_names(report, "notes")])
    yield from weakest(it)
    yield "### Fairness"
    names = ["", "column", "difference", "95 % interval", "furthest apart"]
    yield table(names, list(parity(it)), numbers=False) or NOT_MEASURED
    yield "### Calibration"
    yield from calibration(it)


def crossed(it: Parts, name: str) -> str:
    """The mean over the folds, with its standard error."""
    folds = claims.listed(it.reports["folds"], name)
    if len(folds) < 2:
        return NOT_MEASURED
    mean = sum(folds) / len(folds)
    error = (sum((fold - mean) ** 2 for fold in folds) / (len(folds) - 1) / len(folds)) ** 0.5
    return f"{level(mean, error)} ± {level(error, error)}"


def sliced(it: Parts, part: dict[str, Any], metric: str) -> list[str]:
    """One part of the holdout: `column = value`, rows, the metric; empty if it is damaged."""
    columns, values = (
        [part.get(one)] if part.get(one) is not None else part.get(several) or []
        for one, several in (("column", "columns"), ("value", "values"))
    )
    value, se = claims.measured(part).get(metric, (None, None))
    rows = claims.number(part.get("rows"))
    if not (isinstance(columns, list) and isinstance(values, list)) or rows is None:
        return []
    where = [place(it, *pair) for pair in zip(columns, values, strict=False)]
    shown = NOT_MEASURED if value is None else level(value, se)
    return [" and ".join(where), f"{rows:,.0f}", shown, "" if value is None else ends(value, se)]


def place(it: Parts, column: Any, value: Any) -> str:
    name = claims.name(column) or "?"
    return f"{code(name)} = {value_of(it, name, value)}"


def value_of(it: Parts, column: str, value: Any) -> str:
    """A value, where it may be shown; one that the pipeline has numbered always."""
    shown = it.settings.report.show_values and column not in it.settings.data.personal
    numbered = NUMBERED.fullmatch(str(value))
    return code(value) if shown or numbered else NOT_SHOWN


def weakest(it: Parts) -> Iterator[str]:
    """What a search over all columns found in one half of the holdout and the other confirms."""
    said = it.reports["holdout"].get("weakest")
    weak = said if isinstance(said, dict) else {}
    found = []
    for part in claims.items(weak, "parts"):
        where = [place(it, each.get("column"), each.get("value"))
                 for each in claims.items(part, "where")]  # fmt: skip
        rows, *values = (claims.number(part.get(k)) for k in ("rows", "value", "elsewhere", "p"))
        found.append([" and ".join(where), f"{rows or 0:,.0f}", *map(amount, values)])
    if found:
        metric = prose(label(claims.name(weak.get("metric")) or "?"))
        yield f"The weakest parts that a search over all columns found, by {metric}:"
    elif claims.number(weak.get("looked")):
        yield "A search over all columns found no part that is weaker than the rest beyond chance."
    yield table(["part", "rows", "there", "elsewhere", "p"], found, most=MOST_PARTS)


def parity(it: Parts) -> Iterator[list[str]]:
    for each in claims.items(it.reports["holdout"], "parity"):
        value, lower, upper = (claims.number(each.get(key)) for key in ("value", "lower", "upper"))
        column = claims.name(each.get("column")) or "?"
        said = [NOT_MEASURED, "", ""]
        if value is not None:
            ends_ = [value_of(it, column, each.get(key)) for key in ("highest", "lowest")]
            said = [amount(value), f"{amount(lower)} … {amount(upper)}", " and ".join(ends_)]
        yield [prose(claims.name(each.get("label")) or "?"), code(column), *said]


def calibration(it: Parts) -> Iterator[str]:
    bins = claims.bins(it.reports["holdout"])
    if not bins:
        yield NOT_MEASURED
        return
    total = sum(each["rows"] for each in bins)
    gap = sum(each["rows"] * abs(each["said"] - each["observed"]) for each in bins) / total
    yield (
        f"Over tenths of the rows, the predicted probability and the observed share differ by "
        f"{amount(gap)} in the mean."
    )
    yield figures(it, "calibration", "residuals")


def explanations(it: Parts) -> Iterator[str]:
    report = it.reports["explanation"]
    rows = claims.number(report.get("rows"))
    if not rows:
        yield NOT_MEASURED
        return
    method, scale = (prose(claims.name(report.get(key)) or "?") for key in ("method", "scale"))
    name = "LIME" if method == "lime" else f"SHAP ({method})"
    metric = prose(label(DEFAULT_METRIC.get(str(it.settings.data.task), "?")))
    yield (
        f"By {name}, on {rows:,.0f} rows of the holdout, in {scale}, ± a standard error; and what "
        f"{metric} loses when the column is shuffled, ± a deviation of the repeats."
    )
    found = [
        [code(each["feature"]), spread(each["weight"], each["weight_se"]),
         spread(each["importance"], each["importance_std"])]
        for each in claims.features(report)
    ]  # fmt: skip
    yield table(["column", "mean weight", "loss when shuffled"], found, most=MOST_FEATURES)
    yield prose(claims.name(report.get("note")) or "")
    yield figures(it, "importance", "dependence")
