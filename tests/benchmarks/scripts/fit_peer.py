"""Fit the project's model for a peer's server: `python fit_peer.py PEER FOLDER`, in the project.

The same estimator, parameters and rows as the project's own; saved in the peer's way, because a
model's file is of one set of versions.
"""

import json
import sys
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, "src")
from flight_delays.model import build_model

peer, folder = sys.argv[1], Path(sys.argv[2])
names = json.loads((folder / "features.json").read_text())
table = pd.read_parquet("data/train.parquet")
X = table[names]
params = yaml.safe_load(Path("params.yaml").read_text())
asked = {**params["model"], "task": "binary", "seed": params["seed"]}
model = build_model(asked).fit(X, table["late"].astype(bool))
if peer == "mlflow":
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        model, folder / "mlflow", pyfunc_predict_fn="predict_proba",
        pip_requirements=[], serialization_format="cloudpickle", skops_trusted_types=None,
    )  # fmt: skip
else:
    import joblib

    (folder / "mlserver").mkdir()
    joblib.dump(model, folder / "mlserver" / "model.joblib")
    (folder / "mlserver" / "settings.json").write_text(
        json.dumps({"http_port": int(sys.argv[3]), "grpc_port": int(sys.argv[3]) + 1,
                    "metrics_port": int(sys.argv[3]) + 2, "parallel_workers": 0})
    )  # fmt: skip
    (folder / "mlserver" / "model-settings.json").write_text(
        json.dumps({"name": "model", "implementation": "mlserver_sklearn.SKLearnModel",
                    "parameters": {"uri": "./model.joblib"}})
    )  # fmt: skip
print(json.dumps(model.predict_proba(X.head(5))[:, 1].tolist()))
