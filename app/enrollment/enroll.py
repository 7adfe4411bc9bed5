"""Enrollment of people from photos: review every photo, then add the accepted faces in one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from app.arrays import FloatArray
from app.enrollment.crops import average_portrait, encode_crop
from app.enrollment.photo_comparison import compare_photos, mark_enrolled
from app.enrollment.photo_review import PhotoOutcome, choose_face, examine_photo
from app.enrollment.self_check import SelfCheck, check_person
from app.errors import PhotoError
from app.gallery import names
from app.gallery.store import ImportedPhotos, Person
from app.recognition.recognizer import Recognizer

MAX_PHOTOS = 100  # in one enrollment by HTTP
DEBATABLE = ("duplicate", "unlike", "look_alike")  # outcomes of faces that can be enrolled if the user allows it

RecordFields = Mapping[str, str | None]
"""Fields of a `Record` to change; None keeps a field."""

PhotoFile = tuple[str, bytes | Path | PhotoError]  # the sender's name of a photo, and see `examine_photo`


@dataclass(frozen=True)
class Enrollment:
    """Review, or result, of enrolling one person."""

    name: str
    photos: tuple[PhotoOutcome, ...]
    person: Person | None = None  # after the enrollment, if a photo was enrolled
    error: str | None = None  # a sentence, if no photo was reviewed
    check: SelfCheck | None = None  # after the enrollment
    warning: str | None = None  # a sentence, if the new name looks like the name of another person

    @property
    def accepted(self) -> int:
        """Number of photos that are, or will be, enrolled."""
        return sum(photo.accepted for photo in self.photos)

    def allow(self, outcomes: Collection[str]) -> Self:
        """Accept photos with these outcomes, of `DEBATABLE`, too."""
        photos = (
            replace(photo, outcome="accepted", allowed=photo.outcome)
            if photo.outcome in outcomes and photo.outcome in DEBATABLE
            else photo
            for photo in self.photos
        )
        return replace(self, photos=tuple(photos))


def enroll(
    recognizer: Recognizer,
    name: str,
    photos: Iterable[PhotoFile],
    allow: Collection[str] = (),
    imported: ImportedPhotos | None = None,
    record: RecordFields | None = None,
) -> Enrollment:
    """Review a person's photos and add the accepted ones, see `review`, `Enrollment.allow` and `confirm`."""
    return confirm(recognizer, review(recognizer, name, photos).allow(allow), imported, record)


def review(
    recognizer: Recognizer, name: str, photos: Iterable[PhotoFile], faces: Mapping[int, int] | None = None
) -> Enrollment:
    """Review photos of a new or known person without changing the gallery. `faces` is of `resolve_face_choices`."""
    name, faces = names.clean(name), faces or {}
    outcomes = [choose_face(examine_photo(recognizer, *photo), faces.get(index)) for index, photo in enumerate(photos)]
    return compare(recognizer, name, outcomes)


def compare(recognizer: Recognizer, name: str, photos: Sequence[PhotoOutcome]) -> Enrollment:
    """Compare photos, as `choose_face` returned them, with each other and the gallery: the second half of `review`."""
    name = names.clean(name)
    recognizer.gallery.rights.check_name(name)
    person = recognizer.gallery.find(name)
    snapshot = recognizer.gallery.snapshot()
    outcomes = compare_photos(photos, person, snapshot, recognizer.network.card.rules)
    warning = None if person else recognizer.gallery.name_warning(name)
    return Enrollment(person.name if person else name, tuple(outcomes), warning=warning)


def confirm(
    recognizer: Recognizer,
    reviewed: Enrollment,
    imported: ImportedPhotos | None = None,
    record: RecordFields | None = None,
) -> Enrollment:
    """Add the accepted faces of a review to the gallery in one transaction, with the photos of a folder import.

    Photos that were enrolled since the review become duplicates. `record` has fields of the person's record.

    Raises:
        InvalidRecord: a field is invalid.
        BasisRequired: the person has no basis, see `Settings.require_basis`.
        OptedOut: the name is on the opt-out list.
    """
    gallery = recognizer.gallery
    accepted = [(photo.file, photo.face) for photo in reviewed.photos if photo.accepted and photo.face]
    known = gallery.find(reviewed.name)
    if not accepted:
        if known and imported:
            gallery.record_import(known.id, imported)
        return reviewed
    outcomes = list(reviewed.photos)

    def find_new(anchors: FloatArray) -> list[int]:
        nonlocal outcomes
        outcomes = mark_enrolled(reviewed.photos, anchors)
        checked = (photo for photo, review in zip(outcomes, reviewed.photos, strict=True) if review.accepted)
        return [row for row, photo in enumerate(checked) if photo.accepted]

    crops = [face.crop for _, face in accepted]
    person = gallery.add(
        reviewed.name,
        np.stack([face.embedding for _, face in accepted]),
        [file for file, _ in accepted],
        None if known and known.has_portrait else average_portrait(crops),
        [encode_crop(crop) for crop in crops] if recognizer.settings.keep_crops else None,
        imported,
        find_new,
        record,
    )
    enrolled = replace(reviewed, name=person.name, photos=tuple(map(_describe_enrolled, outcomes)))
    if not enrolled.accepted:
        return enrolled
    return replace(enrolled, person=person, check=check_person(recognizer, person.id))


def _describe_enrolled(photo: PhotoOutcome) -> PhotoOutcome:
    reason = f"Enrolled as allowed. {photo.reason}" if photo.allowed else "Enrolled."
    return replace(photo, reason=reason) if photo.accepted else photo
