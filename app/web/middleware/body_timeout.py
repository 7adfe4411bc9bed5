"""Timeout for request bodies that arrive too slowly or never end."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestTimeout

from app.web.middleware import SAFE_METHODS
from app.web.uploads import drain


def install(app: Flask, seconds: float) -> None:
    """Limit the time that the body of a request may take to arrive."""

    def start_timer() -> None:
        if request.method not in SAFE_METHODS:
            environ = request.environ
            g.body = environ["wsgi.input"] = TimedBody(environ["wsgi.input"], seconds, environ.get("gunicorn.socket"))

    def drain_rejected(response: Response) -> Response:
        if request.method not in SAFE_METHODS and response.status_code >= 400:
            drain()
        return response

    def stop_timer(_error: BaseException | None) -> None:
        if "body" in g:
            g.pop("body").close()

    app.before_request(start_timer)
    app.after_request(drain_rejected)
    app.teardown_request(stop_timer)


class TimedBody:
    """A request body with a deadline, after which a timer ends blocked reads by shutting the connection down.

    Reads raise RequestTimeout after the deadline, and BadRequest for a broken or malformed body.
    """

    def __init__(self, stream: IO[bytes], seconds: float, connection: socket.socket | None = None) -> None:
        self._stream = stream
        self._deadline = time.monotonic() + seconds
        self._failed = False
        self._timer = threading.Timer(seconds, _shut_down, [connection])
        self._timer.daemon = True
        if connection is not None:
            self._timer.start()

    def read(self, size: int = -1) -> bytes:
        """Read like a file."""
        return self._timed(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Read a line like a file."""
        return self._timed(self._stream.readline, size)

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _timed(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self._failed:
            # The error handler drains the body: report its end.
            return b""
        self._failed = True
        try:
            data = read(size) if time.monotonic() < self._deadline else b""
        except (OSError, ParseException) as error:
            if time.monotonic() < self._deadline:
                raise BadRequest("The request body is incomplete or malformed.") from error
        if time.monotonic() >= self._deadline:
            raise RequestTimeout
        self._failed = False
        return data


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
