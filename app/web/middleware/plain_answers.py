"""Answers of the worker without the app: malformed requests, timeouts and too many connections."""

from __future__ import annotations

from http import HTTPStatus

from gunicorn.http import errors

MALFORMED = HTTPStatus.BAD_REQUEST, "Malformed HTTP request."
REPEATED = HTTPStatus.BAD_REQUEST, "A header that names the user is repeated."
FAILED = HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed. Its log has the details."
LATE = HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time."
TOO_MANY = "You sent too many requests. Try again in {}."
CROWDED = HTTPStatus.SERVICE_UNAVAILABLE, "Your address has too many connections. Close some and try again."
_ANSWERS = {
    errors.LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long."),
    errors.ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "The server does not support this Expect header."),
    errors.LimitRequestHeaders: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too many or too long."),
    errors.UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "The server does not support this coding."),
}


def for_parse_error(error: errors.ParseException) -> tuple[HTTPStatus, str]:
    """Return status and sentence for a request that gunicorn cannot parse."""
    return _ANSWERS.get(type(error), MALFORMED)


def response(status: HTTPStatus, message: str) -> bytes:
    """Return a response that closes the connection, with the headers of all answers."""
    # Imported after the fork: the master process does not need the app.
    from app.web.middleware.security_headers import HEADERS

    body = f"{message}\n"
    headers = {"Connection": "close", "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    headers |= HEADERS | {"Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()
