"""Request tracing: deadline, stage timings, log line and metrics of every request."""

import logging
import time

from flask import Flask, Response, g, request

from app import tracing
from app.settings import Settings
from app.tracing import RequestTrace
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.middleware.logs import request_id
from app.web.middleware.metrics import UNWATCHED, Metrics
from app.web.middleware.rate_limits import client_key
from app.web.recognizer_loading import loader_of

log = logging.getLogger(__name__)


def install(app: Flask, limiter: ConcurrencyLimiter, metrics: Metrics, settings: Settings) -> None:
    """Trace all requests; install it before other middleware, so that the deadline includes them."""

    def start() -> None:
        g.started = time.monotonic()
        trace = g.trace = RequestTrace(g.started + settings.request_seconds)

        def admit() -> None:
            trace.usage.client = limiter.acquire(id(trace), client_key())

        trace.admit = admit
        tracing.start_trace(trace)

    def report_response(response: Response) -> Response:
        trace, started, number, method, status = g.trace, g.started, request_id(), request.method, response.status_code
        route = request.url_rule.rule if request.url_rule else "none"

        def report() -> None:
            seconds = time.monotonic() - started
            metrics.count_response(route, method, status, seconds, trace)
            metrics.set_gauges(limiter, loader_of(app))
            if route not in UNWATCHED:
                details = {
                    "request": number,
                    "route": route,
                    "method": method,
                    "status": status,
                    "ms": _milliseconds(seconds),
                    "stages": {name: _milliseconds(value) for name, value in trace.seconds.items()},
                    "faces": trace.verdicts.total(),
                }
                log.info("request", extra={"details": details})

        if response.is_streamed:
            # Most of the work happens while the response is sent.
            response.call_on_close(report)
        else:
            report()
        return response

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
