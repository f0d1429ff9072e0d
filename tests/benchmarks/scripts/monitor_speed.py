"""`python monitor_speed.py ROWS FOLDER [tables]`: a look at so many logged rows, in a trained project.

With `tables` the training data have as many rows, the reference is made anew and written with the
live rows to FOLDER, and the population stability index of each column is computed bare.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from monitor_looks import START, WEEK, before, logged

from champion.judge.drift import stability
from champion.monitor.log import Log
from champion.monitor.reference import reference
from champion.monitor.watch import watch
from champion.settings import Settings

FILE = 1_000_000  # rows of a file of the log

rows, folder, tables = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["tables"]
settings, random = Settings.load(), np.random.default_rng(0)
it, features = before(settings)
pool = logged(str(folder / "live.parquet"), settings)
log = folder / f"log-{rows}"
if not log.exists():
    log.mkdir()
    for start in range(0, rows, FILE):
        part = pool.iloc[random.integers(0, len(pool), min(FILE, rows - start))]
        part = part.reset_index(drop=True)
        part["time"] = START + pd.to_timedelta(random.random(len(part)) * 7, unit="D")
        part["request_id"] = [f"request-{start + k}" for k in range(len(part))]
        part.to_parquet(log / f"{start:09}.parquet", row_group_size=FILE // 8)
        del part
answer = {}
if tables:
    many = random.integers(0, len(features), rows)
    train = features.iloc[many].reset_index(drop=True)
    live = pd.concat([pd.read_parquet(path) for path in sorted(log.iterdir())])[list(features)]
    for name, table in (("before", train), ("after", live)):
        table.to_parquet(folder / f"{name}.parquet")
    started = time.perf_counter()
    for name in features:
        stability(train[name], live[name])
    answer["bare"] = time.perf_counter() - started
    started = time.perf_counter()
    it = reference(train, np.zeros(rows), it.case)
    answer["reference"] = time.perf_counter() - started
    del train, live
started = time.perf_counter()
end = START + WEEK
file = watch(it, Log(str(log), START, end, end), None, settings)
answer |= {"look": time.perf_counter() - started, "rows": file["rows"], "state": file["state"]}
answer["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(answer))
