"""The tracker: Weights & Biases. Says to it what champion.tracking tells on standard input.

With WANDB_API_KEY runs go to the service, else to files in wandb/ (`wandb sync` sends them later).
Nothing else knows which tracker this is: to replace it, edit this file, then `make lock`.
"""

# /// script
# dependencies = ["wandb>=0.25"]
# ///

import json
import os
import sys
from typing import Any

ALIAS = "champion"


def main(event: dict[str, Any]) -> None:
    if token := os.environ.get("TRACKING_TOKEN"):
        os.environ["WANDB_API_KEY"] = token
    known = bool(os.environ.get("WANDB_API_KEY"))
    if not known and os.environ.get("CI"):
        return  # files would go with the machine
    os.environ.setdefault("WANDB_MODE", "online" if known else "offline")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    # What this machine is called, prints and has changed is nobody's business.
    quiet = wandb.Settings(
        console="off", silent=True, disable_git=True, save_code=False, init_timeout=15,
        x_disable_meta=True, x_disable_stats=True, host="",
    )  # fmt: skip
    with wandb.init(
        project=event["project"], name=event["name"], job_type=event["event"],
        config={"params": event["params"], "tags": event["tags"]}, settings=quiet,
    ) as run:  # fmt: skip
        run.summary.update(event["metrics"])
        if event["model"]:
            model = wandb.Artifact(f"{event['project']}-model", "model", metadata=event["tags"])
            model.add_file(event["model"], "model.skops")
            # The same file again is the same version: its aliases move, also on the way back.
            promoted = [ALIAS, event["version"]] if event["event"] == "promoted" else []
            run.log_artifact(model, aliases=promoted)


if __name__ == "__main__":
    main(json.load(sys.stdin))
