"""Run the tests, or the checks that change nothing."""

import argparse

from champion.workspace import environment

CHECKS = (("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.prefix_chars = "\0"  # every option is pytest's
    parser.add_argument("rest", nargs="*", help="options of pytest")


def run(arguments: argparse.Namespace) -> int:
    env = environment.find()
    if arguments.verb == "test":
        return env.call("pytest", *arguments.rest)
    failed = []
    for command in CHECKS:
        print(f"--- {' '.join(command)}", flush=True)
        if env.call(*command):
            failed.append(" ".join(command[:2]))
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed")
    return 1 if failed else 0
