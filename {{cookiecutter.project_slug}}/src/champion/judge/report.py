"""The report of a verdict: `champion report verdict.json`, the comment on a pull request.

What a reviewer needs is on one screen: whether it may be merged, why, what next. The rest is
folded. Whatever a pull request named goes through `markdown`.
"""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from champion.errors import Refusal
from champion.judge.differences import draw
from champion.judge.report_parts import fairness
from champion.judge.verdict_file import checked, read, stops
from champion.judge.wording import SHOWN, amount, interval, level, of_owners, used_up, value_of
from champion.markdown import bullets, clean, code, fold, graph, image, prose, table

FIGURE = "differences.png"
MARKS = {"equivalent": "⚪", "better": "✅", "no_worse": "☑️", "worse": "🔻",
         "inconclusive": "❔", "invalid": "🚫"}  # fmt: skip
STOPPED = "⛔"
WINNING = ("equivalent", "better", "no_worse")  # unless something stops it
LONGEST_HEADLINE = 140  # of a commit status
MOST_COMPARED, MOST_NOTES = 5, 3  # lines in sight
MOST_FIGURES = 8
RUN_URL = r"https://[\w.-]+(?::\d+)?/[\w.-]+/[\w.-]+/actions/runs/{}"
MINUS = "\N{MINUS SIGN}"
BOTH = ("champion", "challenger")
SIDES = ["champion", "this pull request"]
GAIN = "better by (lower … upper)"
NEXT = {
    "invalid": "put that right and push; an invalid attempt spends no look. If the branch is "
    "behind, `make update` merges the default branch and reproduces.",
    "no_worse": "improve it further. If this is all the change is for, someone with write access "
    "starts *Run workflow* of *judge* with this pull request, policy *maintain* and a reason.",
    "inconclusive": "add rows with `make data FILE=…`, or try a larger change; cross-validation "
    "(`reports/cv.json`) costs no look.",
    "worse": "change the model until `reports/cv.json` is above the champion's, and push again; "
    "cross-validation costs no look.",
}
ASKED = (
    "state what the policy asks for, and push. To change the policy takes an owner, in a pull "
    "request of its own."
)
STOPS = (
    "change the model so that no {} stops it, `make repro`, push. If that is the price of "
    "progress, an owner says so in `gate.yaml`, in a pull request of its own."
)

