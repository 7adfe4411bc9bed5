"""View of identification results: photos with names, and a card for each person, for the results template."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from app import serialization
from app.arrays import FloatArray
from app.recognition.decision import Verdict, VerdictKind
from app.recognition.recognizer import Recognizer
from app.recognition.results import Identification, IdentifiedFace
from app.recognition.scoring import PersonDistance
from app.web import inline_images, wording
from app.web.admin.correction import Correction, find_corrections
from app.web.pages.face_labels import Label, place_labels
from app.web.pages.similar_faces import find_similar
from app.web.portraits import Tile, initials, person_heading, person_links, tile

CLOSEST = 3
"""People in the table of a card."""

CROWD = 12
"""Largest number of faces on a page whose pictures have full size."""

State = Literal["named", "unknown", "failed"]

_ORDER: tuple[VerdictKind, ...] = ("match", "ambiguous", "unknown", "low_quality")
_CROP_SIDE, _CROWD_CROP_SIDE, _THUMBNAIL_SIDE = 160, 64, 320


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """Identification of an uploaded photo, None if it is unreadable. `code` and `problem` are "" without a problem."""

    file: str
    identification: Identification | None
    code: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the distance table."""

    tile: Tile
    distance: PersonDistance


@dataclass(frozen=True, eq=False)
class FaceView:
    """A face on the page. `key` is unique on the page, and `embedding` is the text for `face_details`.

    `name` is the face's name in the photo's label, and `title` the heading of a card.
    """

    key: str
    photo: int
    number: int
    label: Label
    crop: str
    verdict: Verdict
    name: str
    title: str
    words: str
    summary: str
    look_alike: Tile | None
    rows: Sequence[Row]
    embedding: str | None
    correction: Correction | None


@dataclass(frozen=True, eq=False)
class Card:
    """A person on the page: all faces that match them, the closest first. Other faces have a card each."""

    faces: Sequence[FaceView]
    tiles: Sequence[Tile]

    @property
    def face(self) -> FaceView:
        """The face whose distances the card shows."""
        return self.faces[0]

    @property
    def photos(self) -> int:
        """Number of photos with this person."""
        return len({face.photo for face in self.faces})


@dataclass(frozen=True, eq=False)
class PhotoView:
    """A photo on the page. The data URIs `photo` and `thumbnail` are None if the file could not be read."""

    number: int
    result: PhotoResult
    state: State
    names: str
    photo: str | None = None
    thumbnail: str | None = None
    faces: Sequence[FaceView] = ()


