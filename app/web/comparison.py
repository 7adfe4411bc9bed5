"""Two photos -> one score and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template

from app import plural, serialize
from app.faces import Box
from app.images import UnreadableImage
from app.recognizer import Comparison, NoFaceFound, Recognizer, Side
from app.web import pictures
from app.web.streams import Work
from app.web.upload import intake
from app.web.uploads import TooLarge, Upload, refuse_large

CLOSE = 0.1
"""A score no further from the threshold than this is said to be close to it."""

_ERRORS = (TooLarge, UnreadableImage, NoFaceFound)


@dataclass(frozen=True)
class SideView:
    """One of the two photos: data URIs of it and of the face compared, its size, and where that face is."""

    photo: str
    width: int
    height: int
    box: Box
    crop: str
    faces: str


@dataclass(frozen=True)
class ComparisonView:
    """What a comparison shows: `same` or not, in words and numbers; `json` is a data URI of the API's answer."""

    same: bool
    headline: str
    meaning: str
    score: float
    threshold: float
    sides: tuple[SideView, SideView]
    json: str


def page(problem: str | None = None, result: ComparisonView | None = None) -> str:
    """The page that compares two photos, as HTML.

    Arguments:
        problem: a sentence that says why there is no score, or None.
        result: what to show, or None.
    """
    return render_template("compare.html", problem=problem, result=result, intake=intake())


def work(recognizer: Recognizer, first: Upload, second: Upload) -> Work:
    """Compare two photos.

    Returns:
        The page with their score, or with a sentence if there is none.
    """
    try:
        for upload, which in ((first, "first"), (second, "second")):
            refuse_large(upload, f"{which} photo")
        left = recognizer.side(first.data, "first")
        yield "Finding faces in the second photo…"
        right = recognizer.side(second.data, "second")
    except _ERRORS as error:
        return page(str(error)), 413 if isinstance(error, TooLarge) else 422
    yield f"Comparing {plural.count(len(left.probes), 'face')} with {plural.count(len(right.probes), 'face')}…"
    return page(result=view(recognizer.closest(left, right), left, right)), 200


def view(compared: Comparison, first: Side, second: Side) -> ComparisonView:
    """Prepare what the page shows of a comparison of two sides."""
    places = (compared.first.box, compared.second.box)
    sides = tuple(
        _side(side, box, crop) for side, box, crop in zip((first, second), places, compared.crops, strict=True)
    )
    return ComparisonView(
        same=compared.same,
        headline="The same person" if compared.same else "Different people",
        meaning=meaning(compared.score, compared.threshold),
        score=compared.score,
        threshold=compared.threshold,
        sides=sides,
        json=pictures.json_uri(serialize.comparison(compared)),
    )


def meaning(score: float, threshold: float) -> str:
    """What a score says, in a sentence."""
    line = f"{threshold:.3f}, the line between the same person and different people"
    if abs(score - threshold) <= CLOSE:
        side = "under" if score <= threshold else "over"
        return f"{score:.3f} is just {side} {line}: look for yourself, it may well be the other way round."
    return f"{score:.3f} is {'well under' if score <= threshold else 'well over'} {line}."


def _side(side: Side, box: Box, crop) -> SideView:
    picture = side.picture
    faces = plural.count(len(side.probes), "face")
    return SideView(
        pictures.photo(picture), picture.width, picture.height, box, pictures.crop(crop), f"{faces} found here"
    )
