"""Uploads: kept in memory, never on disk, and refused politely when they are too large."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass

from flask import Request, current_app, request
from werkzeug.exceptions import RequestTimeout

from app.errors import FileTooLarge, InvalidUpload, TooManyPhotos
from app.settings import Settings

NOTHING_SENT = "No photo was sent. Choose one first."

DRAIN_BYTES = 100_000_000
"""Of a refused upload, this much is still read."""

_CHUNK = 1 << 16

_FORM_BYTES = 100_000
"""What a request may hold besides its pictures and text fields: boundaries and headers."""


class MemoryRequest(Request):
    """A request whose files stay in memory: Werkzeug would write those over 500 kB to a temporary file."""

    def _get_file_stream(self, total_content_length, content_type, filename=None, content_length=None):
        return io.BytesIO()


@dataclass(frozen=True)
class Upload:
    """A file that a visitor sent: what they call it, and its bytes."""

    name: str
    data: bytes


def current_settings() -> Settings:
    """The settings of the app that handles this request."""
    return current_app.extensions["settings"]


def uploads(field: str, most: int | None = None) -> list[Upload]:
    """The files of a form's field, in the order chosen.

    Args:
        field: the field's name.
        most: files it may hold; None stands for what the settings say.

    Raises:
        InvalidUpload: there are none.
        TooManyPhotos: there are more than that.
    """
    most = most or current_settings().max_photos
    allow_files(most)
    files = [file for file in request.files.getlist(field) if file.filename]
    if not files:
        raise InvalidUpload(NOTHING_SENT)
    if len(files) > most:
        raise TooManyPhotos(f"{len(files)} photos came; {most} at a time are the most.")
    return [Upload(file.filename, file.read()) for file in files]


def pair(first: str, second: str) -> tuple[Upload, Upload]:
    """The files of two fields, one each.

    Raises:
        InvalidUpload: one of them is missing.
    """
    allow_files(2)
    files = [request.files.get(field) for field in (first, second)]
    if not all(file and file.filename for file in files):
        raise InvalidUpload("Choose two photos to compare, one on each side.")
    left, right = (Upload(file.filename, file.read()) for file in files)
    return left, right


def allow_files(most: int) -> None:
    """Let the request be as large as so many files; to be called before its body is read."""
    settings = current_settings()
    request.max_form_parts = most + settings.max_fields
    whole = most * settings.max_file_bytes + settings.max_field_bytes + _FORM_BYTES
    request.max_content_length = min(whole, settings.max_request_bytes)


def form_limits() -> str | None:
    """What a form may hold, as a sentence, if that is why the request was found too large; None if its size is."""
    size, most = request.content_length, request.max_content_length
    if size is None or most is None or size > most:
        return None
    fields = current_settings().max_fields
    return (
        f"The form holds too much: {request.max_form_parts - fields} photos, {fields} other fields and "
        f"{request.max_form_memory_size / 1e3:g} kB of text are the most."
    )


def refuse_large(upload: Upload, what: str = "file") -> None:
    """Check the size of one file.

    Args:
        upload: the file.
        what: the file is called in the sentence.

    Raises:
        FileTooLarge: it is larger than the settings allow.
    """
    most = current_settings().max_file_bytes
    if len(upload.data) > most:
        raise FileTooLarge(f"The {what} is too large: {most / 1e6:g} MB are the most that can be sent.")


def drain() -> None:
    """Read and drop what is left of the request's body, up to a limit.

    A server that answers and closes while a browser is still sending makes it report a broken
    connection; the sentence that says "too large" would never be seen.
    """
    stream, left = request.environ["wsgi.input"], min(request.content_length or 0, DRAIN_BYTES)
    with suppress(RequestTimeout):
        while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
            left -= len(chunk)
