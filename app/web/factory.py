"""Flask application factory: pages, administration, API and middleware."""

import gc
import threading
from http import HTTPStatus

from flask import Flask, Request, Response, request
from flask_openapi3 import OpenAPI
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.routing import MapAdapter

from app.errors import FacesError
from app.recognition.recognizer import Recognizer
from app.settings import RESOURCES, Settings
from app.web import admin, api, library, notice, samples, sessions, uploads
from app.web.admin import sign_in
from app.web.api import docs
from app.web.api.responses import problem, reject_invalid
from app.web.api.schema import PhotosForm, Problem
from app.web.contact import contact_address
from app.web.http_errors import STATUSES, describe
from app.web.middleware import (
    access,
    concurrency,
    cors,
    hosts_and_csrf,
    logs,
    metrics,
    rate_limits,
    request_tracing,
    security_headers,
)
from app.web.pages import errors, model, people
from app.web.pages.routes import blueprint as pages
from app.web.recognizer_loading import EXTENSION, RecognizerLoader
from app.web.request_parsing import BoundedJSONProvider
from app.web.uploads import MemoryRequest

_FOR_PROGRAMS = ("/api/", "/healthz/", "/metrics/", "/*/")
"""Starts of the addresses whose errors are problem details. A request without address has the path /*."""


class _App(OpenAPI):
    """Application whose routes do not depend on the Host header, which the middleware checks."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match the route also if Werkzeug cannot encode the Host header, so that an error page can be rendered."""
        try:
            return super().create_url_adapter(request)
        except BadHost:
            if request is None:
                raise
            del request.environ["HTTP_HOST"]
            adapter = super().create_url_adapter(request)
            request.host = ""
            return adapter

    def make_default_options_response(self) -> Response:
        """Answer OPTIONS with the allowed methods and without content."""
        response = super().make_default_options_response()
        response.status_code = HTTPStatus.NO_CONTENT
        del response.headers["Content-Type"]
        return response


def create_app(settings: Settings | None = None, recognizer: Recognizer | None = None) -> Flask:
    """Create the application.

    Args:
        settings: the settings, by default `Settings()`.
        recognizer: a loaded recognizer; by default the application starts to load one in the background.
    """
    settings = settings or Settings()
    app = _App(
        "app",
        root_path=str(RESOURCES),
        info=docs.INFO,
        doc_ui=False,
        security_schemes=docs.SECURITY,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=reject_invalid,
    )
    app.request_class = MemoryRequest
    app.json = BoundedJSONProvider(app)
    app.extensions["settings"] = settings
    sessions.install(app, settings)
    _install_middleware(app, settings)
    for blueprint in (pages, people.blueprint, model.blueprint):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(contact_address=contact_address)
    notice.install(app, settings.notice)
    admin.install(app)
    library.install(app, settings)
    api.install(app)
    for exception in (*STATUSES, HTTPException):
        app.register_error_handler(exception, _error_response)
    # Last, because invalid settings raise above, and importing TensorFlow silences standard error.
    loader = RecognizerLoader(lambda: recognizer or _load(settings))
    app.extensions[EXTENSION] = loader
    if recognizer:
        loader.load()
    else:
        loader.start()
    return app


def _install_middleware(app: Flask, settings: Settings) -> None:
    """Install checks in the order in which they run before each request."""
    limiter = concurrency.ConcurrencyLimiter(settings.concurrency, settings.queue, settings.queue_seconds)
    app.extensions["concurrency_limiter"] = limiter
    collectors = metrics.Metrics(settings.prometheus_dir)
    app.extensions["metrics"] = collectors
    security_headers.install(app)
    request_tracing.install(app, limiter, collectors, settings)
    uploads.install(app)
    logs.install(app)
    cors.install(app, settings)
    hosts_and_csrf.install(app, settings)
    rate_limits.install(app, settings, (*api.BLUEPRINTS, sign_in.blueprint, metrics.blueprint))
    access.install(app, settings)
    concurrency.install(app, limiter)
    if settings.metrics:
        app.register_blueprint(metrics.blueprint)


def _error_response(error: FacesError | HTTPException) -> Response:
    """Return problem details for programs, a page for all other addresses."""
    respond = problem if f"{request.path}/".startswith(_FOR_PROGRAMS) else errors.page
    return respond(describe(error))


def _load(settings: Settings) -> Recognizer:
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    # The upload page waits for them if it is requested in the first second. Requests of programs do not.
    threading.Thread(target=samples.prepare_samples, args=(recognizer,), name="samples", daemon=True).start()
    # Pydantic's first schema takes ten times as long as others.
    PhotosForm.model_json_schema()
    # Exclude the loaded objects from garbage collection: scanning them would delay requests.
    gc.freeze()
    return recognizer
