"""Photos -> the results page, and what is told on the way there."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from flask import render_template

from app import text
from app.errors import PhotoError
from app.recognition.recognizer import Recognizer
from app.web import wording
from app.web.admin.correction import Corrector
from app.web.pages import results
from app.web.pages.photo_result import Outcome
from app.web.pages.upload import upload_page
from app.web.progress_stream import Page, Work
from app.web.uploads import Upload, check_size

NO_FACE = (
    "No face was found in this photo, although it was also looked at turned by 90°, 180° and 270°. "
    "What helps: a sharp photo in which the face is not covered, looks towards the camera and is not tiny."
)


def work(recognizer: Recognizer, uploads: Sequence[Upload]) -> Work:
    """Name everyone in some photos.

    Args:
        recognizer: whom to ask.
        uploads: at least one file.

    Returns:
        The results page; the upload page with a sentence if a single photo gave nothing.
    """
    outcomes: list[Outcome] = []
    people = {person.name: person for person in recognizer.gallery.people()}
    for number, upload in enumerate(uploads, start=1):
        which = wording.which(number, len(uploads))
        if outcomes:
            yield wording.step(which, "reading the file")
        outcomes.append((yield from _outcome(recognizer, upload, which, len(people))))
    return _page(outcomes, results.Explainer(recognizer.network.card, people, Corrector(recognizer).of))


def _outcome(recognizer: Recognizer, upload: Upload, which: str, people: int) -> Generator[str, None, Outcome]:
    try:
        check_size(upload)
        picture = recognizer.decode(upload.data)
    except PhotoError as error:
        return Outcome(upload.name, None, error.code, str(error))
    yield wording.step(which, "finding faces")
    faces = recognizer.detect(picture)
    yield wording.step(which, f"comparing {text.count(len(faces), 'face')} with {text.count(people, 'person')}")
    found = recognizer.identify_faces(picture, faces)
    if not faces:
        return Outcome(upload.name, found, "no_face_found", NO_FACE)
    return Outcome(upload.name, found)


def _page(outcomes: Sequence[Outcome], explainer: results.Explainer) -> Page:
    codes = [outcome.code for outcome in outcomes]
    # Where some photos gave a result, that is the answer, and what was wrong with the others a part of it.
    status = 200 if None in codes else 413 if "too_large" in codes else 422
    if len(outcomes) == 1 and status != 200:
        return upload_page(outcomes[0].problem), status
    return render_template("results.html", result=results.view(outcomes, explainer)), status
