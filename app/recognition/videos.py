"""Recognition in videos: sampled frames to tracked faces, and their verdicts by the rule for the faces of a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO, NamedTuple

from PIL import Image

from app.recognition.decision import resolve_duplicate_matches
from app.recognition.recognizer import Recognizer, judge
from app.recognition.results import FaceCrop, IdentifiedFace, Probe, VideoIdentification
from app.recognition.tracks import FaceTracker, TrackedFace, clarity
from app.tracing import stage
from app.vision.cropping import shrink
from app.vision.video import Frame
from app.vision.video_decoder import VideoReader, limits_of

STILL_SIDE = 960
"""Longer side of the still of a video, in pixels."""

_BATCH_FRAMES = 8


class Still(NamedTuple):
    """A frame of a video at a time in seconds, at most `STILL_SIDE` pixels large."""

    time: float
    picture: Image.Image


@dataclass(frozen=True, eq=False)
class TrackedVideo:
    """The faces of a video in the order in which they appear. `size` is (width, height), `duration` in seconds.

    `still` is the frame with the clearest face, or the first frame without one. `taken` is when the video was created,
    in the local time of this machine, as 2024-12-31T23:59:59.
    """

    size: tuple[int, int]
    duration: float
    taken: str | None
    faces: tuple[TrackedFace, ...]
    still: Still


def identify_video(
    recognizer: Recognizer,
    file: BinaryIO,
    fpir: float | None = None,
    on_progress: Callable[[float], object] = lambda _: None,
) -> VideoIdentification:
    """Track and identify the faces of an open video file; see `track_faces` and `Recognizer.identify`."""
    video = track_faces(recognizer, file, on_progress)
    snapshot = recognizer.gallery.snapshot()
    rules = recognizer.rules(snapshot, fpir)
    verdicts = judge([face.probe for face in video.faces], snapshot, rules)
    times = [face.time for face in video.faces]
    faces = zip(video.faces, resolve_duplicate_matches(verdicts, rules, len(snapshot), times), strict=True)
    return VideoIdentification(
        *video.size,
        video.duration,
        tuple(
            IdentifiedFace(
                face.probe.face,
                face.probe.crop,
                verdict,
                None if verdict.opted_out else face.probe.embedding,
                face.time,
            )
            for face, verdict in faces
        ),
        fpir or recognizer.settings.fpir,
    )


def track_faces(
    recognizer: Recognizer, file: BinaryIO, on_progress: Callable[[float], object] = lambda _: None
) -> TrackedVideo:
    """Find and track the faces of an open video file, without identifying them.

    `on_progress` gets the time of each frame in seconds.

    Raises:
        UnreadableImage: the file is no video, or exceeds a limit.
    """
    rules = recognizer.network.card.rules
    tracker = FaceTracker(rules.pairs, rules.head)
    reader = VideoReader(file, limits_of(recognizer.settings))
    stills = _StillChooser()
    with closing(reader.frames()) as frames:
        detected = _detect(recognizer, frames, on_progress)
        while batch := list(islice(detected, _BATCH_FRAMES)):
            embedded = iter(recognizer.embed_crops([crop for frame in batch for crop in frame.crops]))
            for frame in batch:
                probes = [next(embedded) for _ in frame.crops]
                tracker.add(frame.time, frame.is_cut, probes)
                stills.add(frame, probes)
    assert stills.size is not None
    assert stills.chosen is not None
    assert reader.facts is not None
    duration, created = reader.facts
    # As cameras do in photos, in local time.
    taken = None if created is None else datetime.fromtimestamp(created).isoformat()
    return TrackedVideo(stills.size, duration, taken, tuple(tracker.finish()), stills.chosen)


@dataclass(frozen=True, eq=False)
class _DetectedFrame:
    """A frame without its pixels. Frames that may become the still are kept small."""

    time: float
    is_cut: bool
    size: tuple[int, int]
    crops: tuple[FaceCrop, ...]
    still: Still | None


class _StillChooser:
    """Chooses the frame with the clearest face. `size` is that of the first frame: later ones may have another."""

    def __init__(self) -> None:
        self.chosen: Still | None = None
        self.size: tuple[int, int] | None = None
        self._clarity: tuple[bool, float] | None = None

    def add(self, frame: _DetectedFrame, probes: Sequence[Probe]) -> None:
        self.size = self.size or frame.size
        best = max(map(clarity, probes), default=None)
        if self.chosen is None or (best is not None and (self._clarity is None or best > self._clarity)):
            self.chosen, self._clarity = frame.still, best


def _detect(
    recognizer: Recognizer, frames: Iterable[Frame], on_progress: Callable[[float], object]
) -> Iterator[_DetectedFrame]:
    for number, frame in enumerate(frames):
        picture = frame.picture
        with stage("detect"):
            # Most frames without a face have none at any rotation.
            faces = recognizer.detector.find_faces(picture, rotations=False)
        still = Still(frame.time, shrink(picture.pixels, STILL_SIDE)) if faces or number == 0 else None
        crops = recognizer.crop_faces(picture, faces)
        yield _DetectedFrame(frame.time, frame.is_cut, (picture.width, picture.height), crops, still)
        on_progress(frame.time)
