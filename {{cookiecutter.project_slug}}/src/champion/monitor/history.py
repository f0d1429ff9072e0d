"""What earlier looks said: one summary a line, the oldest first."""

import json
from pathlib import Path
from typing import Any

from champion.errors import Refusal
from champion.monitor.checks import ALERT

KEPT = ("state", "headline", "time", "window", "rows", "metric", "champion")
OF_CHECK = ("family", "check", "column", "part", "value", "threshold", "before", "after", "state")
MOST = 260  # looks that are read: five years of weeks


def line(file: dict[str, Any]) -> str:
    """The summary of a look, for the history."""
    checks = [{key: check[key] for key in OF_CHECK} for check in file["checks"]]
    return json.dumps({**{key: file[key] for key in KEPT}, "checks": checks}) + "\n"


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
        if isinstance(look, dict) and isinstance(look.get("checks"), list) and look.get("window"):
            found.append(look)
    return sorted(found, key=when)


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
