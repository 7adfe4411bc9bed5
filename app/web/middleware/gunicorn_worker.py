"""What a client gets that sends no HTTP: such a request never reaches the app, and is answered like one that did."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "This is no HTTP that the server can read.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long.",
    HTTPStatus.EXPECTATION_FAILED: "The server cannot do what the header Expect asks for.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too many or too long.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on the server. It has been written into its log.",
    HTTPStatus.NOT_IMPLEMENTED: "The server does not know this Transfer-Encoding.",
}

_STATUSES = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Worker(ThreadWorker):
    """gunicorn's worker of threads; what it cannot hand to the app gets a sentence with the app's headers.

    gunicorn's own answer has none of them, and its own line in the log has the client's address and words.
    """

    def handle_error(self, req, client, addr, exc: BaseException) -> None:
        """Answer on the socket `client`, and say in the log that it happened."""
        broken_answer = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
        if isinstance(exc, errors.ParseException) and not broken_answer:
            status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
            self.log.warning("A request that is no HTTP was refused.")
        else:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self.log.error("A request could not be handled.", exc_info=exc)
        # Whoever has hung up wants no answer.
        with suppress(OSError):
            util.write_nonblock(client, _answer(status))


def _answer(status: HTTPStatus) -> bytes:
    # Not before the worker has forked: the process that watches the workers has no use for the app.
    from app.web.middleware.security_headers import HEADERS

    body = _SENTENCES[status] + "\n"
    headers = {
        "Connection": "close",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": len(body),
        "Cache-Control": "no-store",
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()
