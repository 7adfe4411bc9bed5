"""A small archive, and the rows that the recognizer returns for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.batch.job import BatchJob, Row, error_row, photo_row
from app.batch.process_pool import PROCESSING_FAILED, WORKER_CRASHED
from app.batch.sources import PhotoFile, PhotoSources
from app.errors import UnreadableImage
from app.settings import ROOT
from tests import photos


@pytest.fixture(scope="session")
def archive(photo, tmp_path_factory) -> Path:
    """Six photos with one to three faces, a broken file, and a photo without a face."""
    folder = tmp_path_factory.mktemp("archive")
    names = list(photos.portraits())
    for number in range(6):
        (folder / f"{number:02d}.jpg").write_bytes(photo(*names[number : number + 1 + number % 3]))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "no_face.webp").write_bytes(photos.encode(photos.background(400, 300), "WEBP"))
    return folder


@pytest.fixture(scope="session")
def job(settings, recognizer, archive) -> BatchJob:
    return BatchJob.prepare(settings, PhotoSources([str(archive)]))


@pytest.fixture(scope="session")
def expected(recognizer, job) -> list[Row]:
    """The rows of `archive`, photo by photo."""
    return [_expected(recognizer, photo) for photo in job.sources.photos()]


def _expected(recognizer, photo: PhotoFile) -> Row:
    try:
        return photo_row(photo, recognizer.identify(photo.path))
    except UnreadableImage as error:
        return error_row(photo, error.code, str(error))


def assert_same(rows: list[dict], expected: list[dict]) -> None:
    """Compare exactly, apart from the last digits of class distances, which depend on the batch size."""
    assert [row["file"] for row in rows] == [row["file"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert {**row, "faces": None} == {**other, "faces": None}
        for face, same in zip(row["faces"], other["faces"], strict=True):
            assert {**face, "ranking": None, **_NUMBERS} == {**same, "ranking": None, **_NUMBERS}
            assert [one["person"] for one in face["ranking"]] == [one["person"] for one in same["ranking"]]
            for one, two in zip([face, *face["ranking"]], [same, *same["ranking"]], strict=True):
                assert one["class_distance"] == pytest.approx(two["class_distance"], abs=1e-4)


CRASHING = """
import itertools
import os
import pathlib
import sys
import time
import types
from multiprocessing.connection import Connection

class Identifier:
    def __init__(self, job):
        pass

    def identify(self, photos):
        rows = []
        for photo in itertools.chain(photos, [None]):
            path = photo and photo.path
            if path == "wait":
                yield [{"file": str(os.getpid()), "error": None}]
                time.sleep(60)
            if path and path.startswith("slow"):
                pathlib.Path(__file__).with_name("started").touch()
                time.sleep(0.1)
            if path == "2":
                # The process pool gets half a message.
                Connection._send_bytes = lambda self, _data: os.write(self.fileno(), b"\\0\\0\\1\\0half") and os.abort()
                yield [{}]
            if path in ("2", "3"):
                os.abort()
            if path == "4":
                raise MemoryError("no memory left")
            if path:
                rows.append({"file": path, "error": {"code": "processed"}, "faces": []})
            elif rows:
                yield rows
                rows = []

# Importing the real one takes seconds.
sys.modules["app.batch.identifier"] = types.SimpleNamespace(BatchIdentifier=Identifier)
"""


@pytest.fixture
def crashing(tmp_path) -> str:
    """A PYTHONPATH of workers that start quickly and fail at the photos 2, 3 and 4."""
    (tmp_path / "sitecustomize.py").write_text(CRASHING)
    return f"{tmp_path}{os.pathsep}{ROOT}"


def assert_crashes_reported(rows: list[dict], count: int) -> None:
    """Check that `crashing` workers returned one row for each of the photos 0, 1, 2, ..."""
    failures = {2: WORKER_CRASHED, 3: WORKER_CRASHED, 4: PROCESSING_FAILED}
    codes = {row["file"]: row["error"]["code"] for row in rows}
    assert len(rows) == len(codes) == count
    assert [codes[str(number)] for number in range(count)] == [
        failures.get(number, "processed") for number in range(count)
    ]


_NUMBERS = {"class_distance": 0, "reason": ""}
