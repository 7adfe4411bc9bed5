"""Search of the library by example: faces like the one in an uploaded photo, or like one of the library."""

import numpy as np
from flask import redirect, render_template, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirect

from app.arrays import FloatArray
from app.library import browsing
from app.library.search import FaceIndex
from app.recognition import comparison
from app.recognition.recognizer import Recognizer
from app.web import inline_images
from app.web.admin.blueprint import form_id
from app.web.library.blueprint import blueprint, current_library
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import accepts_photos, check_size, read_photos

MAX_FOUND = 200
"""Faces on the page, the most similar."""


@blueprint.get("/search")
def search_ended() -> Redirect:
    """Show all photos after a reload of the page with the results."""
    return redirect(url_for("library.photos"), 303)


@blueprint.post("/search")
@accepts_photos(1)
def search() -> str:
    """Show the faces that are similar to `face`, or to the largest face in the photo of the field `image`."""
    recognizer = current_recognizer()
    face_id = form_id("face")
    if face_id:
        embedding, crop = _stored_embedding(face_id), None
    else:
        embedding, crop = _uploaded_face(recognizer)
    found = _find_similar(recognizer, embedding, face_id)
    details = {"face": face_id} if face_id else {"uploaded": True}
    recognizer.gallery.audit.record("searched_photo", details=details | {"found": len(found)})
    with current_library().reading() as connection:
        shown = browsing.describe_similar(connection, found[:MAX_FOUND])
        queried = browsing.describe_similar(connection, [(face_id, 0.0)] if face_id else [])
    return render_template(
        "library/search.html", faces=shown, total=len(found), crop=crop, queried=queried[0].face if queried else None
    )


def _stored_embedding(face_id: int) -> FloatArray:
    with current_library().reading() as connection:
        row = connection.execute("SELECT embedding FROM vector WHERE face_id = ?", (face_id,)).fetchone()
    if row is None:
        raise NotFound
    stored: FloatArray = np.frombuffer(row[0], np.float16).astype(np.float32)
    return stored


def _uploaded_face(recognizer: Recognizer) -> tuple[FloatArray, str]:
    """Return the embedding and the picture of the largest face of the photo."""
    upload = read_photos("image")[0]
    check_size(upload)
    picture, probes = recognizer.extract_probes(upload.data)
    probe = comparison.choose_faces(picture, probes, "uploaded").largest.probe
    assert probe.embedding is not None
    return probe.embedding, inline_images.face(picture, probe)


def _find_similar(recognizer: Recognizer, embedding: FloatArray, face_id: int) -> list[tuple[int, float]]:
    """Return ID and score of similar faces, the most similar first, without the face itself."""
    rules, library = recognizer.network.card.rules, current_library()
    with library.reading() as connection:
        faces = browsing.count_totals(connection).faces
    limit = rules.pairs.same_threshold(faces)
    found = [
        each
        for block in FaceIndex.read_blocks(library)
        for each in block.similar(embedding, rules.head, limit)
        if each[0] != face_id
    ]
    return sorted(found, key=lambda each: each[1])
