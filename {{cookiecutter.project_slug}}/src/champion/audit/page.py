"""The audit's page: sound or not, what is wrong, the chain of each version. One file, no script."""

import re
from html import escape
from typing import Any

from champion.audit.remarks import ARTIFACTS, EVENTS, LEDGER, RUNS, TAGS
from champion.audit.runs import DOUBTED
from champion.audit.trail import NOT_STATED, short, steps
from champion.history import moment
from champion.judge.wording import SHOWN
from champion.markdown import clean
from champion.monitor.page import STYLE, document

LONGEST = 500  # letters of a text
MOST_EVENTS = 500
TILES = {  # of an area: its name, what was counted, and what is so where nothing is wrong
    LEDGER: ("Ledger", "event", "none changed, missing or reordered"),
    TAGS: ("Tags", "tag", "all as the ledger says"),
    EVENTS: ("Promotions", "version", "each of what was judged and let through"),
    ARTIFACTS: ("Files", "file", "with the recorded hashes"),
    RUNS: ("Runs", "event", "made by the default branch's workflows"),
}
NOT_ASKED = "offline: GitHub is asked with ONLINE=1"
CHAIN = """
.tiles { grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); }
ol.chain { list-style: none; margin: 12px 0 0; padding: 0; }
.chain li { position: relative; display: grid; grid-template-columns: 110px 1fr; margin: 0;
  padding: 0 0 14px 26px; overflow-wrap: anywhere; }
.chain li::before { content: ""; position: absolute; left: 0; top: 5px; width: 12px; height: 12px;
  border-radius: 50%; background: var(--green); }
.chain li::after { content: ""; position: absolute; left: 5px; top: 19px; bottom: -3px; width: 2px;
  background: var(--line); }
.chain li:last-child::after { display: none; }
.chain li.alert::before { background: var(--red); } .chain li.unknown::before { background: var(--amber); }
.chain li::before { z-index: 1; } .chain li.blank::before { background: var(--paper); border: 2px solid var(--soft); }
.chain b { font-weight: 600; } .chain .soft { font-size: 14px; }
.chain p { grid-column: 2; margin: 2px 0 0; font-size: 14px; } p.alert { color: var(--red); }
p.unknown { color: var(--amber); }
.said { border-left: 4px solid var(--red); background: var(--card); padding: 10px 14px; margin: 8px 0;
  border-radius: 0 8px 8px 0; overflow-wrap: anywhere; } .said.unknown { border-color: var(--amber); }
h2 .pill { margin-left: 8px; vertical-align: 2px; } .tile.blank { border-left-color: var(--line); }
td .alert { color: var(--red); } td.long { white-space: normal; min-width: 130px; }
code { font: 13px ui-monospace, SFMono-Regular, Consolas, monospace; }
"""

File = dict[str, Any]


def render(file: File) -> str:
    """The whole page.

    Parameters
    ----------
    file : as `report.audit` has it; every text in it is a stranger's.
    """
    state = "alert" if file["findings"] else "unknown" if file["unchecked"] else "ok"
    title = {"alert": "Not sound", "unknown": "Sound, in part not checked", "ok": "Sound"}[state]
    parts = [
        f'<span class="pill {state}">{title}</span>',
        f"<h1>{heading(file)}</h1>",
        f'<p class="soft">{about(file)}</p>',
        f'<div class="tiles">{"".join(tile(file, area) for area in TILES)}</div>',
        remarks("Findings", file["findings"], "alert"),
        remarks("Not checked", file["unchecked"], "unknown"),
        table(file),
        *(chain(file, it) for it in file["versions"]),
        events(file["events"]),
        f"<footer>{FOOT}</footer>",
    ]
    return document(f"Audit: {title.lower()}", parts, STYLE + CHAIN)


FOOT = (
    "Tags, ledger, dvc.lock and files are compared with each other. Whoever can push could write all of "
    "them; only GitHub can say which run made an event, and it forgets runs after some months. Whose "
    "name stands at a commit is what the commit says of itself."
)


def heading(file: File) -> str:
    if count := len(file["findings"]):
        return f"{count} finding{'s' * (count != 1)}: tags, ledger, lock and files do not agree"
    if not file["versions"]:
        return "No model was promoted yet"
    count = len(file["versions"])
    known = ", as far as they could be looked at" if file["unchecked"] else ""
    said = "agree, and GitHub knows the runs" if file["online"] and not known else "agree"
    return f"{count} version{'s' * (count != 1)}: tags, ledger, lock and files {said}{known}"


