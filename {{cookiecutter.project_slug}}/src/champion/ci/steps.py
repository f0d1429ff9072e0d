"""`champion ci STEP`: the steps of the workflows, by name. What a step does not need stays unread."""

import argparse
import importlib

STEPS = ("plan", "data", "train", "pack", "begin", "find", "score", "publish", "settle",
         "look", "verify", "promote")  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", choices=STEPS)


def run(arguments: argparse.Namespace) -> int:
    step = arguments.step
    if step in ("plan", "data", "train", "pack"):
        from champion.ci import training

        return int(getattr(training, step)())
    if step == "score":
        from champion.ci import score

        return score.run()
    from champion.ci import publish, subject
    from champion.ci.api import Api

    api = Api.of_job()
    if step in ("verify", "promote"):
        module = importlib.import_module(f"champion.ci.{step}")
        return int(getattr(module, step)(api))
    if step in ("find", "look"):
        return int(getattr(subject, step)(api))
    return int(getattr(publish, step)(api))
