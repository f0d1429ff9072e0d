"""The stage's own checks on a table in memory: `python check_champion.py REPEATS`, in the project.

Every check script prints the same as JSON: how many rows fail each check, and the seconds of each
repetition after the first, which also starts threads and fills caches.
"""

import json
import sys
import time

from champion.project import RAW, user_module
from champion.settings import Settings
from champion.stages.validate import check, load, own_checks
from champion.tables.conform import conform
from champion.tables.schema import measuring

settings = Settings.load()
loaded = load(RAW, settings)
schema = user_module("schema").schema
conforming, whole = [], []
for _ in range(int(sys.argv[1]) + 1):
    started = time.perf_counter()
    table, wrong = conform(loaded, schema)
    with measuring() as measures:
        wrong += own_checks(table, schema)
    conforming.append(time.perf_counter() - started)
    del table
    started = time.perf_counter()
    checked = check(loaded, settings)
    whole.append(time.perf_counter() - started)
    del checked.table
assert not wrong, wrong
repeated = [f.count for f in checked.findings if f.check == "duplicate rows"]
print(
    json.dumps(
        {
            "counts": {f"{m.column} {m.check}": m.count for m in measures},
            "duplicates": sum(repeated),
            "seconds": conforming[1:],
            "seconds_all": whole[1:],
        }
    )
)