Compared = dict[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", type=Path, metavar="verdict.json")
    add("--out", type=Path, default=Path("report.md"), help="the Markdown")
    add("--figures", type=Path, help="the folder of the figures; else figures beside the report")
    add("--base-url", help="where that folder will be found; else a relative path leads to it")


def run(args: argparse.Namespace) -> int:
    file = read(args.file)
    draw_and_write(file, args.out, args.figures or args.out.parent / "figures", args.base_url)
    print(headline(file))
    return 0


def write(file: dict[str, Any], folder: Path) -> None:
    """Write report.md and its figure beside the verdict file that they tell of."""
    draw_and_write(checked(file), folder / "report.md", folder / "figures", None)


def draw_and_write(file: dict[str, Any], out: Path, figures: Path, base: str | None) -> None:
    try:
        base = base or Path(os.path.relpath(figures, out.parent)).as_posix()
        out.parent.mkdir(parents=True, exist_ok=True)
        if drawn(file):
            draw(file, figures / FIGURE)
        out.write_text(as_markdown(file, base), encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise Refusal(f"The report cannot be written: {error}.") from error


def headline(file: dict[str, Any]) -> str:
    """The verdict in one plain line, for a terminal or a commit status."""
    word, metric = file["verdict"], file["metric"]
    title = SHOWN[word]
    if word == "invalid":
        return clean(f"{title}: {' '.join(file['reasons'])}", LONGEST_HEADLINE)
    if not file["merge"] and word in WINNING:
        what = stops(file)
        stopped = f"stopped by a {what[0]}" if what else "stopped"
        title += ", but not better" if word == "no_worse" and not what else f", but {stopped}"
    after, before = (value_of(metric, key) for key in ("challenger", "champion"))
    label = clean(metric["label"])
    if word == "equivalent":
        return clean(f"{title}: the same predictions, {label} {after}", LONGEST_HEADLINE)
    whose = "" if file["champion"] is not None else " of a dummy"
    text = f"{title}: {label} {after} against {before}{whose} ({plus_minus(metric)})"
    return clean(text, LONGEST_HEADLINE)


def plus_minus(it: Compared) -> str:
    """+.017 ± .006; for a metric where lower is better in words."""
    delta = value_of(it, "delta", signed=it["higher_is_better"] is not False)
    if it["higher_is_better"] is False and it["delta"] is not None:
        delta = f"{'worse' if it['delta'] < 0 else 'better'} by {delta.lstrip(MINUS)}"
    if None in (it["delta"], it["lower"]):
        return delta
    return f"{delta} ± {value_of({**it, 'half': it['delta'] - it['lower']}, 'half')}"


def as_markdown(file: dict[str, Any], base: str, command: str = "") -> str:
    """The whole report.

    base : the address of the folder of the figures
    command : for a shell, what the author has to do next; it is not escaped
    """
    word, holds, override = file["verdict"], file.get("holds") or [], file.get("override")
    merge = bool(override) or (file["merge"] and not holds)
    title = headline(file)
    if word == "invalid":
        bad = any(it["level"] == "error" for it in file["data_findings"])
        what = "the data do not pass the checks" if bad else "the models cannot be compared"
        title = f"Invalid: {what}"
    why = " ".join(prose(reason) for reason in [*holds, *file["reasons"]][:MOST_NOTES])
    if override:
        why = f"{code(override['by'])} overrides the judge: {prose(override['reason'])} {why}"
    owned = (file["changes"] or {}).get("owner_paths") or []
    parts = [
        f"### {STOPPED if word in WINNING and not merge else MARKS[word]} {prose(title)}",
        f"**Merge {'allowed' if merge else 'blocked'}.** {why}".rstrip(),
        errors(file),
        compared(file),
        picture(file, base),
        command and f"**Next:** in a clone of the branch:\n\n```bash\n{command}\n```",
        next_step(file),
        "\n".join(f"- ⚠️ {prose(text)}" for text in file["findings"][:MOST_NOTES]),
        "\n".join(filter(None, sections(file, base))),
    ]
    return of_owners(owned) + "\n\n".join(part for part in parts if part) + "\n"


def compared(file: dict[str, Any]) -> str:
    """The metric, the guards and the limits, those that stop it first."""
    if not file["metric"]:
        return ""
    below = [(it["passed"], row(it, "guard")) for it in file["guards"]]
    for cap in file["caps"]:
        bound = f"{amount(cap['ratio'])} times, at most {amount(cap['limit'])}"
        cells = [named(cap, "limit"), *(amount(cap[key]) for key in BOTH), bound + failed(cap)]
        below.append((cap["passed"], cells))
    below.sort(key=lambda pair: bool(pair[0]))
    name, *cells = row(file["metric"], "")
    who = "dummy, no champion yet"
    if (champion := file["champion"]) is not None:
        who = f"champion {code(champion['version'])}" if champion["version"] else "champion"
    rows = [[f"**{name}**", *cells], *(cells for _, cells in below)]
    return table(["", who, SIDES[1], GAIN], rows, most=MOST_COMPARED)


def row(it: Compared, what: str) -> list[str]:
    return [named(it, what), *(value_of(it, key) for key in BOTH), interval(it) + failed(it)]


def named(it: Compared, what: str) -> str:
    notes = [what] * bool(what) + ["lower is better"] * (it.get("higher_is_better") is False)
    return prose(it["label"] or "?", 60) + f" <sub>{', '.join(notes)}</sub>" * bool(notes)


def failed(it: Compared) -> str:
    return " ❌" if it.get("passed") is False or it.get("harmed") else ""


def drawn(file: dict[str, Any]) -> bool:
    return file["metric"] is not None and file["verdict"] != "equivalent"


def picture(file: dict[str, Any], base: str) -> str:
    """The figure; its text says what it shows to whom it is not shown."""
    if not drawn(file):
        return ""
    told = [f"Intervals of the differences. The metric: {interval(file['metric'])}"]
    for what in ("guards", "slices"):
        if found := file[what]:
            told.append(f"{len(found):,} {what}, {sum(map(bool, map(failed, found))):,} stop it")
    return image(". ".join(told), base, FIGURE)


def next_step(file: dict[str, Any]) -> str:
    """What the author can do now; empty where nothing is to be done."""
    word, what = file["verdict"], stops(file)
    if file["merge"] or (word != "invalid" and used_up(file["budget"])):
        return ""
    stopped = what and word in WINNING
    step = NEXT.get(word)
    if stopped:
        step = ASKED if what[0] == "policy" else STOPS.format(what[0])
    return f"**Next:** {step}" if step else ""


def sections(file: dict[str, Any], base: str) -> Iterator[str]:
    """What is folded; an empty one is an empty text."""
    changes = file["changes"] or {"params": [], "lock": [], "paths": [], "owner_paths": []}
    yield data(file, changes.get("data"))
    for title, key, name in (("Parameters", "params", "key"), ("Packages", "lock", "package")):
        rows = [[code(it[name]), *(value(it[side]) for side in BOTH)] for it in changes[key]]
        yield fold(f"{title} ({len(rows):,})", table([name, *SIDES], rows, numbers=False))
    moved = [
        [f"{code(it['column'])} = {code(it['value'])}", f"{it['rows'] or 0:,}", *row(it, "")[1:]]
        for it in file["slices"]
        if it["harmed"] or (it["lower"] or 0) > 0 or (it["upper"] or 0) < 0
    ]
    yield fold(
        f"Slices that moved ({len(moved):,} of {len(file['slices']):,})",
        table(["", "rows", *SIDES, GAIN], moved),
        bullets([prose(note) for note in file.get("notes") or []]),
    )
    yield from fairness(file)
    yield explanations(file["explanations"])
    paths = dict.fromkeys([*changes["owner_paths"], *changes["paths"]])
    yield fold(
        f"Files ({len(paths):,})",
        bullets([code(path, 120) for path in paths]),
        graph(changes.get("pipeline") or ""),
    )
    names = [name for name in file["figures"] if name != FIGURE]
    shown = [image(re.sub("[_-]+", " ", Path(name).stem).strip(), base, name) for name in names]
    yield fold(f"Figures ({len(shown):,})", *shown[:MOST_FIGURES])
    look = "look {look} of {max_looks}".format_map(file["budget"] or {"look": 0, "max_looks": 0})
    rows = [[name, text] for name, text in facts(file) if text]
    yield fold(
        f"Provenance ({look})" if file["budget"] else "Provenance",
        table(["", ""], rows, numbers=False),
    )


def explanations(found: list[dict[str, Any]]) -> str:
    """What each model loses without a feature; those of one model alone have changed, too."""
    rows = [
        [code(it["feature"]), *(weight(it, side) for side in BOTH), changed(it)] for it in found
    ]
    count = sum(bool(row[-1]) for row in rows)
    return fold(
        f"What the models look at ({count:,} of {len(rows):,} features changed)",
        table(["loss when shuffled", *SIDES, "change"], rows),
        "What each model loses on the rows that it explained; a change within chance is left blank."
        * bool(rows),
    )


def weight(it: dict[str, Any], side: str) -> str:
    return "none" if it[side] is None else level(it[side], it["se"])


def changed(it: dict[str, Any]) -> str:
    """By how much a feature counts for more; blank within chance, or where nothing tells."""
    if None in (it["champion"], it["challenger"]):
        return "new" if it["champion"] is None else "gone"
    if not it["moved"]:
        return ""
    return f"{level(it['challenger'] - it['champion'], it['se'], signed=True)} ± {level(it['se'], it['se'])}"


def value(it: str | None) -> str:
    return "" if it is None else code(it)


def errors(file: dict[str, Any]) -> str:
    """What the data must not have."""
    rows = [found(it) for it in file["data_findings"] if it["level"] == "error"]
    return table(["column", "rows", "error", "first rows"], rows, numbers=False)


def found(it: dict[str, Any]) -> list[str]:
    first = ", ".join(f"{row:,}" for row in it["rows"] or [])
    more = ", …" if first and (it["count"] or 0) > len(it["rows"]) else ""
    count = f"{it['count']:,}" if it["count"] else ""
    return [code(it["column"] or "(table)"), count, prose(it["message"] or ""), first + more]


def data(file: dict[str, Any], rows: dict[str, int | None] | None) -> str:
    """What became of the data; their drift only if they changed."""
    count = sum(it["level"] != "error" for it in file["data_findings"])
    warned = f"{count:,} warning{'s' * (count != 1)}" if count else ""
    told = ""
    if rows:
        before, after, added, removed = (f"{rows[key] or 0:,}" for key in rows)
        told = f"{before} → {after} rows, {added} added, {removed} removed"
    findings = [found(it) for it in file["data_findings"] if it["level"] != "error"]
    drift = [
        [code(it["column"]), prose(it["measure"] or ""), level(it["value"], None)]
        for it in file["drift"]
        if rows
    ]
    return fold(
        f"Data ({', '.join(filter(None, [told, warned]))})",
        table(["column", "rows", "warning", "first rows"], findings, numbers=False),
        table(["column", "drift by", "value"], drift, numbers=False),
        told and "The champion was scored again on the new holdout.",
    )


def facts(file: dict[str, Any]) -> Iterator[tuple[str, str]]:
    champion, challenger, run = (file[key] or {} for key in ("champion", "challenger", "run"))
    metric, resolution, model = file["metric"], file["resolution"] or {}, challenger.get("model")
    asked = file.get("asked")
    who = f", asked for by {code(asked['by'])}: {prose(asked['reason'])}" if asked else ""
    yield "policy", code(file["policy"]) + who
    if metric and file["budget"]:
        alpha = file["budget"]["alpha"]
        yield "p-value of “better”", f"{amount(metric['p_better'])} (needed: {amount(alpha)})"
        how = " (by jackknife)" if metric["method"] == "jackknife" else ""
        yield "standard error of the difference", amount(metric["se"]) + how
        yield (
            "intervals",
            f"one-sided {amount(100 * (1 - alpha))} % each way; guards and slices 95 %",
        )
        yield "margin", amount(metric["margin"])
        yield "dummy", value_of(metric, "dummy")
        if metric["lower_against_anchor"] != metric["lower"]:
            lower = value_of(metric, "lower_against_anchor", signed=True)
            yield "lower end against the last model that was proven better", lower
    if resolution:
        yield "holdout", f"{resolution['rows'] or 0:,} rows; can show {amount(resolution['mde80'])}"
    if file["cv"]:
        yield "cross-validation", " → ".join(level(file["cv"][key], None) for key in file["cv"])
    yield "champion", commit(champion)
    yield "challenger", commit(challenger)
    for name, of, key in (
        ("model", model or {}, "sha256"), ("predictions", challenger, "predictions_sha256"),
        ("data", challenger, "data_sha256"), ("data", challenger, "data"),
    ):  # fmt: skip
        yield name, code(of[key], 64) if of.get(key) else ""
    if run.get("id") is not None:
        label = f"{run['id']}, attempt {run['attempt'] or 1}"
        link = re.fullmatch(RUN_URL.format(run["id"]), run["url"] or "", re.ASCII)
        yield "run", f"[{label}]({run['url']})" if link else label


def commit(of: dict[str, Any]) -> str:
    return code(of["commit"], 40) if of.get("commit") else ""
