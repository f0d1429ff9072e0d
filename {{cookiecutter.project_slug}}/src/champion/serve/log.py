"""The prediction log: what was asked and what was said, for monitoring.

Where
-----
A folder, or any URL that fsspec knows: `CHAMPION_LOG`, else `.champion/predictions` of the project.
In it a folder a day (UTC), in that Parquet files: `2026-11-25/140312-3f9c21d07b5e.parquet`. A file
is there as a whole or not at all; names that begin with a point are none. Nothing is ever changed.

Columns
-------
request_id : string; of the request's header X-Request-Id, else made. A table that was predicted by
    `champion predict` is one request.
row : int64; the row's place in the request, from 1.
time : timestamp[us, UTC]; when it was predicted.
version : string; of the model: v1.2.0, or seven letters of a commit that was not promoted.
score : float64; binary: the probability of the positive class; regression: the prediction. Several
    classes: `score_CLASS` for each instead, with the class's name.
then every column of schema.py but the target and the personal ones, as `tables.conform` reads them:
numbers, whole numbers and booleans float64, words string, times timestamp[ns]; null where missing or
not sent (only features must be). One that is called like a column above is `input_NAME`.

How
---
`PredictionLog.put` only takes note; a thread writes, every 5 seconds or 5,000 rows. At most 100,000
rows wait: where the place of the log is slow or gone, further ones are counted and dropped, lest the
service grow or fail. On a normal end everything that waits is written. What is lost when a process
is killed outright is the last 5 seconds.
"""

import io
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from champion.serve.checks import Columns
from champion.serve.model import Model

DEFAULT = ".champion/predictions"
OWN = ("request_id", "row", "time", "version", "score")
TYPES = {"category": pa.string(), "text": pa.string(), "identifier": pa.string(),
         "time": pa.timestamp("ns")}  # fmt: skip
BATCH = 5_000  # rows of a file
INTERVAL = 5.0  # seconds
MOST_ROWS = 100_000  # that wait
CLOSING = 20.0  # seconds for what waits when the service ends
LONGEST_PAUSE = 30.0  # seconds between attempts, where the place does not answer
# One request writes a whole object there; elsewhere a file is written aside and then named.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory"}

logger = logging.getLogger("champion.serve")


def layout(model: Model) -> pa.Schema:
    """The log's columns for a model."""
    own = [("request_id", pa.string()), ("row", pa.int64()), ("time", pa.timestamp("us", "UTC")),
           ("version", pa.string())]  # fmt: skip
    scores = [(f"score_{name}", pa.float64()) for name in model.classes] or [
        ("score", pa.float64())
    ]
    taken = {*OWN, *(name for name, _ in scores)}
    inputs = [
        (f"input_{name}" if name in taken else name, TYPES.get(kind, pa.float64()))
        for name, kind in logged(model).items()
    ]
    return pa.schema([*own, *scores, *inputs])


def logged(model: Model) -> dict[str, str]:
    """The columns of schema.py that may be kept, with their kinds."""
    asked = [*model.checks.questions, *model.checks.others]
    kinds = {question.name: question.kind for question in asked}
    personal = model.settings.data.personal
    return {name: kind for name, kind in kinds.items() if name not in personal}


@dataclass(frozen=True)
class Entry:
    """One request."""

    request_id: str
    seconds: float
    columns: Columns
    scores: NDArray[np.float64]  # (rows,) or (rows, classes)

    @property
    def rows(self) -> int:
        return len(self.scores)


