"""The tracker: MLflow. Says to it what champion.tracking tells on standard input.

Runs and models go to the server that MLFLOW_TRACKING_URI names, else to mlflow.db and mlruns here.
Nothing else knows which tracker this is: to replace it, edit this file, then `make lock`.
"""

# /// script
# dependencies = ["alembic>=1.16", "mlflow-skinny>=3.10", "sqlalchemy>=2"]
# ///

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

VARIABLES = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
ALIAS = "champion"


def main(event: dict[str, Any]) -> None:
    variables = json.loads(os.environ.get("CLOUD") or "{}")  # of the repository, in a workflow
    uri = os.environ.get("MLFLOW_TRACKING_URI") or variables.get("MLFLOW_TRACKING_URI")
    if not uri and os.environ.get("CI"):
        return  # a file would go with the machine
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    if token := os.environ.get("TRACKING_TOKEN"):
        os.environ["MLFLOW_TRACKING_TOKEN"] = token
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri or "sqlite:///mlflow.db")
    if event["event"] == "trained":
        run(event)
    else:
        promote(event)


def run(event: dict[str, Any]) -> str | None:
    """Log a run; return the address of its model, if that may be sent."""
    import mlflow

    experiment = mlflow.set_experiment(event["project"]).experiment_id
    tags = {name: str(it) for name, it in event["tags"].items()}
    # Made by the client: a run that mlflow itself starts names the user and the remote's address.
    made = mlflow.MlflowClient().create_run(experiment, run_name=event["name"], tags=tags)
    with mlflow.start_run(made.info.run_id):
        mlflow.log_params(event["params"])
        mlflow.log_metrics(event["metrics"])
        if not event["model"]:
            return None
        source = Path(event["root"], "src")
        lock = (source.parent / "requirements.txt").read_text(encoding="utf-8")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module="tracker",
            data_path=event["model"],
            code_paths=[__file__, *(str(path.parent) for path in source.glob("*/__init__.py"))],
            pip_requirements=re.findall(r"(?m)^[A-Za-z0-9].*?(?=\s*\\?$)", lock),
        ).model_uri


def promote(event: dict[str, Any]) -> None:
    """Move the alias to a version; register that first where it is not there yet."""
    import mlflow

    number = registered(event) or register(event)
    mlflow.MlflowClient().set_registered_model_alias(event["project"], ALIAS, number)


def registered(event: dict[str, Any]) -> str | None:
    """MLflow's number of a version."""
    import mlflow

    client = mlflow.MlflowClient()
    for it in client.search_model_versions(f"name = '{event['project']}'"):
        if it.tags.get("version") == event["version"]:
            return str(it.version)
    return None


def register(event: dict[str, Any]) -> str:
    """Register a version's model; return MLflow's number of it."""
    import mlflow

    if not (uri := run(event)):
        sys.exit("the model learned from personal columns, so it is not sent")
    tags = {"version": event["version"], "commit": event["tags"]["code.commit"]}
    return str(mlflow.register_model(uri, event["project"], tags=tags).version)


def _load_pyfunc(path: str) -> Any:
    """What MLflow calls to load a model: only the types that TRUSTED names are made."""
    import importlib

    import skops.io

    from champion.project import package_name

    package = package_name(Path(__file__).parent)
    return Model(skops.io.load(path, trusted=importlib.import_module(f"{package}.model").TRUSTED))


class Model:
    """The model as MLflow uses it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, X: Any, params: Any = None) -> Any:
        """Say what the judge was told: the positive class's probability, each class's, or a number.

        Parameters
        ----------
        X : (n, features) DataFrame, the columns that training saw.
        """
        X = X.astype(dict.fromkeys(X.select_dtypes("boolean"), "float64"))
        if not hasattr(self.model, "predict_proba"):
            return self.model.predict(X)
        said = self.model.predict_proba(X)
        return said[:, 1] if said.shape[1] == 2 else said


if __name__ == "__main__":
    main(json.load(sys.stdin))
