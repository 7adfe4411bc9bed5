"""JSON API below /api/v1, its OpenAPI page at /api/docs, and health checks below /healthz."""

from flask_openapi3 import OpenAPI

from app.web.api import docs, faces, people, people_admin, photos
from app.web.api.health import blueprint as health_blueprint
from app.web.api.responses import unrouted_problem

ADMIN_BLUEPRINTS = (people_admin.blueprint, faces.blueprint)
"""Blueprints whose routes need the administrator token."""


def install(app: OpenAPI) -> None:
    """Register the API, its OpenAPI page and the health checks."""
    for blueprint in (photos.blueprint, people.blueprint, *ADMIN_BLUEPRINTS):
        app.register_api(blueprint)
    # A path without a route belongs to no blueprint, so only the app sees it.
    app.before_request(unrouted_problem)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health_blueprint, url_prefix="/healthz")
