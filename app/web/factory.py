"""Flask application factory: pages, administration, API and middleware."""

from __future__ import annotations

import gc

from flask import Flask
from flask_openapi3 import OpenAPI

from app.recognition.recognizer import Recognizer
from app.settings import RESOURCES, Settings
from app.web import admin, api, auth
from app.web.admin import sign_in
from app.web.api import docs
from app.web.api.responses import reject_invalid
from app.web.api.schema import PhotosForm, Problem
from app.web.middleware import (
    body_timeout,
    hosts_and_csrf,
    metrics,
    rate_limits,
    request_ids,
    request_tracing,
    security_headers,
)
from app.web.middleware.concurrency import ConcurrencyLimiter, install_body_budget
from app.web.middleware.metrics import Metrics
from app.web.pages import errors, model, people
from app.web.pages.routes import blueprint as pages
from app.web.recognizer_loading import EXTENSION, RecognizerLoader
from app.web.uploads import MemoryRequest

LARGEST_BODIES = 4
"""Number of request bodies of the largest size that are kept in memory at the same time."""


class FacesApp(OpenAPI):
    """Flask with an OpenAPI document, and with uploads in memory."""

    request_class = MemoryRequest


def create_app(settings: Settings | None = None, recognizer: Recognizer | None = None) -> Flask:
    """Create the application.

    Args:
        settings: the settings, by default `Settings()`.
        recognizer: a loaded recognizer; by default the application starts to load one in the background.
    """
    settings = settings or Settings()
    app = FacesApp(
        "app",
        root_path=str(RESOURCES),
        info=docs.INFO,
        doc_ui=False,
        security_schemes=docs.SECURITY,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=reject_invalid,
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.max_file_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_field_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_photos + settings.max_fields
    app.extensions["settings"] = settings
    auth.install(app, settings)
    _install_middleware(app, settings)
    for blueprint in (pages, people.blueprint, model.blueprint):
        app.register_blueprint(blueprint)
    admin.install(app)
    api.install(app)
    errors.install(app)
    security_headers.install(app)
    # Last, because invalid settings raise above, and importing TensorFlow silences standard error.
    app.extensions[EXTENSION] = _start_loading(settings, recognizer)
    return app


def _install_middleware(app: Flask, settings: Settings) -> None:
    """Install checks in the order in which they run before each request."""
    bodies = LARGEST_BODIES * settings.max_request_bytes
    limiter = ConcurrencyLimiter(settings.concurrency, settings.queue, settings.queue_seconds, bodies)
    app.extensions["concurrency_limiter"] = limiter
    collectors = Metrics(settings.prometheus_dir)
    request_tracing.install(app, limiter, collectors, settings)
    body_timeout.install(app, settings.body_seconds)
    request_ids.install(app)
    hosts_and_csrf.install(app, settings)
    rate_limits.install(app, settings, (*api.ADMIN_BLUEPRINTS, sign_in.blueprint))
    install_body_budget(app, limiter, settings.max_request_bytes)
    if settings.metrics:
        metrics.install(app, collectors, limiter)


def _start_loading(settings: Settings, recognizer: Recognizer | None) -> RecognizerLoader:
    if recognizer is not None:
        return RecognizerLoader.loaded(recognizer)
    loader = RecognizerLoader(lambda: _load(settings))
    loader.start()
    return loader


def _load(settings: Settings) -> Recognizer:
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    # Pydantic's first schema takes ten times as long as others.
    PhotosForm.model_json_schema()
    # Exclude the loaded objects from garbage collection: scanning them would delay requests.
    gc.freeze()
    return recognizer
