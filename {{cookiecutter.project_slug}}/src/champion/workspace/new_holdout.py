"""Draw another holdout: the next seed of the split, in gate.yaml."""

import argparse
import re

from champion.errors import Refusal
from champion.settings import GATE, Settings
from champion.workspace.environment import typed


def run(_: argparse.Namespace) -> None:
    settings = Settings.load()
    if settings.data.time:
        raise Refusal(
            "the holdout is the latest window of time, which no seed draws: add newer data "
            f"(`{typed('data', 'FILE=next.csv', 'next.csv')}`), and it moves on."
        )
    text = GATE.read_text(encoding="utf-8")
    seed = settings.split.seed + 1
    if re.search(r"(?m)^  seed:", text):
        text = re.sub(r"(?m)^  seed:.*$", f"  seed: {seed}", text)
    else:
        text = re.sub(r"(?m)^split:.*$", f"split:\n  seed: {seed}", text)
    GATE.write_text(text, encoding="utf-8", newline="\n")
    print(
        f"gate.yaml: split.seed is {seed}. Change nothing else in this pull request: its model is "
        "compared with a dummy only, which is weaker evidence, and a person with write access has "
        f"to override. Next: {typed('repro')}"
    )
