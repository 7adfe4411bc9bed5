"""`Identification` and `Comparison` -> JSON. The only place that knows the field names on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.enrollment.look_alikes import Lookalike, Spread
from app.enrollment.photo_review import PhotoOutcome
from app.enrollment.self_check import SelfCheck
from app.gallery.change_history import PastChange
from app.gallery.store import Anchor, Person
from app.recognition.results import ComparedFace, Comparison, Identification, IdentifiedFace
from app.recognition.scoring import PersonDistance
from app.vision.faces import Box, DetectedFace

RANKING_ROWS = 10
"""Rows of a ranking unless all are asked for."""


def identification(file: str, found: Identification, top: int | None = RANKING_ROWS) -> dict[str, Any]:
    """Return one picture's answer: file, error (null), FPIR, and each face with its verdict and ranking.

    Args:
        file: what the sender calls the picture.
        found: what the recognizer found in it.
        top: how many people each ranking holds; None for all.
    """
    faces = [_face(face, top) for face in found.faces]
    return {
        "file": file,
        "error": None,
        "width": found.width,
        "height": found.height,
        "fpir": found.fpir,
        "faces": faces,
    }


def identification_error(file: str, code: str, message: str) -> dict[str, Any]:
    """Return the answer for a picture that cannot be read: the same fields, with `error` set and no faces."""
    return {
        "file": file,
        "error": {"code": code, "message": message},
        "width": None,
        "height": None,
        "fpir": None,
        "faces": [],
    }


def identifications(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several pictures' answers in one: what `identification` and `failure` gave, in the order sent."""
    return {"images": list(rows)}


def comparison(compared: Comparison) -> dict[str, Any]:
    """Return the answer for two photos: the most alike pair of faces, its score and verdict."""
    return {
        "error": None,
        "score": compared.score,
        "threshold": compared.threshold,
        "verdict": compared.kind,
        "pairs": compared.pairs,
        "faces": {"a": _compared(compared.first), "b": _compared(compared.second)},
    }


def comparison_error(code: str, message: str) -> dict[str, Any]:
    """The answer for two pictures that could not be compared: the same fields, with `error` set."""
    return {
        "error": {"code": code, "message": message},
        "score": None,
        "threshold": None,
        "verdict": None,
        "pairs": None,
        "faces": None,
    }


def people(names_and_counts: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Everyone in the gallery with their number of anchors."""
    return {"people": [{"person": name, "anchors": count} for name, count in names_and_counts]}


def person(found: Person, portrait: str | None) -> dict[str, Any]:
    """Someone in the gallery.

    Args:
        found: who.
        portrait: the address of their portrait, or None if there is none.
    """
    return {"id": found.id, "person": found.name, "anchors": found.anchors, "portrait": portrait}


def people_page(rows: Sequence[dict[str, Any]], total: int, next_part: str | None) -> dict[str, Any]:
    """A part of a list of people.

    Args:
        rows: what `person` gave, in the list's order.
        total: people in the whole list.
        next_part: the address of the part after this, or None at the end.
    """
    return {"people": list(rows), "total": total, "next": next_part}


def similarity(spread: Spread | None, closest: Sequence[Lookalike]) -> dict[str, Any]:
    """How far a person's anchors lie from each other, and whom they are closest to."""
    return {
        "spread": None if spread is None else {"mean": spread.mean, "min": spread.min, "max": spread.max},
        "look_alikes": [
            {"id": one.id, "person": one.person, "class_distance": one.class_distance, "closer_anchors": one.mistaken}
            for one in closest
        ],
    }


def enrollment(
    name: str,
    enrolled: int,
    who: dict[str, Any] | None,
    photos: Sequence[PhotoOutcome],
    check: SelfCheck | None = None,
) -> dict[str, Any]:
    """Return what became of a person's photos.

    Args:
        name: the person's.
        enrolled: number of photos enrolled.
        who: what `person` returned for them, or None if nobody was added.
        photos: a report for each photo.
        check: the leave-one-out check, None if nobody was added.
    """
    checked = None if check is None else {"identified": check.named, "photos": check.photos, "message": str(check)}
    rows = [_photo(photo) for photo in photos]
    return {"name": name, "enrolled": enrolled, "person": who, "photos": rows, "check": checked}


def anchors(faces: Sequence[Anchor]) -> dict[str, Any]:
    """Anchors, or rejected faces, without the numbers they are made of."""
    return {
        "faces": [
            {"id": one.id, "person": one.person, "note": one.note, "created": one.created.isoformat()} for one in faces
        ]
    }


def changes(past: Sequence[PastChange]) -> dict[str, Any]:
    """Return the latest changes of the gallery."""
    return {
        "changes": [
            {
                "id": one.id,
                "change": one.change,
                "created": one.created.isoformat(),
                "reversible": one.reversible and one.undone is None,
                "undone": one.undone and one.undone.isoformat(),
            }
            for one in past
        ]
    }


def _photo(photo: PhotoOutcome) -> dict[str, Any]:
    faces = [_box(box) for box in photo.faces]
    return {
        "file": photo.file,
        "outcome": photo.outcome,
        "reason": photo.reason,
        "faces": faces,
        "look_alike": photo.other,
    }


def _face(face: IdentifiedFace, most: int | None) -> dict[str, Any]:
    verdict = face.verdict
    return _place(face.face) | {
        "verdict": verdict.kind,
        "person": verdict.person,
        "class_distance": verdict.class_distance,
        "threshold": verdict.threshold,
        "candidates": list(verdict.candidates),
        "look_alike": verdict.look_alike,
        "reason": verdict.reason,
        "ranking": [_row(row) for row in verdict.ranking[:most]],
    }


def _compared(face: ComparedFace) -> dict[str, Any]:
    return {"index": face.index} | _place(face.probe.face)


def _place(face: DetectedFace) -> dict[str, Any]:
    return {"box": _box(face.box), "confidence": face.confidence}


def _box(box: Box) -> dict[str, int]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _row(row: PersonDistance) -> dict[str, Any]:
    return {
        "person": row.person,
        "class_distance": row.class_distance,
        "mean": row.mean,
        "min": row.min,
        "std": row.std,
        "anchors": row.anchors,
    }
