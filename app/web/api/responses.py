"""Answers of the API: JSON, and errors as problem details (RFC 9457) with a stable `code` and the request's id."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from app.errors import FaceError, GalleryError, GalleryUnavailable, ServiceUnavailable, UnreadableImage
from app.web.api.docs import TAGS
from app.web.middleware.request_ids import request_id
from app.web.recognizer_loading import RETRY_SECONDS
from app.web.uploads import drain, form_limits

log = logging.getLogger(__name__)

ROOT = "/api/"
"""Below this path even an address that does not exist is answered with problem details."""

_CODES = {413: "too_large", 500: "internal_error"}
"""Codes that are not simply the name of their status."""

_PICTURES = ("image", "a", "b")
"""Fields that hold pictures."""

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}

_PROBLEMS = {
    400: "No picture came, or a parameter cannot be what it is.",
    401: "The request has no token, or a wrong one.",
    403: "The server has no token, so that nobody can change its gallery.",
    404: "There is no such person, or no portrait of them.",
    409: "The gallery is not as the request supposes.",
    413: "A file or the request is too large, or too many pictures came.",
    422: "A picture cannot be read or has no face that can be compared, or the name is not valid.",
    503: "The server is starting up or busy; `Retry-After` says when to ask again.",
    "default": "Any other error.",
}
"""What the document says of errors."""

_UNREAD = (404, 405, 413)
"""Refusals before the request's body was read: it has to be, or a client that still sends sees no answer."""

_DETAILS = {
    404: "There is nothing at this address. The API's addresses are listed at /api/docs.",
    500: "The fault is the server's, not the request's; its log has the details under the request's id.",
}


class Refused(Exception):
    """A request that cannot be answered: status, stable code, and a sentence for the developer."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def answer(
    body: Mapping[str, Any],
    status: int = 200,
    mimetype: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response, fields in the order given, that no cache keeps: it is about a person."""
    response = current_app.response_class(
        current_app.json.dumps(body, sort_keys=False) + "\n", status, mimetype=mimetype, headers=headers
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Problem details; `title` is the status' own, as RFC 9457 asks for where `type` is about:blank."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
    }
    return answer(body, status, "application/problem+json", headers)


def blueprint_of(name: str, prefix: str, tag: str, statuses: tuple[int | str, ...] = ()) -> APIBlueprint:
    """A blueprint whose every error, and every address below `ROOT` that leads nowhere, gives problem details.

    Args:
        name: what endpoints begin with.
        prefix: where its routes lie.
        tag: the heading it has in the document.
        statuses: of errors that every operation may answer with, beside those that all do.
    """
    blueprint = APIBlueprint(
        name,
        __name__,
        url_prefix=prefix,
        abp_tags=[TAGS[tag]],
        abp_responses=problems(400, 503, "default", *statuses),
        operation_id_callback=_id,
    )
    blueprint.register_error_handler(Refused, lambda error: problem(error.status, error.code, str(error)))
    blueprint.register_error_handler(UnreadableImage, lambda error: problem(422, error.code, str(error)))
    blueprint.register_error_handler(FaceError, lambda error: problem(422, error.code, str(error)))
    blueprint.register_error_handler(ServiceUnavailable, _not_ready)
    blueprint.register_error_handler(GalleryError, _gallery_away)
    blueprint.register_error_handler(HTTPException, _http_problem)
    # The pages have a handler for 413, and Flask prefers one for the code to one for all of them.
    blueprint.register_error_handler(413, _http_problem)
    # Nothing is routed to a blueprint where there is no route, so the application has to be asked first.
    blueprint.before_app_request(_unrouted)
    return blueprint


def _not_ready(error: ServiceUnavailable) -> Response:
    return problem(503, error.code, str(error), {"Retry-After": str(RETRY_SECONDS)})


def _gallery_away(error: GalleryError) -> Response:
    log.error("%s", error)
    return _not_ready(GalleryUnavailable())


def problems(*statuses: int | str) -> dict[int | str, dict]:
    """How the document describes errors of these statuses."""
    return {status: _PROBLEM | {"description": _PROBLEMS[status]} for status in statuses}


def refuse_invalid(error: ValidationError) -> NoReturn:
    """Answer a request that does not fit its schema.

    Raises:
        Refused: always; it names the first field that is wrong, and how.
    """
    wrong = error.errors(include_url=False)[0]
    if not wrong["loc"]:
        raise Refused(400, "bad_request", "The request's body has to be a JSON object; /api/docs shows it.") from error
    name = str(wrong["loc"][0])
    if name in _PICTURES:
        raise no_image(name) from error
    if wrong["type"] == "extra_forbidden":
        raise Refused(400, "bad_parameter", f"There is no parameter {name!r} here; /api/docs lists them.") from error
    said = wrong["msg"][0].lower() + wrong["msg"][1:]
    if wrong["type"] == "missing":
        raise Refused(400, "bad_parameter", f"The parameter {name} is missing; /api/docs tells of it.") from error
    raise Refused(400, "bad_parameter", f"The parameter {name} cannot be {wrong['input']!r:.100}: {said}.") from error


def no_image(field: str) -> Refused:
    """What is said where a picture should have come in a field."""
    if field in request.form:
        detail = f"The field {field} holds text instead of a file. With curl, write -F {field}=@photo.jpg."
    else:
        detail = f"No picture came. Send multipart/form-data with a file in the field {field}."
    return Refused(400, "no_image", detail)


def _id(name: str, **_rest: str) -> str:
    """An operation's name in the document, by which clients made from it call it: that of its function."""
    return name


def _unrouted() -> Response | None:
    error = request.routing_exception
    if not request.path.startswith(ROOT) or error is None or (error.code or 0) < 400:
        return None
    return _http_problem(error)


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    if status in _UNREAD:
        drain()
    code = _CODES.get(status) or HTTPStatus(status).name.lower()
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return problem(status, code, _detail(error, status), headers)


def _detail(error: HTTPException, status: int) -> str:
    if status == 405:
        return f"This address takes {' or '.join(sorted(set(error.valid_methods or ()) - {'HEAD', 'OPTIONS'}))}."
    if status == 413 and request.max_content_length:
        most = f"{request.max_content_length / 1e6:g} MB"
        return form_limits() or f"The request is too large: {most} are the most that is read."
    return _DETAILS.get(status) or error.description or HTTPStatus(status).description
