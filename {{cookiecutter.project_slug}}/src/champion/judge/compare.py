"""Compare two tables of predictions: `champion compare CHAMPION CHALLENGER --holdout HOLDOUT`.

Exit code 0: the challenger would be merged; 1: it would not; 2: invalid evidence or bad usage.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from champion.errors import Refusal, shown
from champion.judge import evidence
from champion.judge.verdict import judge
from champion.judge.wording import SHOWN, level
from champion.settings import Settings

NO_CHAMPION = "dummy"


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("champion", help=f"its predictions, Parquet or CSV; {NO_CHAMPION}: there is none yet")
    add("challenger", type=Path, help="its predictions: row_id and score, or a column a class")
    add("--holdout", type=Path, required=True, help="row_id, y_true; group and slice columns")
    add("--anchor", type=Path, help="predictions of the last model that was proven better")
    add("--gate", type=Path, help="the settings; without one their defaults")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="such as gate.metric=brier")
    add("--policy", choices=("improve", "maintain"), default="improve")
    add("--look", type=int, default=1, help="which attempt at this holdout this is")
    add("--merges", type=int, default=0, help="how many were merged on this holdout before")
    add("--out", type=Path, help="write the verdict file here")
    add("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    if args.gate and not args.gate.is_file():
        raise Refusal(f"{args.gate} is not there: leave --gate out for the defaults.")
    settings = Settings.of_gate(args.gate) if args.gate else Settings()
    for pair in args.set:
        settings.assign(pair)
    settings.check()
    if args.look < 1 or args.merges < 0:
        raise Refusal("--look counts from 1 and --merges from 0.")
    champion = None if args.champion == NO_CHAMPION else Path(args.champion)
    try:
        case = evidence.case(args.holdout, args.challenger, champion, args.anchor, settings)
        file = judge(case, settings.gate, args.policy, args.look, args.merges)
    except evidence.Invalid as invalid:
        file = refused(str(invalid), args.policy)
    if args.out:
        write(file, args.out)
    print(as_text(file) if args.format == "text" else as_json(file), end="")
    return exit_code(file)


def exit_code(file: dict[str, Any]) -> int:
    """0: it would be merged; 1: it would not; 2: invalid."""
    if file["verdict"] == "invalid":
        return 2
    return 0 if file["merge"] else 1


def refused(why: str, policy: str) -> dict[str, Any]:
    """The verdict file of evidence that cannot be used."""
    return {
        "verdict": "invalid", "merge": False, "policy": policy, "task": None, "metric": None,
        "budget": None, "resolution": None, "guards": [], "slices": [], "findings": [],
        "reasons": [why if why.startswith("gate.yaml") else f"{why[0].upper()}{why[1:]}"],
    }  # fmt: skip


def write(file: dict[str, Any], path: Path) -> None:
    """Write a verdict file, whole or not at all.

    Raises
    ------
    Refusal : it cannot be written.
    """
    if not path.name or (path.exists() and not path.is_file()):
        raise Refusal(f"{path} cannot be written: it is no plain file.")
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with partial.open("x", encoding="utf-8") as out:  # not through somebody's link
            out.write(as_json(file))
        partial.replace(path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}.") from error


def as_json(file: dict[str, Any]) -> str:
    return json.dumps(file, indent=1, allow_nan=False) + "\n"


def as_text(file: dict[str, Any]) -> str:
    """A table for people."""
    merge = "would be merged" if file["merge"] else "would not be merged"
    lines = [f"{SHOWN[file['verdict']]}: {merge} ({file['policy']})."]
    if file["metric"]:
        rows: list[tuple[str, ...]] = [
            ("", "champion", "challenger", "difference", "lower", "upper", "")
        ]
        rows += [row(file["metric"], "")]
        rows += [
            row(
                {**it, "label": shown(it["label"], 60)},
                "guard" if it["passed"] else "guard, failed",
            )
            for it in file["guards"]
        ]
        rows += [
            row(
                {**it, "label": shown(f"{it['column']} = {it['value']}", 60)},
                "harmed" * it["harmed"],
            )
            for it in file["slices"]
        ]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        place = [str.ljust, *[str.rjust] * 5, str.ljust]
        for cells in rows:
            put = zip(place, cells, widths, strict=True)
            lines.append("  ".join(to(cell, width) for to, cell, width in put).rstrip())
    said = [shown(sentence, 1000) for sentence in (*file["reasons"], *file["findings"])]
    return "\n".join([*lines, *said, ""])


def row(it: dict[str, Any], remark: str) -> tuple[str, ...]:
    values = [level(it[key], it["se"]) for key in ("champion", "challenger")]
    changes = [level(it[key], it["se"], signed=True) for key in ("delta", "lower", "upper")]
    return (it["label"], *values, *changes, remark)
