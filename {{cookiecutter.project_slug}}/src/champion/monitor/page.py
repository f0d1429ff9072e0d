"""The page of a look: what moved, by how much, since when, what it costs. One file, no script."""

from html import escape
from typing import Any

from champion.judge.metrics import METRICS
from champion.judge.wording import amount, level
from champion.markdown import clean
from champion.monitor import history, plots
from champion.monitor.checks import ALERT, FAMILIES, OK, UNKNOWN
from champion.monitor.plots import named
from champion.tables.findings import percent

TITLES = {OK: "No alert", ALERT: "Alert", UNKNOWN: "Not known"}
MOST_SPREADS = 6
MOST_CHECKS = 400
STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #fff;
  --card: #f6f8fa; --blue: #0969da; --red: #cf222e; --green: #1a7f37; --amber: #bf8700;
  --band: #eaeef2; --cool: #b6e3c4; --warm: #f5d78e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --paper: #0d1117; --card: #151b23; --blue: #4493f8; --red: #ff7b72; --green: #3fb950;
  --amber: #d29922; --band: #1c232c; --cool: #1f4d2e; --warm: #6b5312; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
main { max-width: 944px; margin: 0 auto; padding: 32px 32px 64px; }
h1 { font-size: 25px; line-height: 1.3; margin: 10px 0 6px; text-wrap: balance; }
h2 { font-size: 17px; margin: 44px 0 2px; }
p { margin: 0 0 14px; } .soft, .note { color: var(--soft); } p.soft { font-size: 14px; }
.pill { display: inline-block; padding: 2px 12px; border-radius: 99px; font-weight: 600;
  font-size: 13px; color: var(--paper); background: var(--soft); }
.pill.alert { background: var(--red); } .pill.ok { background: var(--green); }
.pill.unknown { background: var(--amber); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px;
  margin: 22px 0 8px; }
.tile { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--green);
  border-radius: 8px; padding: 12px 14px; min-height: 92px; }
.tile.alert { border-left-color: var(--red); } .tile.unknown, .tile.close { border-left-color: var(--amber); }
.tile b { display: block; font-size: 19px; line-height: 1.35; overflow-wrap: anywhere; }
.tile span { color: var(--soft); font-size: 13px; display: block; }
.spreads { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 26px 32px;
  margin-top: 12px; }
svg { display: block; width: 100%; height: auto; overflow: visible; margin-top: 8px; }
svg text { font-size: 13px; fill: var(--ink); } svg .note { font-size: 12px; fill: var(--soft); }
svg .name.alert, svg .strong { font-weight: 600; } svg .number { font-variant-numeric: tabular-nums; }
svg .number.alert { fill: var(--red); font-weight: 600; } svg .number.near { fill: var(--amber); } svg .number.calm { fill: var(--soft); }
svg .band { fill: var(--band); } svg .limit { stroke: var(--soft); stroke-dasharray: 3 3; }
svg .zero, svg .axis { stroke: var(--soft); } svg .span { stroke-width: 2.5; stroke-linecap: round; }
svg .span.alert { stroke: var(--red); } svg .span.calm { stroke: var(--soft); opacity: .55; }
svg .span.near { stroke: var(--amber); opacity: .7; } svg .dot.near { fill: var(--amber); }
svg .dot.alert { fill: var(--red); } svg .dot.calm { fill: var(--soft); }
svg .dot.small { r: 3.5px; } svg .dot.small.calm { fill: var(--blue); }
svg .now { fill: var(--blue); opacity: .6; } svg .then { fill: none; stroke: var(--ink); stroke-width: 1.4; }
svg .cell.cool { fill: var(--cool); } svg .cell.warm { fill: var(--warm); }
svg .cell.hot { fill: var(--red); } svg .cell.blank { fill: none; stroke: var(--line); }
svg .curve { fill: none; stroke: var(--blue); stroke-width: 2; }
svg .base { fill: none; stroke: var(--soft); stroke-dasharray: 3 3; }
ul { margin: 6px 0 0; padding-left: 20px; } li { margin: 3px 0; }
details { margin-top: 36px; } summary { cursor: pointer; font-weight: 600; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 2px; vertical-align: -1px;
  margin: 0 5px 0 12px; } .key.cool { background: var(--cool); } .key.warm { background: var(--warm); }
