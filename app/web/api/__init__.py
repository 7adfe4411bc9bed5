"""JSON API below /api/v1, its OpenAPI page at /api/docs, and health checks below /healthz."""

from flask_openapi3 import OpenAPI

from app.web.api import docs, faces, health, opt_outs, people, photos

BLUEPRINTS = (photos.blueprint, people.blueprint, people.admin, faces.blueprint, opt_outs.blueprint)
"""Blueprints below /api/v1. Each names the scope of its routes."""


def install(app: OpenAPI) -> None:
    """Register the API, its OpenAPI page and the health checks."""
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health.blueprint)
