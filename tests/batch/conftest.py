"""A small archive, and what the recognizer alone says of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app import serialization
from app.batch import runner
from app.batch.identifier import Job
from app.batch.process_pool import KILLED
from app.batch.sources import PhotoSources
from app.errors import UnreadableImage
from app.settings import ROOT
from tests import photos


@pytest.fixture(scope="session")
def archive(photo, tmp_path_factory) -> Path:
    """Fourteen pictures with one to three faces, one that is broken, and one of nobody."""
    folder = tmp_path_factory.mktemp("archive")
    names = list(photos.portraits())
    for number in range(14):
        (folder / f"{number:02d}.jpg").write_bytes(photo(*names[number : number + 1 + number % 3]))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "nobody.webp").write_bytes(photos.encode(photos.background(400, 300), "WEBP"))
    return folder


@pytest.fixture(scope="session")
def job(settings, recognizer, archive) -> Job:
    return runner.prepare(settings, PhotoSources([str(archive)]))[0]


@pytest.fixture(scope="session")
def expected(recognizer, archive) -> list[dict]:
    """The rows of `archive`, photo by photo."""
    return [_expected(recognizer, path) for path in sorted(archive.iterdir())]


def _expected(recognizer, path: Path) -> dict:
    try:
        return serialization.identification(str(path), recognizer.identify(path.read_bytes()))
    except UnreadableImage as error:
        return serialization.failure(str(path), error.code, str(error))


def assert_same(rows: list[dict], expected: list[dict]) -> None:
    """Boxes, verdicts and order are the same, and class distances nearly: batches move the last digits."""
    assert [row["file"] for row in rows] == [row["file"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert {**row, "faces": None} == {**other, "faces": None}
        for face, same in zip(row["faces"], other["faces"], strict=True):
            assert {**face, "ranking": None, **_NUMBERS} == {**same, "ranking": None, **_NUMBERS}
            assert [one["person"] for one in face["ranking"]] == [one["person"] for one in same["ranking"]]
            for one, two in zip([face, *face["ranking"]], [same, *same["ranking"]], strict=True):
                assert one["class_distance"] == pytest.approx(two["class_distance"], abs=1e-4)


DEADLY = """
import itertools
import os
from app.batch import namer

class Namer:
    def __init__(self, job):
        pass

    def batches(self, places):
        waiting = []
        for place in itertools.chain(places, [None]):
            if place in ("2", "3", "17"):
                os.abort()
            if place:
                waiting.append({"file": place, "error": {"code": "seen"}, "faces": []})
            elif waiting:
                yield waiting
                waiting = []

namer.Namer = Namer
"""


@pytest.fixture
def deadly(tmp_path) -> str:
    """A PYTHONPATH of workers that know nobody, so that they start at once, and crash at the pictures 2, 3 and 17."""
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    return f"{tmp_path}{os.pathsep}{ROOT}"


def assert_killed(rows: list[dict], count: int) -> None:
    """Of the pictures 0, 1, 2... `deadly` workers have given so many rows, each once, and told what ended them."""
    codes = {row["file"]: row["error"]["code"] for row in rows}
    assert len(rows) == len(codes) == count
    assert [codes[str(number)] for number in range(count)] == [
        KILLED if number in {2, 3, 17} else "seen" for number in range(count)
    ]


_NUMBERS = {"class_distance": 0, "reason": ""}