.key.hot { background: var(--red); } .key.then { border: 1.5px solid var(--ink); }
.key.now { background: var(--blue); opacity: .6; } .key:first-child { margin-left: 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; margin-top: 10px; width: 100%; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } tr.alert td { color: var(--red); }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
"""

Look = dict[str, Any]


def render(file: Look, before: list[Look]) -> str:
    """The whole page.

    before : earlier summaries, the oldest first
    """
    checks, state = file["checks"], file["state"]
    looks = [look for look in before if history.when(look) < history.when(file)]
    parts = [
        f'<span class="pill {state}">{TITLES[state]}</span>',
        f"<h1>{escape(clean(file['headline'], 300))}</h1>",
        f'<p class="soft">{about(file)}</p>',
        f'<div class="tiles">{"".join(tiles(checks, file["metric"]))}</div>',
        section(
            "What it costs",
            "Each dot is the metric on live rows, its line the interval of 95 %, the middle the "
            "holdout's value. Shaded: tolerated.",
            plots.cost(checks, file["metric"]),
        ),
        section(
            "What moved, and by how much",
            "The population stability index against the training data, less what chance makes of "
            "it, with its interval of 95 %. Shaded: tolerated; amber: more, but within chance.",
            plots.drift(checks),
        ),
        section("How", '<i class="key then"></i>training <i class="key now"></i>now',
                spreads(file)),
        section(
            "Since when",
            '<i class="key cool"></i>tolerated <i class="key warm"></i>more, but within chance '
            '<i class="key hot"></i>alert',
            plots.history([*looks, file], history.key),
        ),
        items("Alerts", file["reasons"]),
        items("About the log", file["findings"]),
        table(checks),
        "<footer>An alert is a change that is large enough to matter and that chance does not "
        "explain; rows of one day count for less the more alike they are.</footer>",
    ]  # fmt: skip
    return document(f"Monitor: {TITLES[state].lower()}", parts, STYLE)


def document(title: str, parts: list[str], style: str) -> str:
    """A page of its own, that loads nothing."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{style}</style></head>\n"
        f"<body><main>\n{chr(10).join(part for part in parts if part)}\n</main></body></html>\n"
    )


def section(title: str, note: str, plot: str) -> str:
    """A plot with its title; nothing without one."""
    return plot and f'<h2>{title}</h2>\n<p class="soft">{note}</p>\n{plot}'


def about(file: Look) -> str:
    """What was looked at."""
    start, end = (str(file["window"][key] or "")[:16].replace("T", " ") for key in ("from", "to"))
    said = [f"{file['rows']:,} rows", f"{file['labelled']:,} with an answer"]
    said += [f"{start} to {end} UTC"] if end else []
    if champion := file["champion"]:
        said.append(f"champion {escape(str(champion['version'] or champion['commit'][:7]))}")
    return " · ".join(said)


def tiles(checks: list[Look], metric: str) -> list[str]:
    """The four families at a glance."""
    own = {family: [it for it in checks if it["family"] == family] for family in FAMILIES}
    rated = [*own["performance"], *own["slices"]]
    return [tile("Performance", rated, performance(rated, metric)),
            tile("Inputs", own["inputs"], moved(own["inputs"])),
            tile("Predictions", own["predictions"], moved(own["predictions"])),
            tile("Data quality", own["quality"], quality(own["quality"]))]  # fmt: skip


def tile(title: str, checks: list[Look], said: tuple[str, str]) -> str:
    states = {it["state"] for it in checks}
    known = states - {UNKNOWN}
    state = ALERT if ALERT in states else UNKNOWN if states and not known else OK
    if state == OK and title == "Performance" and plots.state_of(checks[0]) == "near":
        state = "close"
    return f'<div class="tile {state}"><span>{title}</span><b>{said[0]}</b><span>{said[1]}</span></div>'


