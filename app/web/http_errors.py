"""HTTP status, code and message of every exception that a request can raise."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from app import errors
from app.errors import FacesError
from app.web.uploads import upload_too_large

_ERRORS: dict[int, tuple[type[FacesError], ...]] = {
    400: (errors.InvalidRequest, errors.InvalidUpload, errors.InvalidFaceChoice),
    401: (errors.AuthenticationRequired,),
    403: (errors.AdminDisabled, errors.InsufficientScope),
    404: (errors.PersonNotFound, errors.FaceNotFound, errors.AliasNotFound, errors.KeyNotFound),
    409: (errors.NameTaken, errors.SamePerson, errors.NothingToUndo, errors.NotLatestChange),
    413: (errors.FileTooLarge, errors.UploadTooLarge, errors.TooManyPhotos),
    422: (
        errors.PhotoError,
        errors.FaceError,
        errors.InvalidName,
        errors.InvalidKey,
        errors.InvalidRecord,
        errors.BasisRequired,
        errors.OptedOut,
        errors.ReviewExpired,
    ),
    503: (errors.GalleryError, errors.ServiceUnavailable),
}
STATUSES = {error: status for status, classes in _ERRORS.items() for error in classes}
"""Statuses by exception class; subclasses inherit them. The exception itself has the code and the sentence."""

AUTHENTICATE = {"WWW-Authenticate": 'Bearer realm="whopic"'}
"""Headers of status 401."""

_HEADERS = {401: AUTHENTICATE, 503: {"Retry-After": "5"}}

_MESSAGES = {
    404: "This address does not exist. See /api/docs for all addresses.",
    500: "The server failed. Its log has the details under this request ID.",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpError:
    """An exception as a client sees it: `code` for programs, `message` for people."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str]


def describe(error: FacesError | HTTPException) -> HttpError:
    """Return status, code, message and headers of an HTTP error, or of an exception of `STATUSES`."""
    if isinstance(error, RequestEntityTooLarge):
        error = upload_too_large()
    if isinstance(error, HTTPException):
        return _describe_http(error)
    status = next(STATUSES[base] for base in type(error).__mro__ if base in STATUSES)
    if isinstance(error, errors.GalleryError) and status == 503:
        # The message can name files and hosts of the server.
        log.error("gallery_unavailable: %s", error)
        if not isinstance(error, errors.GalleryMoved):
            error = errors.GalleryUnavailable()
    return HttpError(status, error.code, str(error), _HEADERS.get(status, {}))


def _describe_http(error: HTTPException) -> HttpError:
    status = HTTPStatus(error.code or 500)
    code = "internal_error" if status == HTTPStatus.INTERNAL_SERVER_ERROR else status.name.lower()
    message = _MESSAGES.get(status) or error.description or status.description
    if isinstance(error, RateLimitExceeded):
        message = f"You sent too many requests. The limit is {error.description}. Try again later."
    if isinstance(error, MethodNotAllowed):
        methods = sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"})
        message = f"This address supports {' and '.join(methods)}."
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return HttpError(status, code, message, headers)
