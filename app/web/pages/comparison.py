"""Comparison of the faces in two photos, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template

from app import serialization, text
from app.errors import FaceError, PhotoError
from app.recognition.decision import PAIR_LABELS, PairKind
from app.recognition.recognizer import Recognizer
from app.recognition.results import ComparedFace, ComparedPhoto, Comparison
from app.vision.faces import Box
from app.web import inline_images, wording
from app.web.http_errors import describe
from app.web.progress_stream import Work
from app.web.uploads import Upload, check_size, intake

FACES = 8
"""Faces of a photo that a visitor can pick. The page has every pair of two photos, static/compare.css shows one."""

_SIDE = 640
"""Largest side of a photo in the units of the boxes, so that numbers on boxes are readable."""

_TONES: dict[PairKind, str] = {"same": "match", "uncertain": "ambiguous", "different": "unknown"}


@dataclass(frozen=True)
class FaceView:
    """A face to pick.

    `slot` counts the faces to pick, `index` all faces of the photo, both from left to right, from 1. `box` is in the
    units of the photo's `width` and `height`. `flaw` says why the face cannot be compared, or is None. `first` says
    that the page starts with it.
    """

    slot: int
    index: int
    box: Box
    crop: str
    flaw: str | None
    first: bool


@dataclass(frozen=True)
class SideView:
    """One of the two photos: its field, a data URI of it, and its faces."""

    field: str
    photo: str
    width: int
    height: int
    caption: str
    faces: tuple[FaceView, ...]


@dataclass(frozen=True)
class PairView:
    """A pair of faces by their slots, and its verdict; `json` is a data URI of the API's answer."""

    a: int
    b: int
    label: str
    tone: str
    score: float
    threshold: float
    different: float
    meaning: str
    note: str | None
    json: str


@dataclass(frozen=True)
class ComparisonView:
    """A comparison of two photos: every pair of faces that a visitor can pick."""

    title: str
    sides: tuple[SideView, SideView]
    pairs: tuple[PairView, ...]


def page(problem: str | None = None, result: ComparisonView | None = None) -> str:
    """Return the page that compares two photos, as HTML.

    Args:
        problem: a sentence that says why there is no score, or None.
        result: what to show, or None.
    """
    return render_template("compare.html", problem=problem, result=result, intake=intake())


def work(recognizer: Recognizer, first: Upload, second: Upload) -> Work:
    """Compare two photos.

    Returns:
        The page with the verdicts, or with a sentence that says why there are none.
    """
    try:
        for upload, which in ((first, "first"), (second, "second")):
            check_size(upload, f"{which} photo")
        left = recognizer.load_compared_photo(first.data, "first")
        yield "Finding faces in the second photo…"
        right = recognizer.load_compared_photo(second.data, "second")
    except (PhotoError, FaceError) as error:
        return page(str(error)), describe(error).status
    yield f"Comparing {text.count(len(left.chosen), 'face')} with {text.count(len(right.chosen), 'face')}…"
    return page(result=view(recognizer, left, right)), 200


def view(recognizer: Recognizer, first: ComparedPhoto, second: ComparedPhoto) -> ComparisonView:
    """Prepare every pair of faces; the page starts with the largest face of each photo."""
    closest = recognizer.compare_photos(first, second)
    faces = [_shown(first, closest.first), _shown(second, closest.second)]
    pairs = tuple(
        _pair(recognizer.compare_photos(first.with_chosen(a), second.with_chosen(b)), slot_a, slot_b, closest)
        for slot_a, a in enumerate(faces[0], start=1)
        for slot_b, b in enumerate(faces[1], start=1)
        if a in first.chosen and b in second.chosen
    )
    sides = (_side("a", first, faces[0]), _side("b", second, faces[1]))
    return ComparisonView(pairs[0].label if len(pairs) == 1 else "Comparison", sides, pairs)


def meaning(compared: Comparison) -> str:
    """Return what a score says, in a sentence or two."""
    same, different, score = compared.threshold, compared.different, f"{compared.score:.3f}"
    if compared.kind == "same":
        share = wording.one_in(compared.rules.fmr)
        return (
            f"{same:.3f} or less means the same person: about {share} comparisons of unrelated photos scores that low."
        )
    if compared.kind == "uncertain":
        return (
            f"Up to {same:.3f} means the same person, above {different:.3f} different people, and {score} is between. "
            "Look at both faces yourself, or compare other photos."
        )
    return f"Above {different:.3f} means different people: few photos of one person score that high."


def note(compared: Comparison, closest: Comparison) -> str | None:
    """Return a sentence about the most alike of all pairs; None if there is only one pair."""
    if closest.pairs == 1:
        return None
    if (compared.first.index, compared.second.index) == (closest.first.index, closest.second.index):
        found = "this one is the most alike"
    else:
        found = (
            f"face {closest.first.index} of photo 1 and face {closest.second.index} of photo 2 are the most alike: "
            f"{closest.score:.3f}"
        )
    return (
        f"Of all {closest.pairs:,} pairs of faces, {found}. For a pair that you pick out of {closest.pairs:,}, "
        f"{closest.threshold:.3f} or less means the same person."
    )


def _pair(compared: Comparison, a: int, b: int, closest: Comparison) -> PairView:
    return PairView(
        a,
        b,
        PAIR_LABELS[compared.kind],
        _TONES[compared.kind],
        compared.score,
        compared.threshold,
        compared.different,
        meaning(compared),
        note(compared, closest),
        inline_images.json_uri(serialization.comparison(compared)),
    )


def _shown(side: ComparedPhoto, closest: ComparedFace) -> list[ComparedFace]:
    """Return the faces to pick from left to right: the largest and the closest first, those of low quality last."""
    by_size = sorted(side.faces, key=lambda face: (face not in side.chosen, -face.area))
    order = dict.fromkeys([side.largest, closest, *by_size])
    return sorted(list(order)[:FACES], key=lambda face: face.index)


def _side(field: str, side: ComparedPhoto, faces: Sequence[ComparedFace]) -> SideView:
    picture = side.picture
    scale = _SIDE / max(picture.width, picture.height)
    views = tuple(
        FaceView(
            slot,
            face.index,
            face.probe.face.scaled(scale, _SIDE, _SIDE).box,
            inline_images.face(picture, face.probe),
            face.probe.flaw,
            face is side.largest,
        )
        for slot, face in enumerate(faces, start=1)
    )
    size = (round(scale * picture.width), round(scale * picture.height))
    return SideView(field, inline_images.photo(picture), *size, _caption(side, len(faces)), views)


def _caption(side: ComparedPhoto, shown: int) -> str:
    low = len(side.faces) - len(side.chosen)
    parts = [text.count(len(side.faces), "face")]
    if low:
        parts.append(f"{low} of low quality")
    if shown < len(side.faces):
        parts.append(f"{shown} to pick from here; the API and the command line compare any")
    return ", ".join(parts)
