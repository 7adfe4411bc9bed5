"""Faces of photos for the opt-out list."""

from collections.abc import Iterable

import numpy as np

from app.arrays import FloatArray
from app.enrollment.enroll import PhotoFile
from app.enrollment.photo_review import OutcomeCode, PhotoOutcome, choose_face, examine_photo
from app.errors import FacesError, LowQuality, NoFaceFound, PhotoError, SeveralFaces
from app.recognition.recognizer import Recognizer

_ERRORS: dict[OutcomeCode, type[FacesError]] = {
    "no_face": NoFaceFound,
    "several_faces": SeveralFaces,
    "low_quality": LowQuality,
}


def read_faces(recognizer: Recognizer, photos: Iterable[PhotoFile], face: int | None = None) -> FloatArray:
    """Return the embedding of a face of each photo, float32 (photos, dims) of unit length.

    Args:
        recognizer: The recognizer.
        photos: At least one.
        face: Number of the face in each photo from the left, from 1. None expects one face in each photo.

    Raises:
        FaceError: A photo has no such face, or a face that cannot be compared.
        PhotoError: A photo cannot be read.
    """
    outcomes = [choose_face(examine_photo(recognizer, *photo), face) for photo in photos]
    return np.stack([_embedding(outcome) for outcome in outcomes])


def _embedding(outcome: PhotoOutcome) -> FloatArray:
    if outcome.face is None:
        message = f"{outcome.file}: {outcome.reason} Nothing was changed."
        error = _ERRORS.get(outcome.outcome)
        raise error(message) if error else PhotoError(outcome.outcome, message)
    return outcome.face.embedding
