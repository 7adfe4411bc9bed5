"""The Flask application."""

from __future__ import annotations

from flask import Flask

from app import api
from app.loading import EXTENSION, Loading
from app.recognizer import Recognizer
from app.settings import ROOT, Settings
from app.web import errors, headers
from app.web.pages import blueprint as pages
from app.web.uploads import MemoryRequest


class FacesApp(Flask):
    """Flask with uploads that stay in memory."""

    request_class = MemoryRequest


def create_app(settings: Settings | None = None, recognizer: Recognizer | None = None) -> Flask:
    """Build the application; without a recognizer it begins to load one in the background.

    Arguments:
        settings: what to serve with; the defaults if None.
        recognizer: one that is loaded already, which makes the application ready at once.
    """
    settings = settings or Settings()
    app = FacesApp("app", root_path=str(ROOT))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    app.extensions["settings"] = settings
    app.extensions[EXTENSION] = _loading(settings, recognizer)
    app.register_blueprint(pages)
    app.register_blueprint(api.blueprint, url_prefix="/api/v1")
    app.register_blueprint(api.health_blueprint, url_prefix="/healthz")
    errors.install(app)
    headers.install(app)
    return app


def _loading(settings: Settings, recognizer: Recognizer | None) -> Loading:
    if recognizer is not None:
        return Loading.finished(recognizer)
    loading = Loading(lambda: _warm(settings))
    loading.start()
    return loading


def _warm(settings: Settings) -> Recognizer:
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    return recognizer
