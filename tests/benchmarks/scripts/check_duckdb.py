"""The same checks as one DuckDB query: `python check_duckdb.py REPEATS CHECKS FOLDER`."""

import json
import sys
import time

import duckdb

CHECKS = json.loads(sys.argv[2])


def literal(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def failing(check: dict) -> str:
    """The condition under which a row fails."""
    column = f'"{check["column"]}"'
    if check["name"] == "missing":
        return f"{column} IS NULL"
    if check["name"] == "unseen":
        return f"{column} NOT IN ({', '.join(map(literal, check['values']))})"
    outside = [f"{column} < {literal(check['low'])}"] if check["low"] is not None else []
    outside += [f"{column} > {literal(check['high'])}"] if check["high"] is not None else []
    return " OR ".join(outside)


names = [f"{check['column']} {check['name']}" for check in CHECKS]
query = f"SELECT {', '.join(f'count_if({failing(check)})' for check in CHECKS)} FROM flights"
twice = "SELECT (SELECT count(*) FROM flights) - count(*) FROM (SELECT DISTINCT * FROM flights)"
database = duckdb.connect()
database.execute(
    f"CREATE TABLE flights AS SELECT * FROM read_parquet({literal(sys.argv[3] + '/*.parquet')})"
)
alone, both = [], []
for _ in range(int(sys.argv[1]) + 1):
    started = time.perf_counter()
    counts = database.execute(query).fetchone() or ()
    alone.append(time.perf_counter() - started)
    (duplicates,) = database.execute(twice).fetchone() or (0,)
    both.append(time.perf_counter() - started)
print(
    json.dumps(
        {
            "counts": dict(zip(names, counts, strict=True)),
            "duplicates": duplicates,
            "seconds": alone[1:],
            "seconds_all": both[1:],
        }
    )
)
