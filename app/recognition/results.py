"""Result types of the recognition pipeline: face crops, probes, identifications and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.arrays import ByteArray, FloatArray
from app.recognition.decision import PairKind, PairRules, Verdict
from app.vision.decoding import Picture
from app.vision.faces import Box, DetectedFace
from app.vision.quality import Quality
from app.vision.time_span import TimeSpan


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A face aligned to a uint8 (112, 112, 3) RGB `crop`. Crop and quality are None if the detector found no eyes."""

    face: DetectedFace
    crop: ByteArray | None
    quality: Quality | None


@dataclass(frozen=True, eq=False)
class Probe:
    """A face crop with its `embedding`, float32 (dims,) of unit length, None if the detector found no eyes."""

    face: DetectedFace
    crop: ByteArray | None
    embedding: FloatArray | None
    flaw: str | None  # a sentence that says why the quality is too low
    quality: Quality | None = None


@dataclass(frozen=True, eq=False)
class IdentifiedFace:
    """A face of a photo, its verdict, its crop and its embedding as in `Probe`.

    A face of a video also has the `time` in which it is there. Its box and crop are those of the best frame.
    """

    face: DetectedFace
    crop: ByteArray | None
    verdict: Verdict
    embedding: FloatArray | None = None
    time: TimeSpan | None = None

    @property
    def box(self) -> Box:
        """The face's box in pixels of the upright photo or frame."""
        return self.face.box


@dataclass(frozen=True, eq=False)
class Identification:
    """The faces of a photo from left to right; `fpir` is the false positive identification rate of the verdicts."""

    picture: Picture
    faces: tuple[IdentifiedFace, ...]
    fpir: float

    @property
    def width(self) -> int:
        """Width of the upright photo in pixels."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Height of the upright photo in pixels."""
        return self.picture.height


@dataclass(frozen=True, eq=False)
class VideoIdentification:
    """The faces of a video in the order in which they appear.

    `width` and `height` are in pixels, `duration` in seconds, and `fpir` is as in `Identification`.
    """

    width: int
    height: int
    duration: float
    faces: tuple[IdentifiedFace, ...]
    fpir: float


@dataclass(frozen=True, eq=False)
class ComparedFace:
    """A face of one of two photos; `index` counts the faces of the photo from left to right, from 1."""

    index: int
    probe: Probe

    @property
    def area(self) -> int:
        """Area of the box in pixels."""
        return self.probe.face.box.area


@dataclass(frozen=True, eq=False)
class ComparedPhoto:
    """One of two photos to compare: all its faces from left to right, and those `chosen` for the comparison."""

    picture: Picture
    faces: tuple[ComparedFace, ...]
    chosen: tuple[ComparedFace, ...]

    def with_chosen(self, face: ComparedFace) -> ComparedPhoto:
        """Return the photo with one face to compare."""
        return replace(self, chosen=(face,))

    @property
    def largest(self) -> ComparedFace:
        """The largest face to compare."""
        return max(self.chosen, key=lambda face: face.area)


@dataclass(frozen=True, eq=False)
class Comparison:
    """The most similar of `pairs` pairs of faces of two photos. The score is 0 same ... 1 different."""

    first: ComparedFace
    second: ComparedFace
    score: float
    pairs: int
    rules: PairRules

    @property
    def kind(self) -> PairKind:
        """Whether both faces show the same person: same, uncertain or different."""
        return self.rules.decide(self.score, self.pairs)

    @property
    def threshold(self) -> float:
        """The largest score of "same" for this number of pairs."""
        return self.rules.same_threshold(self.pairs)

    @property
    def different(self) -> float:
        """The score above which the pair shows different people."""
        return self.rules.different_threshold(self.pairs)
