"""What earlier looks said: one summary a line, the oldest first."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from champion.errors import Refusal
from champion.judge.events import Event
from champion.monitor.checks import ALERT

KEPT = ("state", "headline", "time", "window", "rows", "metric", "champion")
OF_CHECK = ("family", "check", "column", "part", "value", "threshold", "before", "after", "state")
MOST = 260  # looks that are read: five years of weeks
MOST_CHECKS = 1000  # of a look; the most urgent ones come first


def summary(file: dict[str, Any]) -> dict[str, Any]:
    """What the history keeps of a look."""
    checks = [{key: check[key] for key in OF_CHECK} for check in file["checks"][:MOST_CHECKS]]
    return {**{key: file[key] for key in KEPT}, "checks": checks}


def line(file: dict[str, Any]) -> str:
    """The summary of a look as one line."""
    return json.dumps(summary(file)) + "\n"


def read(path: Path) -> list[dict[str, Any]]:
    """Earlier looks; those whose line is cut off or is something else are left out.

    Raises
    ------
    Refusal : there is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise Refusal(f"the history {path} cannot be read: {type(error).__name__}.") from error
    found = []
    for text in lines[-MOST:]:
        try:
            look = json.loads(text)
        except ValueError:
            continue
        if usable(look):
            found.append(look)
    return sorted(found, key=when)


def of_events(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Earlier looks that the ledger holds; whatever else somebody wrote there is left out."""
    told: Iterable[Any] = (it.body.get("look") for it in events if it.kind == "monitor")
    return sorted([look for look in told if usable(look)][-MOST:], key=when)


def usable(look: Any) -> bool:
    """Whether it is a summary."""
    if not isinstance(look, dict) or not isinstance(look.get("window"), dict):
        return False
    checks = look.get("checks")
    return isinstance(checks, list) and all(isinstance(it, dict) for it in checks)


def when(look: dict[str, Any]) -> str:
    """The end of its window."""
    return str((look.get("window") or {}).get("to") or look.get("time") or "")


def key(check: dict[str, Any]) -> tuple[str, ...]:
    """What a check is about, the same in every look."""
    return tuple(str(check.get(name) or "") for name in ("family", "check", "column", "part"))


def add_since(file: dict[str, Any], before: list[dict[str, Any]]) -> None:
    """Say of each alert when the first of the windows began that have it without a break."""
    earlier = [look for look in before if when(look) < when(file)]
    alerts = [{key(it) for it in look["checks"] if it.get("state") == ALERT} for look in earlier]
    for check in file["checks"]:
        check["since"] = None
        if check["state"] == ALERT:
            check["since"] = file["window"]["from"]
            for look, keys in zip(reversed(earlier), reversed(alerts), strict=True):
                if key(check) not in keys:
                    break
                check["since"] = look["window"].get("from")
