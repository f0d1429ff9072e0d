"""Reading a verdict file: it may come from anywhere, so nothing in it is taken on trust."""

import json
import re
import stat
from pathlib import Path
from typing import Any

from champion.errors import Refusal
from champion.judge.verdict import PASSING
from champion.judge.wording import SHOWN

MOST_BYTES = 4_000_000
LARGEST = 1e100  # number
FIGURE_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}\.png")

# A type, a mapping of keys or a list of one of them. Anything may be null or missing.
COMPARED: dict[str, Any] = {
    "name": str, "label": str, "method": str, "higher_is_better": bool, "champion": float, "challenger": float,
    "delta": float, "se": float, "lower": float, "upper": float, "margin": float,
}  # fmt: skip
PAIR = {"champion": object, "challenger": object}
WEAK = {"where": str, "rows": int, "champion": float, "challenger": float, "p": float}
SHAPE: dict[str, Any] = {
    "verdict": str, "merge": bool, "policy": str, "task": str, "reasons": [str],
    "metric": {**COMPARED, "p_better": float, "dummy": float, "lower_against_anchor": float},
    "budget": {
        "look": int, "max_looks": int, "merges": int, "max_merges": int, "alpha": float,
        "holdout": str, "spent": bool,
    },
    "resolution": {"mde80": float, "target": float, "rows": int, "rows_for_target": int},
    "guards": [{**COMPARED, "passed": bool}],
    "slices": [{**COMPARED, "column": str, "value": str, "rows": int, "harmed": bool}],
    "caps": [
        {"name": str, "label": str, "champion": float, "challenger": float, "ratio": float,
         "limit": float, "passed": bool}
    ],
    "champion": {"version": str, "commit": str},
    "challenger": {
        "commit": str, "model": {"md5": str, "sha256": str, "size": int},
        "predictions_sha256": str, "data_sha256": str, "data": str,
    },
    "run": {"id": int, "attempt": int, "url": str, "artifact": str},
    "changes": {
        "paths": [str], "owner_paths": [str], "params": [{"key": str, **PAIR}],
        "data": {"champion_rows": int, "challenger_rows": int, "added": int, "removed": int},
        "lock": [{"package": str, **PAIR}], "pipeline": str,
    },
    "findings": [str],
    "data_findings": [
        {"level": str, "column": str, "check": str, "count": int, "share": float,
         "rows": [int], "message": str}
    ],
    "drift": [{"column": str, "measure": str, "value": float}],
    "explanations": [
        {"feature": str, "champion": float, "challenger": float, "se": float, "moved": bool}
    ],
    "cv": {"champion": float, "challenger": float},
    "notes": [str],
    "parity": [
        {"column": str, "label": str, "champion": float, "challenger": float, "lower": float,
         "upper": float, "highest": str, "lowest": str, "left_out": int}
    ],
    "weak": {
        "label": str, "higher_is_better": bool, "left_out": str, "overall": WEAK, "looked": int,
        "tried": int, "weakest": [WEAK], "lost": [WEAK],
    },
    "policies": [{"rule": str, "passed": bool, "why": str}],
    "figures": [str], "holds": [str], "override": {"by": str, "reason": str},
    "asked": {"by": str, "reason": str},
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """Read a verdict file.

    Returns
    -------
    its known keys; what it leaves out is None, or an empty list. Without a key `champion` the
    champion is one that is not named; with null there is none yet.

    Raises
    ------
    Refusal : it is no plain file, too large, damaged, or no verdict.
    """
    name = path.name
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise Refusal(f"{name} is no plain file: name a verdict file.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refusal(f"{name} is not there or cannot be read.") from error
    if len(content) > MOST_BYTES:
        raise Refusal(f"{name} has more than {MOST_BYTES:,} bytes: it is no verdict file.")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{name} is no JSON or is damaged.") from error
    try:
        return checked(found)
    except Refusal as refusal:
        raise Refusal(f"{name} is no verdict file: {refusal}") from refusal


def checked(found: Any) -> dict[str, Any]:
    """The same of a verdict that is not in a file yet."""
    if not isinstance(found, dict):
        raise Refusal("it holds no keys.")
    file: dict[str, Any] = known({"champion": {}, **found}, SHAPE, "")
    check(file)
    return file


def known(value: Any, shape: Any, where: str) -> Any:
    """What the shape knows of a value."""
    if isinstance(shape, list):
        if not isinstance(value, list | None):
            raise Refusal(f"{where} must be a list.")
        return [known(item, shape[0], f"{where}[]") for item in value or [] if item is not None]
    if value is None:
        return None
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Refusal(f"{where} must hold keys.")
        path = f"{where}." if where else ""
        return {key: known(value.get(key), of, path + key) for key, of in shape.items()}
    if shape is object and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    shape = str if shape is object else shape
    number = shape in (int, float)
    right = isinstance(value, (int, float) if shape is float else shape)
    if not right or (number and (isinstance(value, bool) or not abs(value) <= LARGEST)):
        words = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
        raise Refusal(f"{where} must be {words[shape]}.")
    # A name that is no Unicode could not be written again.
    return value.encode(errors="replace").decode() if shape is str else value


def check(file: dict[str, Any]) -> None:
    """Refuse a file whose parts contradict each other."""
    word, policy = file["verdict"], file["policy"]
    if word not in SHOWN or policy not in PASSING or file["merge"] is None:
        raise Refusal("verdict, policy or merge is missing or unknown.")
    if word != "invalid":
        for part, keys in (("metric", ("label",)), ("budget", ("look", "max_looks", "alpha"))):
            if any((file[part] or {}).get(key) is None for key in keys):
                raise Refusal(f"{part} lacks {' or '.join(keys)}.")
    if file["merge"] and (word not in PASSING[policy] or stops(file)):
        raise Refusal("it says merge, and what it holds says otherwise.")
    for it in [*filter(None, [file["metric"]]), *file["guards"], *file["slices"]]:
        ends = [it["lower"], it["delta"], it["upper"]]
        if None not in ends and ends != sorted(ends):
            raise Refusal("a difference is outside its own interval.")
    if not all(FIGURE_NAME.fullmatch(name) for name in file["figures"]):
        raise Refusal("figures must be names of PNG files.")


def stops(file: dict[str, Any]) -> list[str]:
    """What stops a challenger beside its verdict: guard, slice, limit, policy."""
    found = {
        "guard": not all(guard["passed"] for guard in file["guards"]),
        "slice": any(part["harmed"] for part in file["slices"]),
        "limit": not all(cap["passed"] for cap in file["caps"]),
        "policy": not all(it["passed"] for it in file.get("policies") or []),
    }
    return [what for what, it_does in found.items() if it_does]
