"""JSON responses, problem details (RFC 9457) and blueprints of the API."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.errors import InvalidParameter, InvalidRequest, InvalidUpload
from app.web.api.json_photos import read_json_photos
from app.web.http_errors import HttpError
from app.web.middleware.logs import request_id

Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]
"""Models or descriptions by status, as flask_openapi3 takes them."""

TAGS = {
    "Photos": "Identify the faces of a photo, or compare two photos",
    "People": "People in the gallery",
    "Administration": "Add, change and remove people, and undo changes",
}

_FILE_FIELDS = ("image", "a", "b")

_JSON = "application/json"

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}

_DESCRIPTIONS = {
    400: "The request has no photo, or an invalid parameter.",
    401: "The request has no access key, or an unknown, expired or revoked one.",
    403: "The key lacks the scope, or the server has no key or token for administrators.",
    404: "The person, face or portrait does not exist.",
    409: "The gallery is not in the state that the request needs.",
    413: "A file or the request is too large, or the request has too many photos.",
    422: "A photo cannot be read or has no usable face, or a name is invalid.",
    503: "The server is starting or busy. Try again after `Retry-After` seconds.",
    "default": "Any other error.",
}


def json_response(
    body: Mapping[str, Any],
    status: int = 200,
    mimetype: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a JSON response with the fields in the order given, which caches must not store."""
    text = current_app.json.dumps(body, sort_keys=False) + "\n"
    response = current_app.response_class(text, status, mimetype=mimetype, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def problem(error: HttpError) -> Response:
    """Return problem details; RFC 9457 sets `title` to the status phrase where `type` is about:blank."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id(),
    }
    return json_response(body, error.status, "application/problem+json", error.headers)


def problems(*statuses: int | str) -> Responses:
    """Describe errors of these statuses for the OpenAPI document."""
    return {status: _PROBLEM | {"description": _DESCRIPTIONS[status]} for status in statuses}


def api_blueprint(name: str, prefix: str, tag: str) -> APIBlueprint:
    """Create a blueprint in the section `tag` of the OpenAPI document.

    `middleware.access` has the scope that its routes need, and checks it before the body of a request is read.
    """
    blueprint = APIBlueprint(
        name,
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=tag, description=TAGS[tag])],
        abp_responses=problems(400, 401, 403, 503, "default"),
        # Generated clients call operations by the names of the functions.
        operation_id_callback=lambda name, **_: name,
    )
    blueprint.before_request(_read_json_photos)
    return blueprint


def admin_blueprint(name: str, other: APIBlueprint) -> APIBlueprint:
    """Create a blueprint below `/api/v1` for administrators, with the same addresses as another one."""
    blueprint = api_blueprint(name, "/api/v1", "Administration")
    # flask_openapi3 documents only the last blueprint of an address unless they share their paths.
    blueprint.paths = other.paths
    return blueprint


def reject_invalid(error: ValidationError) -> NoReturn:
    """Raise the exception for the first invalid field of a request."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        _require_media_type(_JSON)
        raise InvalidRequest("The body must be a JSON object. See /api/docs.") from error
    name = ".".join(map(str, first["loc"] if request.is_json else first["loc"][:1]))
    if name in _FILE_FIELDS and not request.is_json:
        if name in request.form:
            message = f"The field {name} holds text instead of a file. With curl, write -F {name}=@photo.jpg."
        else:
            _require_media_type("multipart/form-data", _JSON)
            message = f"No photo was sent. Send multipart/form-data with a file in the field {name}."
        raise InvalidUpload(message) from error
    if first["type"] == "extra_forbidden":
        message = f"Unknown parameter {name!r}. See /api/docs."
    elif first["type"] == "missing":
        message = f"The parameter {name} is missing. See /api/docs."
    else:
        rule = first["msg"][0].lower() + first["msg"][1:]
        message = f"The parameter {name} cannot be {first['input']!r:.100}: {rule}."
    raise InvalidParameter(message) from error


def _require_media_type(*accepted: str) -> None:
    """Raise UnsupportedMediaType if the request has a body of another type."""
    if request.mimetype not in accepted and (request.mimetype or request.content_length):
        sent = f"The content type is {request.mimetype[:100]}." if request.mimetype else "The content type is missing."
        raise UnsupportedMediaType(f"{sent} Send {' or '.join(accepted)}.")


def _read_json_photos() -> None:
    form = current_app.view_functions[request.endpoint or ""].__annotations__.get("form")
    if form is not None and request.is_json and request.method != "OPTIONS":
        read_json_photos(form)
