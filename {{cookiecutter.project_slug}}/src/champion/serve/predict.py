"""Predict a table of any size: scores into one file, what the schema refuses into another."""

import argparse
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from champion.errors import BadData, Refusal, shown
from champion.models import scores
from champion.serve.checks import Fault
from champion.serve.log import DEFAULT, Entry, Place, as_table, layout, logged
from champion.serve.model import Model, load
from champion.serve.released import extract, own_code
from champion.stages.validate import load as load_table
from champion.tables import delimited
from champion.tables.conform import conform
from champion.tables.read import TEXT, clean_names, frame, refuse_other, typed_table

CHUNK = 50_000  # rows


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, help="CSV or Parquet with the columns of schema.py; or "
                        "a folder like data/raw, which load() of data.py makes a table of")  # fmt: skip
    parser.add_argument("out", type=Path, help="the scores: .parquet or .csv")
    parser.add_argument("--version", help="such as v1.1.0; default: the one in production")


def run(arguments: argparse.Namespace) -> int:
    source, out = arguments.table.absolute(), arguments.out
    if out.suffix.lower() not in (".parquet", ".csv"):
        raise Refusal(f"OUT is {shown(str(out))}: name a file that ends in .parquet or .csv.")
    if not source.exists():
        raise BadData(f"there is no file {arguments.table}: check its name.")
    if source.is_file():
        refuse_other(source)
    model = load(arguments.version)
    place = log_place()
    request_id, start, refused = uuid.uuid4().hex, 0, 0
    with Writer(out, model) as writer:
        for table in tables(source, model):
            said, faults, columns = predicted(table, model)
            bad = np.zeros(len(table), bool)
            for fault in faults:
                bad[fault.rows] = True
            good = np.flatnonzero(~bad)
            if len(good):
                writer.scores(table, said, good, start)
                kept = {name: values.iloc[good] for name, values in columns.items()}
                entry = Entry(request_id, time.time(), kept, said)  # type: ignore[arg-type]
                put(place, as_table([entry], model, rows=good + start + 1))
            writer.refused(table, faults, start)
            start, refused = start + len(table), refused + int(bad.sum())
    version = model.about.version
    print(f"{start - refused:,} rows predicted by {version}: {out}")
    if refused:
        print(f"{refused:,} rows refused, with the reasons: {aside(out)}")
    return 1 if refused == start else 0


def log_place() -> Place:
    url = os.environ.get("CHAMPION_LOG") or DEFAULT
    try:
        return Place(url)
    except Exception as error:  # each place fails in its own way
        raise Refusal(f"CHAMPION_LOG names no place that can be written: {error}.") from error


def put(place: Place, table: pa.Table) -> None:
    try:
        place.write(table)
    except Exception as error:
        raise Refusal(f"the prediction log cannot be written: {error}.", code=1) from error


def tables(source: Path, model: Model) -> Iterator[pd.DataFrame]:
    """The rows, part by part, each numbered from 0."""
    if source.is_dir():
        whole = model_table(source, model)
        for start in range(0, len(whole), CHUNK):
            yield whole.iloc[start : start + CHUNK].reset_index(drop=True)
        return
    text = source.suffix.lower() in TEXT
    for part in delimited.chunks(source) if text else parquet(source):
        part = part.rename_columns(clean_names(part.column_names, source.name))
        yield frame(typed_table(part, source))


def parquet(path: Path) -> Iterator[pa.Table]:
    try:
        for batch in pq.ParquetFile(path).iter_batches(CHUNK):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadData(f"{path.name} is not a Parquet file or was cut off: get it again.") from error


def model_table(folder: Path, model: Model) -> pd.DataFrame:
    """What the model's own load() makes of a folder."""
    with tempfile.TemporaryDirectory(prefix="champion-") as name:
        extract(model.about.commit, Path(name))
        with own_code(Path(name)):
            return load_table(folder, model.settings)


def predicted(
    table: pd.DataFrame, model: Model
) -> tuple[np.ndarray, list[Fault], dict[str, pd.Series]]:
    """Scores of the good rows, what is wrong with the others, and what the log keeps of all."""
    X, faults = model.check(table)
    bad = sorted({row for fault in faults for row in fault.rows})
    good = X.drop(index=X.index[bad])
    said = scores(model.estimator, good, model.task) if len(good) else np.empty(0)
    others, _ = conform(table[[n for n in model.kept.columns if n in table]], model.kept)
    columns = {}
    for name in logged(model):
        if name in X:
            columns[name] = X[name]
        elif name in others:
            columns[name] = others[name]
        else:
            columns[name] = pd.Series(None, index=X.index, dtype=object)
    return said, faults, columns


def aside(out: Path) -> Path:
    """Where the refused rows are listed."""
    return out.with_name(f"{out.name}.refused.csv")


class Writer:
    """Both files; each is there as a whole or not at all."""

    def __init__(self, out: Path, model: Model) -> None:
        self.out = out
        self.model = model
        names = [f.name for f in layout(model) if f.name.startswith("score")]
        own = [pa.field("row", pa.int64()), pa.field("version", pa.string())]
        id_ = model.settings.data.id
        self.id = None if id_ in (None, *model.settings.data.personal) else id_
        named = [pa.field(self.id, pa.string())] if self.id and self.id not in names else []
        self.schema = pa.schema([*own, *named, *(pa.field(n, pa.float64()) for n in names)])
        self.partial = out.with_name(f".{out.name}.{os.getpid()}")
        self.faults: list[pd.DataFrame] = []
        self.file: Any = None

    def __enter__(self) -> "Writer":
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if self.out.suffix.lower() == ".csv":
            self.file = arrow_csv.CSVWriter(self.partial, self.schema)
        else:
            self.file = pq.ParquetWriter(self.partial, self.schema, compression="zstd")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.file.close()
        if kind is None:
            aside(self.out).unlink(missing_ok=True)
            if self.faults:
                pd.concat(self.faults).to_csv(aside(self.out), index=False)
            os.replace(self.partial, self.out)
        self.partial.unlink(missing_ok=True)

    def scores(self, table: pd.DataFrame, said: np.ndarray, good: np.ndarray, start: int) -> None:
        columns: list[Any] = [good + start + 1, [self.model.about.version] * len(good)]
        if len(self.schema) > 2 + said.reshape(len(good), -1).shape[1]:
            columns.append(self.names(table).iloc[good])
        columns += list(said.reshape(len(good), -1).T)
        arrays = [
            pa.array(values, field.type, from_pandas=True)
            for values, field in zip(columns, self.schema, strict=True)
        ]
        self.file.write_table(pa.Table.from_arrays(arrays, schema=self.schema))

    def names(self, table: pd.DataFrame) -> pd.Series:
        """What identifies each row."""
        if self.id not in table:
            return pd.Series(None, index=table.index, dtype="str")
        return table[self.id].astype("str")

    def refused(self, table: pd.DataFrame, faults: list[Fault], start: int) -> None:
        if not faults:
            return
        listed = pd.concat(
            pd.DataFrame({"row": f.rows, "column": f.column, "check": f.check, "reason": f.message})
            for f in faults
        )
        if self.id:
            listed.insert(1, self.id, self.names(table).iloc[listed["row"]].to_numpy())
        listed["row"] += start + 1
        self.faults.append(listed.sort_values("row", kind="stable"))
