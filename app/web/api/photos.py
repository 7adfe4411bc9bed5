"""The API's routes for pictures. What they answer is `serialize`'s, the same as the command line's `--json`."""

from __future__ import annotations

from flask import Response, request
from werkzeug.datastructures import FileStorage

from app import serialization
from app.errors import UnreadableImage
from app.recognition.decision import requested_fpir
from app.recognition.recognizer import Recognizer
from app.web.api import schema
from app.web.api.request_files import chosen, content, one
from app.web.api.responses import Refused, answer, blueprint_of, problems
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import allow_files, current_settings

blueprint = blueprint_of("api", "/api/v1", "Pictures")


@blueprint.before_request
def limit() -> None:
    """Let a request be as large as the pictures it may hold; they lie in memory, so all together have a limit too."""
    allow_files(current_settings().max_photos if request.endpoint == "api.identify" else 2)


@blueprint.post(
    "/identify",
    summary="Name every face of one picture or several.",
    description="One picture is answered with its object, or with a problem if it cannot be read; several with "
    "`images`, their objects in the order sent, each with its own `error` or null. A picture without a face is no "
    "error: `faces` is empty.",
    responses={200: schema.Identified} | problems(413, 422),
)
def identify(query: schema.IdentifyQuery, form: schema.IdentifyForm) -> Response:
    """Name every face of the pictures in the field `image`."""
    uploads = chosen(form.image, current_settings().max_photos)
    recognizer = current_recognizer()
    top, fpir = None if query.all else query.top, _fpir(query.fpir)
    if len(uploads) == 1:
        return answer(_identified(recognizer, uploads[0], top, fpir))
    return answer(serialization.images([_row(recognizer, upload, top, fpir) for upload in uploads]))


@blueprint.post(
    "/compare",
    summary="Compare the faces of two pictures.",
    description="The answer is the most alike pair of faces. Faces of low quality are not compared. The threshold "
    "falls with the number of pairs, since each pair may err: choose faces with `face_a` and `face_b` where you can.",
    responses={200: schema.Compared} | problems(413, 422),
)
def compare(query: schema.CompareQuery, form: schema.CompareForm) -> Response:
    """Compare the faces of the pictures in the fields `a` and `b`."""
    first, second = (content(one(field, getattr(form, field))) for field in ("a", "b"))
    return answer(serialization.comparison(current_recognizer().compare(first, second, query.face_a, query.face_b)))


def _fpir(request: float | None) -> float:
    """Return the FPIR of a request.

    Raises:
        Refused: it is looser than the server's, or has no thresholds.
    """
    try:
        return requested_fpir(current_settings().fpir, request)
    except ValueError as error:
        raise Refused(400, "bad_parameter", str(error)) from error


def _identified(recognizer: Recognizer, upload: FileStorage, top: int | None, fpir: float) -> dict:
    return serialization.identification(upload.filename, recognizer.identify(content(upload), fpir), top)


def _row(recognizer: Recognizer, upload: FileStorage, top: int | None, fpir: float) -> dict:
    """Return a picture's object among several: an error is the picture's own, not the request's."""
    try:
        return _identified(recognizer, upload, top, fpir)
    except (Refused, UnreadableImage) as error:
        return serialization.failure(upload.filename, error.code, str(error))
