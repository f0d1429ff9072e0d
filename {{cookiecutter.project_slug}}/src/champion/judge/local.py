"""Judge the working tree as its pull request will be judged; `champion judge`.

Writes `verdict/`: verdict.json, report.md and its figure. Spends no budget and records nothing.
Exit code 0: it would be merged; 1: it would not; 2: invalid evidence or bad usage.
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path

from champion.errors import Refusal
from champion.judge import compare, evidence, paths, report
from champion.judge.challenge import (
    EVIDENCE,
    Challenger,
    decide,
    other_seed,
    prepare,
    refuse_own_metric,
)
from champion.judge.champion import base, find, tracked_data
from champion.judge.commit import HOME
from champion.judge.context import about, add_comparison, ask, seconds
from champion.judge.policy import unreviewed
from champion.project import MODEL, PREDICTIONS, REPORTS
from champion.settings import GATE, Settings
from champion.workspace import environment
from champion.workspace.environment import typed
from champion.workspace.git import attempt, git, show
from champion.workspace.objects import described, sha256

OUT = Path("verdict")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", choices=("improve", "maintain"), help="found from what changed")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    check_challenger()
    tip = base()
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise Refusal("this clone lacks history and tags: run `git fetch --unshallow --tags`.")
    if attempt("merge-base", "--is-ancestor", tip, "HEAD").returncode:
        raise Refusal(
            f"the default branch has moved on: run `{typed('update')}`, then judge again.", code=1
        )
    challenger = working_tree(tip)
    policy = args.policy or paths.policy(challenger.paths)
    settings = judged_by(tip)
    known = about(tip, challenger)
    try:
        refuse_own_metric(settings.gate, challenger.paths)
        with contextlib.redirect_stdout(sys.stderr):  # progress; the answer is for programs, too
            own = Settings.of_gate(GATE)
            seed = other_seed(settings, own)
            it = prepare(tip, challenger, None if seed is not None else find(), seed)
        file = decide(it, settings, policy) | known
        add_comparison(file, it, settings)
        ask(file, settings, own, challenger)
        file["findings"] += unreviewed(settings.policy, challenger.paths, ["until then"])
    except evidence.Invalid as invalid:
        file = compare.refused(str(invalid), policy) | known
    compare.write(file, OUT / "verdict.json")
    report.write(file, OUT)
    if args.format == "json":
        print(compare.as_json(file), end="")
    else:
        print(compare.as_text(file), end="")
        if file["budget"] and file["budget"]["spent"]:
            print(f"Look {look_here()} at this holdout on this machine; no budget is spent here.")
        print(f"The report: {OUT / 'report.md'}")
    return compare.exit_code(file)


def check_challenger() -> None:
    """Refuse to judge results that are not what the working tree makes."""
    done = environment.find().capture("-m", "dvc", "status", "--quiet")
    if done.returncode or not PREDICTIONS.exists():
        raise Refusal(f"the results are not up to date: run `{typed('repro')}`, then judge.")


def working_tree(tip: str) -> Challenger:
    data = tracked_data()
    return Challenger(
        git("rev-parse", "HEAD"), changed_paths(tip), data, PREDICTIONS, REPORTS, described(MODEL),
        lambda name: Path(name).read_text(encoding="utf-8"), lambda it: seconds(it, data),
    )  # fmt: skip


def changed_paths(tip: str) -> list[str]:
    """What differs between the default branch and the working tree."""
    changed = git("diff", "--name-only", "--no-renames", "-z", tip, "--").split("\0")
    new = git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted({path for path in (*changed, *new) if path})


def judged_by(tip: str) -> Settings:
    """The default branch's gate.yaml; a challenger's own has no say."""
    HOME.mkdir(exist_ok=True)
    own = HOME / GATE.name
    text = show(tip, GATE.name)
    if not text:
        raise Refusal(
            f"the default branch ({tip[:7]}) has no {GATE}: it is what models are judged by."
        )
    own.write_text(text, encoding="utf-8")
    settings = Settings.of_gate(own)
    settings.check()
    return settings


def look_here() -> int:
    """Which look this is on this machine; the same predictions again are the same one."""
    book = HOME / "looks.json"
    seen = json.loads(book.read_text(encoding="utf-8")) if book.exists() else {}
    asked = seen.setdefault(sha256(EVIDENCE), [])
    this = sha256(PREDICTIONS)
    if this not in asked:
        asked.append(this)
        book.write_text(json.dumps(seen), encoding="utf-8")
    return asked.index(this) + 1
