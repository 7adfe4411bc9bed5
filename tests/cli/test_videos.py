"""Videos in `identify` and in libraries, with the shipped network."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime

import pytest

from app.batch import process_pool
from app.batch.embedder import BatchEmbedder
from app.library.store import Library
from tests import photos, videos
from tests.photos import OTHER, PERSON


@pytest.fixture(scope="module")
def clip() -> bytes:
    """A video of three seconds: one person, then after a cut two."""
    return videos.clip((2, [PERSON]), (1, [PERSON, OTHER]), size=(400, 240))


@pytest.fixture
def archive(tmp_path, clip):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "clip.MP4").write_bytes(clip)
    (folder / "broken.mov").write_bytes(b"no video")
    (folder / "still.jpg").write_bytes(photos.encode(photos.background(200, 100)))
    return folder


@pytest.fixture
def index(run, recognizer, monkeypatch, archive, tmp_path):
    """Index the archive without worker processes."""

    class Pool:
        def __init__(self, job, _workers, _count):
            self.embedder = BatchEmbedder(job, recognizer)

        def embed(self, files, _stop):
            yield from self.embedder.embed(files)

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    return lambda *options: run("library", "index", archive, tmp_path / "library", *options)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(), skipinitialspace=True))


def test_a_row_is_a_person_in_a_time_span(run, archive):
    done = run("identify", archive / "clip.MP4")
    assert (done.exit_code, done.stderr) == (0, "")
    first, second = rows(done.stdout)
    assert (first[1:3], first[4:7]) == (["1", PERSON], ["match", "0:00:00.0", "0:00:02.0"])
    assert (second[1:3], second[4:8]) == (["2", OTHER], ["match", "0:00:02.0", "0:00:02.0", "0:00:02.0"])
    x, y, width, height = map(int, second[8:])
    assert 200 < x + width / 2 < 400
    assert 60 < y + height / 2 < 180


def test_json_has_the_times_in_seconds(run, archive):
    done = run("identify", "--json", archive)
    broken, clip, still = map(json.loads, done.stdout.splitlines())
    assert broken["error"]["code"] == "unreadable"
    assert f"{archive / 'broken.mov'}: The file could not be read as a video. Use an MP4, " in done.stderr
    assert (clip["width"], clip["height"], clip["duration"]) == (400, 240, 3.0)
    face = clip["faces"][0]
    assert (face["person"], face["from"], face["to"]) == (PERSON, 0.0, 2.0)
    assert 0 <= face["best"] <= 2
    assert len(face["ranking"]) == 10
    assert "duration" not in still


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (
            {"FACES_MAX_VIDEO_SECONDS": "1"},
            "longer than the limit of 0:00:01. Use a part of it. To raise the limit, set ",
        ),
        ({"FACES_MAX_VIDEO_BYTES": "100"}, "The file is too large. The limit is 0.0001 MB (FACES_MAX_VIDEO_BYTES)."),
    ],
)
def test_limits_are_sentences(run, archive, recognizer, monkeypatch, limit, message):
    (name, value), *_ = limit.items()
    monkeypatch.setenv(name, value)
    changed = {name.removeprefix("FACES_").lower(): int(value)}
    monkeypatch.setattr(recognizer, "settings", recognizer.settings.with_changes(**changed))
    done = run("identify", archive / "clip.MP4")
    assert done.exit_code == 1
    assert message in done.stderr


def with_creation_time(clip: bytes, local: str) -> bytes:
    at = clip.index(b"mvhd") + 8
    seconds = int(datetime.fromisoformat(local).timestamp()) + 2_082_844_800
    return clip[:at] + seconds.to_bytes(4, "big") + clip[at + 4 :]


def test_videos_are_indexed_named_and_found(run, index, archive, tmp_path, clip):
    (archive / "clip.MP4").write_bytes(with_creation_time(clip, "2024-05-31T18:07:09"))
    done = index()
    assert done.exit_code == 0
    assert "1 photo and 2 videos in " in done.stdout
    assert ["1", "videos"] in [line.split() for line in done.stdout.splitlines()]
    found = run("library", "search", tmp_path / "library", "--person", PERSON).stdout
    ((file, number, person, _, verdict, taken, start, end, _),) = rows(found)
    assert (file, number, person, verdict, taken) == (
        str(archive / "clip.MP4"),
        "1",
        PERSON,
        "match",
        "2024-05-31T18:07:09",
    )
    assert (start, end) == ("0:00:00.0", "0:00:02.0")
    with Library.open(tmp_path / "library") as library:
        assert library.connection.execute("SELECT count(*) FROM thumbnail").fetchone() == (2,)
        assert library.connection.execute("SELECT duration, width FROM photo WHERE duration").fetchall() == [(3, 400)]


def test_copied_and_moved_videos_are_not_processed_again(index, archive, tmp_path, clip):
    index()
    shutil.move(archive / "clip.MP4", archive / "moved.mp4")
    (archive / "copy.m4v").write_bytes(clip)
    done = index()
    assert "Files: 1 moved, 1 copied.\n" in done.stdout
    (archive / "moved.mp4").write_bytes(b"no video")
    assert "Files: 1 changed.\n" in index().stdout
    with Library.open(tmp_path / "library") as library:
        assert library.connection.execute("SELECT count(*), count(duration) FROM photo").fetchone() == (3, 1)


@pytest.mark.parametrize("command", ["compare", "people"])
def test_commands_for_photos_say_that_a_video_is_none(run, archive, command):
    clip = archive / "clip.MP4"
    arguments = ("compare", clip, clip) if command == "compare" else ("people", "add", "New Name", clip)
    done = run(*arguments)
    assert done.exit_code == 1
    assert "The file is a video. Send a photo. The command `identify` reads videos" in done.stdout + done.stderr
