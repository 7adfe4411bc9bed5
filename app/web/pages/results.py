"""View of identification results: photos, faces, verdicts and distance tables for the results template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app import serialization
from app.recognition.decision import Verdict
from app.recognition.recognizer import Recognizer
from app.recognition.results import Identification, IdentifiedFace
from app.recognition.scoring import PersonDistance, Ranking
from app.serialization import RANKING_ROWS
from app.vision.faces import Box
from app.web import inline_images, wording
from app.web.admin.correction import Correction, find_corrections
from app.web.pages import explanation
from app.web.portraits import Tile, initials, person_heading, tile

OPEN_TABLES = 3
"""Largest number of faces with tables that start open."""


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """Identification of an uploaded photo, None if it is unreadable. `code` and `problem` are "" without a problem."""

    file: str
    identification: Identification | None
    code: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the distance table: a person, their distance, and their anchors as dots up to and over a threshold."""

    tile: Tile
    distance: PersonDistance
    near: Sequence[str]
    far: Sequence[str]


@dataclass(frozen=True, eq=False)
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
    name: str
    summary: str
    notes: Sequence[str]
    people: Sequence[Tile]
    look_alike: Tile | None
    rows: Sequence[Row]
    correction: Correction | None


@dataclass(frozen=True, eq=False)
class PhotoView:
    """A photo on the page. `photo` is a data URI, None if the file could not be read."""

    number: int
    result: PhotoResult
    headline: str
    photo: str | None = None
    faces: Sequence[FaceView] = ()


class ResultsView:
    """A results page of at least one photo. `same` is the largest score of two photos of the same person."""

    def __init__(self, recognizer: Recognizer, results: Sequence[PhotoResult]) -> None:
        gallery = recognizer.gallery
        self._recognizer = recognizer
        self._rules = recognizer.rules(gallery.snapshot())
        self._people = {person.name: person for person in gallery.people()}
        identifications = [result.identification for result in results if result.identification]
        verdicts = [face.verdict for identification in identifications for face in identification.faces]
        self.headline = wording.headline(verdicts) if verdicts else wording.NO_FACE
        self.rate = wording.identification_rate(identifications[0].fpir) if identifications else None
        self.same = self._rules.pairs.same_threshold()
        self.person_heading = person_heading(gallery)
        self.labels = wording.LABELS
        self.json = inline_images.json_uri(_answer(results))
        self.tables_open = len(verdicts) <= OPEN_TABLES
        self.photos = [self._photo(number, result) for number, result in enumerate(results, start=1)]

    def _photo(self, number: int, result: PhotoResult) -> PhotoView:
        found = result.identification
        if found is None:
            return PhotoView(number, result, wording.UNREADABLE)
        corrections = find_corrections(self._recognizer, result.file, found.faces)
        faces = [
            self._face(f"{number}-{index + 1}", index + 1, face, found, corrections.get(index))
            for index, face in enumerate(found.faces)
        ]
        headline = wording.headline([face.verdict for face in found.faces]) if faces else wording.NO_FACE
        return PhotoView(number, result, headline, inline_images.photo(found.picture), faces)

    def _face(
        self, key: str, number: int, face: IdentifiedFace, found: Identification, correction: Correction | None
    ) -> FaceView:
        verdict, rules = face.verdict, self._rules
        people = (verdict.person,) if verdict.person else verdict.candidates
        anchors = verdict.ranking[0].anchors if verdict.ranking else 1
        reliability = self._recognizer.network.card.raw.get("metrics", {}).get("reliability", ())
        return FaceView(
            number=number,
            key=key,
            box=face.box,
            tag=_tag_size(face.box, max(found.width, found.height)),
            crop=inline_images.face(found.picture, face),
            verdict=verdict,
            name=wording.name(verdict),
            summary=wording.summary(verdict, rules.strong_threshold(anchors, len(verdict.ranking))),
            notes=explanation.notes(verdict, rules.margin, reliability),
            people=[self._tile(name) for name in people],
            look_alike=None if verdict.look_alike is None else self._tile(verdict.look_alike),
            rows=self._rows(verdict),
            correction=correction,
        )

    def _rows(self, verdict: Verdict) -> list[Row]:
        if not isinstance(verdict.ranking, Ranking):
            return []
        return [
            Row(self._tile(row.person), row, *explanation.dots(verdict.ranking.scores(rank), self.same))
            for rank, row in enumerate(verdict.ranking[:RANKING_ROWS])
        ]

    def _tile(self, name: str) -> Tile:
        """Return a person's tile: without portrait if the person was removed a moment ago."""
        person = self._people.get(name)
        return tile(person) if person else Tile(name, None, initials(name))


def _answer(results: Sequence[PhotoResult]) -> dict[str, Any]:
    """Return the API's answer: an object for one photo, a list for several."""
    rows = [
        serialization.identification_error(result.file, result.code, result.problem)
        if result.identification is None
        else serialization.identification(result.file, result.identification)
        for result in results
    ]
    return rows[0] if len(rows) == 1 else serialization.identifications(rows)


def _tag_size(box: Box, side: int) -> int:
    """Return the side of a box's number in pixels of the photo, readable and in proportion to the face."""
    return round(min(max(box.width * 0.4, side / 45), side / 22))
