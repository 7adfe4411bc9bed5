"""Recognition pipeline shared by the web app, the API, the CLI and archives: decode, detect, align, embed, judge."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from app.errors import LowQuality, NoFaceFound, NoSuchFace, UnreadableImage
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition import decision
from app.recognition.decision import PairKind, PairRules, Rules, Verdict
from app.recognition.inference import Network, load_network
from app.settings import Settings
from app.tracing import judged, stage
from app.vision import alignment, photo_files
from app.vision.decoder_pool import Decoder
from app.vision.decoding import Picture
from app.vision.detection import Detector
from app.vision.faces import Box, DetectedFace
from app.vision.quality import Quality, measure


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """An aligned face, ready to be embedded. `crop` and `quality` are None if the detector found no eyes."""

    face: DetectedFace
    crop: np.ndarray | None
    quality: Quality | None


@dataclass(frozen=True, eq=False)
class Probe:
    """A face ready to be compared.

    `crop` is uint8 (112, 112, 3) RGB and `embedding` float32 (dims,) of length 1; both are None if the
    detector found no eyes. `flaw` says why the face is not worth judging, or is None.
    """

    face: DetectedFace
    crop: np.ndarray | None
    embedding: np.ndarray | None
    flaw: str | None


@dataclass(frozen=True, eq=False)
class IdentifiedFace:
    """A face of a picture and who it is."""

    face: DetectedFace
    crop: np.ndarray | None
    verdict: Verdict

    @property
    def box(self) -> Box:
        """The face's box in pixels of the upright photo."""
        return self.face.box


@dataclass(frozen=True, eq=False)
class Identification:
    """Everything found in one picture, faces from left to right; boxes are in pixels of `width` x `height`.

    `fpir` is the false positive identification rate that the verdicts keep.
    """

    picture: Picture
    faces: tuple[IdentifiedFace, ...]
    fpir: float

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return self.picture.height


@dataclass(frozen=True, eq=False)
class ComparedFace:
    """A face of one of two photos; `index` counts the faces of the photo from left to right, from 1."""

    index: int
    probe: Probe

    @property
    def area(self) -> int:
        """Pixels of the box."""
        return self.probe.face.box.area


@dataclass(frozen=True, eq=False)
class Side:
    """One of two photos to compare.

    `faces` are all its faces from left to right, `chosen` those to compare, at least one: all of enough quality, or
    the one that was picked.
    """

    picture: Picture
    faces: tuple[ComparedFace, ...]
    chosen: tuple[ComparedFace, ...]

    def only(self, face: ComparedFace) -> Side:
        """Return the same photo with one face to compare."""
        return replace(self, chosen=(face,))

    @property
    def largest(self) -> ComparedFace:
        """The largest of the faces to compare."""
        return max(self.chosen, key=lambda face: face.area)


@dataclass(frozen=True, eq=False)
class Comparison:
    """The pair of faces, one of each photo, with the smallest score (0 same ... 1 different).

    `pairs` is the number of pairs that were compared, `rules` the thresholds.
    """

    first: ComparedFace
    second: ComparedFace
    score: float
    pairs: int
    rules: PairRules

    @property
    def kind(self) -> PairKind:
        """Whether both show the same person: same, uncertain or different."""
        return self.rules.judge(self.score, self.pairs)

    @property
    def threshold(self) -> float:
        """The largest score that says "same person" for this number of pairs."""
        return self.rules.same(self.pairs)

    @property
    def different(self) -> float:
        """The score above which the pair shows different people."""
        return self.rules.other(self.pairs)


