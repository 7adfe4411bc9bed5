"""The API's routes. What they answer is `serialize`'s, the same as the command line's `--json`."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from werkzeug.datastructures import FileStorage

from app import serialize
from app.api.answers import Refused, answer, install
from app.images import UnreadableImage
from app.loading import current_recognizer
from app.recognizer import Recognizer
from app.settings import Settings

_FORM_BYTES = 100_000
"""What a request may hold besides its pictures: boundaries and headers."""

blueprint = Blueprint("api", __name__)
install(blueprint)


@blueprint.post("/identify")
def identify() -> Response:
    """Name every face of the pictures in the field `image`; `?all=1` ranks everyone instead of the best ten.

    One picture is answered with its object, or with a problem if it cannot be read; several with
    `{"images": [...]}`, their objects in the order sent, each with its own `error` or null.
    """
    settings = _settings()
    uploads = _uploads("image", settings.max_images)
    recognizer = current_recognizer()
    everyone = request.args.get("all", "").lower() in ("1", "true")
    if len(uploads) == 1:
        return answer(_identified(recognizer, uploads[0], everyone))
    return answer(serialize.images([_row(recognizer, upload, everyone) for upload in uploads]))


@blueprint.post("/compare")
def compare() -> Response:
    """Compare the best-matching pair of faces of the pictures in the fields `a` and `b`."""
    _allow_files(2)
    first, second = (_bytes(_upload(field)) for field in ("a", "b"))
    return answer(serialize.comparison(current_recognizer().compare(first, second)))


@blueprint.get("/people")
def people() -> Response:
    """Everyone in the gallery, with their number of anchors."""
    gallery = current_recognizer().gallery
    return answer(serialize.people([(person.name, person.anchors) for person in gallery.people()]))


def _settings() -> Settings:
    return current_app.extensions["settings"]


def _allow_files(most: int) -> None:
    """Let the request be as large as so many files; it is held in memory, so all together have a limit too."""
    settings = _settings()
    request.max_content_length = min(most * settings.max_bytes + _FORM_BYTES, settings.max_request_bytes)


def _uploads(field: str, most: int) -> list[FileStorage]:
    """The files of a field.

    Raises:
        Refused: there are none, or too many.
    """
    _allow_files(most)
    uploads = [upload for upload in request.files.getlist(field) if upload.filename]
    if not uploads:
        raise _no_image(field)
    if len(uploads) > most:
        raise Refused(400, "too_many_images", f"{len(uploads)} pictures came; {most} are the most in one request.")
    return uploads


def _upload(field: str) -> FileStorage:
    """The one file of a field.

    Raises:
        Refused: there is none.
    """
    upload = request.files.get(field)
    if upload is None or not upload.filename:
        raise _no_image(field)
    return upload


def _no_image(field: str) -> Refused:
    if field in request.form:
        detail = f"The field {field} holds text instead of a file. With curl, write -F {field}=@photo.jpg."
    else:
        detail = f"No picture came. Send multipart/form-data with a file in the field {field}."
    return Refused(400, "no_image", detail)


def _bytes(upload: FileStorage) -> bytes:
    """The bytes of a file.

    Raises:
        Refused: it is larger than the settings allow.
    """
    most = _settings().max_bytes
    data = upload.read(most + 1)
    if len(data) > most:
        raise Refused(413, "too_large", f"The file is too large: {most / 1e6:g} MB are the most that is read.")
    return data


def _identified(recognizer: Recognizer, upload: FileStorage, everyone: bool) -> dict:
    return serialize.identification(upload.filename, recognizer.identify(_bytes(upload)), everyone)


def _row(recognizer: Recognizer, upload: FileStorage, everyone: bool) -> dict:
    """A picture's object among several: what went wrong is its own `error`, not the request's."""
    try:
        return _identified(recognizer, upload, everyone)
    except (Refused, UnreadableImage) as error:
        return serialize.failure(upload.filename, error.code, str(error))
