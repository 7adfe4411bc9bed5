"""Every request from its first moment to its last: its time, its turn, and what log and figures tell of it."""

from __future__ import annotations

import functools
import logging
import time

from flask import Flask, Response, g, request

from app import tracing
from app.settings import Settings
from app.tracing import RequestTrace
from app.web.middleware.body_timeout import TimedBody
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.middleware.logs import event
from app.web.middleware.metrics import Metrics
from app.web.middleware.request_ids import request_id
from app.web.recognizer_loading import loading_of
from app.web.uploads import drain

_SAFE = ("GET", "HEAD", "OPTIONS")

_QUIET = ("/healthz/live", "/healthz/ready", "/metrics", "/static/<path:filename>")
"""Routes that are asked all day and tell nothing new in a log."""

log = logging.getLogger(__name__)


class RequestLifecycle:
    """The requests of one app.

    Args:
        gate: lets them in.
        metrics: counts them.
        settings: their limits.
    """

    def __init__(self, gate: ConcurrencyLimiter, metrics: Metrics, settings: Settings) -> None:
        self._gate = gate
        self._metrics = metrics
        self._settings = settings

    def install(self, app: Flask) -> None:
        """Follow the app's requests; to be called before anything else listens to them."""
        self._app = app
        app.before_request(self._begin)
        app.after_request(self._answered)
        app.teardown_request(self._end)

    def reserve(self) -> None:
        """Make room for the request's body; to be called after everything that may refuse it.

        Raises:
            ServerBusy: there is none.
        """
        if request.method in _SAFE:
            return
        size = request.content_length
        if size is None:
            size = self._settings.max_request_bytes if "Transfer-Encoding" in request.headers else 0
        self._gate.reserve(size)
        g.reserved = size

    def _begin(self) -> None:
        now = time.monotonic()
        course = RequestTrace(now + self._settings.request_seconds)
        course.admit = lambda: self._gate.enter(id(course))
        g.course, g.began = course, now
        tracing.start_trace(course)
        if request.method not in _SAFE:
            environ = request.environ
            g.body = TimedBody(environ["wsgi.input"], self._settings.body_seconds, environ.get("gunicorn.socket"))
            environ["wsgi.input"] = g.body

    def _answered(self, response: Response) -> Response:
        if request.method not in _SAFE and response.status_code >= 400:
            # Whoever is still sending would see a broken connection instead of the answer.
            drain()
        route = request.url_rule.rule if request.url_rule else "none"
        tell = functools.partial(
            self._tell, g.course, g.began, route, request.method, response.status_code, request_id()
        )
        if response.is_streamed:
            # Most of the work is still to come.
            response.call_on_close(tell)
        else:
            tell()
        return response

    def _tell(self, course: RequestTrace, began: float, route: str, method: str, status: int, number: str) -> None:
        seconds = time.monotonic() - began
        self._metrics.answered(route, method, status, seconds)
        self._metrics.recognized(course.seconds, course.verdicts)
        self._metrics.load(self._gate, loading_of(self._app).ready)
        if route not in _QUIET:
            event(
                log,
                "request",
                request=number,
                route=route,
                method=method,
                status=status,
                ms=_milliseconds(seconds),
                stages={name: _milliseconds(course.seconds[name]) for name in tracing.STAGES if name in course.seconds},
                faces=course.verdicts.total(),
            )

    def _end(self, _error: BaseException | None) -> None:
        tracing.end_trace()
        course = g.pop("course", None)
        if course is not None:
            self._gate.leave(id(course))
        self._gate.release(g.pop("reserved", 0))
        if "body" in g:
            g.pop("body").close()


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
