"""Learning new people from photos: every photo is looked at on its own and gets its own answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from app.gallery import names
from app.gallery.store import GalleryError, Person
from app.images import UnreadableImage, looks_like_picture
from app.recognizer import Probe, Recognizer

Outcome = Literal["accepted", "unreadable", "no_face", "several_faces", "poor"]

PORTRAIT_SIDE = 224
"""Side of a portrait in pixels."""


@dataclass(frozen=True)
class PhotoReport:
    """What became of one photo; `reason` is a sentence for a person."""

    file: str
    outcome: Outcome
    reason: str

    @property
    def accepted(self) -> bool:
        """Whether the person is known by this photo now."""
        return self.outcome == "accepted"


@dataclass(frozen=True)
class EnrolmentReport:
    """What became of one person's photos.

    `person` is the person as now in the gallery, None if nothing entered. `error` is a sentence if the whole
    person was refused, whatever the photos, else None.
    """

    name: str
    photos: tuple[PhotoReport, ...]
    person: Person | None = None
    error: str | None = None

    @property
    def accepted(self) -> int:
        """Photos that became anchors."""
        return sum(photo.accepted for photo in self.photos)


@dataclass(frozen=True, eq=False)
class _Examined:
    """A photo's report and, if accepted, the face in it."""

    report: PhotoReport
    probe: Probe | None = None


def enrol(recognizer: Recognizer, name: str, photos: Iterable[tuple[str, bytes]]) -> EnrolmentReport:
    """Learn a person from photos, in one step: all accepted ones enter, or nothing does.

    Arguments:
        recognizer: detector, network and the gallery to learn into.
        name: the person's name, new or known.
        photos: (what the sender calls the file, its bytes) each, with that person's face alone.

    Raises:
        GalleryError: the name cannot be used, or the gallery cannot be written.
    """
    name = names.clean(name)
    return _enter(recognizer, name, [_examine(recognizer, file, data) for file, data in photos])


def import_folder(
    recognizer: Recognizer, folder: Path, tick: Callable[[], object] = lambda: None
) -> Iterator[EnrolmentReport]:
    """Learn everyone in a folder of folders: each is named as its person and holds their photos.

    Arguments:
        recognizer: detector, network and the gallery to learn into.
        folder: the folder of folders.
        tick: called after every photo, at most `count_photos` times in all.

    Yields:
        A report a person, in order of names; a folder that cannot be used is reported, and the next goes on.

    Raises:
        OSError: `folder` itself cannot be read.
    """
    for place in _person_folders(folder):
        yield _import_person(recognizer, place, tick)


def count_photos(folder: Path) -> int:
    """Photos that `import_folder` would look at."""
    total = 0
    for place in _person_folders(folder):
        with suppress(OSError):
            total += len(_photos(place))
    return total


def portrait_of(crops: Iterable[np.ndarray]) -> bytes:
    """The average face of aligned crops.

    Arguments:
        crops: uint8 (112, 112, 3) RGB each, at least one.

    Returns:
        A WebP file of 224 x 224 pixels.
    """
    average = np.mean(np.stack(list(crops)), axis=0, dtype=np.float64)
    picture = Image.fromarray(np.round(average).astype(np.uint8))
    file = io.BytesIO()
    picture.resize((PORTRAIT_SIDE, PORTRAIT_SIDE), Image.Resampling.LANCZOS).save(file, "WEBP", quality=85)
    return file.getvalue()


def _import_person(recognizer: Recognizer, place: Path, tick: Callable[[], object]) -> EnrolmentReport:
    try:
        name = names.clean(place.name)
        examined = []
        for path in _photos(place):
            examined.append(_examine_file(recognizer, path))
            tick()
        return _enter(recognizer, name, examined)
    except GalleryError as error:
        return EnrolmentReport(place.name, (), error=str(error))
    except OSError as error:
        return EnrolmentReport(place.name, (), error=f"The folder {place} cannot be read ({error.strerror}).")


def _enter(recognizer: Recognizer, name: str, examined: list[_Examined]) -> EnrolmentReport:
    """Put the accepted photos' faces into the gallery."""
    reports = tuple(one.report for one in examined)
    accepted = [one for one in examined if one.probe is not None]
    if not accepted:
        return EnrolmentReport(name, reports)
    known = recognizer.gallery.find(name)
    portrait = None if known and known.has_portrait else portrait_of(one.probe.crop for one in accepted)
    embeddings = np.stack([one.probe.embedding for one in accepted])
    person = recognizer.gallery.add(name, embeddings, [one.report.file for one in accepted], portrait)
    return EnrolmentReport(person.name, reports, person)


def _examine_file(recognizer: Recognizer, path: Path) -> _Examined:
    try:
        data = path.read_bytes()
    except OSError as error:
        return _refused(path.name, "unreadable", f"The file cannot be read ({error.strerror}).")
    return _examine(recognizer, path.name, data)


def _examine(recognizer: Recognizer, file: str, data: bytes) -> _Examined:
    try:
        _, probes = recognizer.probes(data)
    except UnreadableImage as error:
        return _refused(file, "unreadable", str(error))
    if not probes:
        return _refused(file, "no_face", "No face was found in it. A sharp, upright face helps.")
    if len(probes) > 1:
        reason = f"There are {len(probes)} faces in it, so it does not tell which one to learn. Cut the right one out."
        return _refused(file, "several_faces", reason)
    if probes[0].flaw is not None:
        return _refused(file, "poor", probes[0].flaw)
    return _Examined(PhotoReport(file, "accepted", "Its face was learnt."), probes[0])


def _refused(file: str, outcome: Outcome, reason: str) -> _Examined:
    return _Examined(PhotoReport(file, outcome, reason))


def _person_folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))


def _photos(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if looks_like_picture(path))
