"""Comparison of the faces in two photos, as a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from flask import render_template

from app import serialization, text
from app.errors import FaceError, PhotoError
from app.recognition.decision import PAIR_LABELS, PairKind
from app.recognition.recognizer import Recognizer
from app.recognition.results import ComparedFace, ComparedPhoto, Comparison
from app.vision.faces import Box
from app.web import inline_images, wording
from app.web.http_errors import describe
from app.web.progress_stream import Step, Steps
from app.web.uploads import Upload, check_size, upload_limits

MAX_FACES = 8
"""Faces of a photo to select from. The page has every pair, and `pair_styles` shows the selected one."""

_SIDE = 640  # largest side of a photo in the units of the boxes, so that numbers on boxes are readable

_TONES: dict[PairKind, str] = {"same": "match", "uncertain": "ambiguous", "different": "unknown"}


@dataclass(frozen=True)
class FaceView:
    """A face to select. `slot` counts the faces to select, from 1. `first` says that the page starts with it."""

    slot: int
    face: ComparedFace
    box: Box
    crop: str
    first: bool


@dataclass(frozen=True)
class SideView:
    """One of the two photos: its form field, data URI, size, caption and faces."""

    field: str
    photo: str
    width: int
    height: int
    caption: str
    faces: Sequence[FaceView]


@dataclass(frozen=True)
class PairView:
    """A pair of faces, by their slots, and its verdict; `json` is a data URI of the API's answer."""

    a: int
    b: int
    comparison: Comparison
    note: str | None
    json: str


@dataclass(frozen=True)
class ComparisonView:
    """A comparison of two photos, with every pair of faces to select."""

    sides: tuple[SideView, SideView]
    pairs: Sequence[PairView]


def page(problem: str | None = None, result: ComparisonView | None = None) -> str:
    """Return the comparison page as HTML: with a result, or with the form and the problem of the last upload."""
    words = {"labels": PAIR_LABELS, "tones": _TONES, "meaning": meaning}
    limits = upload_limits() | {"max_photos": 2}
    return render_template("compare.html", problem=problem, result=result, limits=limits, **words)


def pair_styles() -> str:
    """Return the style sheet that hides the pairs and marks of faces that are not selected, also without a script."""
    hidden = (
        f'.comparison:has(#{side}-{slot}:checked) [data-{side}]:not([data-{side}="{slot}"])'
        for side, slot in product("ab", range(1, MAX_FACES + 1))
    )
    return ",\n".join(hidden) + " { display: none; }\n"


def compare(recognizer: Recognizer, first: Upload, second: Upload) -> Steps:
    """Compare two photos, and return the page with the verdicts, or with a sentence that says why there are none."""
    try:
        check_size(first, "first photo")
        check_size(second, "second photo")
        left = recognizer.load_compared_photo(first.data, "first")
        yield Step("Finding faces in the second photo…", 2)
        right = recognizer.load_compared_photo(second.data, "second")
    except (PhotoError, FaceError) as error:
        return page(str(error)), describe(error).status
    yield Step(f"Comparing {text.count(len(left.chosen), 'face')} with {text.count(len(right.chosen), 'face')}…")
    return page(result=view(recognizer, left, right)), 200


def view(recognizer: Recognizer, first: ComparedPhoto, second: ComparedPhoto) -> ComparisonView:
    """Prepare every pair of faces to select. The page starts with the largest face of each photo."""
    closest = recognizer.compare_photos(first, second)
    left, right = _selectable(first, closest.first), _selectable(second, closest.second)
    pairs = []
    for (a, face), (b, other) in product(enumerate(left, start=1), enumerate(right, start=1)):
        if face in first.chosen and other in second.chosen:
            pair = recognizer.compare_photos(first.with_chosen(face), second.with_chosen(other))
            answer = inline_images.json_uri(serialization.comparison(pair))
            pairs.append(PairView(a, b, pair, note(pair, closest), answer))
    return ComparisonView((_side("a", first, left), _side("b", second, right)), pairs)


def meaning(comparison: Comparison) -> str:
    """Explain a score."""
    same, different = f"{comparison.threshold:.3f}", f"{comparison.different:.3f}"
    if comparison.kind == "same":
        share = wording.one_in(comparison.rules.fmr)
        return (
            f"A score of {same} or less means the same person. About {share} comparisons of unrelated photos score "
            "this low."
        )
    if comparison.kind == "uncertain":
        return (
            f"The score is between {same} (same person) and {different} (different people). Check both faces yourself, "
            "or compare other photos."
        )
    return f"A score above {different} means different people. Few photos of the same person score this high."


def note(comparison: Comparison, closest: Comparison) -> str | None:
    """Describe the closest of all pairs; None if there is only one pair."""
    if closest.pairs == 1:
        return None
    pair = f"face {closest.first.index} of photo 1 and face {closest.second.index} of photo 2, at {closest.score:.3f}"
    if (comparison.first.index, comparison.second.index) == (closest.first.index, closest.second.index):
        pair = "this one"
    return (
        f"The closest of all {closest.pairs:,} pairs of faces is {pair}. If you select the closest of "
        f"{closest.pairs:,} pairs, a score of {closest.threshold:.3f} or less means the same person."
    )


def _selectable(side: ComparedPhoto, closest: ComparedFace) -> list[ComparedFace]:
    """Return the faces to select, from left to right: largest and closest first, low quality last, if too many."""
    by_size = sorted(side.faces, key=lambda face: (face not in side.chosen, -face.area))
    order = dict.fromkeys([side.largest, closest, *by_size])
    return sorted(list(order)[:MAX_FACES], key=lambda face: face.index)


def _side(field: str, side: ComparedPhoto, faces: Sequence[ComparedFace]) -> SideView:
    picture = side.picture
    scale = _SIDE / max(picture.width, picture.height)
    views = []
    for slot, face in enumerate(faces, start=1):
        box, crop = face.probe.face.scale(scale, _SIDE, _SIDE).box, inline_images.face(picture, face.probe)
        views.append(FaceView(slot, face, box, crop, face is side.largest))
    width, height = round(scale * picture.width), round(scale * picture.height)
    return SideView(field, inline_images.photo(picture), width, height, _caption(side, len(faces)), views)


def _caption(side: ComparedPhoto, shown: int) -> str:
    caption = text.count(len(side.faces), "face")
    if low_quality := len(side.faces) - len(side.chosen):
        caption += f", {low_quality} of low quality"
    if shown < len(side.faces):
        caption += f". You can select {shown} here. The API and the command line compare any face."
    return caption
