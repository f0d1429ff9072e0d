"""Verb `audit`: answer from tags, ledger and lock; offline, or with GitHub's word on each event."""

import argparse
import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from champion.audit import artifacts, events, page, runs, tags
from champion.audit.remarks import ARTIFACTS, EVENTS, LEDGER, RUNS, TAGS, Remark
from champion.audit.trail import Chain, of_person, steps, trail
from champion.ci import standing
from champion.ci.people import people
from champion.errors import Refusal
from champion.history import moment, told
from champion.judge.champion import base
from champion.judge.events import Ledger
from champion.judge.verify import Examined, examine
from champion.markdown import clean
from champion.workspace import branch, remote
from champion.workspace.git import default_branch, has_remote

LONGEST = 500  # letters of a line
KEEP = ("compare the branch ledger with a clone from before, put back what was there, and find out who "
        "pushed it")  # fmt: skip
UNREAD = "not checked, as the ledger cannot be read"
FORMS = ("text", "json", "html")
OFFLINE = (
    "Tags, ledger, dvc.lock and files were compared with each other. Whoever can push could write all "
    "of them: with ONLINE=1 GitHub is asked which run made each event."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--online", action="store_true", help="ask GitHub which run made each event, too")
    add("--format", choices=FORMS, help="else by the name of OUT; text")
    add("--out", type=Path, help="write it to this file: audit.html, audit.json, audit.txt")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where nothing is wrong, 1 with a finding; what could not be checked is told."""
    named = args.out.suffix.lstrip(".") if args.out else "text"
    form = args.format or (named if named in FORMS else "text")
    file = audit(args.online)
    shown = {"text": as_text, "json": as_json, "html": page.render}[form](file)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(shown, encoding="utf-8", newline="\n")
        print(headline(file))
    else:
        print(shown, end="")
    return 0 if file["sound"] else 1


def audit(online: bool = False) -> dict[str, Any]:
    """Look at everything; the keys of the answer are those of the JSON file.

    Parameters
    ----------
    online : bring what origin has, and ask GitHub; else only what is here is looked at.

    Raises
    ------
    Refusal : origin cannot be reached, or there is no default branch.
    """
    main = default_branch()
    if online:
        bring(main)
    it = examine(online)
    ledger, here = it.ledger or Ledger(), tags.read()
    found = [*of_ledger(it), *of_tags(it, here, online)]
    files = 0
    states: dict[int, str] = {}
    versions = trail(ledger, it.added)
    if it.ledger:
        found += events.check(ledger, base())
        remarks, files = artifacts.check(ledger, online)
        found += remarks
    if online:
        remarks, states = ask(ledger, main, versions)
        found += remarks
    reigns = standing.reigns(ledger)
    return {
        "sound": not any(remark.checked for remark in found),
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "online": online,
        "ledger": it.tip,
        "live": reigns[-1].body["version"] if reigns else None,
        "looked": {
            LEDGER: len(ledger.events), TAGS: len(here), EVENTS: len(versions), ARTIFACTS: files,
            RUNS: list(states.values()).count(runs.CONFIRMED),
        },
        "findings": [asdict(remark) for remark in found if remark.checked],
        "unchecked": [asdict(remark) for remark in found if not remark.checked],
        "versions": versions,
        "events": [
            {"number": event.number, "time": event.time, "kind": event.kind, "by": event.by,
             "said": told(event), "run": states.get(event.number)}
            for event in ledger.events
        ],
    }  # fmt: skip


def of_ledger(it: Examined) -> Iterator[Remark]:
    """What is wrong with the ledger, or hangs on what is not here."""
    for text in it.found:
        said = text[0].upper() + text[1:].rstrip(".")
        yield Remark(LEDGER, f"{said}{'' if '. ' in said else f': {KEEP}'}.")
    for text in it.stale:
        yield Remark(LEDGER, f"The ledger's {text}", checked=False)
    if it.ledger is None:
        for area in (EVENTS, ARTIFACTS):
            yield Remark(area, f"{area.capitalize()}: {UNREAD}.", checked=False)


def of_tags(it: Examined, here: list[tags.Tag], online: bool) -> Iterator[Remark]:
    """What is wrong with the tags, where the ledger is known that they are compared with."""
    why = ""
    if it.ledger is None:
        why = UNREAD
    elif it.cut:
        why = "not checked, as the ledger's past is not in this clone: run this with ONLINE=1"
    elif not it.tip and here and not online and has_remote():
        why = "not checked, as the branch ledger was not fetched: run this with ONLINE=1"
    if why:
        yield Remark(TAGS, f"Tags: {why}.", checked=False)
    elif it.ledger is not None:
        yield from tags.check(it.ledger, it.added, here)
    if why and it.ledger:
        yield Remark(LEDGER, f"Ledger: {why}.", checked=False)
    if online:
        yield from tags.at_origin(here)


def bring(main: str) -> None:
    """Fetch what is looked at; what was moved at origin stays as it is here."""
    if not has_remote():
        raise Refusal("there is no origin to ask: run this without --online.")
    tags.bring(main)
    if remote.on_branch():
        branch.fetch()


def ask(ledger: Ledger, main: str, versions: list[Chain]) -> tuple[list[Remark], dict[int, str]]:
    """Ask GitHub, if it answers, for the runs, and for who approved and merged each version."""
    try:
        api = runs.connect()
    except Refusal as refusal:
        text = f"Runs: not checked, as {str(refusal).rstrip('.')}."
        return [Remark(RUNS, text, checked=False)], {}
    for it in versions:
        with contextlib.suppress(Refusal):  # GitHub knows no such commit, or does not answer
            said = map(of_person, people(api, it["commit"], main))
            it["approvals"] = [one for one in it["approvals"] if "pull" not in one] + list(said)
    return runs.check(ledger, api, main, base())


def headline(file: dict[str, Any]) -> str:
    """The answer in one line."""
    findings, unchecked = len(file["findings"]), len(file["unchecked"])
    what = f"{plural(len(file['versions']), 'version')}, {plural(len(file['events']), 'event')}"
    left = f"; {plural(unchecked, 'thing')} not checked" if unchecked else ""
    if findings:
        return f"Not sound: {plural(findings, 'finding')}{left}; {what}"
    if not file["versions"] and not unchecked:
        return f"Sound: no model was promoted yet; {what}"
    return f"Sound{' as far as it was checked' if unchecked else ''}: {what}{left}"


def plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def as_json(file: dict[str, Any]) -> str:
    return json.dumps(file, indent=1, default=str) + "\n"


def as_text(file: dict[str, Any]) -> str:
    """For a terminal, what is wrong first."""
    lines = [headline(file)]
    for title, key in (("Findings", "findings"), ("Not checked", "unchecked")):
        said = [clean(it["text"], LONGEST) for it in file[key]]
        lines += ["", title, *(f"  {line}" for line in said)] if said else []
    for it in file["versions"]:
        lines += ["", f"{it['version']}  {reign(it, file['live'])}"]
        lines += [f"  {step:<11} {clean(text, LONGEST)}" for step, text in steps(it).items()]
    if not file["online"]:
        lines += ["", OFFLINE]
    return "\n".join(lines) + "\n"


def reign(it: dict[str, Any], live: str | None) -> str:
    """When a version was in production."""
    spans = [f"{moment(one['since'])} to {moment(one['until'])}" if one["until"] else
             f"since {moment(one['since'])}" for one in it["live"]]  # fmt: skip
    return f"{'in production, ' if it['version'] == live else ''}{', '.join(spans)}"
