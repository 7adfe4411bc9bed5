"""The API's document (OpenAPI 3.1) and the page that shows it: Swagger UI, whose files come with a package."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask_openapi3 import Info, Tag

INFO = Info(
    title="Face identification",
    version="1",
    description="Names faces in pictures, compares two, and lists and changes who can be recognized. No picture is "
    "stored. What changes the gallery takes the server's token: `Authorization: Bearer TOKEN`. "
    "Every answer carries its request's id in the header `X-Request-ID`; send one to choose it.",
)

TAGS = {
    "Pictures": Tag(name="Pictures", description="Who is in a picture, and do two show the same person?"),
    "People": Tag(name="People", description="Who can be recognized"),
    "Managing": Tag(name="Managing", description="Changing who can be recognized, and taking changes back"),
}

SECURITY = {"token": {"type": "http", "scheme": "bearer", "description": "the server's FACES_ADMIN_TOKEN"}}

blueprint = Blueprint(
    "docs",
    __name__,
    url_prefix="/api",
    static_folder=str(files("flask_openapi3_swagger") / "templates" / "swagger"),
    static_url_path="/docs/assets",
)


@blueprint.get("/docs")
def page() -> str:
    """The page: read about each operation, and try it."""
    return render_template("api_docs.html")


@blueprint.get("/openapi.json")
def document() -> Response:
    """The document, for programs."""
    found = dict(current_app.api_doc)
    # The library writes null for parts of the components that there are none of; OpenAPI wants them left out.
    found["components"] = {name: part for name, part in found["components"].items() if part is not None}
    return jsonify(found)
