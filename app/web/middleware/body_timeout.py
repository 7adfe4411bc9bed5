"""Request bodies that come too slowly, or never end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestTimeout


class TimedBody:
    """A request's body that has to be there in time.

    Args:
        stream: `wsgi.input`.
        seconds: from now until all of it has been read.
        connection: what it comes by, or None if that is not known. It is told to bring nothing more when the time is
            over: a read that waits for the rest then comes to its end, also if the rest comes byte by byte.
    """

    def __init__(self, stream: IO[bytes], seconds: float, connection: socket.socket | None = None) -> None:
        self._stream = stream
        self._deadline = time.monotonic() + seconds
        self._refused = False
        self._timer = threading.Timer(seconds, _end, [connection])
        self._timer.daemon = True
        if connection is not None:
            self._timer.start()

    def read(self, size: int = -1) -> bytes:
        """As a file's `read`.

        Raises:
            RequestTimeout: there is no more time.
            BadRequest: the connection broke, or what came by it is no HTTP.
        """
        return self._timed(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        """As a file's `readline`.

        Raises:
            RequestTimeout: there is no more time.
            BadRequest: the connection broke, or what came by it is no HTTP.
        """
        return self._timed(self._stream.readline, size)

    def close(self) -> None:
        """Forget the time: the request is answered."""
        self._timer.cancel()

    def _timed(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self._refused:
            # Whoever answers the refusal reads on, to empty the connection: there is nothing to wait for.
            return b""
        data, broken = b"", None
        if time.monotonic() < self._deadline:
            try:
                data = read(size)
            except (OSError, ParseException) as error:
                broken = error
        if time.monotonic() >= self._deadline:
            self._refused = True
            raise RequestTimeout
        if broken is not None:
            self._refused = True
            raise BadRequest("The request's body broke off, or is no HTTP.") from broken
        return data


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
