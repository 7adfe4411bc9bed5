"""Background loading of the recognizer, so that the server answers with "not ready" while it starts.

Each worker loads its own recognizer after the fork, because TensorFlow cannot be forked once it has started.
"""

import logging
import sys
import threading
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app

from app.errors import DetectorError, GalleryError, ModelError, ServiceUnavailable, SettingsError
from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer

EXTENSION = "recognizer_loader"
"""Key of the app's `RecognizerLoader` in `Flask.extensions`."""

log = logging.getLogger(__name__)


class RecognizerLoader:
    """Calls `load` once; it returns a recognizer that is ready to use."""

    def __init__(self, load: Callable[[], Recognizer]) -> None:
        self.error: str | None = None
        self._load = load
        self._recognizer: Recognizer | None = None
        self._finished = threading.Event()

    def start(self) -> None:
        """Start loading in the background."""
        threading.Thread(target=self.load, name="loading", daemon=True).start()

    def load(self) -> None:
        """Load the recognizer, or set `error`."""
        try:
            self._recognizer = self._load()
        except (ModelError, GalleryError, DetectorError, SettingsError) as error:
            # The operator can mend these without a traceback.
            self.error = str(error)
            print(self.error, file=sys.stderr, flush=True)
        except Exception:
            self.error = "The recognizer could not be loaded. The log has the traceback."
            log.exception("recognizer_loading_failed")
        finally:
            self._finished.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until loading has finished, and return whether the recognizer is ready."""
        self._finished.wait(seconds)
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether the recognizer can be used."""
        return self._recognizer is not None

    def recognizer(self) -> Recognizer:
        """Return the recognizer, or raise ServiceUnavailable while it loads and after loading failed."""
        recognizer = self._recognizer
        if recognizer is not None:
            return recognizer
        if self.error:
            raise ServiceUnavailable("The server could not start. Its log has the reason. Contact the operator.")
        raise ServiceUnavailable("The server is starting. Try again in a few seconds.")

    def withdraw(self) -> None:
        """Take the recognizer out of service for the rest of the process."""
        self.error = "The recognizer is out of service."
        self._recognizer = None


def loader_of(app: Flask) -> RecognizerLoader:
    """Return the app's loader."""
    return cast(RecognizerLoader, app.extensions[EXTENSION])


def current_recognizer() -> Recognizer:
    """Return the recognizer of the app that handles this request, or raise ServiceUnavailable."""
    return loader_of(current_app).recognizer()


def current_gallery() -> Gallery:
    """Return the gallery of `current_recognizer`."""
    return current_recognizer().gallery
