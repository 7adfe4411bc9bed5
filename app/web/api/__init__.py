"""The JSON API (below /api/v1, its document at /api/docs) and the health checks (below /healthz)."""

from flask_openapi3 import OpenAPI

from app.web.api import docs, faces, people, people_admin, photos
from app.web.api.health import blueprint as health_blueprint
from app.web.api.responses import refuse_invalid
from app.web.api.schema import Problem

OPTIONS = {
    "info": docs.INFO,
    "doc_ui": False,
    "security_schemes": docs.SECURITY,
    "validation_error_status": 400,
    "validation_error_model": Problem,
    "validation_error_callback": refuse_invalid,
}
"""What an application has to be made with to serve the API."""

MANAGING = (people_admin.blueprint, faces.blueprint)
"""The blueprints whose routes take the token."""


def install(app: OpenAPI) -> None:
    """Add the API, its document and the health checks to an application."""
    for blueprint in (photos.blueprint, people.blueprint, *MANAGING):
        app.register_api(blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health_blueprint, url_prefix="/healthz")