def performance(checks: list[Look], metric: str) -> tuple[str, str]:
    if not checks or checks[0]["state"] == UNKNOWN:
        return "not known", escape(checks[0]["why"]) if checks else ""
    main = next(it for it in checks if it["part"] is None and it["check"] == metric)
    half = ((main["upper"] or 0) - (main["value"] or 0)) / 2
    now, then = (level(main[key], half) for key in ("after", "before"))
    told = "; worse, but within chance" if plots.state_of(main) == "near" else ""
    return f"{escape(clean(main['measure']))} {now}", f"holdout {then}{told}"


def moved(checks: list[Look]) -> tuple[str, str]:
    columns = dict.fromkeys(it["column"] for it in checks)
    alerts = dict.fromkeys(it["column"] for it in checks if it["state"] == ALERT)
    silent = [it for it in checks if it["state"] == UNKNOWN]
    if alerts:
        return f"{len(alerts)} of {len(columns)} moved", ", ".join(map(named, list(alerts)[:3]))
    if silent and len({it["column"] for it in silent}) == len(columns):
        return "not known", escape(clean(silent[0]["why"]))
    most = max((it["value"] or 0.0 for it in checks if it["check"] == "drift"), default=0.0)
    more = f"; {len(silent)} not known" if silent else ""
    return "as before", f"largest PSI {amount(most)}{more}"


def quality(checks: list[Look]) -> tuple[str, str]:
    alerts = dict.fromkeys(it["column"] for it in checks if it["state"] == ALERT)
    if alerts:
        return f"{len(alerts)} broken", ", ".join(map(named, list(alerts)[:3]))
    return "as schema.py has it", f"{len(checks)} small remarks" if checks else "nothing odd"


def spreads(file: Look) -> str:
    """The bins of the columns that alert."""
    alerts = {
        (it["family"], it["column"])
        for it in file["checks"]
        if it["state"] == ALERT and it["check"] == "drift"
    }
    found = [it for it in file["columns"] if (it["family"], it["column"]) in alerts]
    drawn = [f"<div>{plots.spread(it)}</div>" for it in found[:MOST_SPREADS]]
    return (drawn and f'<div class="spreads">{"".join(drawn)}</div>') or ""


def items(title: str, said: list[str]) -> str:
    lines = "".join(f"<li>{escape(clean(text, 400))}</li>" for text in said)
    return lines and f"<h2>{title}</h2>\n<ul>{lines}</ul>"


def table(checks: list[Look]) -> str:
    """Every check with its numbers, folded."""
    head = ("", "what", "column", "part", "measure", "before", "now", "change", "95 %",
            "tolerated", "p", "rows", "since")  # fmt: skip
    rows = []
    for it in checks[:MOST_CHECKS]:
        metric = it["check"] in METRICS
        before, after = (
            amount(it[key]) if metric else percent(it[key]) if it[key] is not None else ""
            for key in ("before", "after")
        )
        known = it["value"] is not None
        span = f"{amount(it['lower'])} … {amount(it['upper'])}" if it["lower"] is not None else ""
        cells = [
            it["state"], f"{it['family']}: {named(it['check'])}", named(it["column"] or ""),
            named(it["part"] or ""), escape(clean(it["measure"])), before, after,
            amount(it["value"]) if known else escape(clean(it["why"])), span,
            amount(it["threshold"]) if it["threshold"] is not None else "",
            amount(it["p"]) if it["p"] is not None else "", f"{it['rows']:,}",
            escape(str(it.get("since") or "")[:10]),
        ]  # fmt: skip
        tags = ("td", "td", "td", "td", "td", *('td class="n"',) * 7, "td")
        line = "".join(f"<{tag}>{cell}</td>" for tag, cell in zip(tags, cells, strict=True))
        rows.append(f'<tr class="{it["state"]}">{line}</tr>')
    heads = "".join(f"<th>{name}</th>" for name in head)
    return (
        f"<details><summary>All {len(checks):,} checks</summary>"
        f'<div class="wide"><table><tr>{heads}</tr>{"".join(rows)}</table></div></details>'
    )
