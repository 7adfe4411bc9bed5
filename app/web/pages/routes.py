"""The pages' routes: upload, results, comparison, portraits."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, request
from werkzeug.exceptions import NotFound

from app.web import progress_stream
from app.web.pages import comparison, identify
from app.web.pages.upload import upload_page
from app.web.portraits import portrait_response
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import read_photo_pair, read_photos

blueprint = Blueprint("pages", __name__)

SEND_AGAIN = "Results are not kept, so there is nothing to show again. Please send the photo once more."


@blueprint.get("/")
def upload() -> str:
    """The upload page, with people who can be recognized."""
    return upload_page()


@blueprint.get("/identify")
def identify_again() -> Response:
    """Whoever reloads a results page, or opens its address, is asked to send the photo again."""
    return progress_stream.unkept(make_response(upload_page(SEND_AGAIN)))


@blueprint.post("/identify")
def identify_photos() -> Response:
    """The results page for the photos sent as `image`, or the upload page saying what is wrong."""
    recognizer = current_recognizer()
    return progress_stream.answer(identify.work(recognizer, read_photos("image")))


@blueprint.get("/compare")
def compare() -> str:
    """The page that compares two photos."""
    return comparison.page()


@blueprint.post("/compare")
def compare_photos() -> Response:
    """The same page with the score of the photos sent as `a` and `b`, or a sentence saying what is wrong."""
    recognizer = current_recognizer()
    return progress_stream.answer(comparison.work(recognizer, *read_photo_pair("a", "b")))


@blueprint.get("/people/<int:person_id>/portrait.webp")
def portrait(person_id: int) -> Response:
    """A person's portrait; with the hash of its content in the address it never changes."""
    data = current_recognizer().gallery.portrait(person_id)
    if data is None:
        raise NotFound
    return portrait_response(data, request.args.get("v", ""))


def refused(sentence: str, status: int) -> Response:
    """The page that the form was on, with one sentence that says what is wrong."""
    compared = request.endpoint == "pages.compare_photos"
    page = comparison.page(sentence) if compared else upload_page(sentence)
    return progress_stream.unkept(make_response(page, status))
