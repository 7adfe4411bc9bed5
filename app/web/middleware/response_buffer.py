"""Answers on their way to clients that may read slowly."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

_RETRY_AFTER = re.compile(rb"HTTP/1\.[01] 429 .*^Retry-After: (\d+)\r$", re.DOTALL | re.IGNORECASE | re.MULTILINE)

MAX_BYTES = 4_000_000
"""Data of an answer in memory. The thread that writes more waits until the client has read some."""


class ResponseBuffer:
    """A non-blocking socket as gunicorn's Response writes to it: `sendall` returns before the client reads.

    Args:
        connection: the non-blocking socket.
        wake: tells the main loop to call `flush` when the socket is writable.
        seconds: how long `sendall` waits for space.
    """

    def __init__(self, connection: socket.socket, wake: Callable[[], None], seconds: float) -> None:
        self._socket, self._wake, self._seconds = connection, wake, seconds
        self._pieces: deque[memoryview] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._retry_after = 0
        self.size = 0
        self.since = 0.0

    def sendall(self, data: bytes) -> None:
        """Send data or keep it for `flush`. Raise OSError if the client is gone or reads too slowly."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self.size < MAX_BYTES, self._seconds):
                raise TimeoutError("The client reads too slowly.")
            if self._closed:
                raise BrokenPipeError
            if match := _RETRY_AFTER.match(data):
                self._retry_after = int(match[1])
            waiting = bool(self._pieces)
            self._pieces.append(memoryview(data))
            self.size += len(data)
            if waiting:
                return
            self.since = time.monotonic()
            self._send()
            waiting = bool(self._pieces)
        if waiting:
            self._wake()

    def flush(self) -> None:
        """Send as much as the client takes now. Raise OSError if the client is gone."""
        with self._changed:
            self._send()
            self._changed.notify_all()

    def take_retry_after(self) -> int:
        """Return once the `Retry-After` of the last answer with status 429, 0 without one."""
        seconds, self._retry_after = self._retry_after, 0
        return seconds

    def close(self) -> None:
        """Drop unsent data. Further writes raise BrokenPipeError. The socket stays open: the main loop closes it."""
        with self._changed:
            self._closed = True
            self._pieces.clear()
            self.size = 0
            self._changed.notify_all()

    def shutdown(self, _how: int) -> None:
        """Raise OSError, so that gunicorn only calls `close` after an answer that failed half-way."""
        raise BrokenPipeError

    def _send(self) -> None:
        while self._pieces:
            try:
                sent = self._socket.send(self._pieces[0])
            except BlockingIOError:
                return
            self.size -= sent
            if sent < len(self._pieces[0]):
                self._pieces[0] = self._pieces[0][sent:]
            else:
                self._pieces.popleft()
