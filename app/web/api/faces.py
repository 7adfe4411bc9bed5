"""The API's routes for single faces: anchors, and those that were marked as not a person."""

from __future__ import annotations

import numpy as np
from flask import Response

from app import serialization
from app.recognition.recognizer import Recognizer
from app.web.api import admin_schema as models
from app.web.api import people, schema
from app.web.api.authorization import managing_blueprint
from app.web.api.request_files import chosen, content
from app.web.api.responses import Refused, answer, problems
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import allow_files, current_settings

blueprint = managing_blueprint("api_faces")


@blueprint.get(
    "/people/<int:person_id>/anchors",
    summary="List a person's anchors.",
    responses={200: models.KeptFaces} | problems(404),
)
def list_anchors(path: schema.PersonPath) -> Response:
    """A person's anchors, the oldest first."""
    return answer(serialization.kept_faces(current_recognizer().gallery.anchors(path.person_id)))


@blueprint.delete(
    "/people/<int:person_id>/anchors/<int:face_id>",
    summary="Remove an anchor.",
    responses={200: schema.Person} | problems(404),
)
def remove_anchor(path: models.FacePath, query: models.RemoveQuery) -> Response:
    """Remove one anchor of a person; the answer is the person as they are then."""
    gallery = current_recognizer().gallery
    return answer(people.row(gallery.remove_anchors(path.person_id, [path.face_id], for_good=query.now)))


@blueprint.get(
    "/people/<int:person_id>/rejected",
    summary="List the faces that were marked as not a person.",
    responses={200: models.KeptFaces} | problems(404),
)
def list_rejected(path: schema.PersonPath) -> Response:
    """Faces that weigh against a person for faces like them."""
    return answer(serialization.kept_faces(current_recognizer().gallery.rejected(path.person_id)))


@blueprint.post(
    "/people/<int:person_id>/rejected",
    summary="Mark faces as not a person.",
    description="Each picture has to show exactly one face that can be compared. All are marked, or none.",
    responses={200: models.KeptFaces} | problems(404, 413, 422),
)
def reject_faces(path: schema.PersonPath, form: models.Photos) -> Response:
    """Let faces weigh against a person for faces like them; the answer lists all that do."""
    allow_files(current_settings().max_photos)
    recognizer = current_recognizer()
    files = chosen(form.image, current_settings().max_photos)
    embeddings = np.stack([_lone_face(recognizer, content(file), file.filename) for file in files])
    recognizer.gallery.reject(path.person_id, embeddings, [file.filename for file in files])
    return answer(serialization.kept_faces(recognizer.gallery.rejected(path.person_id)))


@blueprint.delete(
    "/rejected/<int:face_id>",
    summary="Take a rejected face back.",
    responses={204: None} | problems(404),
)
def take_rejected_back(path: models.RejectedPath) -> Response:
    """Let a face weigh against nobody any more."""
    current_recognizer().gallery.take_back([path.face_id])
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _lone_face(recognizer: Recognizer, data: bytes, file: str) -> np.ndarray:
    """The embedding of a picture's only face: float32 (dims,).

    Raises:
        Refused: it has none that can be compared, or several.
    """
    usable = [probe for probe in recognizer.probes(data)[1] if probe.embedding is not None]
    if len(usable) != 1:
        detail = f"In {file!r} {len(usable)} faces can be compared; it has to be exactly one."
        raise Refused(422, "no_face_found" if not usable else "several_faces", detail)
    return usable[0].embedding
