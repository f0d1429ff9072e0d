"""The service: routes, limits, errors. Started by `champion serve`."""

import asyncio
import contextlib
import gc
import logging
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import sklearn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from champion.errors import Refusal
from champion.serve import metrics
from champion.serve.batches import Batches, Busy
from champion.serve.checks import Fault
from champion.serve.explain import Explainer
from champion.serve.log import DEFAULT, PredictionLog
from champion.serve.model import Model, read
from champion.serve.openapi import MOST_EXPLAINED, MOST_ROWS, described
from champion.serve.protocols import (
    LIVE,
    NAME,
    PROTOCOLS,
    READY,
    Asked,
    Malformed,
    Protocol,
    Said,
    about,
    metadata,
    read_named,
)

MOST_BYTES = 6 * 2**20  # of a body; SageMaker's own limit
MOST_OPEN = 256  # requests at once; further ones are told to come back
MOST_EXPLAINING = 4  # of those
MOST_NAMED = 20  # faults in an answer
BODY_SECONDS = 10.0
EXPLAIN_SECONDS = 20.0
RETRY_AFTER = "1"  # seconds
ID = re.compile(r"[\w.:-]{1,64}")
TYPES = {"", "application/json", "application/x-www-form-urlencoded", "text/csv",
         "application/jsonlines", "application/octet-stream"}  # fmt: skip

logger = logging.getLogger("champion.serve")
Handler = Callable[[Request, str], Awaitable[Response]]


def create() -> FastAPI:
    """The application of a worker: for uvicorn, which calls this in each."""
    model = read(Path(os.environ["CHAMPION_MODEL"]))
    return application(model, os.environ.get("CHAMPION_LOG") or DEFAULT)


def application(model: Model, log: str) -> FastAPI:
    """The service of a model; its predictions go to `log`."""
    service = Service(model, log)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.stop)

    app = FastAPI(lifespan=lifespan, title="champion", redoc_url=None)
    app.add_exception_handler(HTTPException, elsewhere)
    document = described(model)
    app.openapi = lambda: document  # type: ignore[method-assign]
    for path in LIVE:
        add(app, path, "GET", service.live, timed=False)
    for path in READY:
        add(app, path, "GET", service.ready, timed=False)
    for protocol in PROTOCOLS:
        add(app, protocol.path, "POST", service.predicts(protocol), service)
    add(app, "/explain", "POST", service.explain, service)
    add(app, "/metrics", "GET", service.metrics, timed=False)
    for path, content in service.descriptions().items():
        add(app, path, "GET", service.says(content), timed=False)
    return app


def add(
    app: FastAPI, path: str, method: str, handler: Handler, service: "Service | None" = None,
    timed: bool = True,
) -> None:  # fmt: skip
    """Answer a route: its handler, then what every answer has."""

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        given = request.headers.get("x-request-id", "")
        request_id = given if ID.fullmatch(given) else uuid.uuid4().hex
        try:
            with service.entered() if service else contextlib.nullcontext():
                response = await handler(request, request_id)
        except Exception as error:
            response = failed(error, request_id)
        if timed:
            seconds = time.perf_counter() - started
            metrics.REQUESTS.labels(path, response.status_code).inc()
            metrics.DURATION.labels(path).observe(seconds)
            logger.info("request", extra={"told": {
                "id": request_id, "route": path, "status": response.status_code,
                "ms": round(1000 * seconds, 2),
            }})  # fmt: skip
        response.headers["x-request-id"] = request_id
        if service:
            response.headers.update(service.headers)
        return response

    app.router.add_route(path, endpoint, methods=[method], include_in_schema=False)


async def elsewhere(_: Request, error: Exception) -> Response:
    """No such route, or no such method of one."""
    assert isinstance(error, HTTPException)
    response = problem(error.status_code, str(error.detail), uuid.uuid4().hex)
    response.headers.update(error.headers or {})
    return response


def failed(error: Exception, request_id: str) -> Response:
    """An error as a sentence; what is not foreseen is told to the log alone."""
    if isinstance(error, Busy):
        response = problem(503, "too many requests wait: come back in a second.", request_id)
        response.headers["retry-after"] = RETRY_AFTER
        return response
    if isinstance(error, Malformed):
        return problem(error.status, str(error), request_id)
    if isinstance(error, Refused):
        return problem(422, str(error), request_id, error.details)
    if isinstance(error, HTTPException):
        return problem(error.status_code, error.detail, request_id)
    if isinstance(error, ClientDisconnect):
        return problem(400, "the body ended too early.", request_id)
    if isinstance(error, TimeoutError):
        response = problem(503, "this takes too long: ask for fewer rows.", request_id)
        response.headers["retry-after"] = RETRY_AFTER
        return response
    # The text of an error may quote what was sent.
    logger.error("failed", extra={"told": {"id": request_id, "error": type(error).__name__}})
    return problem(500, "the model could not answer.", request_id)


def problem(
    status: int, said: str, request_id: str, details: list[dict[str, Any]] | None = None
) -> Response:
    content: dict[str, Any] = {"error": said, "request_id": request_id}
    if details is not None:
        content["details"] = details
    return answer(content, status)


def answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


class Refused(Exception):
    """Rows that the schema refuses."""

    def __init__(self, faults: list[Fault]) -> None:
        pairs = sorted(
            ((row, fault) for fault in faults for row in fault.rows[:MOST_NAMED]),
            key=lambda pair: pair[0],
        )
        self.details = [
            {"row": row + 1, "column": it.column, "check": it.check, "message": it.message}
            for row, it in pairs[:MOST_NAMED]
        ]
        row, first = self.details[0]["row"], pairs[0][1]
        super().__init__(f"row {row}, column {first.column!r}: {first.message}.")


