"""The card as Markdown, section by section."""

from collections.abc import Iterator

from champion.card.analyses import analyses, explanations
from champion.card.header import header
from champion.card.parts import Parts
from champion.card.standing import monitoring, verdict
from champion.card.words import NOT_MEASURED, NOT_SHOWN, NOT_STATED, facts, label, stated
from champion.judge import claims
from champion.judge.metrics import DEFAULT_METRIC
from champion.judge.verdict import named
from champion.judge.wording import amount
from champion.markdown import bullets, code, codes, prose, table
from champion.tables.findings import percent

SHOWN_PACKAGES = ("scikit-learn", "numpy", "pandas", "skops", "shap", "lightgbm", "xgboost")


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
        when = NOT_SHOWN if data.time else "*not stated*: no column is the time"
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


def caveats(it: Parts) -> Iterator[str]:
    yield stated(it.stated.limits)
    if gaps := it.unstated:
        yield f"Left open in card.yaml: {codes(gaps, 20)}."
    if it.promoted:
        said = it.promoted.verdict.body.get("findings") or []
        yield bullets([prose(text) for text in said if isinstance(text, str)])