def as_table(entries: list[Entry], model: Model, rows: NDArray[np.int64] | None = None) -> pa.Table:
    """Requests as rows of the log.

    rows : their places in the request, from 1, where they are not all of it.
    """
    schema = layout(model)
    counts = [entry.rows for entry in entries]
    moments = [int(entry.seconds * 1e6) for entry in entries]
    scores = np.concatenate([entry.scores.reshape(entry.rows, -1) for entry in entries])
    columns: list[Any] = [
        pa.array([e.request_id for e in entries], pa.string()).take(places(counts)),
        np.concatenate([np.arange(1, count + 1) for count in counts]) if rows is None else rows,
        pa.array(np.repeat(moments, counts), pa.int64()).cast(pa.timestamp("us")),
        pa.repeat(model.about.version, sum(counts)),
        *scores.T,
    ]
    for name, field in zip(logged(model), list(schema)[len(columns) :], strict=True):
        values: Any = entries[0].columns[name]
        if len(entries) > 1:
            values = [value for entry in entries for value in entry.columns[name]]
        columns.append(pa.array(values, field.type, from_pandas=True))
    arrays = [
        column.cast(field.type) if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def places(counts: list[int]) -> pa.Array:
    return pa.array(np.repeat(np.arange(len(counts)), counts))


class Place:
    """Where the log is.

    Raises
    ------
    ImportError, ValueError, OSError : the URL names a place that fsspec cannot use.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.files, self.root = fsspec.core.url_to_fs(url)
        protocol = self.files.protocol
        names = {protocol} if isinstance(protocol, str) else {*protocol}
        self.whole = bool(names & OBJECT_STORES)

    def write(self, table: pa.Table) -> None:
        """Add a file."""
        packed = io.BytesIO()
        pq.write_table(table, packed, compression="zstd")
        now = datetime.now(UTC)
        folder = f"{self.root.rstrip('/')}/{now:%Y-%m-%d}"
        name = f"{now:%H%M%S}-{uuid.uuid4().hex[:12]}.parquet"
        self.files.makedirs(folder, exist_ok=True)
        if self.whole:
            self.files.pipe_file(f"{folder}/{name}", packed.getvalue())
            return
        aside = f"{folder}/.{name}"
        try:
            self.files.pipe_file(aside, packed.getvalue())
            self.files.mv(aside, f"{folder}/{name}")
        except BaseException:
            if self.files.exists(aside):
                self.files.rm_file(aside)
            raise


class PredictionLog:
    """Takes note of predictions; a thread writes them.

    Parameters
    ----------
    url : where.
    dropped, written : told how many rows.
    """

    def __init__(
        self,
        url: str,
        model: Model,
        written: Callable[[int], object] = lambda rows: None,
        dropped: Callable[[int], object] = lambda rows: None,
    ) -> None:
        self.place = Place(url)
        self.model = model
        self.written, self.dropped = written, dropped
        self.entries: deque[Entry] = deque()
        self.rows = 0  # that wait, those being written included
        self.changed = threading.Condition()
        self.until: float | None = None  # when to give up, once it is closed
        self.thread = threading.Thread(target=self.work, name="prediction-log", daemon=True)
        self.thread.start()

    def put(self, request_id: str, columns: Columns, scores: NDArray[np.float64]) -> None:
        """Note a request's predictions; never waits, never fails."""
        count = len(scores)
        with self.changed:
            if self.rows + count <= MOST_ROWS:
                self.rows += count
                self.entries.append(Entry(request_id, time.time(), columns, scores))
                if self.rows >= BATCH:
                    self.changed.notify()
                return
        self.dropped(count)

    def close(self) -> None:
        """Write what waits; give up after some seconds."""
        seconds = CLOSING
        with self.changed:
            self.until = time.monotonic() + seconds
            self.changed.notify()
        self.thread.join(seconds + 1)
        if self.rows:
            logger.error("the prediction log could not be written: %d rows are lost", self.rows)
            self.dropped(self.rows)

    def work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(
                    lambda: self.until is not None or self.rows >= BATCH, timeout=INTERVAL
                )
                closed = self.until is not None
            while batch := self.take():
                if not self.write(batch):
                    return
            if closed:
                return

    def take(self) -> list[Entry]:
        """The oldest entries, about a file's worth."""
        batch, rows = [], 0
        with self.changed:
            while self.entries and rows < BATCH:
                batch.append(self.entries.popleft())
                rows += batch[-1].rows
        return batch

    def write(self, batch: list[Entry]) -> bool:
        """Write a file, again and again if need be; False if the time is over."""
        rows, pause = sum(entry.rows for entry in batch), 0.5
        table = as_table(batch, self.model)
        while True:
            try:
                self.place.write(table)
            except Exception as error:  # each place fails in its own way
                logger.error("the prediction log cannot be written: %s", type(error).__name__)
                with self.changed:
                    self.changed.wait_for(lambda: self.until is not None, timeout=pause)
                    if self.until is not None and time.monotonic() + pause > self.until:
                        return False
                if self.until is not None:
                    time.sleep(min(pause, 0.5))
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            with self.changed:
                self.rows -= rows
            self.written(rows)
            return True
