"""How many requests a process works on: some at once, some that wait, and the rest are told to come again.

Without an end to the queue everybody waits ever longer and memory fills with photos; so it has one, and requests
that would not fit are refused before their photos are read.
"""

from __future__ import annotations

import threading
import time

from app.errors import ServerBusy


class ConcurrencyLimiter:
    """Lets requests in; safe to use from several threads.

    Args:
        slots: requests worked on at once.
        queue: requests that may wait for a slot.
        seconds: how long they may wait.
        body_bytes: what the bodies of all requests may take together, while they are read and answered.
    """

    def __init__(self, slots: int, queue: int, seconds: float, body_bytes: int) -> None:
        self._slots = slots
        self._queue = queue
        self._seconds = seconds
        self._body_bytes = body_bytes
        self._held_bytes = 0
        self._waiting = 0
        self._since: dict[int, float] = {}
        self._changed = threading.Condition()

    @property
    def working(self) -> int:
        """Requests being worked on."""
        return len(self._since)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiting

    @property
    def oldest(self) -> float:
        """Seconds that the request worked on longest has taken since its turn came; 0 if there is none."""
        with self._changed:
            return time.monotonic() - min(self._since.values()) if self._since else 0.0

    def reserve(self, size: int) -> None:
        """Make room for a request's body before it is read.

        Raises:
            ServerBusy: nothing more can wait, or the bodies of others take too much memory.
        """
        with self._changed:
            full = self._waiting >= self._queue and len(self._since) >= self._slots
            # A body too large by itself is let through to be refused for what it is.
            if full or (self._held_bytes and self._held_bytes + size > self._body_bytes):
                raise ServerBusy
            self._held_bytes += size

    def release(self, size: int) -> None:
        """Give back what `reserve` took."""
        with self._changed:
            self._held_bytes -= size

    def enter(self, ticket: int) -> None:
        """Wait for a slot and take it.

        Args:
            ticket: a number that no other request has.

        Raises:
            ServerBusy: nothing more can wait, or the wait was too long.
        """
        deadline = time.monotonic() + self._seconds
        with self._changed:
            if len(self._since) >= self._slots and self._waiting >= self._queue:
                raise ServerBusy
            self._waiting += 1
            try:
                if not self._changed.wait_for(self._has_room, deadline - time.monotonic()):
                    raise ServerBusy
                self._since[ticket] = time.monotonic()
            finally:
                self._waiting -= 1

    def leave(self, ticket: int) -> None:
        """Give the slot back; nothing happens if the request has none."""
        with self._changed:
            if self._since.pop(ticket, None) is not None:
                self._changed.notify()

    def _has_room(self) -> bool:
        return len(self._since) < self._slots
