"""`Identification` -> what the results template shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.detection import Box
from app.recognizer import Identification, IdentifiedFace
from app.serialize import BEST
from app.verdict import PersonDistance, Verdict
from app.web import pictures, wording
from app.web.people import Tile, initials

OPEN_TABLES = 4
"""With more faces than this the tables start closed, so that the page stays readable."""


@dataclass(frozen=True)
class Row:
    """A row of the table: the person, the distance as a number and as text."""

    tile: Tile
    distance: float
    text: str


@dataclass(frozen=True)
class FaceView:
    """A face on the page: its place in the photo and its card.

    `people` are the tiles shown large: the person matched, or the two that an unclear face lies between.
    `lookalike` is the closest person of an unknown face. `rest` holds name and distance of everyone after `best`.
    """

    number: int
    box: Box
    tag: int
    crop: str
    kind: str
    label: str
    name: str
    reason: str
    people: tuple[Tile, ...]
    lookalike: Tile | None
    threshold: float | None
    best: tuple[Row, ...]
    rest: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PhotoView:
    """A results page: the photo as a data URI, its size, and its faces from left to right."""

    headline: str
    photo: str
    width: int
    height: int
    faces: tuple[FaceView, ...]

    @property
    def tables_open(self) -> bool:
        """Whether the tables start open."""
        return len(self.faces) <= OPEN_TABLES


def view(found: Identification, tiles: Mapping[str, Tile]) -> PhotoView:
    """Prepare a results page.

    Arguments:
        found: what the recognizer found; at least one face.
        tiles: everyone in the gallery, by name.
    """
    faces = tuple(_face(number, face, found, tiles) for number, face in enumerate(found.faces, start=1))
    headline = wording.headline([face.verdict for face in found.faces])
    return PhotoView(headline, pictures.photo(found.picture), found.width, found.height, faces)


def _face(number: int, face: IdentifiedFace, found: Identification, tiles: Mapping[str, Tile]) -> FaceView:
    verdict, box = face.verdict, face.face.box
    leaders = [_tile(row.person, tiles) for row in verdict.ranking[:2]]
    return FaceView(
        number=number,
        box=box,
        tag=_tag_size(box, max(found.width, found.height)),
        crop=pictures.face(found.picture, face),
        kind=verdict.kind,
        label=wording.LABELS[verdict.kind],
        name=wording.name(verdict),
        reason=verdict.reason,
        people=tuple(leaders[: {"match": 1, "unclear": 2}.get(verdict.kind, 0)]),
        lookalike=leaders[0] if verdict.kind == "unknown" and leaders else None,
        threshold=verdict.threshold,
        best=tuple(_row(row, tiles) for row in verdict.ranking[:BEST]),
        rest=_rest(verdict),
    )


def _tag_size(box: Box, side: int) -> int:
    """Side of a box's number in pixels of the photo: readable, and in proportion to the face."""
    return round(min(max(box.width * 0.4, side / 45), side / 22))


def _rest(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    return tuple((row.person, _text(row)) for row in verdict.ranking[BEST:])


def _row(row: PersonDistance, tiles: Mapping[str, Tile]) -> Row:
    return Row(_tile(row.person, tiles), row.class_distance, _text(row))


def _text(row: PersonDistance) -> str:
    return f"{row.class_distance:.3f}"


def _tile(person: str, tiles: Mapping[str, Tile]) -> Tile:
    """The person's tile; someone removed from the gallery a moment ago has only their initials left."""
    return tiles.get(person) or Tile(person, None, initials(person))
