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
    strip: DotPlot


@dataclass(frozen=True)
class FaceView:
    """A face on the page.

    Attributes:
        number: from left to right, from 1.
        key: unique on the page.
        box: in pixels of the photo.
        tag: side of the box's number, in pixels of the photo.
        crop: data URI.
        kind: of the verdict.
        label: of the verdict.
        name: the identity, or what is known of it.
        summary: the verdict as a sentence.
        notes: sentences that explain the verdict in numbers.
        people: the matched person, or the candidates of an ambiguous face.
        lookalike: the closest person of an unknown face, None if that person is too far.
        threshold: of the closest person.
        best: rows of the closest people.
        rest: everyone else.
        correction: what an administrator can do about the verdict, None for visitors.
    """

    number: int
    key: str
    box: Box
    tag: int
    crop: str
    kind: str
    label: str
    name: str
    summary: str
    notes: tuple[str, ...]
    people: tuple[Tile, ...]
    lookalike: Tile | None
    threshold: float | None
    best: tuple[Row, ...]
    rest: Sequence[PersonDistance]
    correction: Correction | None


@dataclass(frozen=True)
class PhotoView:
    """A photo on the page, as a data URI, with its faces from left to right.

    `photo` is None if the file could not be read. `problem` says why the photo has no identified faces.
    """

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
    """A results page.

    Attributes:
        headline: who is in the photos.
        rate: the sentence about the FPIR, None if no photo could be read.
        same: the largest score of two photos of the same person.
        person_heading: heading of the column of people.
        photos: in the order sent.
        json: data URI of the API's answer.
        tables_open: whether the tables start open.
    """

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

    Attributes:
        rules: thresholds of the gallery.
        reliability: rows of the model card, see `explanation.notes`.
        people: the gallery by name.
        person_heading: heading of the column of people.
        correct: returns the corrections for the faces of a photo, None where there is none.
    """

    rules: Rules
    reliability: Sequence[Mapping[str, Any]]
    people: Mapping[str, Person]
    person_heading: str
    correct: Callable[[str, Sequence[IdentifiedFace]], Sequence[Correction | None]]

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
        _face(f"{number}-{index}", index, face, found, context, correction)
        for index, (face, correction) in enumerate(zip(found.faces, corrections, strict=True), start=1)
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
        kind=verdict.kind,
        label=wording.LABELS[verdict.kind],
        name=wording.name(verdict),
        summary=wording.summary(verdict, rules.strong_threshold(anchors, len(verdict.ranking))),
        notes=explanation.notes(verdict, rules.margin, context.reliability),
        people=tuple(context.tile(name) for name in people),
        lookalike=None if verdict.look_alike is None else context.tile(verdict.look_alike),
        threshold=verdict.threshold,
        best=tuple(_rows(verdict, context)),
        rest=verdict.ranking[RANKING_ROWS:],
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
