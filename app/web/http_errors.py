"""HTTP status of every exception that a request can raise, for error pages and for the API's problem details."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Flask, Response

from app import errors
from app.errors import FacesError

STATUSES: dict[type[FacesError], int] = {
    errors.InvalidRequest: 400,
    errors.InvalidUpload: 400,
    errors.InvalidFaceChoice: 400,
    errors.AuthenticationRequired: 401,
    errors.AdminDisabled: 403,
    errors.PersonNotFound: 404,
    errors.FaceNotFound: 404,
    errors.NameTaken: 409,
    errors.SamePerson: 409,
    errors.NothingToUndo: 409,
    errors.NotLatestChange: 409,
    errors.FileTooLarge: 413,
    errors.UploadTooLarge: 413,
    errors.TooManyPhotos: 413,
    errors.PhotoError: 422,
    errors.FaceError: 422,
    errors.InvalidName: 422,
    errors.ReviewExpired: 422,
    errors.GalleryError: 503,
    errors.ServiceUnavailable: 503,
}
"""Statuses by exception class; subclasses inherit them. The exception itself has the code and the sentence."""

RETRY_SECONDS = 5

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="faces"'},
    503: {"Retry-After": str(RETRY_SECONDS)},
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpError:
    """An exception as a client sees it: `code` for programs, `message` for people."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str]


def describe(error: FacesError) -> HttpError:
    """Return status, code, message and headers for an exception whose class is in `STATUSES`."""
    status = next(STATUSES[base] for base in type(error).__mro__ if base in STATUSES)
    if isinstance(error, errors.GalleryError) and status == 503:
        # The message can name files and hosts of the server.
        log.error("gallery_unavailable: %s", error)
        error = errors.GalleryUnavailable()
    return HttpError(status, error.code, str(error), HEADERS.get(status, {}))


def register(target: Flask | Blueprint, respond: Callable[[HttpError], Response]) -> None:
    """Answer all exceptions of `STATUSES` that the routes of an app or a blueprint raise."""
    for exception in STATUSES:
        target.register_error_handler(exception, lambda error: respond(describe(error)))
