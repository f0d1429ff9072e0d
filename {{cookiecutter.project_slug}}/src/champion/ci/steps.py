"""`champion ci STEP`: the steps of the workflows. What a step does not need stays unread."""

import argparse
import importlib

ALONE = {
    "plan": "training", "data": "training", "train": "training", "pack": "training",
    "score": "score", "ship": "deploy", "watch": "watch",
}  # fmt: skip
ASKING = {  # the API, which they get as their argument
    "begin": "publish", "find": "subject", "publish": "publish", "comment": "comment",
    "settle": "publish", "merge": "merge", "champion": "production", "look": "subject",
    "verify": "verify", "promote": "promote", "wake": "wake", "package": "deploy", "sbom": "deploy",
    "deploy": "deploy", "tell": "tell",
}  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", choices=[*ALONE, *ASKING])


def run(arguments: argparse.Namespace) -> int:
    step = arguments.step
    module = importlib.import_module(f"champion.ci.{(ALONE | ASKING)[step]}")
    if step in ALONE:
        return int(getattr(module, step)())
    from champion.ci.api import Api

    return int(getattr(module, step)(Api.of_job()))
