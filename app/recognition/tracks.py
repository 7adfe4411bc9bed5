"""Face tracking: link the faces of a video's frames, so that one person in one time span becomes one face.

Faces of consecutive frames of a scene are linked by the overlap of their boxes and by their embeddings, tracks of a
person who reappears within seconds by their embeddings alone. What counts as the same person is the rule for two
photos (`PairRules`). Two faces of one frame are two people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.arrays import AnyArray, FloatArray
from app.recognition.decision import PairKind, PairRules
from app.recognition.results import Probe
from app.recognition.scoring import Head
from app.vision.faces import Box
from app.vision.time_span import TimeSpan
from app.vision.video import SAMPLE_SECONDS

_SAME_PLACE = 0.3
"""Intersection over union of boxes in consecutive frames, from which they may show one face."""

_MISSED_SECONDS = 2.5 * SAMPLE_SECONDS
"""Time after which a face is not linked by its place: the detector may miss it in a frame, such as during a blink."""

MOST_CROPS = 2_000
"""Faces of a video that keep their crop of 37 kB, the clearest; thousands of people may pass the camera."""

_ABSENT_SECONDS = 5.0
"""Time after which a person who reappears begins a new track."""


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A person in a time span of a video.

    `probe` is the clearest face, without its crop if `MOST_CROPS` tracks are clearer. It has the embedding of the whole
    track: the mean of the faces of sufficient quality, weighted by the length of their raw embeddings, of unit length.
    """

    probe: Probe
    time: TimeSpan


@dataclass(eq=False)
class _Track:
    start: float
    end: float
    best: Probe
    best_time: float
    first: Box
    last: Box
    frames: set[int] = field(default_factory=set)
    total: FloatArray | None = None  # sum of raw embeddings of sufficient quality

    @property
    def embedding(self) -> FloatArray | None:
        return None if self.total is None else _normalize(self.total)

    def add(self, frame: int, time: float, probe: Probe) -> None:
        self.end, self.last = time, probe.face.box
        self.frames.add(frame)
        raw = _raw_embedding(probe)
        if raw is not None:
            self.total = raw if self.total is None else self.total + raw
        if clarity(probe) > clarity(self.best):
            self.best, self.best_time = probe, time

    def join(self, later: _Track) -> None:
        self.start, self.end = min(self.start, later.start), max(self.end, later.end)
        self.frames |= later.frames
        assert self.total is not None
        assert later.total is not None
        self.total = self.total + later.total
        if clarity(later.best) > clarity(self.best):
            self.best, self.best_time = later.best, later.best_time

    def finish(self) -> TrackedFace:
        mean = self.embedding
        probe = self.best if mean is None else replace(self.best, embedding=mean)
        return TrackedFace(probe, TimeSpan(self.start, self.end, self.best_time))


class FaceTracker:
    """Links the faces of a video's frames, which are added in order."""

    def __init__(self, rules: PairRules, head: Head) -> None:
        self._rules = rules
        self._head = head
        self._frames = 0
        self._active: list[_Track] = []
        self._ended: list[_Track] = []
        self._with_crops: list[_Track] = []

    def add(self, time: float, is_cut: bool, probes: Sequence[Probe]) -> None:
        """Add the faces of a frame at a time in seconds. `is_cut` says that a scene begins."""
        self._frames += 1
        kept = [] if is_cut else [track for track in self._active if time - track.end <= _MISSED_SECONDS]
        ended = [track for track in self._active if track not in kept]
        self._ended += ended
        self._with_crops += [track for track in ended if track.best.crop is not None]
        if len(self._with_crops) > 2 * MOST_CROPS:
            self._with_crops = _limit_crops(self._with_crops)
        self._active = kept
        linked = self._link(kept, probes)
        for index, probe in enumerate(probes):
            track = linked.get(index)
            if track is None:
                track = _Track(time, time, probe, time, probe.face.box, probe.face.box)
                self._active.append(track)
            track.add(self._frames, time, probe)

    def finish(self) -> list[TrackedFace]:
        """Return the tracks in the order in which they begin, from left to right."""
        tracks = sorted([*self._ended, *self._active], key=lambda track: (track.start, track.first.x, track.first.y))
        merged = self._merge(tracks)
        _limit_crops([track for track in merged if track.best.crop is not None])
        return [track.finish() for track in merged]

    def _link(self, tracks: Sequence[_Track], probes: Sequence[Probe]) -> dict[int, _Track]:
        """Return the track of each face that continues one, by its index, the most certain pairs first."""
        pairs = []
        for track in tracks:
            for index, probe in enumerate(probes):
                overlap = track.last.overlap(probe.face.box)
                cosine = _cosine(track.embedding, None if probe.flaw else probe.embedding)
                kind = None if cosine is None else self._compare(cosine, len(tracks) * len(probes))
                # Without two clear faces, the place decides.
                if kind == "same" or (overlap >= _SAME_PLACE and kind != "different"):
                    pairs.append((overlap + (cosine or 0.0), index, track))
        linked: dict[int, _Track] = {}
        for _, index, track in sorted(pairs, key=lambda pair: -pair[0]):
            if index not in linked and track not in linked.values():
                linked[index] = track
        return linked

    def _merge(self, tracks: Iterable[_Track]) -> list[_Track]:
        """Join tracks of one person between which the person is absent for seconds only."""
        merged: list[_Track] = []
        recent: list[_Track] = []
        for track in tracks:
            recent = [other for other in recent if track.start - other.end <= _ABSENT_SECONDS]
            candidates = [other for other in recent if other.frames.isdisjoint(track.frames)]
            scores = [_cosine(other.embedding, track.embedding) for other in candidates]
            known = [(score, index) for index, score in enumerate(scores) if score is not None]
            if known and self._compare(max(known)[0], len(known)) == "same":
                candidates[max(known)[1]].join(track)
            else:
                merged.append(track)
                recent.append(track)
        return merged

    def _compare(self, cosine: float, pairs: int) -> PairKind:
        return self._rules.decide(float(self._head.score_cosines(np.asarray(cosine))), pairs)


def _limit_crops(tracks: Sequence[_Track]) -> list[_Track]:
    """Drop the crops of all but the `MOST_CROPS` clearest tracks, and return those."""
    clearest = sorted(tracks, key=lambda track: clarity(track.best), reverse=True)
    for track in clearest[MOST_CROPS:]:
        track.best = replace(track.best, crop=None)
    return clearest[:MOST_CROPS]


def _cosine(first: FloatArray | None, second: FloatArray | None) -> float | None:
    return None if first is None or second is None else float(first @ second)


def _raw_embedding(probe: Probe) -> FloatArray | None:
    """Return the embedding as the network made it, None if the quality is too low."""
    if probe.flaw or probe.embedding is None or probe.quality is None:
        return None
    return np.asarray(probe.embedding * probe.quality.norm, np.float32)


def clarity(probe: Probe) -> tuple[bool, float]:
    """Return a key by which the clearest face is the largest. Networks give clear faces long embeddings."""
    return probe.flaw is None, probe.quality.norm if probe.quality else 0.0


def _normalize(vector: AnyArray) -> FloatArray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)