class Service:
    """What the routes do."""

    def __init__(self, model: Model, log: str) -> None:
        self.model = model
        self.batches = Batches(model)
        self.explainer = Explainer(model)
        self.place = log
        self.log: PredictionLog | None = None
        self.open = 0
        self.explaining = 0
        self.aside = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self.headers = {"x-model-version": model.about.version, "x-model-data": model.about.data}
        self.is_ready = False

    def start(self) -> None:
        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
        try:
            self.log = PredictionLog(
                self.place, self.model, metrics.LOGGED.inc, metrics.DROPPED.inc
            )
        except (
            Exception
        ) as error:  # a place that nobody knows must not keep the model from answering
            logger.error("there is no prediction log: %s", type(error).__name__)
        metrics.name(self.model.about)
        gc.collect()
        gc.freeze()  # what was loaded stays: no search for garbage need look at it
        self.is_ready = True
        logger.info("ready", extra={"told": about(self.model)})

    def stop(self) -> None:
        self.is_ready = False
        if self.log:
            self.log.close()
        self.batches.close()
        self.aside.shutdown(wait=False, cancel_futures=True)
        logger.info("stopped")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Count a request while it is here; too many are told to come back."""
        if self.open >= MOST_OPEN:
            raise Busy
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def live(self, request: Request, request_id: str) -> Response:
        return answer({"live": True})

    async def ready(self, request: Request, request_id: str) -> Response:
        return answer({"ready": self.is_ready, "name": NAME}, 200 if self.is_ready else 503)

    async def metrics(self, request: Request, request_id: str) -> Response:
        return Response(await asyncio.to_thread(metrics.exposed), media_type=metrics.TYPE)

    def descriptions(self) -> dict[str, Any]:
        """What the protocols ask about the server and its model."""
        version = self.model.about.version
        status = {
            "version": version,
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        it = metadata(self.model)
        return {
            "/v2": {"name": "champion", "version": version, "extensions": []},
            f"/v2/models/{NAME}": it,
            "/v1/models": {"models": [NAME]},
            f"/v1/models/{NAME}": {
                "name": NAME, "ready": True, "model_version_status": [status],
            },
        }  # fmt: skip

    def says(self, content: Any) -> Handler:
        async def handler(request: Request, request_id: str) -> Response:
            return answer(content)

        return handler

    def predicts(self, protocol: Protocol) -> Handler:
        """The handler of a protocol's route."""
        csv_too = "CSV" in protocol.summary

        async def handler(request: Request, request_id: str) -> Response:
            version = request.path_params.get("version")
            if version not in (None, self.model.about.version):
                raise HTTPException(404, f"the version here is {self.model.about.version}.")
            asked = protocol.read(*await self.body(request, csv_too), self.model)
            if ID.fullmatch(asked.id):
                request_id = asked.id
            columns = self.checked(asked)
            scores = await self.batches.ask(columns, len(asked.rows))
            metrics.ROWS.inc(len(asked.rows))
            if self.log:
                self.log.put(request_id, columns, scores)
            content = protocol.write(Said(self.model, scores, request_id, asked))
            if asked.csv:
                return Response(content, media_type="text/csv")
            return answer(content)

        return handler

    def checked(self, asked: Asked, most: int = MOST_ROWS) -> dict[str, list[Any]]:
        """The columns of a request.

        Raises
        ------
        Malformed : too many rows.
        Refused : rows that the schema refuses.
        """
        if len(asked.rows) > most:
            raise Malformed(f"at most {most:,} rows at once, not {len(asked.rows):,}.", 413)
        columns, faults = self.model.checks.check(asked.rows)
        if faults:
            for fault in faults:
                metrics.REFUSED.labels(fault.check).inc(len(fault.rows))
            raise Refused(faults)
        return columns

    async def body(self, request: Request, csv_too: bool) -> tuple[bytes, str]:
        """The body and its type.

        Raises
        ------
        Malformed : it is too large, too slow or of another type.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in TYPES or (kind == "text/csv" and not csv_too):
            raise Malformed(f"send {'JSON or CSV' if csv_too else 'JSON'}, please.", 415)
        if "inference-header-content-length" in request.headers:
            raise Malformed("send tensors as JSON, not as binary data.", 415)
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > MOST_BYTES:
            raise Malformed(f"the body is larger than {MOST_BYTES:,} bytes.", 413)
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    size += len(part)
                    if size > MOST_BYTES:
                        raise Malformed(f"the body is larger than {MOST_BYTES:,} bytes.", 413)
                    parts.append(part)
        except TimeoutError as error:
            raise Malformed("the body did not arrive in time.", 408) from error
        return b"".join(parts), kind

    async def explain(self, request: Request, request_id: str) -> Response:
        """SHAP values of each row, in the columns of the data."""
        asked = read_named(*await self.body(request, False), self.model)
        columns = self.checked(asked, MOST_EXPLAINED)
        if self.explaining >= MOST_EXPLAINING:
            raise Busy
        self.explaining += 1
        loop = asyncio.get_running_loop()
        found = loop.run_in_executor(self.aside, self.explainer.explain, columns)
        found.add_done_callback(lambda _: setattr(self, "explaining", self.explaining - 1))
        try:
            content = await asyncio.wait_for(asyncio.shield(found), EXPLAIN_SECONDS)
        except Refusal as refusal:
            raise Malformed(str(refusal), 501) from refusal
        return answer({"request_id": request_id, "model": about(self.model), **content})
