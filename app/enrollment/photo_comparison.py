"""Comparison of a person's new photos with each other and the gallery: duplicates, look-alikes and other people."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.arrays import AnyArray, FloatArray
from app.enrollment.look_alikes import leave_one_out
from app.enrollment.photo_review import PhotoOutcome
from app.gallery.opt_outs import FACE_LISTED
from app.gallery.snapshot import Snapshot
from app.gallery.store import Person
from app.recognition.decision import Rules, find_opted_out
from app.recognition.scoring import rank

# Cosine above which two faces are copies of one picture. 95 % of copies that are scaled down by a third or saved at
# JPEG quality 60 exceed it, and fewer than 1 in 1,000 other pictures of the same person (`bench.embeddings copies`).
DUPLICATE_COSINE = 0.95

_CLOSEST = 10  # people whose anchors a photo may copy. A copy is among the first of a ranking.


def compare_photos(
    photos: Sequence[PhotoOutcome], person: Person | None, snapshot: Snapshot, rules: Rules
) -> list[PhotoOutcome]:
    """Compare the accepted photos of a person, who may be in the gallery, and return the outcomes."""
    outcomes = list(photos)
    anchors: list[FloatArray] = []
    if person and person.id in snapshot.ids:
        anchors = list(snapshot.person(snapshot.ids.index(person.id)))
    _mark_opted_out(outcomes, snapshot, rules)
    _mark_duplicates(outcomes, anchors)
    _mark_look_alikes(outcomes, anchors, person.name if person else None, snapshot, rules)
    _mark_unlike(outcomes, anchors, rules)
    return outcomes


def _mark_opted_out(outcomes: list[PhotoOutcome], snapshot: Snapshot, rules: Rules) -> None:
    for index, embedding in _accepted(outcomes).items():
        if find_opted_out(embedding[None], snapshot.opted_out, rules)[0]:
            outcomes[index] = replace(outcomes[index], outcome="opted_out", reason=FACE_LISTED)


def mark_enrolled(photos: Sequence[PhotoOutcome], anchors: FloatArray) -> list[PhotoOutcome]:
    """Mark accepted photos that are copies of a person's anchors, float32 (anchors, dims), unless the user allowed it.

    The anchors are those of the transaction that enrolls the photos. Another one may have added them since the review.
    """
    outcomes = list(photos)
    for index, embedding in _accepted(photos).items():
        if photos[index].allowed != "duplicate" and (anchors @ embedding).max() > DUPLICATE_COSINE:
            outcomes[index] = _duplicate(photos[index], "a photo in the gallery")
    return outcomes


def _duplicate(photo: PhotoOutcome, original: str) -> PhotoOutcome:
    return replace(photo, outcome="duplicate", reason=f"The photo is nearly the same picture as {original}.")


def _accepted(outcomes: Sequence[PhotoOutcome]) -> dict[int, FloatArray]:
    return {index: photo.face.embedding for index, photo in enumerate(outcomes) if photo.accepted and photo.face}


def _mark_duplicates(outcomes: list[PhotoOutcome], anchors: Sequence[FloatArray]) -> None:
    known = [(anchor, "a photo in the gallery") for anchor in anchors]
    for index, embedding in _accepted(outcomes).items():
        cosine, name = max(((float(other @ embedding), name) for other, name in known), default=(-1.0, ""))
        if cosine > DUPLICATE_COSINE:
            outcomes[index] = _duplicate(outcomes[index], name)
        else:
            file = outcomes[index].file
            is_unique = sum(photo.file == file for photo in outcomes) == 1
            known.append((embedding, file if is_unique else f"{file} (photo {index + 1})"))


def _mark_look_alikes(
    outcomes: list[PhotoOutcome], anchors: list[FloatArray], name: str | None, snapshot: Snapshot, rules: Rules
) -> None:
    faces, copy_score = _accepted(outcomes), rules.head.score_cosines(np.asarray(DUPLICATE_COSINE))
    for index, embedding in faces.items():
        ranking = [row for row in rank(embedding, snapshot, rules.head)[:_CLOSEST] if row.person != name]
        copied = next((row.person for row in ranking if row.min < copy_score), None)
        if copied is not None:
            reason = f"The photo is nearly the same picture as a photo of {copied}."
            outcomes[index] = replace(outcomes[index], outcome="look_alike", reason=reason, other=copied)
            continue
        closest = next(iter(ranking), None)
        if closest is None or closest.class_distance > rules.threshold(closest.anchors, len(snapshot)):
            continue
        others = [*anchors, *(other for key, other in faces.items() if key != index)]
        # A new name for a known person: all photos match each other, and that person.
        strong = rules.strong_threshold(closest.anchors, len(snapshot))
        is_known = name is None and closest.class_distance <= strong
        if not others or is_known or closest.class_distance < _class_distance(embedding, others, rules):
            reason = f"The face looks like {closest.person}, who is already in the gallery."
            outcomes[index] = replace(outcomes[index], outcome="look_alike", reason=reason, other=closest.person)


def _class_distance(embedding: FloatArray, others: Sequence[FloatArray], rules: Rules) -> float:
    template: AnyArray = np.mean(others, axis=0)
    cosine = embedding @ template / max(1e-6, float(np.linalg.norm(template)))
    return float(rules.head.score_cosines(cosine))


def _mark_unlike(outcomes: list[PhotoOutcome], anchors: list[FloatArray], rules: Rules) -> None:
    """Mark the face that is least like the others, until the others match the least similar one."""
    while (faces := _accepted(outcomes)) and len(anchors) + len(faces) > 2:
        distances = leave_one_out(np.stack([*anchors, *faces.values()]), rules.head)[len(anchors) :]
        worst = int(np.argmax(distances))
        threshold = rules.threshold(len(anchors) + len(faces) - 1, 1)
        if distances[worst] <= threshold:
            return
        reason = (
            f"The face does not look like the other photos. Its distance to them is {distances[worst]:.2f}. "
            f"The threshold is {threshold:.2f}."
        )
        index = list(faces)[worst]
        outcomes[index] = replace(outcomes[index], outcome="unlike", reason=reason)
