"""The verbs. Each module is imported only when its verb runs."""

import argparse
import importlib
import os
import sys
from pathlib import Path

from champion import warm
from champion.errors import Refusal

# Beside one busy process, OpenMP's spinning makes a boosted model fifty times slower to fit.
# `train` runs its folds in threads instead. Set before anything imports NumPy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ACTIVATE = "run set-up, then activate .venv (. .venv/bin/activate) or use make."
ANYWHERE = ("compare", "report")  # verbs that need no project
VERBS = {
    "setup": ("champion.workspace.setup", "make .venv, prepare the remote, describe the data"),
    "describe": ("champion.tables.describe", "read the data once: schema.py and gate.yaml"),
    "data": ("champion.tables.incoming", "check a new file, show what changes, track it"),
    "repro": ("champion.workspace.repro", "run what changed of the pipeline"),
    "test": ("champion.workspace.check", "run the tests"),
    "check": ("champion.workspace.check", "format, lint, types; changes nothing"),
    "lock": ("champion.workspace.lock", "rewrite the lock after an edit of pyproject.toml"),
    "publish": ("champion.workspace.publish", "the first push to origin, code and files"),
    "push-files": ("champion.workspace.publish", "send the files that the remote lacks"),
    "storage": ("champion.workspace.storage", "move the large files to another remote"),
    "update": ("champion.workspace.update", "merge the default branch and reproduce"),
    "protect": ("champion.workspace.protect", "let GitHub refuse merges without the gate"),
    "adopt": ("champion.workspace.adopt", "bring a fork's pull request into a branch here"),
    "new-holdout": ("champion.workspace.new_holdout", "draw another holdout, once this is used up"),
    "history": ("champion.history", "the versions, which one is live, what they were judged by"),
    "rollback": ("champion.workspace.rollback", "put an earlier version into production"),
    "audit": ("champion.audit.report", "why this model, who let it through, was it tampered with?"),
    "notebook": ("champion.workspace.notebook", "open notebooks/explore.ipynb"),
    "validate": ("champion.stages.validate", "stage: check the data"),
    "split": ("champion.stages.split", "stage: train and holdout"),
    "train": ("champion.stages.train", "stage: fit the model, cross-validate"),
    "evaluate": ("champion.stages.evaluate", "stage: predict and measure the holdout"),
    "explain": ("champion.stages.explain", "stage: what the model looks at"),
    "card": ("champion.card.stage", "stage: the model card"),
    "explain-row": ("champion.explain_row", "why the model says what it says of one row"),
    "judge": ("champion.judge.local", "what the judge would say of this branch"),
    "score-champion": ("champion.judge.champion", "what the champion says of the holdout"),
    "monitor": ("champion.monitor.watch", "has the world changed since the champion was trained?"),
    "rows": ("champion.judge.rows", "name the rows of data/raw; the judge runs this"),
    "ci": ("champion.ci.steps", "a step of a workflow"),
    "compare": ("champion.judge.compare", "a verdict on two tables of predictions"),
    "report": ("champion.judge.report", "a verdict as Markdown, for a pull request"),
    "predict": ("champion.serve.predict", "what the model says of a table of any size"),
    "serve": ("champion.serve.server", "the model over HTTP"),
    "image": ("champion.deploy.image", "an image of the model and its service"),
    "smoke": ("champion.deploy.smoke", "does a running service say what was judged?"),
    "ledger": ("champion.judge.ledger", "the record of verdicts and champions"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if (code := warm.run(arguments)) is not None:
        return code
    parser = argparse.ArgumentParser(
        prog="champion",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {verb:<16}{help_}" for verb, (_, help_) in VERBS.items()),
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="one of those below")
    verb = parser.parse_args(arguments[:1]).verb
    unpacked = verb == "serve" and os.environ.get("CHAMPION_MODEL")
    if verb not in ANYWHERE and not unpacked and not Path("gate.yaml").is_file():
        return refuse(verb, Refusal("no gate.yaml here: run this in the project's own folder."))
    try:
        module = importlib.import_module(VERBS[verb][0])
    except ModuleNotFoundError as error:
        if str(error.name).startswith("champion"):
            raise
        return refuse(verb, Refusal(f"{error.name} is not installed in this Python: {ACTIVATE}"))
    parser = argparse.ArgumentParser(prog=f"champion {verb}", description=VERBS[verb][1])
    parser.set_defaults(verb=verb)
    if hasattr(module, "arguments"):
        module.arguments(parser)
    try:
        return module.run(parser.parse_args(arguments[1:])) or 0
    except Refusal as refusal:
        return refuse(verb, refusal)
    except KeyboardInterrupt:
        return 130


def refuse(verb: str, refusal: Refusal) -> int:
    print(f"champion {verb}: {refusal}", file=sys.stderr)
    return refusal.code
