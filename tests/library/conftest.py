"""Libraries with made-up faces, which need no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.batch.failures import Failure
from app.batch.rows import FaceRow, PhotoRow, digest
from app.batch.sources import PhotoFile
from app.library.indexing import IndexRun
from app.library.store import Library
from app.vision.faces import Box
from app.vision.quality import Quality

GOOD = Quality(eye_distance=60.0, detail=1.0, norm=20.0)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def library(folder) -> Iterator[Library]:
    with Library.create(folder) as library:
        yield library


def face(embedding: np.ndarray | None = None, x: int = 10, quality: Quality | None = GOOD) -> FaceRow:
    landmarks = np.zeros((5, 2), np.float32)
    half = None if embedding is None else embedding.astype(np.float16)
    return FaceRow(Box(x, 20, 100, 100), 0.9, landmarks, quality if embedding is not None else None, half)


def row(path: str, *faces: FaceRow, taken: str | None = None, data: bytes | None = None) -> PhotoRow:
    content = data or path.encode("utf-8", "surrogateescape")
    return PhotoRow(PhotoFile(path, len(content), 1), digest(content), (1000, 800), taken, faces)


def failed(path: str, code: str = "unreadable") -> PhotoRow:
    return PhotoRow(PhotoFile(path, len(path), 1), digest(path.encode()), failure=Failure(code, "Not a picture."))


def fill(library: Library, *rows: PhotoRow) -> None:
    """Add the rows of new photos."""
    run = IndexRun(library, lambda _photo: b"")
    run.list_files([row.file for row in rows])
    run.add(rows)
    run.finish(lambda _path: False)


def paths(library: Library) -> list[str]:
    return [path for (path,) in library.connection.execute("SELECT path FROM file ORDER BY path")]


class Archive:
    """Files in memory that are indexed in turns; `processed` has the paths whose faces were searched."""

    def __init__(self, library: Library) -> None:
        self.files: dict[str, bytes] = {}
        self.changed: dict[str, int] = {}
        self.processed: list[str] = []
        self._library = library

    def index(self, is_gone: Callable[[str], bool] = lambda _path: True, faces: Sequence[FaceRow] = ()) -> IndexRun:
        run = IndexRun(self._library, lambda photo: digest(self.files[photo.path]))
        files = [PhotoFile(path, len(data), self.changed.get(path, 1)) for path, data in self.files.items()]
        run.list_files(files)
        self.processed = []
        pending = list(run.pending())
        while pending:
            for photo in pending:
                self.processed.append(photo.path)
                data = self.files[photo.path]
                failure = Failure("unreadable", "Not a picture.") if data.startswith(b"bad") else None
                size = None if failure else (1000, 800)
                run.add([PhotoRow(photo, digest(data), size, None, () if failure else tuple(faces), failure)])
            run.flush()
            pending = run.leftover()
        run.finish(is_gone)
        return run


@pytest.fixture
def archive(library) -> Archive:
    return Archive(library)
