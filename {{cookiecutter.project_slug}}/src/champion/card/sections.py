"""The card as Markdown, section by section."""

import re
from collections.abc import Iterator
from typing import Any

from champion.card.header import header
from champion.card.parts import Parts, Promoted
from champion.judge import claims
from champion.judge.events import Event
from champion.judge.metrics import DEFAULT_METRIC, METRICS
from champion.judge.verdict import named
from champion.judge.wording import SHOWN, amount, interval, level, spent_so_far
from champion.markdown import bullets, code, codes, image, prose, table
from champion.tables.findings import percent

NOT_STATED, NOT_MEASURED = "*not stated*", "*not measured*"
HALF = 1.96  # standard errors to either end of a 95 % interval
LONGEST = 2000  # letters of what people state
NUMBERED = re.compile(r"(?:value|quarter) [0-9]{1,6}")
MOST_SLICES, MOST_FEATURES, MOST_PARTS, MOST_LOOKS = 40, 15, 10, 20
SHOWN_PACKAGES = ("scikit-learn", "numpy", "pandas", "skops", "shap", "lightgbm", "xgboost")
CAPTIONS = {
    "importance": "Weight of each column in the predictions, and what shuffling it costs",
    "dependence": "How the contribution of the strongest columns depends on their values",
    "calibration": "Calibration: the predicted probability and the observed share",
    "residuals": "Predicted and observed, and the residuals",
    "differences": "Intervals of the differences to the champion before",
}


def as_markdown(it: Parts) -> str:
    """The whole card: the header, then sections; a section without content is left out."""
    parts = [header(it), f"# Model card: {prose(it.stated.name or 'not named')}", status(it)]
    for title, blocks in (
        ("Model details", details(it)),
        ("Intended use", intended(it)),
        ("Factors", factors(it)),
        ("Metrics", metrics(it)),
        ("Evaluation data", evaluation(it)),
        ("Training data", training(it)),
        ("Quantitative analyses", analyses(it)),
        ("Explanations", explanations(it)),
        ("Verdict and approval", verdict(it)),
        ("Monitoring", monitoring(it)),
        ("Ethical considerations", iter([stated(it.stated.ethics)])),
        ("Caveats and recommendations", caveats(it)),
    ):
        parts += [f"## {title}", *blocks]
    return "\n\n".join(filter(None, parts)) + "\n"


def status(it: Parts) -> str:
    if it.promoted is None:
        return (
            "**Not promoted.** Trained and measured by the pipeline; the verdict, whose word it "
            "rests on and what the monitor sees are added when it is promoted."
        )
    return (
        f"**{it.promoted.version}**, {it.promoted.how} of the ledger. Its commit is "
        f"{code(it.promoted.commit, 40)}."
    )


def stated(text: str | None) -> str:
    return prose(text, LONGEST) if text else NOT_STATED


def facts(rows: list[tuple[str, str]]) -> str:
    return table(["", ""], [list(row) for row in rows], numbers=False, most=len(rows))


def details(it: Parts) -> Iterator[str]:
    data = it.settings.data
    target = code(data.target) + (
        f" = {code(data.positive)}" if data.task == "binary" and data.positive is not None else ""
    )
    packages = [f"{name} {it.packages[name]}" for name in SHOWN_PACKAGES if name in it.packages]
    lock = f"{', '.join(packages)}; the lock has the SHA-256 {code(it.lock[:16])}"
    yield facts([
        ("predicts", f"{target}, {data.task or NOT_STATED}"),
        ("model", f"{code(it.params.get('model.kind', 'as model.py builds it'))}, stored by skops"),
        ("MD5 of its file", code(it.model, 64) if it.model else NOT_STATED),
        ("environment", lock if it.lock else NOT_STATED),
        ("licence", stated(it.stated.licence)),
        ("contact", stated(it.stated.contact)),
    ])  # fmt: skip
    rows = [[code(key), code(value)] for key, value in it.params.items()
            if key.split(".")[0] in ("model", "train", "cv", "seed")]  # fmt: skip
    yield table(["parameter", "value"], rows, numbers=False, most=40)


def intended(it: Parts) -> Iterator[str]:
    yield f"**Purpose.** {stated(it.stated.purpose)}"
    yield f"**Users.** {stated(it.stated.users)}"
    yield f"**Out of scope.** {stated(it.stated.out_of_scope)}"


def factors(it: Parts) -> Iterator[str]:
    data = it.settings.data
    if data.slices:
        yield f"Results are told apart by {codes(data.slices, 20)}."
    else:
        yield f"Results by part of the data: {NOT_MEASURED}; gate.yaml names no `data.slices`."
    if data.personal:
        yield f"Personal, so that no value is shown: {codes(data.personal, 20)}."


