"""A small library for tests of its pages: photos of shipped portraits, whose boxes and embeddings are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.batch.failures import Failure
from app.batch.rows import FaceRow, PhotoRow, digest
from app.batch.sources import PhotoFile
from app.gallery import shipped
from app.gallery.store import Person
from app.library.groups import group_faces
from app.library.indexing import IndexRun
from app.library.naming import name_faces
from app.library.store import Library
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision.alignment import SIZE as SIZE_OF_CROP
from app.vision.alignment import TEMPLATE
from app.vision.faces import Box
from app.vision.quality import Quality
from tests import photos
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON

UNKNOWN = "unknown"
SIZE, SIDE = (900, 700), 240

ARCHIVE = {
    "2019/beach.jpg": ("2019-07-03T12:00:00", (PERSON,)),
    "2019/dinner.jpg": ("2019-07-21T20:15:00", (PERSON, OTHER)),
    "2020/birthday.jpg": ("2020-01-05T15:00:00", (OTHER, UNKNOWN)),
    "2021/trip-1.jpg": ("2021-05-01T09:30:00", (UNKNOWN, PERSON)),
    "2021/trip-2.jpg": ("2021-05-01T09:31:00", (UNKNOWN,)),
    "2021/trip-3.jpg": ("2021-05-02T18:00:00", (UNKNOWN,)),
    "scan.jpg": (None, (PERSON,)),
    "landscape.jpg": ("2018-03-03T10:00:00", ()),
}
"""Paths, dates, and the people from left to right."""

BROKEN = "broken.jpg"


def make_library(folder: Path, archive: Path) -> None:
    """Write the photos to a folder, and make a library of them, named by the shipped gallery."""
    settings = Settings()
    card = read_card(settings.model)
    snapshot = shipped.read(settings.anchors).snapshot()
    everyone = [Person(number, name, 1) for number, name in zip(snapshot.ids, snapshot.names, strict=True)]
    templates = dict(zip(snapshot.names, snapshot.templates, strict=True))
    rng = np.random.default_rng(1)
    impostor = rng.normal(size=card.twin.embedding)
    rows = []
    for number, (name, (taken, people)) in enumerate(ARCHIVE.items()):
        file = archive / name
        file.parent.mkdir(parents=True, exist_ok=True)
        faces = [photos.impostor() if person == UNKNOWN else photos.portraits()[person] for person in people]
        data = photos.encode(photos.paste(*faces, size=SIZE, side=SIDE, tilt=2 * number))
        file.write_bytes(data)
        embeddings = [templates.get(person, impostor) + 0.02 * rng.normal(size=len(impostor)) for person in people]
        found = (_face(place, len(people), embedding) for place, embedding in enumerate(embeddings, start=1))
        rows.append(PhotoRow(_file(file), digest(data), SIZE, taken, tuple(found)))
    broken = archive / BROKEN
    broken.write_bytes(b"not a picture")
    failure = Failure("unreadable", "The file could not be read as a picture.")
    rows.append(PhotoRow(_file(broken), digest(broken.read_bytes()), failure=failure))
    with Library.create(folder) as library, library.lock():
        library.check_origin({"network": card.id})
        run = IndexRun(library, lambda _photo: b"")
        run.list_files([row.file for row in rows])
        run.add(rows)
        run.finish(lambda _path: False)
        name_faces(library, everyone, snapshot, card, card.rules, "sqlite:///other.sqlite")
        group_faces(library)


def library_settings(folder: Path) -> dict[str, str]:
    """Make a library in a folder, and return the settings of a server that shows it."""
    make_library(folder / "library", folder / "archive")
    return {"FACES_LIBRARY": str(folder / "library"), "FACES_ADMIN_TOKEN": TOKEN, "FACES_LOG": "off"}


def _file(path: Path) -> PhotoFile:
    status = path.stat()
    return PhotoFile(str(path), status.st_size, status.st_mtime_ns)


def _face(place: int, count: int, embedding: np.ndarray) -> FaceRow:
    """Return the face in the middle of the portrait that `photos.paste` puts at a place."""
    left, top = round(SIZE[0] * place / (count + 1) - SIDE / 2), (SIZE[1] - SIDE) // 2
    box = Box(left + SIDE // 6, top + SIDE // 8, 2 * SIDE // 3, 3 * SIDE // 4)
    unit = (embedding / np.linalg.norm(embedding)).astype(np.float16)
    landmarks = ((left, top) + TEMPLATE * SIDE / SIZE_OF_CROP).astype(np.float32)
    return FaceRow(box, 0.99, landmarks, Quality(eye_distance=80.0, detail=1.0, norm=25.0), unit)
