"""API routes that identify and compare photos."""

from typing import Any

from flask import Response

from app import serialization
from app.errors import PhotoError
from app.recognition.decision import requested_fpir
from app.web.api import response_schema, schema
from app.web.api.responses import api_blueprint, json_response, problems
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import Upload, accepts_photos, check_size, current_settings, read_photo_pair, read_photos

blueprint = api_blueprint("api", "/api/v1", "Photos")


@blueprint.post(
    "/identify",
    description="One photo returns its object, or a problem if the server cannot read it. Several photos return "
    "`photos`: their objects in the order sent, each with `error` or null. A photo without a face is no error: `faces` "
    "is empty.",
    responses={200: response_schema.Identification, **problems(413, 422)},
)
@accepts_photos(json=True)
def identify(query: schema.IdentifyQuery, form: schema.PhotosForm) -> Response:
    """Identify the faces of the photos in the field `image`."""
    photos = read_photos("image")
    recognizer = current_recognizer()
    fpir = requested_fpir(current_settings().fpir, query.fpir)

    def result(photo: Upload) -> dict[str, Any]:
        check_size(photo)
        identification = recognizer.identify(photo.data, fpir)
        return serialization.identification(photo.name, identification, None if query.all else query.top)

    def result_or_error(photo: Upload) -> dict[str, Any]:
        try:
            return result(photo)
        except PhotoError as error:
            return serialization.identification_error(photo.name, error.code, str(error))

    if len(photos) == 1:
        return json_response(result(photos[0]))
    return json_response(serialization.identifications([result_or_error(photo) for photo in photos]))


@blueprint.post(
    "/compare",
    description="Returns the most similar pair of faces. Faces of low quality are not compared. The threshold falls "
    "with the number of pairs, because each pair can be wrong. Choose faces with `face_a` and `face_b` if you can.",
    responses={200: response_schema.Comparison, **problems(413, 422)},
)
@accepts_photos(2, json=True)
def compare(query: schema.CompareQuery, form: schema.CompareForm) -> Response:
    """Compare the faces of the photos in the fields `a` and `b`."""
    first, second = read_photo_pair("a", "b")
    check_size(first, "first photo")
    check_size(second, "second photo")
    compared = current_recognizer().compare(first.data, second.data, query.face_a, query.face_b)
    return json_response(serialization.comparison(compared))
