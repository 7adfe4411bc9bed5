"""JSON of the API, the CLI and batch results: the only module with the field names of the output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.enrollment.enroll import Enrollment
from app.enrollment.look_alikes import LookAlike, Spread
from app.enrollment.photo_review import PhotoOutcome
from app.enrollment.self_check import SelfCheck
from app.gallery.change_log import PastChange
from app.gallery.opt_outs import OptOut
from app.gallery.people import RemovedPerson
from app.gallery.raw_scan import Search
from app.gallery.store import Anchor, Person
from app.recognition.results import ComparedFace, Comparison, Identification, IdentifiedFace, VideoIdentification
from app.text import csv_cell
from app.vision.faces import DetectedFace
from app.vision.time_span import TimeSpan

if TYPE_CHECKING:
    from app.library.person_erasure import PersonErasure

Json = dict[str, Any]

RANKING_ROWS = 10  # default number of people in a ranking

CSV_COLUMNS = (
    "file error width height fpir face x y box_width box_height confidence "
    "verdict person class_distance threshold candidates look_alike reason ranking"
).split()
"""One CSV line per face: `face` counts from the left, `error` is a code, `candidates` and `ranking` are JSON."""


def identification(file: str, result: Identification, top: int | None = RANKING_ROWS) -> Json:
    """Return the identified faces of a photo, each with `top` people of its ranking, or with all for None."""
    return {
        "file": file,
        "error": None,
        "width": result.width,
        "height": result.height,
        "fpir": result.fpir,
        "faces": [_identified_face(face, top) for face in result.faces],
    }


def video_identification(file: str, result: VideoIdentification, top: int | None = RANKING_ROWS) -> Json:
    """Return the fields of `identification` for a video, with its duration and the times of the faces in seconds."""
    return {
        "file": file,
        "error": None,
        "width": result.width,
        "height": result.height,
        "duration": result.duration,
        "fpir": result.fpir,
        "faces": [_identified_face(face, top) | time_span(face.time) for face in result.faces],
    }


def time_span(time: TimeSpan | None) -> Json:
    """Return when a video shows a face, in seconds: first, last and best frame. All are None for a photo."""
    start, end, best = time or (None, None, None)
    return {"from": start, "to": end, "best": best}


def identification_error(file: str, code: str, message: str) -> Json:
    """Return the fields of `identification` for a photo that cannot be read or decoded."""
    error = {"code": code, "message": message}
    return {"file": file, "error": error, "width": None, "height": None, "fpir": None, "faces": []}


def identifications(results: Sequence[Json]) -> Json:
    """Return the results of several photos, from `identification` and `identification_error`."""
    return {"photos": list(results)}


def csv_lines(rows: Iterable[Json]) -> Iterator[list[object]]:
    """Yield the cells of each face of `identification` rows, and one line for each photo without a face."""
    for row in rows:
        photo = [row["file"], (row["error"] or {}).get("code"), row["width"], row["height"], row["fpir"]]
        for index, face in enumerate(row["faces"], start=1):
            box = face["box"]
            cells = [
                *photo,
                *(index, box["x"], box["y"], box["width"], box["height"], face["confidence"]),
                *(face[name] for name in ("verdict", "person", "class_distance", "threshold")),
                *(json.dumps(face["candidates"]), face["look_alike"], face["reason"], json.dumps(face["ranking"])),
            ]
            yield list(map(csv_cell, cells))
        if not row["faces"]:
            yield [*map(csv_cell, photo), *[None] * (len(CSV_COLUMNS) - len(photo))]


def comparison(result: Comparison) -> Json:
    """Return the most similar pair of faces of two photos."""
    return {
        "error": None,
        "score": result.score,
        "threshold": result.threshold,
        "verdict": result.kind,
        "pairs": result.pairs,
        "faces": {"a": _compared_face(result.first), "b": _compared_face(result.second)},
    }


def comparison_error(code: str, message: str) -> Json:
    """Return the fields of `comparison` for photos that cannot be compared."""
    fields = dict.fromkeys(["score", "threshold", "verdict", "pairs", "faces"])
    return {"error": {"code": code, "message": message}, **fields}


def people(anchor_counts: Sequence[tuple[str, int]]) -> Json:
    """Return names and numbers of anchors."""
    return {"people": [{"person": name, "anchors": count} for name, count in anchor_counts]}


def person(person: Person, portrait: str | None) -> Json:
    """Return a person of the gallery, with the address of the portrait or None."""
    return {
        "id": person.id,
        "person": person.name,
        "aliases": list(person.aliases),
        "anchors": person.anchors,
        "portrait": portrait,
    }


def people_page(rows: Sequence[Json], total: int, next_url: str | None, suggestions: Sequence[Json]) -> Json:
    """Return a page of people and suggestions, from `person`; `total` counts the people of all pages."""
    return {"people": list(rows), "total": total, "next": next_url, "suggestions": list(suggestions)}


def similarity(spread: Spread | None, look_alikes: Sequence[LookAlike], check: SelfCheck | None) -> Json:
    """Return the spread of a person's anchors, the look-alikes and the self-check."""
    return {
        "check": check and _self_check(check),
        "spread": None if spread is None else {"mean": spread.mean, "min": spread.min, "max": spread.max},
        "look_alikes": [
            {
                "id": other.id,
                "person": other.person,
                "class_distance": other.class_distance,
                "closer_anchors": other.closer_anchors,
            }
            for other in look_alikes
        ],
    }