class Recognizer:
    """Detector, network and gallery, loaded once and used by every request. Safe to use from several threads."""

    def __init__(self, settings: Settings, detector: Detector, network: Network, gallery: Gallery) -> None:
        self.settings = settings
        self.detector = detector
        self.network = network
        self.gallery = gallery
        self.decoder = Decoder.from_settings(settings)

    @classmethod
    def load(cls, settings: Settings) -> Recognizer:
        """Load everything the settings name; the first start fills the gallery from the shipped anchors.

        Raises:
            card.ModelError: card or weights are missing, altered or foreign.
            gallery.store.GalleryError: the gallery cannot be opened or belongs to another network or crop.
            backends.DetectorError: the detector cannot be used.
        """
        detector = Detector.from_settings(settings)
        network = load_network(settings.model)
        gallery = Gallery.open(settings.database_url, network.card.id, settings.shipped_gallery, settings.recovery_days)
        return cls(settings, detector, network, gallery)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder processes and close the gallery."""
        self.decoder.close()
        self.gallery.close()

    def rules(self, snapshot: Snapshot, fpir: float | None = None) -> Rules:
        """Return the rules for a gallery: the card's thresholds, shifted where the gallery was calibrated.

        Args:
            snapshot: the gallery.
            fpir: false positive identification rate; default: that of the settings.
        """
        return self.network.card.rules.for_gallery(self.settings.fpir, snapshot.shifts).at(fpir)

    def warm_up(self) -> None:
        """Go the whole way of a photo once, so that the first visitor waits no longer than the hundredth."""
        gray = np.full((840, 1200, 3), 127, dtype=np.uint8)
        photo = cv2.imencode(".jpg", gray)[1].tobytes()
        # A picture without a face is looked at many times: a small one, then, and a large one once.
        small = Picture(gray[:256, :256])
        face = DetectedFace(Box(64, 64, 128, 128), np.array([[96.0, 110.0], [160.0, 110.0]]), 1.0)
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(lambda: (self.find(small), self.detector.look(self.decode(photo))))
            self.name(small, (face,))
            found.result()

    def decode(self, data: bytes) -> Picture:
        """The first step: the bytes of a picture file become a picture.

        Raises:
            images.UnreadableImage: it is no picture that can be read.
        """
        with stage("decode"):
            return self.decoder.decode(data)

    def find(self, picture: Picture) -> tuple[DetectedFace, ...]:
        """The second step: every face of a picture, from left to right."""
        with stage("detect"):
            return self.detector.find_faces(picture)

    def name(self, picture: Picture, faces: tuple[DetectedFace, ...], fpir: float | None = None) -> Identification:
        """Align, embed, rank and judge the faces of a picture, the last step.

        Args:
            picture: the decoded picture.
            faces: as `find` returns them.
            fpir: false positive identification rate; default: that of the settings.
        """
        named = self.name_cut([self.cut(picture, faces)], fpir)[0]
        return Identification(picture, named, fpir or self.settings.fpir)

    def cut(self, picture: Picture, faces: tuple[DetectedFace, ...]) -> tuple[FaceCrop, ...]:
        """The first half of `name`: align the faces of a picture, after which the picture may go."""
        # Boxes and landmarks are in pixels of the whole picture, which may have been decoded at reduced scale.
        landmarks = [None if face.landmarks is None else face.landmarks / picture.scale for face in faces]
        with stage("embed"):
            crops = [None if points is None else alignment.align(picture.pixels, points) for points in landmarks]
        return tuple(
            FaceCrop(face, cut, None if cut is None else measure(cut, points, face.close_confidence))
            for face, cut, points in zip(faces, crops, landmarks, strict=True)
        )

    def name_cut(
        self, photos: Sequence[Sequence[FaceCrop]], fpir: float | None = None
    ) -> list[tuple[IdentifiedFace, ...]]:
        """Embed the faces of any number of photos in batches, rank and judge them: the second half of `name`.

        Args:
            photos: the aligned faces of each photo.
            fpir: false positive identification rate; default: that of the settings.
        """
        probes = iter(self._embedded([cut for cuts in photos for cut in cuts]))
        snapshot = self.gallery.snapshot()
        rules = self.rules(snapshot, fpir)
        named = []
        with stage("rank"):
            for cuts in photos:
                own = [next(probes) for _ in cuts]
                verdicts = decision.keep_one_each(
                    [self._judge(probe, snapshot, rules) for probe in own], rules, len(snapshot)
                )
                named.append(
                    tuple(IdentifiedFace(probe.face, probe.crop, one) for probe, one in zip(own, verdicts, strict=True))
                )
        judged(face.verdict.kind for faces in named for face in faces)
        return named

    @staticmethod
    def _judge(probe: Probe, snapshot: Snapshot, rules: Rules) -> Verdict:
        ranking = () if probe.embedding is None else decision.rank(probe.embedding, snapshot, rules.head)
        return decision.judge(ranking, rules, probe.flaw)

    def identify(self, photo: bytes | Path, fpir: float | None = None) -> Identification:
        """Identify every face of a photo.

        Args:
            photo: Content of an image file, or its path.
            fpir: False positive identification rate. Default: that of the settings.

        Raises:
            PhotoError: The file cannot be read or decoded.
        """
        data = photo if isinstance(photo, bytes) else photo_files.read(photo, self.settings.max_file_bytes)
        picture = self.decode(data)
        return self.name(picture, self.find(picture), fpir)

    def probes(self, data: bytes) -> tuple[Picture, tuple[Probe, ...]]:
        """Decode a picture, find its faces, align and embed them.

        Args:
            data: the bytes of a picture file.

        Raises:
            images.UnreadableImage: it is no picture that can be read.
        """
        picture = self.decode(data)
        return picture, self._embedded(self.cut(picture, self.find(picture)))

    def compare(self, first: bytes, second: bytes, face_a: int | None = None, face_b: int | None = None) -> Comparison:
        """Compare the faces of two photos and return the pair that is most alike.

        Args:
            first: the bytes of a picture file.
            second: the bytes of another.
            face_a: index of the face to compare in the first photo, from left to right, from 1; default: all faces.
            face_b: the same for the second photo.

        Raises:
            images.UnreadableImage: the decoder cannot read one of them.
            FaceError: one of them has no face, no such face, or no face of enough quality.
        """
        return self.closest(self.side(first, "first", face_a), self.side(second, "second", face_b))

    def side(self, data: bytes, which: str, face: int | None = None) -> Side:
        """Find and embed the faces of one of two photos to compare.

        Args:
            data: the bytes of a picture file.
            which: the photo's name in errors, "first" or "second".
            face: as in `compare`.

        Raises:
            images.UnreadableImage, FaceError: as `compare`.
        """
        try:
            picture, probes = self.probes(data)
        except UnreadableImage as error:
            raise UnreadableImage(error.code, f"The {which} photo cannot be compared. {error}") from error
        faces = tuple(ComparedFace(index, probe) for index, probe in enumerate(probes, start=1))
        if not faces:
            raise NoFaceFound(f"The {which} photo shows no face. Send a sharp photo with an upright face.")
        if face is not None and not 1 <= face <= len(faces):
            raise NoSuchFace(
                f"The {which} photo has no face {face}. Choose a number from 1 to {len(faces)}, counted from the left."
            )
        picked = faces if face is None else faces[face - 1 : face]
        chosen = tuple(one for one in picked if one.probe.flaw is None)
        if not chosen:
            raise LowQuality(_low_quality(picked, len(faces), which))
        return Side(picture, faces, chosen)

    def closest(self, first: Side, second: Side) -> Comparison:
        """Return the pair of chosen faces, one of each side, that are most alike."""
        rules = self.network.card.rules
        pairs = [
            (decision.pair_score(a.probe.embedding, b.probe.embedding, rules.head), a, b)
            for a in first.chosen
            for b in second.chosen
        ]
        score, a, b = min(pairs, key=lambda pair: pair[0])
        return Comparison(a, b, score, len(pairs), rules.pairs)

    def _embedded(self, cuts: Sequence[FaceCrop]) -> tuple[Probe, ...]:
        aligned = [cut.crop for cut in cuts if cut.crop is not None]
        with stage("embed"):
            embeddings = iter(self.network.vectors(np.stack(aligned)) if aligned else ())
        return tuple(self._probe(cut, None if cut.crop is None else next(embeddings)) for cut in cuts)

    def _probe(self, cut: FaceCrop, embedding: np.ndarray | None) -> Probe:
        floor = self.network.card.quality
        if cut.quality is None or embedding is None:
            return Probe(cut.face, None, None, floor.flaw(None))
        norm = float(np.linalg.norm(embedding))
        flaw = floor.flaw(replace(cut.quality, norm=norm))
        return Probe(cut.face, cut.crop, embedding / max(norm, 1e-6), flaw)


def _low_quality(picked: Sequence[ComparedFace], faces: int, which: str) -> str:
    """Return why no face of a photo can be compared: the flaw of the only face, or of the largest of several."""
    largest = max(picked, key=lambda face: face.area)
    if len(picked) > 1:
        return f"None of the {faces} faces in the {which} photo can be compared. The largest: {largest.probe.flaw}"
    name = "The face" if faces == 1 else f"Face {largest.index}"
    return f"{name} in the {which} photo cannot be compared. {largest.probe.flaw}"
