"""The bare computation: read, fit, cross-validate, predict the holdout; no DVC, no checks.

    python bare.py PARAMS THREADS     in the project, with `src` on the path

`PARAMS`: params.yaml as JSON. `THREADS`: how many fits run beside each other. Prints the metrics.
"""

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
from flight_delays.model import build_model
from joblib import Parallel, delayed
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

PARAMS = json.loads(sys.argv[1])
FEATURES = [
    "carrier", "origin", "dest", "distance", "hour", "arrival_hour",
    "humid", "wind_speed", "precip", "visib",
]  # fmt: skip


def measured(y: pd.Series, score: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": roc_auc_score(y, score),
        "average_precision": average_precision_score(y, score),
        "log_loss": log_loss(y, score),
        "brier": brier_score_loss(y, score),
        "accuracy": accuracy_score(y, score >= 0.5),
    }


def fitted(rows: pd.DataFrame) -> Any:
    return build_model({**PARAMS["model"], "task": "binary", "seed": PARAMS["seed"]}).fit(
        rows[FEATURES], rows["late"]
    )


def fold(rows: pd.DataFrame, start: Any, end: Any, last: bool) -> dict[str, float]:
    times = rows["departure"]
    model = fitted(rows[times < start])
    tested = rows[(times >= start) & ((times <= end) if last else (times < end))]
    return measured(tested["late"], model.predict_proba(tested[FEATURES])[:, 1])


table = pd.read_parquet("data/raw").dropna(subset=["late"]).astype({"late": bool})
latest = table["departure"] > table["departure"].max() - pd.Timedelta("7 days")
train, holdout = table[~latest], table[latest]

count = PARAMS["cv"]["folds"]
cuts = list(train["departure"].quantile(np.linspace(0, 1, count + 2)[1:]))
folds = [delayed(fold)(train, cuts[i], cuts[i + 1], i == count - 1) for i in range(count)]
model, *found = Parallel(int(sys.argv[2]), prefer="threads")([delayed(fitted)(train), *folds])

said = model.predict_proba(holdout[FEATURES])[:, 1]
pd.DataFrame({"departure": holdout["departure"], "score": said}).to_parquet("bare.parquet")
result = {
    "cv": pd.DataFrame(found).mean().to_dict(),
    "holdout": measured(holdout["late"], said),
}
print(json.dumps(result))
