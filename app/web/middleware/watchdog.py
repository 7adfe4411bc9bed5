"""A request that never ends holds its thread for good; with enough of them a process looks alive and does nothing.

Deadlines are looked at between two steps, so they do not help inside one. The watchdog takes such a process out of
service and ends it; gunicorn starts another.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import RecognizerLoader

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 10.0
"""How long the other requests of the process have to come to their end."""

_EXIT_CODE = 70


def start(
    gate: ConcurrencyLimiter, loading: RecognizerLoader, seconds: float, end: Callable[[int], object] = os._exit
) -> None:
    """Watch in a thread of its own.

    Args:
        gate: knows how long requests have been worked on.
        loading: the recognizer that is withdrawn, which makes the process unready.
        seconds: how long a request may be worked on.
        end: ends the process at once.
    """
    threading.Thread(target=_watch, args=(gate, loading, seconds, end), name="watchdog", daemon=True).start()


def _watch(gate: ConcurrencyLimiter, loading: RecognizerLoader, seconds: float, end: Callable[[int], object]) -> None:
    pause = min(1.0, seconds / 4)
    while gate.oldest <= seconds:
        time.sleep(pause)
    loading.withdraw()
    log.critical("A request is stuck. This process takes no more, and ends.")
    deadline = time.monotonic() + FAREWELL_SECONDS
    while gate.working > 1 and time.monotonic() < deadline:
        time.sleep(pause)
    end(_EXIT_CODE)
