"""Photos in JSON bodies as base64, for clients that cannot send multipart forms."""

import binascii
import io
from base64 import b64decode

from flask import current_app, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import FileStorage, ImmutableMultiDict

from app.errors import InvalidParameter
from app.web.api import schema
from app.web.uploads import current_settings


def read_json_photos(form: type[BaseModel]) -> None:
    """Read the JSON body that replaces `form`, so that its photos become the files of this request."""
    try:
        body = schema.JSON_BODIES[form].model_validate(request.get_json(silent=True, cache=False))
    except ValidationError as error:
        current_app.validation_error_callback(error)  # type: ignore[attr-defined]
        raise
    files = []
    for field, photos in body:
        for number, photo in enumerate(photos if isinstance(photos, list) else [photos], start=1):
            name = photo.name or f"photo-{number if isinstance(photos, list) else field}"
            files.append((field, FileStorage(io.BytesIO(_decode(photo.data, f"{field}, photo {number}")), name, field)))
    request.files, request.form = ImmutableMultiDict(files), ImmutableMultiDict()


def _decode(text: str, place: str) -> bytes:
    """Decode base64, but no more of a file over the limit than shows that it is over it."""
    try:
        return b64decode(text[: 4 * (current_settings().max_file_bytes // 3 + 1)], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter(f"The data of {place} is not base64. Use RFC 4648, without line breaks.") from error
