"""JSON API below /api/v1, its OpenAPI page at /api/docs, and health checks below /healthz."""

from flask_openapi3 import OpenAPI

from app.web.api import docs, faces, health, people, photos

ADMIN_BLUEPRINTS = (people.admin, faces.blueprint)
"""Blueprints whose routes need the administrator token."""


def install(app: OpenAPI) -> None:
    """Register the API, its OpenAPI page and the health checks."""
    for blueprint in (photos.blueprint, people.blueprint, *ADMIN_BLUEPRINTS):
        app.register_api(blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health.blueprint)
