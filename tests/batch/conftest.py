"""A small archive, and the rows that workers return for it."""

from __future__ import annotations

import os
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from app.batch.embedder import BatchEmbedder
from app.batch.failures import PROCESSING_FAILED, WORKER_CRASHED
from app.batch.job import BatchJob
from app.batch.rows import PhotoRow
from app.batch.sources import PhotoSources
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
def expected(recognizer, job) -> list[PhotoRow]:
    """The rows of `archive`, photo by photo."""
    embedder = BatchEmbedder(job, recognizer)
    return [row for photo in job.sources.photos() for rows in embedder.embed([photo]) for row in rows]


def assert_same(rows: list[PhotoRow], expected: list[PhotoRow]) -> None:
    """Compare exactly, apart from the last digits of embeddings, which depend on the batch size."""
    rows = sorted(rows, key=lambda row: row.file.path)
    assert [row.file for row in rows] == [row.file for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert replace(row, faces=()) == replace(other, faces=())
        assert [face.box for face in row.faces] == [face.box for face in other.faces]
        for face, same in zip(row.faces, other.faces, strict=True):
            np.testing.assert_allclose(face.embedding, same.embedding, atol=2e-3)
            np.testing.assert_allclose(astuple(face.quality), astuple(same.quality), rtol=1e-3)


CRASHING = """
import itertools
import os
import pathlib
import sys
import time
import types
from multiprocessing.connection import Connection

class Embedder:
    @classmethod
    def load(cls, job):
        return cls()

    def embed(self, photos):
        from app.batch.failures import Failure
        from app.batch.rows import PhotoRow
        from app.batch.sources import PhotoFile

        rows = []
        for photo in itertools.chain(photos, [None]):
            path = photo and photo.path
            if path == "wait":
                yield [PhotoRow(PhotoFile(str(os.getpid())))]
                time.sleep(60)
            if path and path.startswith("slow"):
                pathlib.Path(__file__).with_name("started").touch()
                time.sleep(0.1)
            if path == "2":
                # The process pool gets half a message.
                Connection._send_bytes = lambda self, _data: os.write(self.fileno(), b"\\0\\0\\1\\0half") and os.abort()
                yield [None]
            if path in ("2", "3"):
                os.abort()
            if path == "4":
                raise MemoryError("no memory left")
            if path:
                rows.append(PhotoRow(photo, failure=Failure("processed", "Processed.")))
            elif rows:
                yield rows
                rows = []

# Importing the real one takes seconds.
sys.modules["app.batch.embedder"] = types.SimpleNamespace(BatchEmbedder=Embedder)
"""


@pytest.fixture
def crashing(tmp_path) -> str:
    """A PYTHONPATH of workers that start quickly and fail at the photos 2, 3 and 4."""
    (tmp_path / "sitecustomize.py").write_text(CRASHING)
    return f"{tmp_path}{os.pathsep}{ROOT}"


def assert_crashes_reported(rows: list[PhotoRow], count: int) -> None:
    """Check that `crashing` workers returned one row for each of the photos 0, 1, 2, ..."""
    failures = {2: WORKER_CRASHED, 3: WORKER_CRASHED, 4: PROCESSING_FAILED}
    codes = {row.file.path: row.failure.code for row in rows}
    assert len(rows) == len(codes) == count
    assert [codes[str(number)] for number in range(count)] == [
        failures.get(number, "processed") for number in range(count)
    ]
