"""OpenAPI 3.1 document of the API, and its Swagger UI page."""

from importlib.resources import files
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask_openapi3 import Info, OpenAPI, SecurityScheme

INFO = Info(
    title="Face identification",
    version="1",
    description="Identify faces in photos, compare two photos, and manage the gallery of people. Photos are processed "
    "in memory and never stored. Routes that change the gallery need the administrator token: "
    "`Authorization: Bearer TOKEN`. Every response has a request ID in the header `X-Request-ID`. Send the header to "
    "choose the ID. Errors are problem details (RFC 9457) with a stable `code`.",
)

SECURITY: dict[str, SecurityScheme | dict[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "The server's setting FACES_ADMIN_TOKEN"}
}

blueprint = Blueprint(
    "docs",
    __name__,
    url_prefix="/api",
    static_folder=str(files("flask_openapi3_swagger") / "templates" / "swagger"),
    static_url_path="/docs/assets",
)


@blueprint.get("/docs")
def page() -> str:
    """Return the Swagger UI page."""
    return render_template("api_docs.html")


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI document."""
    api = dict(cast(OpenAPI, current_app).api_doc)
    # The library writes null for empty component sections, which OpenAPI does not allow.
    api["components"] = {name: section for name, section in api["components"].items() if section is not None}
    return jsonify(api)
