"""Look at what the service logs, and for new data; leave what was seen, and write nothing else.

Runs the champion's code on what users sent, without the right to write anything. Where nothing can
be seen that is said, and is no failure: the run is not red every week.
"""

import os
from dataclasses import asdict
from typing import Any

from champion.ci import fresh
from champion.ci.judged import JUDGED, PROBLEM
from champion.errors import Refusal
from champion.judge import ledger
from champion.judge.compare import write
from champion.monitor import history
from champion.monitor.watch import look, moment, said, unseen
from champion.settings import Settings
from champion.workspace import branch, remote

WATCHED = JUDGED / "watched.json"


def watch() -> int:
    """Step `watch`."""
    settings = Settings.load()
    if remote.on_branch():
        branch.fetch()
    file = looked(settings, history.of_events(ledger.current().events))
    print(said(file) if file else "Not known: nothing to watch, as no log is set.")
    write({"look": file, "fresh": asdict(fresh.gather())}, WATCHED)
    return 0


def looked(settings: Settings, before: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The look as `monitor.watch` has it; None where no log is set."""
    log = os.environ.get("LOG") or settings.monitor.log
    if not log:
        return None
    if PROBLEM.exists():  # the champion's code must not be run
        return unseen(PROBLEM.read_text(encoding="utf-8"))
    until = os.environ.get("UNTIL")
    try:
        return look(
            settings, before, log, os.environ.get("LABELS"), moment(until) if until else None
        )
    except Refusal as refusal:
        return unseen(str(refusal))
