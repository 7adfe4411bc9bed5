"""Name a group of unknown faces: review and enroll the best of them, and record the name of all."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import numpy as np

from app.enrollment.enroll import Enrollment, RecordFields, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome, choose_face
from app.errors import LibraryError, PhotoError
from app.gallery.store import Gallery
from app.library import decisions, groups, people
from app.library.changes import NAME_GROUP, Change
from app.library.files import read_bytes
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
    return compare_group(recognizer, number, name, faces, list(examine_group(library, recognizer, faces)))


def examine_group(library: Library, recognizer: Recognizer, faces: Sequence[int]) -> Iterator[PhotoOutcome]:
    """Read the first faces of a group again, one a photo, and yield the outcome of each."""
    for face_id in islice(_one_a_photo(library, faces), REVIEWED):
        yield choose_face(_examine(library, recognizer, face_id))


def compare_group(
    recognizer: Recognizer, number: int, name: str, faces: Sequence[int], outcomes: Sequence[PhotoOutcome]
) -> GroupReview:
    """Compare the faces of a group, as `examine_group` yields them, with each other and the gallery."""
    return GroupReview(number, tuple(faces), compare(recognizer, name, outcomes))


def can_enroll(gallery: Gallery, review: GroupReview) -> bool:
    """Return whether a face is accepted, or the gallery has the person and none looks different."""
    outcomes = {photo.outcome for photo in review.enrollment.photos}
    return "accepted" in outcomes or not (
        gallery.find(review.enrollment.name) is None or outcomes & {"unlike", "look_alike"}
    )


def name_group(
    library: Library, recognizer: Recognizer, review: GroupReview, record: RecordFields | None = None
) -> GroupReview:
    """Enroll the first accepted faces of a review, and record that all faces of the group show the person.

    Faces that were removed from the group do not. `undo` undoes it. `record` has fields of the person's record.

    Returns:
        The review with only the faces that were named and enrolled.

    Raises:
        LibraryError: no face is accepted, and the gallery has no such person, or one who looks different.
        FacesError: `enroll.confirm` raises it.
    """
    gallery = recognizer.gallery
    name = review.enrollment.name
    known = gallery.find(name)
    if not review.enrollment.photos and known is None:
        raise LibraryError(
            f"All faces of group {review.number} are from videos and cannot be enrolled. Enroll {name} from photos "
            "first.",
            "Run: whopic people add NAME PHOTO...",
            "Open Add person.",
        )
    if not can_enroll(gallery, review):
        raise LibraryError(f"No face of group {review.number} can be enrolled for {name}, so nothing was changed.")
    before = {anchor.id for anchor in gallery.anchors(name)} if known else set[int]()
    enrollment = confirm(recognizer, _limit(review.enrollment), record=record)
    added = {anchor.id: anchor.note for anchor in gallery.anchors(enrollment.name) if anchor.id not in before}
    person = gallery.find(enrollment.name)
    assert person is not None
    enrolled = {"anchors": added, "gallery_person": person.id, "new": known is None}
    with decisions.deciding(library, NAME_GROUP, group=review.number, faces=len(review.faces), **enrolled) as change:
        named = _confirm(change, review.number, review.faces, enrollment.name)
    return GroupReview(review.number, named, enrollment)


def confirm_group(library: Library, number: int, name: str) -> int:
    """Record that all faces of a group show a person, without enrolling any, and return the number of faces."""
    faces = groups.members(library, number)
    with decisions.deciding(library, "confirm_group", group=number, faces=len(faces)) as change:
        return len(_confirm(change, number, faces, name))


def _confirm(change: Change, number: int, faces: Sequence[int], name: str) -> tuple[int, ...]:
    """Confirm those faces of a group that no other decision named, or run deleted, since they were read."""
    connection = change.connection
    is_unknown = f"SELECT 1 FROM face WHERE id = ? AND {groups.IS_UNKNOWN}"
    faces = tuple(face for face in faces if connection.execute(is_unknown, (face,)).fetchone())
    change.details["faces"] = len(faces)
    change.person_id = people.ensure(connection, name)
    decisions.confirm_faces(connection, faces, change.person_id)
    # A face may have been removed from the group by mistake, and named so since.
    query = """
    SELECT face_id FROM outsider JOIN face ON face.id = face_id
    WHERE group_id = ? AND (source = 'automatic' OR person_id IS NOT ?)
    """
    removed = connection.execute(query, (number, change.person_id)).fetchall()
    decisions.reject_faces(connection, [face for (face,) in removed], change.person_id)
    # A face whose name is forgotten later is grouped again.
    connection.executemany("DELETE FROM membership WHERE face_id = ?", [(face,) for face in faces])
    return faces


def _limit(enrollment: Enrollment) -> Enrollment:
    """Keep the first accepted faces; the others of the group are named without becoming anchors."""
    accepted = [photo for photo in enrollment.photos if photo.accepted][:ENROLLED]
    return Enrollment(enrollment.name, tuple(accepted), warning=enrollment.warning)


def _one_a_photo(library: Library, faces: Sequence[int]) -> Iterator[int]:
    """Yield a face of each photo. Faces of videos never become anchors."""
    query = "SELECT photo_id FROM face JOIN photo ON photo.id = photo_id WHERE face.id = ? AND duration IS NULL"
    seen = set()
    for face_id in faces:
        with library.reading() as connection:
            found = connection.execute(query, (face_id,)).fetchone()
        if found and found not in seen:
            seen.add(found)
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
        picture = recognizer.decode(read_bytes(file, recognizer.settings.max_file_bytes))
    except PhotoError as error:
        return ExaminedPhoto(label, problem=PhotoOutcome(label, "unreadable", photo_files.explain(error)))
    (probe,) = recognizer.embed_crops(recognizer.crop_faces(picture, (face,)))
    stored = np.frombuffer(embedding, np.float16).astype(np.float32)
    if probe.embedding is None or probe.embedding @ stored < _SAME_FACE:
        changed = "The photo has changed since it was indexed. Index the archive again."
        return ExaminedPhoto(label, problem=PhotoOutcome(label, "unreadable", changed))
    return ExaminedPhoto(label, (probe,))
