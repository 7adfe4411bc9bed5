"""Enrollment of people from photos: review every photo, then add the accepted faces in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.enrollment.crops import average_portrait, encode_crop
from app.enrollment.photo_comparison import compare_photos
from app.enrollment.photo_review import PhotoOutcome, choose_face, examine_photo
from app.enrollment.self_check import SelfCheck, check_person
from app.errors import PhotoError
from app.gallery import names
from app.gallery.store import ImportedPhotos, Person

if TYPE_CHECKING:
    from app.recognition.recognizer import Recognizer

MAX_PHOTOS = 100
"""Maximum number of photos in one enrollment by HTTP."""

DEBATABLE = ("duplicate", "unlike", "look_alike")
"""Outcomes of faces that can be enrolled if the user allows it."""

PhotoFile = tuple[str, bytes | Path | PhotoError]
"""The sender's name of a photo, and its bytes, path or the error that reading it raised."""


@dataclass(frozen=True)
class Enrollment:
    """Review, or result, of enrolling one person.

    Attributes:
        name: The person's name.
        photos: The outcome of each photo.
        person: The person after the enrollment. None before it, or if no photo was enrolled.
        error: Sentence if no photo was reviewed.
        check: Self-check of the person after the enrollment.
    """

    name: str
    photos: tuple[PhotoOutcome, ...]
    person: Person | None = None
    error: str | None = None
    check: SelfCheck | None = None

    @property
    def accepted(self) -> int:
        """Number of photos that are, or will be, enrolled."""
        return sum(photo.accepted for photo in self.photos)

    def allow(self, outcomes: Collection[str]) -> Enrollment:
        """Accept photos with these outcomes, of `DEBATABLE`, too."""
        return replace(self, photos=tuple(_allow(photo, outcomes) for photo in self.photos))


def enroll(
    recognizer: Recognizer,
    name: str,
    photos: Iterable[PhotoFile],
    allow: Collection[str] = (),
    imported: ImportedPhotos | None = None,
) -> Enrollment:
    """Review a person's photos and add the accepted ones, see `review`, `Enrollment.allow` and `confirm`."""
    return confirm(recognizer, review(recognizer, name, photos).allow(allow), imported)


def review(
    recognizer: Recognizer, name: str, photos: Iterable[PhotoFile], faces: Mapping[int, int] | None = None
) -> Enrollment:
    """Review a person's photos without changing the gallery.

    Args:
        recognizer: Detector, network and gallery.
        name: Name of a new or known person.
        photos: The photos.
        faces: Number of the face to enroll, from the left, by the index of a photo; see `resolve_face_choices`.

    Raises:
        GalleryError: The name is invalid, or the gallery cannot be read.
    """
    name, faces = names.clean(name), faces or {}
    outcomes = [choose_face(examine_photo(recognizer, *photo), faces.get(index)) for index, photo in enumerate(photos)]
    return compare(recognizer, name, outcomes)


def compare(recognizer: Recognizer, name: str, photos: Sequence[PhotoOutcome]) -> Enrollment:
    """Compare photos, as `choose_face` returned them, with each other and the gallery: the second half of `review`."""
    name = names.clean(name)
    person = recognizer.gallery.find(name)
    outcomes = compare_photos(photos, person, recognizer.gallery.snapshot(), recognizer.network.card.rules)
    return Enrollment(person.name if person else name, tuple(outcomes))


def confirm(recognizer: Recognizer, reviewed: Enrollment, imported: ImportedPhotos | None = None) -> Enrollment:
    """Add the accepted faces of a review to the gallery in one transaction, with the record of a folder import."""
    accepted = [(photo.file, photo.face) for photo in reviewed.photos if photo.accepted and photo.face]
    known = recognizer.gallery.find(reviewed.name)
    if not accepted:
        if known and imported:
            recognizer.gallery.record_import(known.id, imported)
        return reviewed
    crops = [face.crop for _, face in accepted]
    person = recognizer.gallery.add(
        reviewed.name,
        np.stack([face.embedding for _, face in accepted]),
        [file for file, _ in accepted],
        None if known and known.has_portrait else average_portrait(crops),
        [encode_crop(crop) for crop in crops] if recognizer.settings.keep_crops else None,
        imported,
    )
    return replace(reviewed, name=person.name, person=person, check=check_person(recognizer, person.id))


def _allow(photo: PhotoOutcome, outcomes: Collection[str]) -> PhotoOutcome:
    if photo.outcome not in outcomes or photo.outcome not in DEBATABLE:
        return photo
    return replace(photo, outcome="accepted", reason=f"Enrolled as allowed. {photo.reason}")
