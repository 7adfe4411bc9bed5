"""Decoding of videos: which frames, and what happens to files that are no videos or mean harm."""

from __future__ import annotations

import io
import resource
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.errors import UnreadableImage
from app.vision import video, video_decoder
from app.vision.sandboxed_process import SandboxedProcess
from app.vision.video import Frame, VideoLimits
from app.vision.video_decoder import VideoReader
from tests import photos, videos
from tests.slow import slow

USUAL = VideoLimits(max_pixels=40_000_000, side=2400, seconds=10, memory=1_000_000_000, duration=3600)
RED, BLUE = Image.new("RGB", (64, 48), (200, 0, 0)), Image.new("RGB", (64, 48), (0, 0, 200))


@pytest.fixture
def read(tmp_path):
    """Return a function that returns the frames of a video file and its duration."""

    def start(data: bytes, **limits) -> tuple[list[Frame], float]:
        file = tmp_path / "video"
        file.write_bytes(data)
        with file.open("rb") as stream:
            reader = VideoReader(stream, replace(USUAL, **limits))
            frames = list(reader.frames())
        return frames, reader.facts.duration

    return start


def decode(data: bytes, **limits) -> list[Frame]:
    """Return the frames of a harmless file, without the time of another process."""
    return list(video.read_frames(io.BytesIO(data), replace(USUAL, **limits)))


def test_frames_come_every_second_and_at_scene_changes(read):
    frames, duration = read(videos.encode([RED] * 12 + [BLUE] * 3))
    assert [(round(frame.time, 1), frame.is_cut) for frame in frames] == [
        (0.0, True),
        (1.0, False),
        (2.0, False),
        (2.4, True),
    ]
    assert duration == pytest.approx(3.0)
    pixels = frames[-1].picture.pixels
    assert (pixels.shape, pixels.dtype) == ((48, 64, 3), np.uint8)
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), [0, 0, 200], atol=12)


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_other_formats(suffix):
    frames = decode(videos.encode([RED] * 12 + [BLUE] * 3, suffix))
    assert [round(frame.time, 1) for frame in frames] == [0, 1, 2, 2.4]


@pytest.mark.parametrize(("turns", "corner"), [(0, (0, 0)), (1, (0, -1)), (2, (-1, -1)), (3, (-1, 0))])
def test_frames_are_upright(turns, corner):
    """The corner is red in the file."""
    picture = BLUE.copy()
    picture.paste((200, 0, 0), (0, 0, 16, 16))
    frames = decode(videos.rotate(videos.encode([picture] * 2), turns))
    found = frames[0].picture
    assert (found.width, found.height) == ((64, 48) if turns % 2 == 0 else (48, 64))
    row, column = (4 * place - (place < 0) for place in ((corner[0] or 1), (corner[1] or 1)))
    assert found.pixels[row, column, 0] > 120


@pytest.mark.parametrize(
    ("version", "seconds", "created"),
    [(0, 3_800_000_000, 1_717_155_200), (1, 3_800_000_000, 1_717_155_200), (0, 0, None), (1, 2**63, None)],
)
def test_the_creation_time_of_mp4(version, seconds, created):
    time = seconds.to_bytes(8 if version else 4, "big")
    header = bytes([version, 0, 0, 0]) + time + bytes(8)
    boxes = (8).to_bytes(4, "big") + b"ftyp" + (len(header) + 16).to_bytes(4, "big") + b"moov"
    boxes += (len(header) + 8).to_bytes(4, "big") + b"mvhd" + header
    assert video.read_creation_time(io.BytesIO(boxes)) == created
    assert video.read_creation_time(io.BytesIO(boxes[:20])) is None
    # Sizes of 0, and of 2**63, in which no other box is found.
    for size in (bytes(4) + b"free", b"\0\0\0\1free\x80" + bytes(7)):
        assert video.read_creation_time(io.BytesIO(size + boxes)) is None


def test_large_frames_are_read_at_reduced_scale():
    frames = decode(videos.encode([RED.resize((640, 480))]), side=100)
    assert frames[0].picture.pixels.shape == (120, 160, 3)
    assert (frames[0].picture.width, frames[0].picture.scale) == (640, 4.0)


class Capture:
    """A capture with given times of frames in seconds. `options` are properties of OpenCV."""

    def __init__(self, times: list[float], **options: float) -> None:
        self._times, self._options = iter(times), options
        self._time = 0.0

    def grab(self) -> bool:
        self._time = next(self._times, None)
        return self._time is not None

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((40, 60, 3), np.uint8)

    def get(self, key: int) -> float:
        names = {cv2.CAP_PROP_FPS: "rate", cv2.CAP_PROP_SAR_NUM: "wide", cv2.CAP_PROP_SAR_DEN: "high"}
        return 1000 * self._time if key == cv2.CAP_PROP_POS_MSEC else self._options.get(names.get(key, ""), 0.0)

    def release(self) -> None:
        pass


