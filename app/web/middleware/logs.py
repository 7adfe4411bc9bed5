"""Structured logging: one JSON object per line, without addresses, file names or names of people."""

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
    """Format a record as JSON: time, level, event, request ID, details and traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
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
    """Send log records to standard error.

    Args:
        log: `json` for all requests, `off` for warnings and errors only.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("app").setLevel(logging.INFO if log == "json" else logging.WARNING)
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.handlers, gunicorn.propagate = [], True


def log_event(log: logging.Logger, name: str, level: int = logging.INFO, **details: object) -> None:
    """Log an event with its details."""
    log.log(level, name, extra={_DETAILS: details})
