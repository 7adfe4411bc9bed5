"""The recognizer, loaded in the background so that a server answers (that it is not ready) from its first moment.

Loading starts in the process that serves, after it has forked: TensorFlow must never be forked once started.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

from flask import Flask, current_app

from app.errors import DetectorError, GalleryError, ModelError, ServiceUnavailable, SettingsError
from app.recognition.recognizer import Recognizer

EXTENSION = "loading"
"""The key of the app's `Loading` in `Flask.extensions`."""

RETRY_SECONDS = 5
"""What `Retry-After` says while loading."""

_EXPECTED = (ModelError, GalleryError, DetectorError, SettingsError)
"""Errors whose message is a sentence for the operator, complete without a traceback."""

log = logging.getLogger(__name__)


class Loading:
    """One recognizer on its way.

    Args:
        load: gives a recognizer that is ready to use; runs in a thread of its own.
    """

    def __init__(self, load: Callable[[], Recognizer]) -> None:
        self.error: str | None = None
        """Why loading failed, as a sentence, or None."""
        self._load = load
        self._recognizer: Recognizer | None = None
        self._over = threading.Event()

    @classmethod
    def finished(cls, recognizer: Recognizer) -> Loading:
        """A loading that has come to its end with this recognizer."""
        loading = cls(lambda: recognizer)
        loading._run()
        return loading

    def start(self) -> None:
        """Begin, and return at once."""
        threading.Thread(target=self._run, name="loading", daemon=True).start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until loading is over; whether there is a recognizer now."""
        self._over.wait(seconds)
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether there is a recognizer."""
        return self._recognizer is not None

    def recognizer(self) -> Recognizer:
        """The recognizer.

        Raises:
            ServiceUnavailable: there is none yet, or there will be none.
        """
        recognizer = self._recognizer
        if recognizer is not None:
            return recognizer
        if self.error:
            raise ServiceUnavailable(
                "The server could not start up and needs its operator; the reason is in the server's log."
            )
        raise ServiceUnavailable("The server is starting up. Please try again in a few seconds.")

    def withdraw(self) -> None:
        """Take the recognizer out of service: it works no more, and another process will do better."""
        self.error = "The recognizer works no more."
        self._recognizer = None

    def _run(self) -> None:
        try:
            self._recognizer = self._load()
        except _EXPECTED as error:
            self.error = str(error)
            print(self.error, file=sys.stderr, flush=True)
        except Exception:
            # Anything else is a mistake in the program: the log gets the traceback.
            self.error = "Loading failed unexpectedly; the server's log has the details."
            log.exception("Loading failed unexpectedly.")
        finally:
            self._over.set()


def loading_of(app: Flask) -> Loading:
    """The app's `Loading`."""
    return app.extensions[EXTENSION]


def current_recognizer() -> Recognizer:
    """The recognizer of the app that handles this request.

    Raises:
        ServiceUnavailable: there is none yet.
    """
    return loading_of(current_app).recognizer()
