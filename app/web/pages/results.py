"""`Outcome`s -> what the results template shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.gallery.store import Person
from app.recognition.decision import Verdict
from app.recognition.model_card import ModelCard
from app.recognition.results import Identification, IdentifiedFace
from app.recognition.scoring import PersonDistance
from app.serialization import RANKING_ROWS
from app.vision.faces import Box
from app.web import inline_images, wording
from app.web.admin.correction import Correction
from app.web.pages import explanation
from app.web.pages.explanation import Strip
from app.web.pages.photo_result import Outcome, answers
from app.web.portraits import Tile, initials, tile

OPEN_TABLES = 3
"""With more faces than this on a page the tables start closed, so that it stays readable."""


@dataclass(frozen=True)
class Row:
    """A row of the table: the person, the distance, and the anchors behind it."""

    tile: Tile
    of: PersonDistance
    strip: Strip


@dataclass(frozen=True)
class FaceView:
    """A face on the page: its place in the photo and its card. `key` is unlike that of any other face.

    `people` are the tiles shown large: the person matched, or those whom an ambiguous face may show.
    `lookalike` is the closest person of an unknown face, None if nobody is close enough. `rest` is everyone after
    `best`. `same` is the largest score of two photos of the same person. `lead` and `reliability` are sentences, or
    None where there is nothing to say, `rejections` are some.
    `correction` is what an administrator can do about the verdict, None for others.
    """

    number: int
    key: str
    box: Box
    tag: int
    crop: str
    kind: str
    label: str
    name: str
    reason: str
    lead: str | None
    rejections: tuple[str, ...]
    same: float
    reliability: str | None
    people: tuple[Tile, ...]
    lookalike: Tile | None
    threshold: float | None
    best: tuple[Row, ...]
    rest: tuple[PersonDistance, ...]
    correction: Correction | None


@dataclass(frozen=True)
class PhotoView:
    """One photo on the page: `photo` is a data URI, `faces` run from left to right.

    `number` counts the photos, `file` is the visitor's name for it. `problem` is a sentence where nobody could
    be shown; `photo` is None where the file could not be read.
    """

    number: int
    file: str
    headline: str
    problem: str | None
    photo: str | None
    width: int
    height: int
    faces: tuple[FaceView, ...]


@dataclass(frozen=True)
class ResultsView:
    """A results page.

    `rate` is the sentence about the FPIR, None if the server could read no photo. `json` is a data URI with all
    answers as the API gives them.
    """

    headline: str
    rate: str | None
    photos: tuple[PhotoView, ...]
    json: str
    tables_open: bool


class Explainer:
    """What the page tells besides the verdict.

    Args:
        card: of the network that judged.
        people: everyone in the gallery, by name.
        corrections: gives what can be done about each face of a photo, by the photo's name and its faces.
    """

    def __init__(
        self,
        card: ModelCard,
        people: Mapping[str, Person],
        corrections: Callable[[str, Sequence[IdentifiedFace]], Sequence[Correction | None]],
    ) -> None:
        self.corrections = corrections
        self.margin = card.rules.margin
        self.same = card.rules.pairs.same_threshold()
        self.bins = card.raw.get("metrics", {}).get("reliability", ())
        self._people = people

    def tile(self, person: str) -> Tile:
        """The person's tile; someone removed from the gallery a moment ago has only their initials left."""
        found = self._people.get(person)
        return tile(found) if found else Tile(person, None, initials(person))


def view(outcomes: Sequence[Outcome], explainer: Explainer) -> ResultsView:
    """Prepare a results page.

    Args:
        outcomes: of at least one photo.
        explainer: knows the card and the gallery.
    """
    photos = tuple(_photo(number, outcome, explainer) for number, outcome in enumerate(outcomes, start=1))
    found = [outcome.found for outcome in outcomes if outcome.found]
    verdicts = [face.verdict for one in found for face in one.faces]
    return ResultsView(
        headline=wording.headline(verdicts) if verdicts else wording.NOBODY,
        rate=wording.identification_rate(found[0].fpir) if found else None,
        photos=photos,
        json=inline_images.json_uri(answers(outcomes)),
        tables_open=len(verdicts) <= OPEN_TABLES,
    )


def _photo(number: int, outcome: Outcome, explainer: Explainer) -> PhotoView:
    found = outcome.found
    if found is None:
        return PhotoView(number, outcome.name, wording.UNREAD, outcome.problem, None, 0, 0, ())
    corrections = explainer.corrections(outcome.name, found.faces)
    faces = tuple(
        _face(f"{number}-{at}", at, face, found, explainer, correction)
        for at, (face, correction) in enumerate(zip(found.faces, corrections, strict=True), start=1)
    )
    headline = wording.headline([face.verdict for face in found.faces]) if faces else wording.NO_FACES
    photo = inline_images.photo(found.picture)
    return PhotoView(number, outcome.name, headline, outcome.problem, photo, found.width, found.height, faces)


def _face(
    key: str,
    number: int,
    face: IdentifiedFace,
    found: Identification,
    explainer: Explainer,
    correction: Correction | None,
) -> FaceView:
    verdict, box = face.verdict, face.face.box
    shown = (verdict.person,) if verdict.person else verdict.candidates
    return FaceView(
        number=number,
        key=key,
        box=box,
        tag=_tag_size(box, max(found.width, found.height)),
        crop=inline_images.face(found.picture, face),
        kind=verdict.kind,
        label=wording.LABELS[verdict.kind],
        name=wording.name(verdict),
        reason=verdict.reason,
        lead=explanation.lead(verdict, explainer.margin),
        rejections=explanation.rejections(verdict),
        same=explainer.same,
        reliability=explanation.reliability(verdict, explainer.bins),
        people=tuple(explainer.tile(name) for name in shown),
        lookalike=None if verdict.look_alike is None else explainer.tile(verdict.look_alike),
        threshold=verdict.threshold,
        best=_best(verdict, explainer),
        rest=verdict.ranking[RANKING_ROWS:],
        correction=correction,
    )


def _best(verdict: Verdict, explainer: Explainer) -> tuple[Row, ...]:
    return tuple(
        Row(explainer.tile(row.person), row, explanation.strip(verdict.ranking.scores(place), explainer.same))
        for place, row in enumerate(verdict.ranking[:RANKING_ROWS])
    )


def _tag_size(box: Box, side: int) -> int:
    """Side of a box's number in pixels of the photo: readable, and in proportion to the face."""
    return round(min(max(box.width * 0.4, side / 45), side / 22))
