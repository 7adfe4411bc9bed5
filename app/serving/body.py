"""Request bodies that come too slowly, or never end."""

from __future__ import annotations

import time
from typing import IO

from werkzeug.exceptions import RequestTimeout


class TimedBody:
    """A request's body that has to be there in time.

    Arguments:
        stream: `wsgi.input`.
        seconds: from now until all of it has been read.
        sock: the connection, whose reads can be given a timeout, or None if there is none to be had.
    """

    def __init__(self, stream: IO[bytes], seconds: float, sock=None) -> None:
        self._stream = stream
        self._deadline = time.monotonic() + seconds
        self._socket = sock
        self._refused = False

    def read(self, size: int = -1) -> bytes:
        """As a file's `read`.

        Raises:
            RequestTimeout: there is no more time.
        """
        return self._timed(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        """As a file's `readline`.

        Raises:
            RequestTimeout: there is no more time.
        """
        return self._timed(self._stream.readline, size)

    def _timed(self, read, size: int) -> bytes:
        if self._refused:
            # Whoever answers the refusal reads on, to empty the connection: there is nothing to wait for.
            return b""
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._refused = True
            raise RequestTimeout
        if self._socket is None:
            return read(size)
        self._socket.settimeout(left)
        try:
            return read(size)
        except TimeoutError as error:
            self._refused = True
            raise RequestTimeout from error
        finally:
            self._socket.settimeout(None)
