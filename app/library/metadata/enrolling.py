"""Enroll people from labeled faces: review their best photos, as if a user had sent them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from app.enrollment.enroll import Enrollment, RecordFields, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome, choose_face, examine_photo
from app.errors import BasisRequired, GalleryError, OptedOut
from app.gallery import names
from app.library.metadata.reading import Label
from app.recognition.recognizer import Recognizer
from app.vision.faces import Box

MAX_PHOTOS = 20
"""Photos of a person that are reviewed: those with the largest faces."""

_SAME_BOX = 0.5


def enroll_labels(
    recognizer: Recognizer,
    labels: Sequence[Label],
    allow: Collection[str] = (),
    dry_run: bool = False,
    on_progress: Callable[[int], object] = lambda _: None,
    record: RecordFields | None = None,
) -> Iterator[Enrollment]:
    """Enroll people from their labels, and yield the enrollment of each person, or its review in a dry run.

    `record` has fields of the record of each person.
    """
    for name, chosen in choose_labels(labels).items():
        outcomes = []
        for label in chosen:
            outcomes.append(_review(recognizer, label))
            on_progress(1)
        try:
            reviewed = compare(recognizer, name, outcomes).allow(allow)
            yield reviewed if dry_run else confirm(recognizer, reviewed, record=record)
        except (BasisRequired, GalleryError, OptedOut) as error:
            yield Enrollment(name, (), error=str(error))


def choose_labels(labels: Sequence[Label]) -> dict[str, list[Label]]:
    """Return the labels to review by name: one a photo, with eyes, and the largest faces of a person only."""
    by_key: dict[str, dict[int, Label]] = {}
    for label in labels:
        if label.face is not None and label.face.eye_distance is not None:
            by_key.setdefault(names.key(label.name), {}).setdefault(label.face.id, label)
    ranked = (sorted(group.values(), key=_eye_distance, reverse=True)[:MAX_PHOTOS] for group in by_key.values())
    return {group[0].name: group for group in ranked}


def _eye_distance(label: Label) -> float:
    return (label.face.eye_distance or 0.0) if label.face else 0.0


def _review(recognizer: Recognizer, label: Label) -> PhotoOutcome:
    assert label.face is not None
    photo = examine_photo(recognizer, label.file, Path(label.path))
    number = _find_face(photo, label.face.box)
    if photo.problem is None and number is None:
        return PhotoOutcome(label.file, "no_face", "The photo no longer has this face.")
    return choose_face(replace(photo, picture=None), number)


def _find_face(photo: ExaminedPhoto, box: Box) -> int | None:
    """Return the number of the face with a box."""
    overlaps = [probe.face.box.overlap(box) for probe in photo.probes]
    best = max(overlaps, default=0.0)
    return overlaps.index(best) + 1 if best >= _SAME_BOX else None
