"""Uploaded photos: kept in memory, counted, and limited in size."""

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from flask import Request, current_app, request
from werkzeug.exceptions import BadRequest, RequestTimeout

from app.errors import FileTooLarge, InvalidUpload, TooManyPhotos, UploadTooLarge
from app.settings import Settings
from app.vision import decoding

NO_PHOTO = "No photo was sent. Choose one first."

DRAIN_BYTES = 100_000_000
"""Most bytes of a rejected upload that `drain` reads."""

_OVERHEAD_BYTES = 100_000  # boundaries and headers of a multipart form


class MemoryRequest(Request):
    """A request that keeps uploads in memory: Werkzeug writes files over 500 kB to disk."""

    def _get_file_stream(self, *_args: object, **_kwargs: object) -> IO[bytes]:
        return io.BytesIO()


@dataclass(frozen=True)
class Upload:
    """An uploaded file: the sender's name for it, and its bytes."""

    name: str
    data: bytes


def current_settings() -> Settings:
    """Return the settings of the app that handles this request."""
    return cast(Settings, current_app.extensions["settings"])


def read_photos(field: str, limit: int | None = None) -> list[Upload]:
    """Read the files of a form field, in the order sent: at least one, at most `limit` or `Settings.max_photos`."""
    limit = limit or current_settings().max_photos
    allow_photos(limit)
    photos = _read_files(field)
    if not photos:
        raise InvalidUpload(NO_PHOTO)
    if len(photos) > limit:
        raise TooManyPhotos(f"You sent {len(photos)} photos. The limit is {limit}.")
    return photos


def read_photo_pair(first: str, second: str) -> tuple[Upload, Upload]:
    """Read one file from each of two form fields."""
    allow_photos(2)
    left, right = _read_files(first), _read_files(second)
    if not left or not right:
        raise InvalidUpload("Choose two photos to compare, one on each side.")
    return left[0], right[0]


def allow_photos(count: int) -> None:
    """Set the limits of this request's body to a number of photos; call it before anything reads the body."""
    settings = current_settings()
    request.max_form_parts = count + settings.max_fields
    size = count * settings.max_file_bytes + settings.max_field_bytes + _OVERHEAD_BYTES
    request.max_content_length = min(size, settings.max_request_bytes)


def check_size(upload: Upload, noun: str = "file") -> None:
    """Raise FileTooLarge if a file has more bytes than `Settings.max_file_bytes`; the message calls it `noun`."""
    limit = current_settings().max_file_bytes
    if len(upload.data) > limit:
        raise FileTooLarge(f"The {noun} is larger than {_megabytes(limit)}. Send a smaller copy.")


def upload_too_large() -> UploadTooLarge:
    """Return the error for a request that Werkzeug rejected with status 413."""
    settings, size, limit = current_settings(), request.content_length, request.max_content_length or 0
    if size is not None and size <= limit:
        photos = (request.max_form_parts or 0) - settings.max_fields
        text = f"{(request.max_form_memory_size or 0) / 1e3:g} kB"
        return UploadTooLarge(
            f"The form is too large. The limits are {photos} photos, {settings.max_fields} other fields and {text} "
            "of text."
        )
    message = f"The request is too large. The limit is {_megabytes(settings.max_file_bytes)} per photo"
    if limit > settings.max_file_bytes:
        message += f" and {_megabytes(limit)} in total"
    return UploadTooLarge(f"{message}. Send fewer or smaller photos.")


def drain() -> None:
    """Read and drop the rest of the request's body, up to `DRAIN_BYTES`.

    A browser that is still sending when the server closes the connection reports a broken connection
    instead of the server's answer.
    """
    stream, left = request.environ["wsgi.input"], min(request.content_length or 0, DRAIN_BYTES)
    with suppress(RequestTimeout, BadRequest):
        while left > 0 and (chunk := stream.read(min(left, 65_536))):
            left -= len(chunk)


def upload_limits() -> dict[str, object]:
    """Return the limits of a form for photos, for its texts and for static/photo_files.js."""
    settings = current_settings()
    return {
        "formats": decoding.FORMAT_NAMES,
        "accept": ",".join(["image/*", *sorted(decoding.SUFFIXES)]),
        "suffixes": " ".join(sorted(decoding.SUFFIXES)),
        "max_bytes": settings.max_file_bytes,
        "max_request_bytes": settings.max_request_bytes,
        "max_photos": settings.max_photos,
        "max_pixels": settings.max_pixels,
    }


def _read_files(field: str) -> list[Upload]:
    return [Upload(file.filename, file.read()) for file in request.files.getlist(field) if file.filename]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB"
