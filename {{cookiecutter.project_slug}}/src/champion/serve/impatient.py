"""Connections that send nothing, or a head drop by drop, are closed."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0  # in which a new connection must have sent a whole head


class Impatient(HttpToolsProtocol):
    """uvicorn's protocol with a time-out that it lacks."""

    waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.waiting = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.waiting is None:  # of a later request on this connection
            self.waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        self.patient()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.patient()
        super().connection_lost(exc)

    def patient(self) -> None:
        if self.waiting:
            self.waiting.cancel()
            self.waiting = None
