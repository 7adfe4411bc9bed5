"""Sample photos for visitors, composed of shipped portraits, which are averages of several photos each."""

import io
import logging
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from app.errors import FacesError, PhotoError
from app.gallery.store import Person
from app.recognition.recognizer import Recognizer

log = logging.getLogger(__name__)

SIZE = (720, 480)
"""Width and height of a sample in pixels."""

THUMBNAIL_SIZE = (150, 100)

_GROUP = 3
_CANDIDATES = 12
_BLEND_CANDIDATES = 48
_BLENDED = 6  # portraits in the face of an unknown person
_COMPARED_SIDE = 32  # pixels of the portraits that are compared with each other

_COLUMNS = 4
_MAX_SIDE = 360  # pixels of a portrait
_GAP = 0.06  # share of a cell
_GROUND = (226, 229, 236)


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample photo as JPEG file, and its title on the upload page."""

    title: str
    photo: bytes

    @cached_property
    def thumbnail(self) -> bytes:
        """A small WebP file for the upload page, twice `THUMBNAIL_SIZE` for sharp screens."""
        image = Image.open(io.BytesIO(self.photo))
        image.thumbnail((2 * THUMBNAIL_SIZE[0], 2 * THUMBNAIL_SIZE[1]), Image.Resampling.LANCZOS)
        return _encode(image, "WEBP", 60)


_Sources = list[tuple[int, str | None]]

_made: WeakKeyDictionary[Recognizer, tuple[int, _Sources, Mapping[str, Sample]]] = WeakKeyDictionary()
"""Samples by recognizer, and of which change of the gallery and of which portraits they were made."""

_making = threading.Lock()


def find_samples(recognizer: Recognizer) -> Mapping[str, Sample]:
    """Return the samples by key, which have the results that their titles promise.

    They are made again only after the shipped people of the gallery changed. A gallery with few of them, or none, has
    no samples: the portraits of other people are not for visitors to try.
    """
    with _making:
        # The number alone: the gallery itself would stay in memory after its next change.
        revision = recognizer.gallery.listing().revision
        made = _made.get(recognizer)
        if made and made[0] == revision:
            return made[2]
        people = [person for person in recognizer.gallery.shipped_people() if person.has_portrait]
        people.sort(key=lambda person: (-person.anchors, person.name))
        sources = [(person.id, person.portrait_sha256) for person in people]
        # In an empty context: this work is not that of the request that happens to come first.
        samples = made[2] if made and made[1] == sources else Context().run(_make_samples, recognizer, people)
        _made[recognizer] = revision, sources, samples
        return samples


def prepare_samples(recognizer: Recognizer) -> None:
    """Make the samples before a page needs them."""
    try:
        find_samples(recognizer)
    except FacesError as error:
        log.warning("The sample photos are made when a page is requested: %s", error)


def _make_samples(recognizer: Recognizer, people: Sequence[Person]) -> dict[str, Sample]:
    try:
        return _compose_samples(recognizer, people)
    except PhotoError:
        # The limits for photos are smaller than a sample.
        return {}


def _compose_samples(recognizer: Recognizer, people: Sequence[Person]) -> dict[str, Sample]:
    """Compose photos of people, those with the most anchors first, and keep photos with the expected result."""
    reliable = people[: max(_CANDIDATES, len(people) // 2)]
    portraits = _read_portraits(recognizer, _spread(reliable, _CANDIDATES))
    names = _recognized_names(recognizer, portraits)
    groups = [names[start : start + _GROUP] for start in range(1, len(names) - _GROUP + 1)]
    blended = _read_portraits(recognizer, _spread(reliable, _BLEND_CANDIDATES)).values()
    blends = map(_blend, _similar_groups(list(blended)))
    plans: dict[str, tuple[str, Iterable[tuple[list[str | None], list[Image.Image]]]]] = {
        "one": ("One person", (([name], [portraits[name]]) for name in names)),
        "group": ("Three people", ((list(group), [portraits[name] for name in group]) for group in groups)),
        "unknown": ("Unknown person", (([None], [face]) for face in blends)),
    }
    samples = {}
    for key, (title, plan) in plans.items():
        for expected, shown in plan:
            photo = _compose(shown)
            if _identified(recognizer, photo) == expected:
                samples[key] = Sample(title, photo)
                break
    return samples


def _spread(people: Sequence[Person], count: int) -> Sequence[Person]:
    """Return at most `count` of the people, evenly spaced."""
    return people[:: math.ceil(len(people) / count) or 1]


def _read_portraits(recognizer: Recognizer, people: Sequence[Person]) -> dict[str, Image.Image]:
    portraits = {}
    for person in people:
        try:
            file = io.BytesIO(recognizer.gallery.portrait(person.id) or b"")
            portraits[person.name] = Image.open(file).convert("RGB")
        except OSError:
            # The file is damaged.
            continue
    return portraits


def _recognized_names(recognizer: Recognizer, portraits: Mapping[str, Image.Image]) -> list[str]:
    """Return the people who are recognized in one photo of all portraits, the closest matches first."""
    if not portraits:
        return []
    verdicts = [face.verdict for face in recognizer.identify(_compose(list(portraits.values()))).faces]
    distances = {verdict.person: verdict.class_distance or 0.0 for verdict in verdicts if verdict.person}
    return sorted(distances.keys() & portraits.keys(), key=distances.__getitem__)


def _identified(recognizer: Recognizer, photo: bytes) -> list[str | None]:
    """Return the name of each face from left to right, None for an unknown person."""
    verdicts = [face.verdict for face in recognizer.identify(photo).faces]
    return [verdict.person for verdict in verdicts if verdict.kind in ("match", "unknown")]


def _similar_groups(portraits: Sequence[Image.Image]) -> Iterable[list[Image.Image]]:
    """Yield groups of similar portraits, the most similar first: the average of different faces looks like a ghost."""
    if len(portraits) < _BLENDED:
        return
    small = [portrait.resize((_COMPARED_SIDE, _COMPARED_SIDE), Image.Resampling.BOX) for portrait in portraits]
    pixels = np.array([np.asarray(portrait, np.float32).ravel() for portrait in small])
    distances = np.linalg.norm(pixels[:, None] - pixels, axis=2)
    closest = np.argsort(distances, axis=1, kind="stable")[:, :_BLENDED]
    spreads = np.take_along_axis(distances, closest, axis=1).sum(axis=1)
    for position in np.argsort(spreads, kind="stable").tolist():
        yield [portraits[other] for other in closest[position].tolist()]


def _blend(faces: Sequence[Image.Image]) -> Image.Image:
    """Return the average of portraits, sharpened since an average is blurred."""
    size = faces[0].size
    mean = np.mean([np.asarray(face.resize(size)) for face in faces], axis=0).round().astype(np.uint8)
    return Image.fromarray(mean).filter(ImageFilter.UnsharpMask(radius=2, percent=120, threshold=0))


def _compose(portraits: Sequence[Image.Image]) -> bytes:
    """Return portraits in rows, as round pictures on a neutral background: a JPEG file of `SIZE`."""
    columns = min(len(portraits), _COLUMNS)
    rows = math.ceil(len(portraits) / columns)
    width, height = SIZE[0] / columns, SIZE[1] / rows
    side = min(_MAX_SIDE, int(min(width, height) * (1 - _GAP)))
    # Drawn larger and reduced, for smooth edges.
    circle = Image.new("L", (4 * side, 4 * side))
    ImageDraw.Draw(circle).ellipse((0, 0, 4 * side - 1, 4 * side - 1), fill=255)
    circle = circle.resize((side, side), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", SIZE, _GROUND)
    for index, portrait in enumerate(portraits):
        row, column = divmod(index, columns)
        corner = round(width * (column + 0.5) - side / 2), round(height * (row + 0.5) - side / 2)
        canvas.paste(portrait.resize((side, side), Image.Resampling.BICUBIC), corner, circle)
    return _encode(canvas, "JPEG", 90)


def _encode(image: Image.Image, kind: Literal["JPEG", "WEBP"], quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=quality)
    return file.getvalue()
