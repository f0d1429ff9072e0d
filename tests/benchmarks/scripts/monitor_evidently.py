"""Evidently's default preset: `python monitor_evidently.py REFERENCE CURRENT …`, Parquet files.

Prints JSON: of each current table the drifted columns, whether it calls the table drifted, seconds.
"""

import json
import sys
import time
import warnings

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

warnings.filterwarnings("ignore")
before = pd.read_parquet(sys.argv[1])
found = []
for path in sys.argv[2:]:
    after = pd.read_parquet(path)
    started = time.perf_counter()
    metrics = Report([DataDriftPreset()]).run(after, before).dict()["metrics"]
    seconds = time.perf_counter() - started
    drifted, whole = [], False
    for metric in metrics:
        config = metric["config"]
        if config["type"].endswith("DriftedColumnsCount"):
            whole = bool(metric["value"]["share"] >= config["drift_share"])
        elif config["type"].endswith("ValueDrift"):
            value, limit = float(metric["value"]), config["threshold"]
            if value < limit if "p_value" in config["method"] else value >= limit:
                drifted.append(config["column"])
    found.append({"drifted": drifted, "whole": whole, "seconds": seconds})
print(json.dumps(found))