def metrics(it: Parts) -> Iterator[str]:
    own, task = it.settings.gate, str(it.settings.data.task)
    yield (
        f"Models are judged by {prose(label(own.metric or DEFAULT_METRIC.get(task, '?')))}, on rows "
        "that no training saw. Intervals are 95 %, from each row's influence on the metric."
    )
    guards = [prose(label(name)) for name, _ in named(own.guards, own.margin)]
    yield f"A challenger must not be worse in {', '.join(guards)}." if guards else ""
    if task == "binary":
        yield "Accuracy and the like take a probability of one half or more as a yes."


def label(name: str) -> str:
    return METRICS[name].label if name in METRICS else name


def evaluation(it: Parts) -> Iterator[str]:
    split, data = it.settings.split, it.settings.data
    rows = claims.number(it.reports["holdout"].get("rows"))
    how = f"the latest {prose(split.window)} by {code(data.time)}" if data.time else (
        f"{percent(split.holdout)} of the {'groups' if data.group else 'rows'}, drawn by hash"
    )  # fmt: skip
    yield f"The holdout: {f'{rows:,.0f} rows' if rows else NOT_MEASURED}, {how}."
    said = it.reports["holdout"].get("resolution")
    least = claims.number(said.get("smallest_difference")) if isinstance(said, dict) else None
    if least is not None:
        yield f"It can show differences between two models of about {amount(least)}."


def training(it: Parts) -> Iterator[str]:
    report, data = it.reports["data"], it.settings.data
    learned = claims.number(it.reports["cv"].get("rows"))
    rows, columns = (claims.number(report.get(key)) for key in ("rows", "columns"))
    size = f"{rows:,.0f} rows, {columns or 0:,.0f} columns" if rows else NOT_MEASURED
    if rows and learned:
        size += f"; {learned:,.0f} rows were learned from"
    period = (
        [claims.name(day) for day in said] if isinstance(said := report.get("period"), list) else []
    )
    if len(period) == 2 and all(period):
        when = f"{prose(period[0])} to {prose(period[1])}"
    else:
        when = "*not shown*" if data.time else "*not stated*: no column is the time"
    counts = [(level, len(claims.items(report, f"{level}s"))) for level in ("error", "warning")]
    said = [f"{count} {level}{'s' * (count != 1)}" for level, count in counts]
    validation = ", ".join(said) if report else NOT_MEASURED
    yield facts([
        ("source", stated(it.stated.data_source)),
        ("licence", stated(it.stated.data_licence)),
        ("version (MD5)", code(it.data, 64) if it.data else NOT_STATED),
        ("size", size),
        ("period", when),
        ("validation", validation),
        ("left out of the features", codes(data.leave_out, 20) or "nothing"),
    ])  # fmt: skip
    found = [[code(f["column"] or "(table)"), f"{f['count']:,}", prose(f["message"])]
             for level in ("errors", "warnings") for f in claims.findings_of(report, level)]  # fmt: skip
    yield table(["column", "rows", "finding"], found, numbers=False)


def analyses(it: Parts) -> Iterator[str]:
    report = it.reports["holdout"]
    measured = claims.measured(report)
    yield "### Overall"
    rows = [
        [prose(label(name)), level(value, se), ends(value, se), crossed(it, name)]
        for name, (value, se) in measured.items()
    ]
    yield table(["metric", "holdout", "95 % interval", "cross-validation"], rows) or NOT_MEASURED
    yield "### By part"
    main = it.settings.gate.metric or DEFAULT_METRIC.get(str(it.settings.data.task), "")
    rows = [row for part in claims.items(report, "slices") if (row := sliced(it, part, main))]
    rows += [
        row for part in claims.items(report, "intersections") if (row := sliced(it, part, main))
    ]
    yield (
        table(["part", "rows", prose(label(main)), "95 % interval"], rows, most=MOST_SLICES)
        or NOT_MEASURED
    )
    yield bullets([prose(note) for note in claims.listed_names(report, "notes")])
    yield from weak(it, report.get("weakest"))
    yield "### Fairness"
    yield (
        table(["", "column", "difference", "95 % interval"], list(parity(it)), numbers=False)
        or NOT_MEASURED
    )
    yield "### Calibration"
    yield from calibration(it)


def ends(value: float, se: float | None) -> str:
    if se is None:
        return NOT_MEASURED
    return f"{level(value - HALF * se, se)} … {level(value + HALF * se, se)}"


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
    """`column = value`, the value only where it may be shown."""
    name = claims.name(column) or "?"
    shown = it.settings.report.show_values and name not in it.settings.data.personal
    numbered = NUMBERED.fullmatch(str(value))  # by the pipeline, which does not show it either
    return f"{code(name)} = {code(value) if shown or numbered else '*not shown*'}"


