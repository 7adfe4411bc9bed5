"""Recognition in videos: sampled frames to tracked faces, and their verdicts by the rule for the faces of a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from app.recognition.decision import resolve_duplicate_matches
from app.recognition.recognizer import Recognizer, judge
from app.recognition.results import FaceCrop, IdentifiedFace, VideoIdentification
from app.recognition.tracks import FaceTracker, TrackedFace
from app.tracing import stage
from app.vision.video import Frame
from app.vision.video_decoder import VideoReader, limits_of

_BATCH_FRAMES = 8


@dataclass(frozen=True, eq=False)
class TrackedVideo:
    """The faces of a video in the order in which they appear. `size` is (width, height), `duration` in seconds."""

    size: tuple[int, int]
    duration: float
    faces: tuple[TrackedFace, ...]


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
    verdicts = [judge(face.probe, snapshot, rules) for face in video.faces]
    times = [face.time for face in video.faces]
    faces = zip(video.faces, resolve_duplicate_matches(verdicts, rules, len(snapshot), times), strict=True)
    return VideoIdentification(
        *video.size,
        video.duration,
        tuple(
            IdentifiedFace(face.probe.face, face.probe.crop, verdict, face.probe.embedding, face.time)
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
    size = None
    with closing(reader.frames()) as frames:
        detected = _detect(recognizer, frames, on_progress)
        while batch := list(islice(detected, _BATCH_FRAMES)):
            probes = iter(recognizer.embed_crops([crop for _, crops in batch for crop in crops]))
            for frame, crops in batch:
                tracker.add(frame.time, frame.is_cut, [next(probes) for _ in crops])
            # Later frames may have another size.
            size = size or batch[0][0].size
    assert size is not None
    assert reader.duration is not None
    return TrackedVideo(size, reader.duration, tuple(tracker.finish()))


@dataclass(frozen=True)
class _DetectedFrame:
    """A frame without its pixels."""

    time: float
    is_cut: bool
    size: tuple[int, int]


def _detect(
    recognizer: Recognizer, frames: Iterable[Frame], on_progress: Callable[[float], object]
) -> Iterator[tuple[_DetectedFrame, tuple[FaceCrop, ...]]]:
    for frame in frames:
        picture = frame.picture
        with stage("detect"):
            # Most frames without a face have none at any rotation.
            faces = recognizer.detector.find_faces(picture, rotations=False)
        yield (
            _DetectedFrame(frame.time, frame.is_cut, (picture.width, picture.height)),
            recognizer.crop_faces(picture, faces),
        )
        on_progress(frame.time)
