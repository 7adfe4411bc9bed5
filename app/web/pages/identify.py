"""Identification of uploaded photos, with progress, as a results page."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from flask import render_template

from app import text
from app.errors import PhotoError
from app.recognition.recognizer import Recognizer
from app.web import wording
from app.web.admin.correction import find_corrections
from app.web.pages import results
from app.web.pages.photo_result import PhotoResult
from app.web.pages.upload import upload_page
from app.web.portraits import person_heading
from app.web.progress_stream import Page, Steps
from app.web.uploads import Upload, check_size

NO_FACE = "We couldn't find a face. Try a sharper, front-on photo."


def identify(recognizer: Recognizer, uploads: Sequence[Upload]) -> Steps:
    """Identify everyone in at least one photo.

    Returns:
        The results page. A single photo without a face, or that cannot be read, gives the upload page with a sentence.
    """
    gallery, found = recognizer.gallery, []
    people = {person.name: person for person in gallery.people()}
    for number, upload in enumerate(uploads, start=1):
        prefix = wording.photo_prefix(number, len(uploads))
        if number > 1:
            yield wording.step(prefix, "reading the file")
        found.append((yield from _identify_photo(recognizer, upload, prefix, len(people))))
    context = results.Context(
        rules=recognizer.rules(gallery.snapshot()),
        reliability=recognizer.network.card.raw.get("metrics", {}).get("reliability", ()),
        people=people,
        person_heading=person_heading(gallery),
        correct=lambda file, faces: find_corrections(recognizer, file, faces),
    )
    return _page(found, context)


def _identify_photo(
    recognizer: Recognizer, upload: Upload, prefix: str, people: int
) -> Generator[str, None, PhotoResult]:
    try:
        check_size(upload)
        picture = recognizer.decode(upload.data)
    except PhotoError as error:
        return PhotoResult(upload.name, None, error.code, str(error))
    yield wording.step(prefix, "finding faces")
    faces = recognizer.detect(picture)
    yield wording.step(prefix, f"comparing {text.count(len(faces), 'face')} with {text.count(people, 'person')}")
    identification = recognizer.identify_faces(picture, faces)
    if not faces:
        return PhotoResult(upload.name, identification, "no_face_found", NO_FACE)
    return PhotoResult(upload.name, identification)


def _page(found: Sequence[PhotoResult], context: results.Context) -> Page:
    codes = [result.code for result in found]
    # One usable photo makes the request a success. The page shows the problems of the others.
    status = 200 if "" in codes else 413 if "too_large" in codes else 422
    if len(found) == 1 and status != 200:
        return upload_page(found[0].problem), status
    return render_template("results.html", result=results.view(found, context)), status
