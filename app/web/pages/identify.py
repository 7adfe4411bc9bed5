"""Upload page, and identification of uploaded photos with progress."""

from collections.abc import Generator, Mapping, Sequence

from flask import render_template, request

from app import text
from app.errors import InvalidUpload, PhotoError
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.web import wording
from app.web.pages.results import PhotoResult, ResultsView
from app.web.progress_stream import Step, Steps
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.samples import THUMBNAIL_SIZE, Sample, find_samples
from app.web.uploads import Upload, check_size, upload_limits

MAX_TILES = 48
"""Largest number of people on the upload page."""

NO_FACE = "We couldn't find a face. Try a sharper, front-on photo."


def current_samples() -> Mapping[str, Sample]:
    """Return the samples of the app that handles this request, by key."""
    return find_samples(current_recognizer())


def read_sample(key: str) -> Upload:
    """Return a sample as if it had been uploaded, or raise InvalidUpload."""
    sample = current_samples().get(key)
    if sample is None:
        raise InvalidUpload("This sample is no longer available. Choose another one, or a photo of your own.")
    return Upload(f"{sample.title}.jpg", sample.photo)


def search_query() -> str:
    """Return the text of the search field, cut to the length that the field accepts."""
    return request.args.get("q", "")[: names.MAX_LENGTH].strip()


def upload_page(problem: str | None = None) -> str:
    """Return the upload page as HTML, with a sentence that says why the last upload failed."""
    query = search_query()
    found = current_gallery().search(query)
    return render_template(
        "upload.html",
        problem=problem,
        query=query,
        total=len(current_gallery().people()),
        found=len(found.people),
        people=found.people[:MAX_TILES] or found.close,
        close=found.close,
        limits=upload_limits(),
        samples=current_samples(),
        thumbnail_size=THUMBNAIL_SIZE,
    )


def identify(recognizer: Recognizer, uploads: Sequence[Upload]) -> Steps:
    """Identify everyone in at least one photo.

    Returns:
        The results page. A single photo without a face, or that cannot be read, gives the upload page with a sentence.
    """
    results = []
    for number, upload in enumerate(uploads, start=1):
        prefix = wording.photo_prefix(number, len(uploads))
        if number > 1:
            yield Step(wording.step(prefix, "reading the file"), number)
        results.append((yield from _identify_photo(recognizer, upload, number, prefix)))
    codes = [result.code for result in results]
    # One usable photo makes the request a success. The page shows the problems of the others.
    status = 200 if "" in codes else 413 if "too_large" in codes else 422
    if len(results) == 1 and status != 200:
        return upload_page(results[0].problem), status
    return render_template("results.html", result=ResultsView(recognizer, results)), status


def _identify_photo(
    recognizer: Recognizer, upload: Upload, number: int, prefix: str
) -> Generator[Step, None, PhotoResult]:
    try:
        check_size(upload)
        picture = recognizer.decode(upload.data)
    except PhotoError as error:
        return PhotoResult(upload.name, None, error.code, str(error))
    yield Step(wording.step(prefix, "finding faces"), number)
    faces = recognizer.detect(picture)
    people = text.count(len(recognizer.gallery.people()), "person")
    yield Step(wording.step(prefix, f"comparing {text.count(len(faces), 'face')} with {people}"), number)
    identification = recognizer.identify_faces(picture, faces)
    if not faces:
        return PhotoResult(upload.name, identification, "no_face_found", NO_FACE)
    return PhotoResult(upload.name, identification)