def about(file: File) -> str:
    said = [f"{moment(file['time'])} UTC", "GitHub was asked" if file["online"] else "offline"]
    said += [f"ledger <code>{file['ledger'][:10]}</code>"] if file["ledger"] else ["no ledger"]
    said += [f"{file['live']} in production"] if file["live"] else []
    return " · ".join(said)


def tile(file: File, area: str) -> str:
    """An area at a glance."""
    title, what, fine = TILES[area]
    count = file["looked"].get(area, 0)
    wrong, blind = (
        [it for it in file[key] if it["area"] == area] for key in ("findings", "unchecked")
    )
    big, small = f"{count:,} {what}{'s' * (count != 1)}", fine
    state = "alert" if wrong else "unknown" if blind else "ok"
    if wrong:
        big, small = f"{len(wrong)} finding{'s' * (len(wrong) != 1)}", f"in {big}"
    elif blind:
        big, small = "not checked", "see below"
    elif area == RUNS and not file["online"]:
        state, big, small = "blank", "not asked", NOT_ASKED
    return f'<div class="tile {state}"><span>{title}</span><b>{big}</b><span>{small}</span></div>'


def remarks(title: str, found: list[File], state: str) -> str:
    lines = "".join(f'<div class="said {state}">{shown(it["text"])}</div>' for it in found)
    return lines and f"<h2>{title}</h2>\n{lines}"


def table(file: File) -> str:
    """A line a version, the newest first."""
    head = ("version", "in production", "data", "code", "verdict", "approved by", "")
    rows = []
    for it in file["versions"]:
        spans = [f"{moment(one['since'])} \N{EN DASH} {moment(one['until']) if one['until'] else 'now'}"
                 for one in it["live"]]  # fmt: skip
        names = dict.fromkeys(str(one["by"]) for one in it["approvals"] if one["by"])
        count = sum(it["version"] in one["versions"] for one in file["findings"])
        word = SHOWN[it["verdict"]["verdict"]]
        overridden = any(one["what"].startswith("overrode") for one in it["approvals"])
        cells = [
            f"<b>{it['version']}</b>", "<br>".join(spans), f"<code>{shown(short(it['data']['hash']))}</code>",
            f"<code>{short(it['commit'])}</code>", f"{word}{', overridden' if overridden else ''}",
            shown(", ".join(names) or NOT_STATED),
            f'<span class="alert">{count} finding{"s" * (count != 1)}</span>' if count else "",
        ]  # fmt: skip
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    heads = "".join(f"<th>{name}</th>" for name in head)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    inside = f'<div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'
    return f"<h2>Versions</h2>\n{inside}" if rows else ""


def chain(file: File, it: File) -> str:
    """From the data to the rollback; a finding stands where it belongs."""
    lines = []
    for step, text in steps(it).items():
        own = [(state, one["text"]) for key, state in (("findings", "alert"), ("unchecked", "unknown"))
               for one in file[key] if it["version"] in one["versions"] and one["step"] == step]  # fmt: skip
        state = own[0][0] if own else "blank" if text in (NOT_STATED, "none") else "ok"
        said = "".join(f'<p class="{state}">{shown(why)}</p>' for state, why in own)
        lines.append(
            f'<li class="{state}"><b>{step.capitalize()}</b><span>{shown(text)}</span>{said}</li>'
        )
    live = ' <span class="pill ok">in production</span>' if it["version"] == file["live"] else ""
    return f'<h2>{it["version"]}{live}</h2>\n<ol class="chain">{"".join(lines)}</ol>'


def events(found: list[File]) -> str:
    """The newest events, folded."""
    rows = []
    for it in found[: -MOST_EVENTS - 1 : -1]:
        run = f'<span class="alert">{it["run"]}</span>' if it["run"] == DOUBTED else it["run"] or ""
        cells = [str(it["number"]), moment(it["time"]), it["kind"], shown(it["said"]),
                 shown(it["by"] or ""), run]  # fmt: skip
        rows.append("".join(f'<td class="{"long" if n == 3 else "s"}">{cell}</td>'
                            for n, cell in enumerate(cells)))  # fmt: skip
    heads = "".join(f"<th>{name}</th>" for name in ("", "when", "what", "", "by", "run"))
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    inside = f'<div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'
    summary = f"<summary>The ledger: {len(found):,} events</summary>"
    return f"<details>{summary}{inside}</details>" if rows else ""


def shown(text: object) -> str:
    """A stranger's words; `so` is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(clean(text, LONGEST)))
