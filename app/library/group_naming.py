"""Name a group of unknown faces: review and enroll the best of them, and record the name of all. It can be undone."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import numpy as np

from app.batch.sources import PhotoSources
from app.enrollment.enroll import Enrollment, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome, choose_face
from app.errors import LibraryError, PersonNotFound, PhotoError
from app.gallery.store import Gallery
from app.library import decisions, groups
from app.library.store import Library
from app.recognition.recognizer import Recognizer
from app.text import display_path
from app.vision import photo_files
from app.vision.faces import Box, DetectedFace

REVIEWED = 24
"""Faces of a group that are reviewed, the clearest."""
ENROLLED = 12
"""Most faces of a group that become anchors."""

_SAME_FACE = 0.9
"""Least cosine of a face that is read again and its stored embedding. Other files were changed meanwhile."""

_FACE = """
SELECT path, raw_path, number, x, y, face.width, face.height, confidence, close_confidence, landmarks, embedding
FROM face JOIN file USING (photo_id) JOIN vector ON vector.face_id = face.id WHERE face.id = ? ORDER BY path LIMIT 1
"""


@dataclass(frozen=True)
class GroupReview:
    """A group, its unknown faces, and the review of the clearest for enrollment."""

    number: int
    faces: tuple[int, ...]
    enrollment: Enrollment

    def allow(self, outcomes: Collection[str]) -> Self:
        """Accept faces with these outcomes, see `Enrollment.allow`."""
        return replace(self, enrollment=self.enrollment.allow(outcomes))


def review_group(library: Library, recognizer: Recognizer, number: int, name: str) -> GroupReview:
    """Read the clearest faces of a group again, one a photo, and review them; nothing changes."""
    faces = groups.members(library, number)
    photos = [_examine(library, recognizer, face_id) for face_id in islice(_one_a_photo(library, faces), REVIEWED)]
    return GroupReview(number, tuple(faces), compare(recognizer, name, list(map(choose_face, photos))))


def name_group(library: Library, recognizer: Recognizer, review: GroupReview) -> Enrollment:
    """Enroll the first accepted faces of a review, and record that all faces of the group show the person.

    Raises:
        LibraryError: no face is accepted, and the gallery has no such person, or one who looks different.
    """
    gallery = recognizer.gallery
    name = review.enrollment.name
    known = gallery.find(name)
    outcomes = {photo.outcome for photo in review.enrollment.photos}
    if "accepted" not in outcomes and (known is None or outcomes & {"unlike", "look_alike"}):
        raise LibraryError(f"No face of group {review.number} can be enrolled for {name}, so nothing was changed.")
    before = {anchor.id for anchor in gallery.anchors(name)} if known else set[int]()
    enrollment = confirm(recognizer, _limit(review.enrollment))
    after = {anchor.id for anchor in gallery.anchors(enrollment.name)}
    decisions.confirm(library, review.faces, enrollment.name)
    record = {"name": enrollment.name, "faces": review.faces, "anchors": sorted(after - before), "new": known is None}
    with library.writing() as connection:
        connection.execute("UPDATE unknown_group SET named = ? WHERE id = ?", (json.dumps(record), review.number))
    return enrollment


def undo_naming(library: Library, gallery: Gallery, number: int) -> tuple[str, int]:
    """Take back the name of a group and its anchors, and return the name and the number of faces.

    Faces whose decision was changed since keep it. A person whom the naming added is removed from the gallery.
    """
    with library.reading() as connection:
        found = connection.execute("SELECT named FROM unknown_group WHERE id = ?", (number,)).fetchone()
    if not found or not found[0]:
        raise LibraryError(f"Group {number} has no name to undo.")
    record = json.loads(found[0])
    _remove_anchors(gallery, record["name"], record["anchors"], record["new"])
    with library.reading() as connection:
        confirmed = connection.execute(
            "SELECT face.id FROM face JOIN person ON person.id = person_id WHERE source = 'confirmed' AND name = ?",
            (record["name"],),
        ).fetchall()
    faces = sorted({face for (face,) in confirmed} & set(record["faces"]))
    decisions.take_back(library, faces)
    with library.writing() as connection:
        connection.execute("UPDATE unknown_group SET named = NULL WHERE id = ?", (number,))
    return record["name"], len(faces)


def _remove_anchors(gallery: Gallery, name: str, anchors: list[int], new: bool) -> None:
    try:
        present = {anchor.id for anchor in gallery.anchors(name)}
    except PersonNotFound:
        return
    if new and present <= set(anchors):
        gallery.remove(name)
    elif remaining := sorted(present & set(anchors)):
        gallery.remove_anchors(name, remaining)


def _limit(enrollment: Enrollment) -> Enrollment:
    """Keep the first accepted faces; the others of the group are named without becoming anchors."""
    accepted = [photo for photo in enrollment.photos if photo.accepted][:ENROLLED]
    return Enrollment(enrollment.name, tuple(accepted), warning=enrollment.warning)


def _one_a_photo(library: Library, faces: list[int]) -> Iterator[int]:
    seen = set()
    for face_id in faces:
        with library.reading() as connection:
            photo = connection.execute("SELECT photo_id FROM face WHERE id = ?", (face_id,)).fetchone()[0]
        if photo not in seen:
            seen.add(photo)
            yield face_id


def _examine(library: Library, recognizer: Recognizer, face_id: int) -> ExaminedPhoto:
    """Read the photo of a face, and align the face by its stored landmarks."""
    with library.reading() as connection:
        row = connection.execute(_FACE, (face_id,)).fetchone()
    path, raw_path, number, x, y, width, height, confidence, close_confidence, landmarks, embedding = row
    file = os.fsdecode(raw_path) if raw_path else path
    label = f"{display_path(file)}, face {number}"
    points = None if landmarks is None else np.frombuffer(landmarks, np.float32).reshape(-1, 2).astype(np.float64)
    face = DetectedFace(Box(x, y, width, height), points, confidence, close_confidence)
    try:
        picture = recognizer.decode(PhotoSources([file]).read(file, recognizer.settings.max_file_bytes))
    except PhotoError as error:
        return ExaminedPhoto(label, problem=PhotoOutcome(label, "unreadable", photo_files.explain(error)))
    (probe,) = recognizer.embed_crops(recognizer.crop_faces(picture, (face,)))
    stored = np.frombuffer(embedding, np.float16).astype(np.float32)
    if probe.embedding is None or probe.embedding @ stored < _SAME_FACE:
        changed = "The photo has changed since it was indexed. Index the archive again."
        return ExaminedPhoto(label, problem=PhotoOutcome(label, "unreadable", changed))
    return ExaminedPhoto(label, (probe,))
