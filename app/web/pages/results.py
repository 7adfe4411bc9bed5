"""View of identification results: photos, faces, verdicts and distance tables for the results template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.gallery.store import Person
from app.recognition.decision import Rules, Verdict
from app.recognition.results import Identification, IdentifiedFace
from app.recognition.scoring import PersonDistance, Ranking
from app.serialization import RANKING_ROWS
from app.vision.faces import Box
from app.web import inline_images, wording
from app.web.admin.correction import Correction
from app.web.pages import explanation
from app.web.pages.explanation import DotPlot
from app.web.pages.photo_result import PhotoResult, answer
from app.web.portraits import Tile, initials, tile

OPEN_TABLES = 3
"""Largest number of faces with tables that start open."""


@dataclass(frozen=True)
class Row:
    """A row of the distance table: the person, their distance, and the scores of their anchors."""

    tile: Tile
    distance: PersonDistance
    anchors: DotPlot


@dataclass(frozen=True)
class FaceView:
    """A face on the page. `key` is unique on the page, and `tag` is the side of the box's number in pixels.

    `people` are the matched person or the candidates of an ambiguous face. `notes` explain the verdict in numbers.
    """

    number: int
    key: str
    box: Box
    tag: int
    crop: str
    verdict: Verdict
    label: str
    name: str
    summary: str
    notes: tuple[str, ...]
    people: tuple[Tile, ...]
    lookalike: Tile | None
    rows: Sequence[Row]
    correction: Correction | None


@dataclass(frozen=True)
class PhotoView:
    """A photo on the page. `photo` is a data URI, None if the file could not be read."""

    number: int
    file: str
    headline: str
    problem: str
    photo: str | None = None
    width: int = 0
    height: int = 0
    faces: tuple[FaceView, ...] = ()


@dataclass(frozen=True)
class ResultsView:
    """A results page. `same` is the largest score of two photos of the same person."""

    headline: str
    rate: str | None
    same: float
    person_heading: str
    photos: tuple[PhotoView, ...]
    json: str
    tables_open: bool


@dataclass(frozen=True)
class Context:
    """What all faces of a results page share.

    `reliability` has the model card's rows, see `explanation.notes`. `correct` returns corrections by the index of
    a face.
    """

    rules: Rules
    reliability: Sequence[Mapping[str, Any]]
    people: Mapping[str, Person]
    person_heading: str
    correct: Callable[[str, Sequence[IdentifiedFace]], Mapping[int, Correction]]

    def tile(self, name: str) -> Tile:
        """Return a person's tile: without portrait if the person was removed a moment ago."""
        person = self.people.get(name)
        return tile(person) if person else Tile(name, None, initials(name))


def view(results: Sequence[PhotoResult], context: Context) -> ResultsView:
    """Prepare the results page of at least one photo."""
    identifications = [result.identification for result in results if result.identification]
    verdicts = [face.verdict for identification in identifications for face in identification.faces]
    return ResultsView(
        headline=wording.headline(verdicts) if verdicts else wording.NO_FACE,
        rate=wording.identification_rate(identifications[0].fpir) if identifications else None,
        same=context.rules.pairs.same_threshold(),
        person_heading=context.person_heading,
        photos=tuple(_photo(number, result, context) for number, result in enumerate(results, start=1)),
        json=inline_images.json_uri(answer(results)),
        tables_open=len(verdicts) <= OPEN_TABLES,
    )


def _photo(number: int, result: PhotoResult, context: Context) -> PhotoView:
    found = result.identification
    if found is None:
        return PhotoView(number, result.file, wording.UNREADABLE, result.problem)
    corrections = context.correct(result.file, found.faces)
    faces = tuple(
        _face(f"{number}-{index}", index, face, found, context, corrections.get(index - 1))
        for index, face in enumerate(found.faces, start=1)
    )
    headline = wording.headline([face.verdict for face in found.faces]) if faces else wording.NO_FACE
    photo = inline_images.photo(found.picture)
    return PhotoView(number, result.file, headline, result.problem, photo, found.width, found.height, faces)


def _face(
    key: str,
    number: int,
    face: IdentifiedFace,
    found: Identification,
    context: Context,
    correction: Correction | None,
) -> FaceView:
    verdict, box, rules = face.verdict, face.face.box, context.rules
    people = (verdict.person,) if verdict.person else verdict.candidates
    anchors = verdict.ranking[0].anchors if verdict.ranking else 1
    return FaceView(
        number=number,
        key=key,
        box=box,
        tag=_tag_size(box, max(found.width, found.height)),
        crop=inline_images.face(found.picture, face),
        verdict=verdict,
        label=wording.LABELS[verdict.kind],
        name=wording.name(verdict),
        summary=wording.summary(verdict, rules.strong_threshold(anchors, len(verdict.ranking))),
        notes=explanation.notes(verdict, rules.margin, context.reliability),
        people=tuple(context.tile(name) for name in people),
        lookalike=None if verdict.look_alike is None else context.tile(verdict.look_alike),
        rows=_rows(verdict, context),
        correction=correction,
    )


def _rows(verdict: Verdict, context: Context) -> list[Row]:
    if not isinstance(verdict.ranking, Ranking):
        return []
    same = context.rules.pairs.same_threshold()
    return [
        Row(context.tile(row.person), row, explanation.dot_plot(verdict.ranking.scores(place), same))
        for place, row in enumerate(verdict.ranking[:RANKING_ROWS])
    ]


def _tag_size(box: Box, side: int) -> int:
    """Return the side of a box's number in pixels of the photo, readable and in proportion to the face."""
    return round(min(max(box.width * 0.4, side / 45), side / 22))
