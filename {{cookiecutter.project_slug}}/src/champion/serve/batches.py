"""Requests that arrive together are predicted together; one that is large, on a thread aside.

Most of what an estimator does for one row it does for the call. What the event loop found ready in
one turn waits for the next and is one call: under load that is many rows, alone it is no delay.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from champion.serve.checks import Columns
from champion.serve.model import Model, Scores

AT_ONCE = 500  # rows of a call on the event loop: some milliseconds
MOST_WAITING = 20_000  # rows; further ones are told to come back
SECONDS = 30.0  # that a large request may take


class Busy(Exception):
    """Too much waits already: come back later."""


class Batches:
    """Asks the model for many at once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.pending: list[tuple[Columns, asyncio.Future[Scores]]] = []
        self.rows = 0  # that wait, in all
        self.aside = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def ask(self, columns: Columns, rows: int) -> Scores:
        """What the model says.

        Raises
        ------
        Busy : too many rows wait.
        TimeoutError : it took too long.
        """
        if self.rows + rows > MOST_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        self.rows += rows
        try:
            if rows > AT_ONCE:
                said = loop.run_in_executor(self.aside, self.model.scores, columns)
                return await asyncio.wait_for(said, SECONDS)
            future: asyncio.Future[Scores] = loop.create_future()
            if not self.pending:
                loop.call_soon(self.flush)
            self.pending.append((columns, future))
            return await future
        finally:
            self.rows -= rows

    def flush(self) -> None:
        """Predict what waits, in calls of a bounded size."""
        while self.pending:
            batch: list[tuple[Columns, asyncio.Future[Scores]]] = []
            rows = 0
            while self.pending and (not batch or rows < AT_ONCE):
                batch.append(self.pending.pop(0))
                rows += length(batch[-1][0])
            try:
                self.answer(batch)
            except Exception as error:
                if len(batch) == 1:
                    refuse(batch[0][1], error)
                    continue
                for one in batch:  # one of them is the culprit: the others shall not suffer
                    try:
                        self.answer([one])
                    except Exception as own:
                        refuse(one[1], own)

    def answer(self, batch: list[tuple[Columns, asyncio.Future[Scores]]]) -> None:
        if len(batch) == 1:
            parts = [self.model.scores(batch[0][0])]
        else:
            names = self.model.features
            columns = {name: [value for one, _ in batch for value in one[name]] for name in names}
            ends = np.cumsum([length(one) for one, _ in batch])
            parts = np.split(self.model.scores(columns), ends[:-1])
        for (_, future), part in zip(batch, parts, strict=True):
            if not future.done():  # its client may be gone
                future.set_result(part)

    def close(self) -> None:
        self.aside.shutdown(wait=False, cancel_futures=True)


def refuse(future: asyncio.Future[Scores], error: Exception) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        future.set_exception(error)


def length(columns: Columns) -> int:
    return len(next(iter(columns.values())))
