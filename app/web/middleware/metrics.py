"""Prometheus metrics at /metrics, added up over all server processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import loader_of

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Metrics of one process.

    Args:
        shared: folder in which all server processes write their metrics, or None for a single process.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        registry = self._registry = CollectorRegistry()

        def histogram(name: str, text: str, label: str) -> Histogram:
            return Histogram(name, text, [label], buckets=_BUCKETS, registry=registry)

        def live(name: str, text: str) -> Gauge:
            return Gauge(name, text, multiprocess_mode="livesum", registry=registry)

        def latest(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, multiprocess_mode="mostrecent", registry=registry)

        self._requests = Counter("faces_requests", "Responses", ["route", "method", "status"], registry=registry)
        self._verdicts = Counter("faces_verdicts", "Identified faces", ["verdict"], registry=registry)
        self._latency = histogram("faces_request_seconds", "Response time", "route")
        self._stages = histogram("faces_stage_seconds", "Time of a stage", "stage")
        self._active = live("faces_requests_active", "Requests that have a slot")
        self._waiting = live("faces_requests_waiting", "Requests in the queue")
        self._ready = live("faces_workers_ready", "Server processes that are ready")
        self._people = latest("faces_gallery_people", "People in the gallery")
        self._anchors = latest("faces_gallery_anchors", "Anchors of all people")
        self._model = latest("faces_model_info", "Network and detector", "network", "detector")

    def count_response(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a response and its time."""
        self._requests.labels(route, method, status).inc()
        self._latency.labels(route).observe(seconds)

    def count_faces(self, stages: Mapping[str, float], verdicts: Mapping[str, int]) -> None:
        """Count the stage times in seconds and the verdicts of a request."""
        for stage, seconds in stages.items():
            self._stages.labels(stage).observe(seconds)
        for verdict, count in verdicts.items():
            self._verdicts.labels(verdict).inc(count)

    def set_load(self, limiter: ConcurrencyLimiter, ready: bool) -> None:
        """Set the gauges of the process."""
        self._active.set(limiter.active)
        self._waiting.set(limiter.waiting)
        self._ready.set(ready)

    def set_gallery(self, people: int, anchors: int, network: str, detector: str) -> None:
        """Set the gauges of gallery and model."""
        self._people.set(people)
        self._anchors.set(anchors)
        self._model.labels(network, detector).set(1)

    def text(self) -> bytes:
        """Return the metrics of all processes in the Prometheus text format."""
        registry = self._registry
        if self._shared is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def install(app: Flask, metrics: Metrics, limiter: ConcurrencyLimiter) -> None:
    """Serve the metrics at /metrics."""

    def serve_metrics() -> Response:
        loader = loader_of(app)
        metrics.set_load(limiter, loader.ready)
        if loader.ready:
            recognizer = loader.recognizer()
            people = recognizer.gallery.people()
            anchors = sum(person.anchors for person in people)
            metrics.set_gallery(len(people), anchors, recognizer.network.card.id, recognizer.detector.backend)
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    # `app.get` would add it to the OpenAPI document.
    app.add_url_rule("/metrics", view_func=serve_metrics)
