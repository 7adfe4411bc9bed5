"""Uploaded photos: kept in memory, counted, and limited in size."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeVar, cast

from flask import Flask, Request, current_app, request

from app.errors import FileTooLarge, InvalidUpload, TooManyPhotos, UploadTooLarge
from app.settings import Settings
from app.vision import decoding
from app.web.request_parsing import FormParser

View = TypeVar("View", bound=Callable[..., Any])

NO_PHOTO = "No photo was sent. Choose one first."

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_MARK = "accepted_photos"
_OVERHEAD_BYTES = 100_000  # boundaries and headers of a multipart form


class MemoryRequest(Request):
    """A request that keeps uploads in memory: Werkzeug writes files over 500 kB to disk."""

    form_data_parser_class = FormParser

    def _get_file_stream(self, *_args: object, **_kwargs: object) -> IO[bytes]:
        return io.BytesIO()


@dataclass(frozen=True)
class Upload:
    """An uploaded file: the sender's name for it, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True)
class BodyLimits:
    """Limits of a request's body: photos, other form fields, bytes of all text fields, and bytes in total."""

    photos: int
    fields: int
    text: int
    total: int


def current_settings() -> Settings:
    """Return the settings of the app that handles this request."""
    return cast(Settings, current_app.extensions["settings"])


def accepts_photos(count: int | None = None, fields_per_photo: int = 0, json: bool = False) -> Callable[[View], View]:
    """Mark a view whose form has at most `count` photos, by default `Settings.max_photos`.

    Args:
        count: number of photos.
        fields_per_photo: form fields that send back a photo of an earlier form instead of a file.
        json: whether the view accepts a JSON body with the photos as base64 too.
    """

    def mark(view: View) -> View:
        vars(view)[_MARK] = count, fields_per_photo, json
        return view

    return mark


def body_limits(app: Flask, endpoint: str | None, method: str, media_type: str) -> BodyLimits:
    """Return the limits of a body, which follow from the view and from the media type without parameters.

    Only multipart forms and some JSON bodies have photos. Other bodies are parsed as a whole, in up to forty times
    their size of memory, so the largest is a form with one face crop in a text field.
    """
    settings = cast(Settings, app.extensions["settings"])
    if endpoint is None or method in _BODILESS:
        return BodyLimits(0, 0, 0, 0)
    photos, fields_per_photo, json = vars(app.view_functions[endpoint]).get(_MARK, (0, 0, False))
    photos = settings.max_photos if photos is None else photos
    text = settings.max_request_bytes if fields_per_photo else settings.max_field_bytes
    total = min(photos * settings.max_file_bytes + text + _OVERHEAD_BYTES, settings.max_request_bytes)
    if media_type != "multipart/form-data" and not (json and media_type == "application/json"):
        total = min(total, 2 * settings.max_field_bytes)
    return BodyLimits(photos, settings.max_fields + photos * fields_per_photo, text, total)


def install(app: Flask) -> None:
    """Limit the body of every request before anything reads it."""

    def limit_body() -> None:
        limits = current_limits()
        request.max_form_parts = limits.photos + limits.fields
        request.max_form_memory_size = limits.text
        request.max_content_length = limits.total

    app.before_request(limit_body)


def current_limits() -> BodyLimits:
    """Return the limits of the current request's body."""
    return body_limits(current_app, request.endpoint, request.method, request.mimetype)


def read_photos(field: str) -> list[Upload]:
    """Read the files of a form field, in the order sent: at least one, at most as many as the view accepts."""
    photos, limit = _read_files(field), current_limits().photos
    if not photos:
        raise InvalidUpload(NO_PHOTO)
    if len(photos) > limit:
        raise TooManyPhotos(f"You sent {len(photos)} photos. The limit is {limit}.")
    return photos


def read_photo_pair(first: str, second: str) -> tuple[Upload, Upload]:
    """Read one file from each of two form fields."""
    left, right = _read_files(first), _read_files(second)
    if not left or not right:
        raise InvalidUpload("Choose two photos to compare, one on each side.")
    return left[0], right[0]


def check_size(upload: Upload, noun: str = "file") -> None:
    """Raise FileTooLarge if a file has more bytes than `Settings.max_file_bytes`; the message calls it `noun`."""
    limit = current_settings().max_file_bytes
    if len(upload.data) > limit:
        raise FileTooLarge(f"The {noun} is larger than {_megabytes(limit)}. Send a smaller copy.")


def upload_too_large() -> UploadTooLarge:
    """Return the error for a request that Werkzeug rejected with status 413."""
    settings, limits, size = current_settings(), current_limits(), request.content_length
    if not limits.photos or request.mimetype not in ("multipart/form-data", "application/json"):
        return UploadTooLarge(f"The form is too large. The limit is {limits.total / 1e3:g} kB.")
    if size is not None and size <= limits.total:
        return UploadTooLarge(
            f"The form is too large. The limits are {limits.photos} photos, {limits.fields} other fields and "
            f"{limits.text / 1e3:g} kB of text."
        )
    message = f"The request is too large. The limit is {_megabytes(settings.max_file_bytes)} per photo"
    if limits.total > settings.max_file_bytes:
        message += f" and {_megabytes(limits.total)} in total"
    return UploadTooLarge(f"{message}. Send fewer or smaller photos.")


def upload_limits() -> dict[str, object]:
    """Return the limits of a form for photos, for its texts and for static/photo_files.js."""
    settings = current_settings()
    return {
        "formats": decoding.FORMAT_NAMES,
        "accept": ",".join(["image/*", *sorted(decoding.SUFFIXES)]),
        "suffixes": sorted(decoding.SUFFIXES),
        "max_bytes": settings.max_file_bytes,
        "max_request_bytes": settings.max_request_bytes,
        "max_photos": settings.max_photos,
        "max_pixels": settings.max_pixels,
    }


def _read_files(field: str) -> list[Upload]:
    return [Upload(file.filename, file.read()) for file in request.files.getlist(field) if file.filename]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB"
