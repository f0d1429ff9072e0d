"""The same checks as bare polars expressions: `python check_polars.py REPEATS CHECKS FOLDER`."""

import json
import sys
import time
from datetime import datetime

import polars as pl

CHECKS = json.loads(sys.argv[2])


def failing(check: dict) -> pl.Expr:
    """How many rows fail."""
    column = pl.col(check["column"])
    if check["name"] == "missing":
        return column.null_count()
    if check["name"] == "unseen":
        return (~column.is_in(check["values"])).sum()
    bounds = [check["low"], check["high"]]
    if check["kind"] == "time":
        bounds = [bound and datetime.fromisoformat(bound) for bound in bounds]
    low, high = bounds
    outside = [column < low] if low is not None else []
    outside += [column > high] if high is not None else []
    return pl.any_horizontal(outside).sum()


asked = [failing(check).alias(f"{check['column']} {check['name']}") for check in CHECKS]
table = pl.read_parquet(f"{sys.argv[3]}/*.parquet")
alone, both = [], []
for _ in range(int(sys.argv[1]) + 1):
    started = time.perf_counter()
    counts = table.select(asked).row(0, named=True)
    alone.append(time.perf_counter() - started)
    duplicates = table.height - table.n_unique()
    both.append(time.perf_counter() - started)
print(
    json.dumps(
        {
            "counts": counts,
            "duplicates": duplicates,
            "seconds": alone[1:],
            "seconds_all": both[1:],
        }
    )
)
