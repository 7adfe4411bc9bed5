"""Uploads: kept in memory, never on disk, and refused politely when they are too large."""

from __future__ import annotations

import io
from contextlib import suppress

from flask import Request, request
from werkzeug.exceptions import RequestTimeout

DRAIN_BYTES = 100_000_000
"""Of a refused upload, this much is still read."""

_CHUNK = 1 << 16


class MemoryRequest(Request):
    """A request whose files stay in memory: Werkzeug would write those over 500 kB to a temporary file."""

    def _get_file_stream(self, total_content_length, content_type, filename=None, content_length=None):
        return io.BytesIO()


def uploaded(field: str) -> bytes | None:
    """The bytes of a form's file field, or None if no file was chosen (browsers then send an empty name)."""
    file = request.files.get(field)
    return file.read() if file is not None and file.filename else None


def drain() -> None:
    """Read and drop what is left of the request's body, up to a limit.

    A server that answers and closes while a browser is still sending makes it report a broken
    connection; the sentence that says "too large" would never be seen.
    """
    stream, left = request.environ["wsgi.input"], min(request.content_length or 0, DRAIN_BYTES)
    with suppress(RequestTimeout):
        while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
            left -= len(chunk)
