"""What Prometheus is told. With several workers their numbers are added up."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from champion.serve.model import About

TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("champion_requests", "Requests answered", ["route", "status"])
DURATION = Histogram("champion_request_seconds", "Time of a request", ["route"], buckets=SECONDS)
ROWS = Counter("champion_rows", "Rows predicted")
REFUSED = Counter("champion_refused_rows", "Rows that the schema refuses", ["check"])
LOGGED = Counter("champion_log_rows", "Rows written to the prediction log")
DROPPED = Counter("champion_log_dropped_rows", "Rows that the prediction log could not take")
MODEL = Gauge("champion_model_info", "The model", ["version", "commit", "data"],
              multiprocess_mode="max")  # fmt: skip


def name(about: About) -> None:
    """Say which model this is."""
    MODEL.labels(about.version, about.commit, about.data).set(1)


def exposed() -> bytes:
    """All of them, in Prometheus' text."""
    if SHARED not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
