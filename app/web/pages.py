"""The pages' routes: upload, results, portraits."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound

from app import images
from app.loading import current_recognizer
from app.web import results
from app.web.people import portrait_response, search, tile
from app.web.uploads import uploaded

blueprint = Blueprint("web", __name__)

NOTHING_SENT = "No photo was sent. Choose one first."
NO_FACE = "No face was found in this photo. A sharp, upright face that is not too small helps."


@blueprint.get("/")
def upload() -> str:
    """The upload page, with everyone who can be recognised."""
    return upload_page()


@blueprint.get("/identify")
def identify_address() -> Response:
    """Whoever opens the address of a results page starts afresh: nothing was kept to show again."""
    return redirect(url_for("web.upload"), 303)


@blueprint.post("/identify")
def identify() -> Response:
    """The results page for the photo sent as `image`, or the upload page saying what is wrong."""
    recognizer = current_recognizer()
    data = uploaded("image")
    if data is None:
        return refused(NOTHING_SENT, 400)
    try:
        found = recognizer.identify(data)
    except images.UnreadableImage as error:
        return refused(str(error), 422)
    if not found.faces:
        return refused(NO_FACE, 422)
    tiles = {person.name: tile(person) for person in recognizer.gallery.people()}
    return _unkept(make_response(render_template("results.html", result=results.view(found, tiles))))


@blueprint.get("/people/<int:person_id>/portrait.webp")
def portrait(person_id: int) -> Response:
    """A person's portrait; with the hash of its content in the address it never changes."""
    data = current_recognizer().gallery.portrait(person_id)
    if data is None:
        raise NotFound
    return portrait_response(data, request.args.get("v", ""))


def refused(sentence: str, status: int) -> Response:
    """The upload page again, with one sentence that says what is wrong."""
    return _unkept(make_response(upload_page(sentence), status))


def upload_page(problem: str | None = None) -> str:
    """The upload page as HTML.

    Arguments:
        problem: a sentence that says why the last upload gave no result, or None.
    """
    people = current_recognizer().gallery.people()
    query = request.args.get("q", "").strip()
    return render_template(
        "upload.html",
        problem=problem,
        query=query,
        total=len(people),
        tiles=[tile(person) for person in search(people, query)],
        formats=images.FORMAT_NAMES,
        accept=",".join(["image/*", *sorted(images.SUFFIXES)]),
        max_bytes=current_app.config["MAX_CONTENT_LENGTH"],
    )


def _unkept(response: Response) -> Response:
    response.cache_control.no_store = True
    return response