def sample(monkeypatch, capture: Capture, **limits) -> list[Frame]:
    monkeypatch.setattr(video.cv2, "VideoCapture", lambda *_arguments: capture)
    return list(video.read_frames(io.BytesIO(), replace(USUAL, **limits)))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 0.5, 1.0, 60, 60.5, 61], [0, 1, 60, 61]),
        ([7200, 7200.5, 7201], [0, 1]),
        ([0] * 26, [0, 1]),
        ([0, 0.5, 1, 0, 0.5, 1], [0, 1, 2.04]),
        ([float("nan")] * 26, [0, 1]),
    ],
)
def test_the_time_of_frames_never_runs_backwards(monkeypatch, times, expected):
    assert [round(frame.time, 2) for frame in sample(monkeypatch, Capture(times))] == expected


@pytest.mark.parametrize(
    ("wide", "high", "size"), [(2, 1, (120, 40)), (1, 2, (60, 80)), (0, 0, (60, 40)), (99, 1, (60, 40))]
)
def test_pixels_become_square(monkeypatch, wide, high, size):
    (frame,) = sample(monkeypatch, Capture([0], wide=wide, high=high))
    assert frame.picture.pixels.shape[1::-1] == size


def test_a_video_that_is_longer_than_its_header_says_is_refused(monkeypatch):
    with pytest.raises(UnreadableImage, match=r"^The video is longer than the limit of 0:01:00\. Use a part of it\.$"):
        sample(monkeypatch, Capture(list(range(100))), duration=60)


def test_a_million_frames_in_a_second_take_too_long(monkeypatch):
    with pytest.raises(UnreadableImage, match="Decoding the video takes too much time or memory"):
        sample(monkeypatch, Capture(list(np.arange(0, 100, 0.3))), seconds=-3000)


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"duration": 1}, "too_long"), ({"max_pixels": 3000}, "too_many_pixels")],
)
def test_limits(limits, code):
    with pytest.raises(UnreadableImage) as caught:
        decode(videos.encode([RED] * 10), **limits)
    assert caught.value.code == code


def test_a_frame_that_takes_too_long_ends_the_process(read):
    with pytest.raises(UnreadableImage, match="takes too much time or memory"):
        read(videos.encode([RED] * 10), seconds=1e-6)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no video",
        bytes(5000),
        videos.encode([RED] * 5)[:600],
        photos.encode(RED, "PNG"),
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["empty", "text", "zeros", "truncated", "photo", "playlist", "list of files"],
)
def test_files_that_are_no_videos_are_refused(data):
    with pytest.raises(UnreadableImage, match="could not be read as a video"):
        decode(data)


def test_errors_keep_their_code_and_sentence(read):
    with pytest.raises(UnreadableImage, match=r"^The file could not be read as a video\. Use an MP4, MOV") as caught:
        read(b"no video")
    assert caught.value.code == "unreadable"


@slow
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_mutants_are_read_or_refused(read, rng, suffix):
    data = videos.encode([RED, BLUE] * 3, suffix)
    for _ in range(20):
        mutant = bytearray(data)
        for at in rng.integers(len(mutant), size=rng.integers(1, 20)):
            mutant[at] = rng.integers(256)
        with suppress(UnreadableImage):
            frames, duration = read(bytes(mutant))
            assert frames
            assert duration > 0


def test_a_process_opens_nothing_and_ends_with_its_video(tmp_path, monkeypatch):
    processes: list[SandboxedProcess] = []

    class Recorded(SandboxedProcess):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            processes.append(self)

    monkeypatch.setattr(video_decoder, "SandboxedProcess", Recorded)
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    (tmp_path / "video").write_bytes(videos.encode([RED] * 20))
    with (tmp_path / "video").open("rb") as stream:
        frames = VideoReader(stream, USUAL).frames()
        next(frames)
        child = processes[0]._child
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (0, 0)
        assert child.poll() is None
        # As an interruption does.
        frames.close()
    assert child.poll() is not None
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


def test_a_process_that_was_killed_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(SandboxedProcess, "receive", lambda _self: None)
    (tmp_path / "video").write_bytes(videos.encode([RED]))
    with (tmp_path / "video").open("rb") as stream, pytest.raises(UnreadableImage, match="too much time or memory"):
        next(VideoReader(stream, USUAL).frames())
