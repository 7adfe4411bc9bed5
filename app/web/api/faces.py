"""API routes for single faces: a person's anchors, and rejected faces."""

import numpy as np
from flask import Response

from app import serialization
from app.arrays import FloatArray
from app.errors import NoFaceFound, SeveralFaces
from app.recognition.recognizer import Recognizer
from app.web.api import people, response_schema, schema
from app.web.api.responses import admin_blueprint, json_response, problems
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import Upload, accepts_photos, check_size, read_photos

blueprint = admin_blueprint("api_faces", people.blueprint)


@blueprint.get("/people/<int:person_id>/anchors", responses={200: response_schema.StoredFaces, **problems(404)})
def list_anchors(path: schema.PersonPath) -> Response:
    """List a person's anchors, oldest first."""
    return json_response(serialization.anchors(current_gallery().anchors(path.person_id)))


@blueprint.delete(
    "/people/<int:person_id>/anchors/<int:face_id>",
    description="The anchor can be restored for FACES_RECOVERY_DAYS. `purge` erases it immediately. " + people.ERASING,
    responses={200: response_schema.Person, 202: response_schema.Person, **problems(404)},
)
def remove_anchor(path: schema.AnchorPath, query: schema.RemoveQuery) -> Response:
    """Remove one anchor and return the person without it."""
    person = current_gallery().remove_anchors(path.person_id, [path.face_id], purge=query.purge)
    return json_response(people.person_json(person), people.removal_status(query.purge))


@blueprint.get(
    "/people/<int:person_id>/rejected",
    description="Faces that an administrator marked as not this person.",
    responses={200: response_schema.StoredFaces, **problems(404)},
)
def list_rejected(path: schema.PersonPath) -> Response:
    """List the faces that count against a person when similar faces are identified."""
    return _rejected_faces(path.person_id)


@blueprint.post(
    "/people/<int:person_id>/rejected",
    description="Each photo must have exactly one usable face. All faces are marked, or none.",
    responses={200: response_schema.StoredFaces, **problems(404, 413, 422)},
)
@accepts_photos(json=True)
def reject_faces(path: schema.PersonPath, form: schema.PhotosForm) -> Response:
    """Mark faces as not this person and return all rejected faces of the person."""
    photos = read_photos("image")
    recognizer = current_recognizer()
    embeddings = np.stack([_single_embedding(recognizer, photo) for photo in photos])
    recognizer.gallery.reject_faces(path.person_id, embeddings, [photo.name for photo in photos])
    return _rejected_faces(path.person_id)


@blueprint.delete("/rejected/<int:face_id>", responses={204: None, **problems(404)})
def remove_rejected(path: schema.RejectedFacePath) -> Response:
    """Delete a rejected face, so that it no longer counts against a person."""
    current_gallery().remove_rejected_faces([path.face_id])
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _rejected_faces(person_id: int) -> Response:
    return json_response(serialization.anchors(current_gallery().rejected_faces(person_id)))


def _single_embedding(recognizer: Recognizer, photo: Upload) -> FloatArray:
    """Return the embedding of a photo's only usable face, float32 (dims,)."""
    check_size(photo)
    _, probes = recognizer.extract_probes(photo.data)
    embeddings = [probe.embedding for probe in probes if probe.embedding is not None]
    if len(embeddings) != 1:
        exception = SeveralFaces if embeddings else NoFaceFound
        raise exception(f"The photo {photo.name!r} has {len(embeddings)} usable faces. Send one with exactly one.")
    return embeddings[0]
