"""Watchdog that replaces a server process with a stuck request.

Deadlines apply between stages, so a stage that never ends keeps its slot forever. The watchdog makes the process
unready and ends it, and gunicorn starts another.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.recognizer_loading import RecognizerLoader

GRACE_SECONDS = 10.0
"""Time for the other requests of the process to finish."""

_EXIT_CODE = 70

Exit = Callable[[int], object]

log = logging.getLogger(__name__)


def start(limiter: ConcurrencyLimiter, loader: RecognizerLoader, seconds: float, exit_process: Exit = os._exit) -> None:
    """Start a thread that ends the process once a request has been active for longer than `seconds`."""

    def watch() -> None:
        pause = min(1.0, seconds / 4)
        while limiter.longest_seconds <= seconds:
            time.sleep(pause)
        loader.withdraw()
        log.critical("worker_stuck")
        deadline = time.monotonic() + GRACE_SECONDS
        while limiter.active > 1 and time.monotonic() < deadline:
            time.sleep(pause)
        exit_process(_EXIT_CODE)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
