"""Figures for Prometheus. With several workers each writes its own into shared files, and a scrape adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import loading_of

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Metrics of one process.

    Args:
        shared: Folder in which all server processes write theirs, or None.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._registry = CollectorRegistry()
        own = {"registry": self._registry}
        self._requests = Counter("faces_requests", "Requests answered", ["route", "method", "status"], **own)
        self._latency = Histogram("faces_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, **own)
        self._stages = Histogram("faces_stage_seconds", "Time of a stage", ["stage"], buckets=_SECONDS, **own)
        self._verdicts = Counter("faces_verdicts", "Faces judged", ["verdict"], **own)
        live, latest = {"multiprocess_mode": "livesum", **own}, {"multiprocess_mode": "mostrecent", **own}
        self._working = Gauge("faces_requests_working", "Requests worked on now", **live)
        self._waiting = Gauge("faces_requests_waiting", "Requests in the queue now", **live)
        self._ready = Gauge("faces_workers_ready", "Server processes that are ready", **live)
        self._people = Gauge("faces_gallery_people", "People who can be recognized", **latest)
        self._anchors = Gauge("faces_gallery_anchors", "Anchors of all people", **latest)
        self._model = Gauge("faces_model_info", "The network and detector in use", ["network", "detector"], **latest)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(route, method, status).inc()
        self._latency.labels(route).observe(seconds)

    def recognized(self, stages: Mapping[str, float], verdicts: Mapping[str, int]) -> None:
        """Count what one request's photos took and showed."""
        for stage, seconds in stages.items():
            self._stages.labels(stage).observe(seconds)
        for verdict, count in verdicts.items():
            self._verdicts.labels(verdict).inc(count)

    def load(self, gate: ConcurrencyLimiter, ready: bool) -> None:
        """Note how full the process is, and whether it is ready."""
        self._working.set(gate.working)
        self._waiting.set(gate.waiting)
        self._ready.set(ready)

    def gallery(self, people: int, anchors: int, network: str, detector: str) -> None:
        """Note what the process recognizes, and with what."""
        self._people.set(people)
        self._anchors.set(anchors)
        self._model.labels(network, detector).set(1)

    def text(self) -> bytes:
        """The figures of all processes, as Prometheus reads them."""
        if self._shared is None:
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, str(self._shared))
        return generate_latest(everybody)


def install(app: Flask, metrics: Metrics, gate: ConcurrencyLimiter) -> None:
    """Serve the figures at /metrics."""

    def figures() -> Response:
        loading = loading_of(app)
        metrics.load(gate, loading.ready)
        if loading.ready:
            recognizer = loading.recognizer()
            people = recognizer.gallery.people()
            metrics.gallery(
                len(people),
                sum(person.anchors for person in people),
                recognizer.network.card.id,
                recognizer.detector.backend,
            )
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    # `app.get` would put it among the API's operations.
    app.add_url_rule("/metrics", view_func=figures)
