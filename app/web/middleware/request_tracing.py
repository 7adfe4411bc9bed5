"""Request tracing: deadline, stage timings, log line and metrics of every request."""

from __future__ import annotations

import functools
import logging
import time

from flask import Flask, Response, g, request

from app import tracing
from app.settings import Settings
from app.tracing import RequestTrace
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.middleware.logs import log_event, request_id
from app.web.middleware.metrics import Metrics
from app.web.recognizer_loading import loader_of

_UNLOGGED = ("/healthz/live", "/healthz/ready", "/metrics", "/static/<path:filename>")

log = logging.getLogger(__name__)


def install(app: Flask, limiter: ConcurrencyLimiter, metrics: Metrics, settings: Settings) -> None:
    """Trace all requests; install it before other middleware, so that the deadline includes them."""

    def start() -> None:
        g.started = time.monotonic()
        trace = g.trace = RequestTrace(g.started + settings.request_seconds)
        trace.admit = lambda: limiter.acquire(id(trace))
        tracing.start_trace(trace)

    def report_response(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        call = (g.trace, g.started, request_id(), route, request.method, response.status_code)
        if response.is_streamed:
            # Most of the work happens while the response is sent.
            response.call_on_close(functools.partial(report, *call))
        else:
            report(*call)
        return response

    def report(trace: RequestTrace, started: float, number: str, route: str, method: str, status: int) -> None:
        seconds = time.monotonic() - started
        metrics.count_response(route, method, status, seconds, trace)
        metrics.set_gauges(limiter, loader_of(app))
        if route not in _UNLOGGED:
            stages = {name: trace.seconds[name] for name in tracing.STAGES if name in trace.seconds}
            log_event(
                log,
                "request",
                request=number,
                route=route,
                method=method,
                status=status,
                ms=_milliseconds(seconds),
                stages={name: _milliseconds(value) for name, value in stages.items()},
                faces=trace.verdicts.total(),
            )

    def stop(_error: BaseException | None) -> None:
        tracing.end_trace()
        trace = g.pop("trace", None)
        if trace is not None:
            limiter.release(id(trace))

    app.before_request(start)
    app.after_request(report_response)
    app.teardown_request(stop)


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
