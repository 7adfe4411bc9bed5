"""Prometheus metrics at /metrics, added up over all server processes."""

import functools
import math
from collections import Counter as Counts
from dataclasses import dataclass
from http import HTTPMethod
from pathlib import Path
from typing import cast

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.tracing import RequestTrace
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import RecognizerLoader, loader_of

_METHODS = frozenset(HTTPMethod)
UNWATCHED = frozenset(("/healthz/live", "/healthz/ready", "/metrics", "/static/<path:filename>"))
"""Routes of programs, which the log and summaries leave out."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class RouteSummary:
    """Requests of a route, and upper bounds in seconds of the time that half and 95 % of them took."""

    route: str
    requests: int
    half: float
    most: float


@dataclass(frozen=True)
class TrafficSummary:
    """Numbers of answers by status, routes with the most requests first, and active and waiting requests now."""

    statuses: Counts[str]
    routes: list[RouteSummary]
    active: int
    waiting: int

    @property
    def requests(self) -> int:
        """Number of answers."""
        return self.statuses.total()

    def answered(self, first_digit: str) -> int:
        """Return the number of answers whose status starts with a digit."""
        return sum(count for status, count in self.statuses.items() if status.startswith(first_digit))


class Metrics:
    """Metrics of one process.

    Args:
        shared: folder in which all server processes write their metrics, or None for a single process.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        registry = self._registry = CollectorRegistry()

        histogram = functools.partial(Histogram, buckets=_BUCKETS, registry=registry)
        live = functools.partial(Gauge, multiprocess_mode="livesum", registry=registry)
        latest = functools.partial(Gauge, multiprocess_mode="mostrecent", registry=registry)
        self._requests = Counter("faces_requests", "Responses", ["route", "method", "status"], registry=registry)
        self._verdicts = Counter("faces_verdicts", "Identified faces", ["verdict"], registry=registry)
        self._latency = histogram("faces_request_seconds", "Response time", ["route"])
        self._stages = histogram("faces_stage_seconds", "Time of a stage", ["stage"])
        self._active = live("faces_requests_active", "Requests that have a slot")
        self._waiting = live("faces_requests_waiting", "Requests in the queue")
        self._ready = live("faces_workers_ready", "Server processes that are ready")
        self._people = latest("faces_gallery_people", "People in the gallery")
        self._anchors = latest("faces_gallery_anchors", "Anchors of all people")
        self._backup = latest("faces_last_backup_timestamp_seconds", "Unix time of the last backup, 0 without one")
        self._model = latest("faces_model_info", "Network and detector", ["network", "detector"])

    def count_response(self, route: str, method: str, status: int, seconds: float, trace: RequestTrace) -> None:
        """Count a response, its time, its stages and its verdicts. Unknown methods share the label `other`."""
        # Prometheus keeps every label in memory, and clients can make up any number of methods.
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, status).inc()
        self._latency.labels(route).observe(seconds)
        for stage, stage_seconds in trace.seconds.items():
            self._stages.labels(stage).observe(stage_seconds)
        for verdict, count in trace.verdicts.items():
            self._verdicts.labels(verdict).inc(count)

    def set_gauges(self, limiter: ConcurrencyLimiter, loader: RecognizerLoader, gallery: bool = False) -> None:
        """Set the gauges of the process, and those of its gallery and model if it has loaded them."""
        self._active.set(limiter.active)
        self._waiting.set(limiter.waiting)
        self._ready.set(loader.ready)
        if gallery and loader.ready:
            recognizer = loader.recognizer()
            people = recognizer.gallery.people()
            self._people.set(len(people))
            self._anchors.set(sum(person.anchors for person in people))
            backup = recognizer.gallery.last_backup()
            self._backup.set(backup.timestamp() if backup else 0)
            self._model.labels(recognizer.network.card.id, recognizer.detector.backend).set(1)

    def text(self) -> bytes:
        """Return the metrics of all processes in the Prometheus text format."""
        return generate_latest(self._collected())

    def summary(self) -> TrafficSummary:
        """Return the traffic of all processes since they started, without health checks and scrapes."""
        statuses: Counts[str] = Counts()
        buckets: dict[str, Counts[float]] = {}
        live = {self._active._name: 0.0, self._waiting._name: 0.0}
        for family in self._collected().collect():
            for sample in family.samples:
                route = sample.labels.get("route", "")
                if sample.name in live:
                    live[sample.name] = sample.value
                elif sample.name == "faces_requests_total" and route not in UNWATCHED:
                    statuses[sample.labels["status"]] += int(sample.value)
                elif sample.name == "faces_request_seconds_bucket" and route not in UNWATCHED:
                    buckets.setdefault(route, Counts())[float(sample.labels["le"])] += int(sample.value)
        routes = [
            RouteSummary(route, counts[math.inf], _quantile(counts, 0.5), _quantile(counts, 0.95))
            for route, counts in buckets.items()
        ]
        active, waiting = (int(value) for value in live.values())
        return TrafficSummary(statuses, sorted(routes, key=lambda route: -route.requests), active, waiting)

    def _collected(self) -> CollectorRegistry:
        if self._shared is None:
            return self._registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._shared))  # type: ignore[no-untyped-call]
        return registry


def _quantile(counts: Counts[float], share: float) -> float:
    """Return the smallest bucket that has at least a share of the requests. Buckets include smaller ones."""
    return min(le for le, count in counts.items() if count >= share * counts[math.inf])


blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def serve_metrics() -> Response:
    """Answer with the metrics of all server processes."""
    metrics = cast(Metrics, current_app.extensions["metrics"])
    metrics.set_gauges(current_app.extensions["concurrency_limiter"], loader_of(current_app), gallery=True)
    return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)