def weak(it: Parts, found: Any) -> Iterator[str]:
    """What a search over all columns found in one half of the holdout and the other confirms."""
    if not isinstance(found, dict):
        return
    rows = [row for part in claims.items(found, "parts") if (row := weakest(it, part))]
    if not rows and claims.number(found.get("looked")):
        yield "A search over all columns found no part that is weaker than the rest beyond chance."
    if not rows:
        return
    name = prose(label(claims.name(found.get("metric")) or "?"))
    yield f"The weakest parts that a search over all columns found, by {name}:"
    yield table(["part", "rows", "there", "elsewhere", "p"], rows, most=MOST_PARTS)


def weakest(it: Parts, part: dict[str, Any]) -> list[str]:
    where = [place(it, one.get("column"), one.get("value")) for one in claims.items(part, "where")]
    rows, there, elsewhere, p = (
        claims.number(part.get(key)) for key in ("rows", "value", "elsewhere", "p")
    )
    return (
        [" and ".join(where), f"{rows or 0:,.0f}", *map(amount, (there, elsewhere, p))]
        if where
        else []
    )


def parity(it: Parts) -> Iterator[list[str]]:
    for each in claims.items(it.reports["holdout"], "parity"):
        value, lower, upper = (claims.number(each.get(key)) for key in ("value", "lower", "upper"))
        said = (
            [NOT_MEASURED, ""]
            if value is None
            else [amount(value), f"{amount(lower)} … {amount(upper)}"]
        )
        yield [
            prose(claims.name(each.get("label")) or "?"),
            code(claims.name(each.get("column"))),
            *said,
        ]


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


def spread(value: float | None, by: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return level(value, by) + (f" ± {level(by, by)}" if by is not None else "")


def figures(it: Parts, *names: str) -> str:
    return "\n\n".join(
        image(CAPTIONS[path.stem], path.parent.as_posix(), path.name)
        for path in it.figures
        if path.stem in names
    )


def verdict(it: Parts) -> Iterator[str]:
    if it.promoted is None:
        yield "*not judged yet*: that happens in its pull request."
        return
    body, override = it.promoted.verdict.body, it.promoted.override
    metric, budget, asked = body.get("metric"), body.get("budget"), body.get("asked")
    champion = body.get("champion")
    against = "a dummy model, as there was no champion"
    if isinstance(champion, dict):
        against = code(champion.get("version") or champion.get("commit") or "not named")
    rows = [("verdict", f"**{SHOWN[body['verdict']]}**, event {it.promoted.verdict.number}"),
            ("policy", code(body.get("policy") or "not stated")), ("compared with", against)]  # fmt: skip
    if metric:
        sides = " → ".join(level(metric[side], metric["se"]) for side in ("champion", "challenger"))
        better = f", better by {interval(metric)}" if metric.get("delta") is not None else ""
        rows.append((prose(metric["label"]), sides + better))
    rows.append(
        ("looks spent", spent_so_far(budget) if budget and complete(budget) else NOT_STATED)
    )
    if isinstance(asked, dict):
        rows.append(("asked for by", f"{code(asked.get('by'))}: {prose(asked.get('reason'))}"))
    if not override and not body["merge"]:
        rows.append(("overridden by", NOT_STATED))
    if override:
        rows.append(("overridden by", f"{code(override.by)}: {prose(override.body['reason'])}"))
    rows.append(("approved by", f"{NOT_STATED}: the ledger keeps who asked and who overrode"))
    yield facts(rows)
    yield " ".join(prose(reason) for reason in body.get("reasons") or [] if isinstance(reason, str))
    yield figures(it, "differences")


def complete(budget: Any) -> bool:
    names = ("look", "max_looks", "merges", "max_merges")
    return isinstance(budget, dict) and all(isinstance(budget.get(name), int) for name in names)


def monitoring(it: Parts) -> Iterator[str]:
    if it.promoted is None:
        yield f"{NOT_MEASURED}: it has not been in production."
        return
    looks = since(it.promoted)
    if not looks:
        yield f"{NOT_MEASURED}: no look at it is recorded yet."
        return
    yield bullets(
        [f"{look.time[:10]}: {prose(look.body['summary'])}" for look in reversed(looks)], MOST_LOOKS
    )


def since(it: Promoted) -> list[Event]:
    """What the monitor has said while this version was the champion."""
    champion, found = "", []
    for event in it.events:
        if event.kind in ("promotion", "rollback"):
            champion = event.body["version"]
        if event.kind == "monitor" and champion == it.version:
            found.append(event)
    return found


def caveats(it: Parts) -> Iterator[str]:
    yield stated(it.stated.limits)
    if gaps := it.unstated:
        yield f"Left open in card.yaml: {codes(gaps, 20)}."
    if it.promoted:
        said = it.promoted.verdict.body.get("findings") or []
        yield bullets([prose(text) for text in said if isinstance(text, str)])
