"""gunicorn worker that answers malformed HTTP with the app's headers and without personal data in the log."""

import socket
from contextlib import suppress
from http import HTTPStatus

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

_MALFORMED = HTTPStatus.BAD_REQUEST, "Malformed HTTP request."
_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed. Its log has the details."
_ANSWERS = {
    errors.LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long."),
    errors.ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "The server does not support this Expect header."),
    errors.LimitRequestHeaders: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too many or too long."),
    errors.UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "The server does not support this coding."),
}


class Worker(ThreadWorker):
    """Threaded worker that answers with the security headers and logs nothing of the client's address or input."""

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer on the client's socket, and log the error."""
        invalid_response = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
        if isinstance(exc, errors.ParseException) and not invalid_response:
            answer = _ANSWERS.get(type(exc), _MALFORMED)
            self.log.warning("malformed_http_request")
        else:
            answer = _FAILED
            self.log.error("request_failed", exc_info=exc)
        # The client may have disconnected.
        with suppress(OSError):
            util.write_nonblock(client, _response(*answer))


def _response(status: HTTPStatus, message: str) -> bytes:
    # Imported after the fork: the master process does not need the app.
    from app.web.middleware.security_headers import HEADERS

    body = f"{message}\n"
    headers = {"Connection": "close", "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    headers |= HEADERS | {"Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()
