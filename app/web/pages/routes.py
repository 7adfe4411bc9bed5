"""Routes of the visitors' pages: upload, results, comparison and portraits."""

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import NotFound

from app.settings import OFF
from app.web.notice import current_notice
from app.web.pages import comparison, face_details
from app.web.pages.identify import current_samples, identify, read_sample, upload_page
from app.web.portraits import file_version, portrait_response, tile
from app.web.progress_stream import prevent_caching, respond
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import accepts_photos, current_settings, read_photo_pair, read_photos

blueprint = Blueprint("pages", __name__)

blueprint.add_app_template_filter(tile)
blueprint.add_app_template_filter(file_version)

SEND_AGAIN = "This tab no longer has these results. Send the photo again."


@blueprint.get("/")
def upload() -> str:
    """Show the upload page."""
    return upload_page()


@blueprint.get("/privacy")
def privacy() -> str:
    """Show the operator's notice, and what this server does with photos, people and logs under its settings."""
    settings = current_settings()
    return render_template(
        "privacy.html",
        notice=current_notice(),
        keep_crops=settings.keep_crops,
        recovery_days=settings.recovery_days,
        audit_days=settings.audit_days,
        log=settings.log,
        limited=settings.client_rate_limit != OFF or settings.client_work_seconds is not None,
    )


@blueprint.get("/identify")
def results_expired() -> Response:
    """Ask for the photo again after a reload of the results page."""
    return prevent_caching(make_response(upload_page(SEND_AGAIN)))


@blueprint.post("/identify")
@accepts_photos()
def identify_photos() -> Response:
    """Identify the photos of the field `image`, or the sample of the field `sample`."""
    key = request.form.get("sample")
    return respond(identify(current_recognizer(), read_photos("image") if key is None else [read_sample(key)]))


@blueprint.get("/samples/<key>.webp")
def sample_thumbnail(key: str) -> Response:
    """Send the thumbnail of a sample, cacheable if the address has its hash."""
    sample = current_samples().get(key)
    if sample is None:
        raise NotFound
    return portrait_response(sample.thumbnail, request.args.get("v", ""))


@blueprint.post("/details")
def show_details() -> Response:
    """Show the distances of a face, whose embedding the results page sends."""
    return prevent_caching(make_response(face_details.details(current_recognizer())))


@blueprint.get("/compare")
def compare() -> str:
    """Show the form of the comparison page."""
    return comparison.page()


@blueprint.get("/compare/pairs.css")
def pair_styles() -> Response:
    """Send the style sheet that shows the selected pair of faces."""
    return current_app.response_class(comparison.pair_styles(), mimetype="text/css")


@blueprint.post("/compare")
@accepts_photos(2)
def compare_photos() -> Response:
    """Compare the photos of the fields `a` and `b`."""
    return respond(comparison.compare(current_recognizer(), *read_photo_pair("a", "b")))


@blueprint.get("/people/<int:person_id>/portrait.webp")
def portrait(person_id: int) -> Response:
    """Send a person's portrait, cacheable forever if the address has its hash."""
    data = current_gallery().portrait(person_id)
    if data is None:
        raise NotFound
    return portrait_response(data, request.args.get("v", ""))


def form_with_problem(sentence: str, status: int) -> Response:
    """Return the page of the form that was sent, with the problem."""
    compared = request.endpoint == "pages.compare_photos"
    page = comparison.page(sentence) if compared else upload_page(sentence)
    return prevent_caching(make_response(page, status))
