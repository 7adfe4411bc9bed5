"""Structured logging, one JSON object per line, and request IDs.

The log has no addresses, file names or names of people.
"""

import json
import logging
import re
import sys
import traceback
import uuid
from datetime import UTC, datetime
from typing import cast

from flask import Flask, Response, g, has_request_context, request

REQUEST_ID_HEADER = "X-Request-ID"

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonFormatter(logging.Formatter):
    """Format a record as JSON: time, level, event, request ID, traceback, and the items of `extra={"details": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if has_request_context():
            line["request"] = request_id()
        line |= getattr(record, "details", {})
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line)


def configure(log: str = "json") -> None:
    """Log to standard error: `json` for all requests, `off` for warnings and errors only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("app").setLevel(logging.INFO if log == "json" else logging.WARNING)


def install(app: Flask) -> None:
    """Add the request ID to every response."""

    def add_header(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = request_id()
        return response

    app.after_request(add_header)


def request_id() -> str:
    """Return the client's request ID if it is valid, else a generated one."""
    if "request_id" not in g:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = sent if _VALID_ID.fullmatch(sent) else uuid.uuid4().hex
    return cast(str, g.request_id)