def enrollment(result: Enrollment, person: Json | None) -> Json:
    """Return the result of an enrollment; `person` is from `person`, None if no photo was enrolled."""
    check = result.check
    return (person or {"id": None, "person": result.name, "aliases": [], "anchors": None, "portrait": None}) | {
        "enrolled": result.accepted if person else 0,
        "photos": [_photo_outcome(photo) for photo in result.photos],
        "check": check and _self_check(check),
        "warning": result.warning,
    }


def _self_check(check: SelfCheck) -> Json:
    return {"identified": check.identified, "photos": check.photos, "message": str(check)}


def removed_people(people: Sequence[RemovedPerson]) -> Json:
    """Return the removed people who can be restored."""
    return {"people": [person(removed, None) | {"removed": _time(removed.removed)} for removed in people]}


def anchors(faces: Sequence[Anchor]) -> Json:
    """Return anchors or rejected faces, without their embeddings."""
    return {
        "faces": [
            {"id": face.id, "person": face.person, "note": face.note, "created": _time(face.created)} for face in faces
        ]
    }


def changes(history: Sequence[PastChange]) -> Json:
    """Return the latest changes of the gallery."""
    return {
        "changes": [
            {
                "id": change.id,
                "change": change.change,
                "created": _time(change.created),
                "reversible": change.reversible and change.undone is None,
                "undone": change.undone and _time(change.undone),
                "actor": change.actor,
            }
            for change in history
        ]
    }


def erasure(found: PersonErasure) -> Json:
    """Return what was erased from the gallery and the library, and the proof."""
    library = next(iter(found.libraries), None)
    return {
        "people": [erased.name for erased in found.people],
        "gallery": _search(found.gallery.search),
        "library": library
        and {
            "faces": library.rows.faces,
            "tags": library.rows.tags,
            "photos": library.rows.photos,
            "sidecars": library.sidecars and library.sidecars.changed,
            "search": _search(library.rows.search),
        },
        "complete": found.is_complete,
        "problems": found.problems(show_folders=False),
    }


def _search(search: Search) -> Json:
    return {
        "searched": dict(search.searched),
        "files": list(search.files),
        "bytes": search.size,
        "remains": dict(search.remains),
    }


def opt_outs(entries: Sequence[OptOut]) -> Json:
    """Return the opt-out list."""
    return {"opt_outs": [opt_out(entry) for entry in entries]}


def opt_out(entry: OptOut) -> Json:
    """Return an entry of the opt-out list."""
    return {
        "id": entry.id,
        "name": entry.name,
        "has_face": entry.has_face,
        "reference": entry.reference,
        "created": _time(entry.created),
        "people": [{"id": person_id, "person": name} for person_id, name in entry.people],
    }


def _time(moment: datetime) -> str:
    """Return a time of the database as RFC 3339 in UTC. SQLite drops the zone, which is UTC."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _photo_outcome(photo: PhotoOutcome) -> Json:
    return {
        "file": photo.file,
        "outcome": photo.outcome,
        "reason": photo.reason,
        "faces": [asdict(box) for box in photo.faces],
        "look_alike": photo.other,
    }


def _identified_face(face: IdentifiedFace, top: int | None) -> Json:
    verdict = face.verdict
    columns = ("person", "class_distance", "mean", "min", "std", "anchors")
    return _detected_face(face.face) | {
        "verdict": verdict.kind,
        "person": verdict.person,
        "class_distance": verdict.class_distance,
        "threshold": verdict.threshold,
        "candidates": list(verdict.candidates),
        "look_alike": verdict.look_alike,
        "reason": verdict.reason,
        "ranking": [{column: getattr(row, column) for column in columns} for row in verdict.ranking[:top]],
    }


def _compared_face(face: ComparedFace) -> Json:
    return {"index": face.index} | _detected_face(face.probe.face)


def _detected_face(face: DetectedFace) -> Json:
    return {"box": asdict(face.box), "confidence": face.confidence}
