"""The same checks in Great Expectations: `python check_great_expectations.py REPEATS CHECKS FOLDER`.

Its check for duplicate rows counts otherwise, so it is not asked for.
"""

import json
import os
import sys
import time

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

CHECKS = json.loads(sys.argv[2])
LIMIT = 0.05


def expectation(check: dict) -> gxe.Expectation:
    name = f"{check['column']} {check['name']}"
    given = {
        "column": check["column"],
        "mostly": 1 - check["seen"] - LIMIT,
        "meta": {"name": name},
    }
    if check["name"] == "missing":
        return gxe.ExpectColumnValuesToNotBeNull(**given)
    if check["name"] == "unseen":
        return gxe.ExpectColumnValuesToBeInSet(value_set=check["values"], **given)
    low, high = check["low"], check["high"]
    if check["kind"] == "time":
        low, high = (bound and pd.Timestamp(bound) for bound in (low, high))
    return gxe.ExpectColumnValuesToBeBetween(min_value=low, max_value=high, **given)


context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False, "metric_calculations": False}
asset = context.data_sources.add_pandas("source").add_dataframe_asset("flights")
whole = asset.add_batch_definition_whole_dataframe("all")
suite = gx.ExpectationSuite(name="flights", expectations=[expectation(c) for c in CHECKS])
table = pd.read_parquet(sys.argv[3])
seconds = []
for _ in range(int(sys.argv[1]) + 1):
    started = time.perf_counter()
    # A new batch each time: an old one remembers what it has computed.
    result = whole.get_batch({"dataframe": table}).validate(suite, result_format="BASIC")
    seconds.append(time.perf_counter() - started)
failed = [r.exception_info for r in result.results if "unexpected_count" not in r.result]
assert not failed, failed[0]
print(
    json.dumps(
        {
            "counts": {
                r.expectation_config.meta["name"]: r.result["unexpected_count"]
                for r in result.results
            },
            "seconds": seconds[1:],
        }
    )
)
