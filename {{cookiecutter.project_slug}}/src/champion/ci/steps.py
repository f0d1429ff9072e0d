"""`champion ci STEP`: the steps of the workflows, by name. What a step does not need stays unread."""

import argparse

STEPS = ("plan", "data", "train", "pack", "begin", "find", "score", "publish", "comment", "settle")


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
    from champion.ci import comment, publish, subject
    from champion.ci.api import Api

    api = Api.of_job()
    if step == "comment":
        return comment.run(api)
    return subject.run(api) if step == "find" else int(getattr(publish, step)(api))