class ResultsView:
    """A results page of at least one photo."""

    def __init__(self, recognizer: Recognizer, results: Sequence[PhotoResult]) -> None:
        gallery = recognizer.gallery
        self._recognizer = recognizer
        self._rules = recognizer.rules(gallery.snapshot())
        self._people = {person.name: person for person in gallery.people()}
        identifications = [result.identification for result in results if result.identification]
        verdicts = [face.verdict for identification in identifications for face in identification.faces]
        self._several = len(results) > 1
        self._crop_side = _CROP_SIDE if len(verdicts) <= CROWD else _CROWD_CROP_SIDE
        self.headline = wording.headline(verdicts) if verdicts else wording.NO_FACE
        self.rate = wording.identification_rate(identifications[0].fpir) if identifications else None
        self.person_heading = person_heading(gallery)
        self.link = person_links(gallery)
        rows = _rows(results)
        self.json = inline_images.json_uri(rows[0] if len(rows) == 1 else serialization.identifications(rows))
        self.csv = inline_images.csv_uri([serialization.CSV_COLUMNS, *serialization.csv_lines(rows)])
        self.photos = [self._photo(number, result) for number, result in enumerate(results, start=1)]
        self.cards = self._cards(face for photo in self.photos for face in photo.faces)
        self.crowd = len(verdicts) > CROWD
        self.similar = self._similar_faces()
        self.totals = wording.totals([photo.state for photo in self.photos], len(verdicts))

    def _photo(self, number: int, result: PhotoResult) -> PhotoView:
        found = result.identification
        if found is None:
            return PhotoView(number, result, "failed", wording.UNREADABLE)
        corrections = find_corrections(self._recognizer, result.file, found.faces)
        texts = [wording.label(face.verdict) for face in found.faces]
        labels = place_labels([face.box for face in found.faces], texts, found.width, found.height)
        faces = [
            self._face(number, index + 1, face, found, label, corrections.get(index))
            for index, (face, label) in enumerate(zip(found.faces, labels, strict=True))
        ]
        verdicts = [face.verdict for face in found.faces]
        state: State = "named" if any(verdict.person for verdict in verdicts) else "unknown" if faces else "failed"
        names = wording.names(verdicts) if faces else wording.NO_FACE
        thumbnail = inline_images.photo(found.picture, _THUMBNAIL_SIDE) if self._several else None
        return PhotoView(number, result, state, names, inline_images.photo(found.picture), thumbnail, faces)

    def _face(
        self,
        photo: int,
        number: int,
        face: IdentifiedFace,
        found: Identification,
        label: Label,
        correction: Correction | None,
    ) -> FaceView:
        verdict = face.verdict
        anchors = verdict.ranking[0].anchors if verdict.ranking else 1
        strong = self._rules.strong_threshold(anchors, len(verdict.ranking))
        is_judged = verdict.kind != "low_quality"
        return FaceView(
            key=f"{photo}-{number}",
            photo=photo,
            number=number,
            label=label,
            crop=inline_images.face(found.picture, face, self._crop_side),
            verdict=verdict,
            name=wording.label(verdict),
            title=wording.name(verdict),
            words=wording.strength(verdict, strong),
            summary=wording.summary(verdict),
            look_alike=None if verdict.look_alike is None else self._tile(verdict.look_alike),
            rows=[Row(self._tile(row.person), row) for row in verdict.ranking[:CLOSEST]] if is_judged else [],
            embedding=dump_embedding(face.embedding) if is_judged and face.embedding is not None else None,
            correction=correction,
        )

    def _cards(self, faces: Iterable[FaceView]) -> list[Card]:
        groups: dict[str, list[FaceView]] = {}
        for face in faces:
            groups.setdefault(face.verdict.person or face.key, []).append(face)
        cards = []
        for group in groups.values():
            group.sort(key=lambda face: face.verdict.class_distance or 0.0)
            verdict = group[0].verdict
            people = (verdict.person,) if verdict.person else verdict.candidates
            cards.append(Card(group, [self._tile(name) for name in people]))
        return sorted(cards, key=lambda card: (_ORDER.index(card.face.verdict.kind), -card.photos))

    def _similar_faces(self) -> Mapping[str, Sequence[str]]:
        """Return the keys of similar faces by the key of each face without a name that can be corrected."""
        unnamed = [
            (view, embedding)
            for photo in self.photos
            if photo.result.identification
            for view, face in zip(photo.faces, photo.result.identification.faces, strict=True)
            if view.correction and not view.verdict.person and (embedding := face.embedding) is not None
        ]
        views = [view for view, _ in unnamed]
        similar = find_similar([embedding for _, embedding in unnamed], [view.photo for view in views], self._rules)
        return {view.key: [views[row].key for row in rows] for view, rows in zip(views, similar, strict=True)}

    def _tile(self, name: str) -> Tile:
        """Return a person's tile: without portrait if the person was removed a moment ago."""
        person = self._people.get(name)
        return tile(person) if person else Tile(name, None, initials(name))


def dump_embedding(embedding: FloatArray) -> str:
    """Write an embedding, float32 (dims,), as text for a form, rounded to float16."""
    return base64.b64encode(embedding.astype("<f2").tobytes()).decode("ascii")


def load_embedding(text: str, dims: int) -> FloatArray | None:
    """Read an embedding, float32 (dims,) of unit length, from `dump_embedding`; None for another text."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if len(data) != 2 * dims:
        return None
    embedding = np.frombuffer(data, "<f2").astype(np.float32)
    norm = float(np.linalg.norm(embedding))
    return embedding / norm if 0.9 < norm < 1.1 else None


def _rows(results: Sequence[PhotoResult]) -> list[dict[str, Any]]:
    """Return the API's answer for each photo, with short rankings in a crowd."""
    faces = sum(len(result.identification.faces) for result in results if result.identification)
    top = serialization.RANKING_ROWS if faces <= CROWD else 1
    return [
        serialization.identification_error(result.file, result.code, result.problem)
        if result.identification is None
        else serialization.identification(result.file, result.identification, top)
        for result in results
    ]
