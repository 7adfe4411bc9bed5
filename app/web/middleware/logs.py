"""The log: one line of JSON for every event. Nothing in it tells who asked, who was seen, or what a file is called."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from flask import has_request_context

from app.web.middleware.request_ids import request_id

_DETAILS = "details"


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON: time, level, event, what `event` was given, the request's id, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if has_request_context():
            line["request"] = request_id()
        line |= getattr(record, _DETAILS, {})
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line)


def configure(log: str = "json") -> None:
    """Send the program's events to standard error, a line each.

    Args:
        log: `json` for every request, `off` for warnings and errors alone.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    # What libraries have to say below warnings is about themselves.
    root.setLevel(logging.WARNING)
    logging.getLogger("app").setLevel(logging.INFO if log == "json" else logging.WARNING)
    # What gunicorn says in a worker comes as these lines too.
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.handlers, gunicorn.propagate = [], True


def event(log: logging.Logger, name: str, level: int = logging.INFO, **details: object) -> None:
    """Write an event with its details."""
    log.log(level, name, extra={_DETAILS: details})
