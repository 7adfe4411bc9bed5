"""The Flask application."""

from __future__ import annotations

import gc

from flask import Flask
from flask_openapi3 import OpenAPI

from app.recognition.recognizer import Recognizer
from app.settings import ROOT, Settings
from app.web import admin, api, auth
from app.web.api.schema import IdentifyForm
from app.web.middleware import hosts_and_csrf, metrics, rate_limits, request_ids, security_headers
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.middleware.metrics import Metrics
from app.web.middleware.request_lifecycle import RequestLifecycle
from app.web.pages import errors, model, people
from app.web.pages.routes import blueprint as pages
from app.web.recognizer_loading import EXTENSION, Loading
from app.web.uploads import MemoryRequest

BODIES = 4
"""Requests of the largest size whose bodies are held in memory at once; more small ones fit."""


class FacesApp(OpenAPI):
    """Flask with an API that documents itself, and uploads that stay in memory."""

    request_class = MemoryRequest


def create_app(settings: Settings | None = None, recognizer: Recognizer | None = None) -> Flask:
    """Build the application; without a recognizer it begins to load one in the background.

    Args:
        settings: what to serve with; the defaults if None.
        recognizer: one that is loaded already, which makes the application ready at once.
    """
    settings = settings or Settings()
    app = FacesApp("app", root_path=str(ROOT), **api.OPTIONS)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_file_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_field_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_photos + settings.max_fields
    app.extensions["settings"] = settings
    auth.install(app, settings)
    _serve(app, settings)
    for blueprint in (pages, people.blueprint, model.blueprint):
        app.register_blueprint(blueprint)
    admin.install(app)
    api.install(app)
    errors.install(app)
    security_headers.install(app)
    # Last: settings may be refused before, and while TensorFlow is imported standard error says nothing of that.
    app.extensions[EXTENSION] = _loading(settings, recognizer)
    return app


def _serve(app: Flask, settings: Settings) -> None:
    """Put the app behind gate, guard and limits. What is asked first is installed first."""
    bodies = BODIES * settings.max_request_bytes
    gate = app.extensions["gate"] = ConcurrencyLimiter(
        settings.concurrency, settings.queue, settings.queue_seconds, bodies
    )
    figures = Metrics(settings.prometheus_dir)
    traffic = RequestLifecycle(gate, figures, settings)
    traffic.install(app)
    request_ids.install(app)
    hosts_and_csrf.install(app, settings)
    rate_limits.install(app, settings)
    app.before_request(traffic.reserve)
    if settings.metrics:
        metrics.install(app, figures, gate)


def _loading(settings: Settings, recognizer: Recognizer | None) -> Loading:
    if recognizer is not None:
        return Loading.finished(recognizer)
    loading = Loading(lambda: _warm(settings))
    loading.start()
    return loading


def _warm(settings: Settings) -> Recognizer:
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    # Pydantic's first schema takes as long as ten others, and each request to the API has some made.
    IdentifyForm.model_json_schema()
    # What is there now stays: looking through it for garbage would hold up requests, the first of all.
    gc.freeze()
    return recognizer
