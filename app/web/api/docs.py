"""OpenAPI 3.1 document of the API, and its Swagger UI page."""

from copy import deepcopy
from importlib.resources import files
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from flask_openapi3 import Info, OpenAPI, SecurityScheme
from pydantic.json_schema import models_json_schema

from app.gallery.scopes import SCOPES
from app.web.api.code_samples import add_samples
from app.web.api.schema import JSON_BODIES
from app.web.middleware.access import needed_scopes
from app.web.uploads import current_settings

_SCHEMAS = "#/components/schemas/"

INFO = Info(
    title="Whopic",
    version="1",
    description="Identify faces in photos, compare two photos, and manage the gallery of people. Send photos as files "
    "of a form, or as base64 in JSON. They are processed in memory and never stored. Each operation lists the scope "
    "that it needs: send a key with the scope as `Authorization: Bearer KEY`. Every response has a request ID in the "
    "header `X-Request-ID`. Send the header to choose the ID. Errors are problem details (RFC 9457) with a stable "
    "`code`.",
)

SECURITY: dict[str, SecurityScheme | dict[str, Any]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access key with one of the scopes that the operation lists, or the server's setting "
        "FACES_ADMIN_TOKEN, which has all scopes. Scopes: "
        + "; ".join(f"`{scope}`: {meaning}" for scope, meaning in SCOPES.items()),
    }
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
    samples = build_document()["paths"]["/api/v1/identify"]["post"]["x-codeSamples"]
    return render_template("api_docs.html", samples=samples)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI document."""
    return jsonify(build_document())


def build_document() -> dict[str, Any]:
    """Return the OpenAPI document for the current request."""
    # The library returns the same objects for every request, and samples have the address of the request.
    api = deepcopy(cast(OpenAPI, current_app).api_doc)
    # The library writes null for empty component sections, which OpenAPI does not allow.
    api["components"] = {name: section for name, section in api["components"].items() if section is not None}
    _add_json_bodies(api)
    _add_scopes(api)
    add_samples(api, request.url_root.rstrip("/"))
    return api


def _add_scopes(api: dict[str, Any]) -> None:
    """State the scope of each operation, of which visitors of an open server need none but `manage`."""
    optional: list[dict[str, list[str]]] = [{}] if current_settings().access_mode == "open" else []
    endpoints = {view.__name__: endpoint for endpoint, view in current_app.view_functions.items()}
    for item in api["paths"].values():
        for operation in item.values():
            scopes = list(needed_scopes(endpoints[operation["operationId"]]) or ("manage",))
            operation["security"] = [*([] if "manage" in scopes else optional), {"key": scopes}]


def _add_json_bodies(api: dict[str, Any]) -> None:
    """Document the JSON bodies beside the forms that they replace; flask_openapi3 documents one body a route."""
    bodies = {form.__name__: body for form, body in JSON_BODIES.items()}
    for item in api["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {})
            if "multipart/form-data" in content:
                form = content["multipart/form-data"]["schema"]["$ref"].removeprefix(_SCHEMAS)
                content["application/json"] = {"schema": {"$ref": _SCHEMAS + bodies[form].__name__}}
    _, definitions = models_json_schema(
        [(body, "validation") for body in bodies.values()], ref_template=_SCHEMAS + "{model}"
    )
    api["components"]["schemas"] |= definitions["$defs"]
