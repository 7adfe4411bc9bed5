"""Recognition pipeline shared by the web app, the API, the CLI and archives: decode, detect, align, embed, judge."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app import crop, images, verdict
from app.decoder import Decoder
from app.detection import Detector
from app.faces import Box, DetectedFace
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.images import Picture
from app.inference import Network, load_network
from app.quality import Quality, measure
from app.self_check import SelfCheck, self_check
from app.settings import Settings
from app.stages import judged, stage
from app.verdict import PairKind, PairRules, Rules, Verdict


class NoFaceFound(ValueError):
    """A picture without any face; the message is a sentence that says what would help."""

    code = "no_face_found"


@dataclass(frozen=True, eq=False)
class CutFace:
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


@dataclass(frozen=True, eq=False)
class Identification:
    """Everything found in one picture, faces from left to right; boxes are in pixels of `width` x `height`."""

    picture: Picture
    faces: tuple[IdentifiedFace, ...]

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return self.picture.height


@dataclass(frozen=True, eq=False)
class Side:
    """One of two pictures to be compared: its faces with eyes, from left to right; at least one."""

    picture: Picture
    probes: tuple[Probe, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The pair of faces, one of each picture, with the smallest score (0 same ... 1 different).

    `crops` are the two faces as the network saw them: uint8 (112, 112, 3) RGB. `pairs` is the number of pairs that
    were compared, `rules` the thresholds.
    """

    first: DetectedFace
    second: DetectedFace
    crops: tuple[np.ndarray, np.ndarray]
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

    def rules(self, snapshot: Snapshot, fpir: float | None = None) -> Rules:
        """Return the rules for a gallery: the card's thresholds, shifted where the gallery was calibrated.

        Args:
            snapshot: the gallery.
            fpir: false positive identification rate; default: that of the settings.
        """
        return self.network.card.rules.for_gallery(self.settings.fpir, snapshot.shifts).at(fpir)

    def self_check(self, person_id: int) -> SelfCheck | None:
        """Return how many photos of a person would be named if they were new; None for a person without anchors."""
        snapshot = self.gallery.snapshot()
        return self_check(person_id, snapshot, self.rules(snapshot)) if person_id in snapshot.ids else None

    def warm_up(self) -> None:
        """Go the whole way of a photo once, so that the first visitor waits no longer than the hundredth."""
        grey = np.full((840, 1200, 3), 127, dtype=np.uint8)
        photo = cv2.imencode(".jpg", grey)[1].tobytes()
        # A picture without a face is looked at many times: a small one, then, and a large one once.
        small = Picture(grey[:256, :256])
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
        return Identification(picture, self.name_cut([self.cut(picture, faces)], fpir)[0])

    def cut(self, picture: Picture, faces: tuple[DetectedFace, ...]) -> tuple[CutFace, ...]:
        """The first half of `name`: align the faces of a picture, after which the picture may go."""
        # Boxes and landmarks are in pixels of the whole picture, which may have been decoded at reduced scale.
        landmarks = [None if face.landmarks is None else face.landmarks / picture.scale for face in faces]
        with stage("embed"):
            crops = [None if points is None else crop.align(picture.pixels, points) for points in landmarks]
        return tuple(
            CutFace(face, cut, None if cut is None else measure(cut, points, face.close_confidence))
            for face, cut, points in zip(faces, crops, landmarks, strict=True)
        )

    def name_cut(
        self, photos: Sequence[Sequence[CutFace]], fpir: float | None = None
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
                verdicts = verdict.keep_one_each(
                    [self._judge(probe, snapshot, rules) for probe in own], rules, len(snapshot)
                )
                named.append(
                    tuple(IdentifiedFace(probe.face, probe.crop, one) for probe, one in zip(own, verdicts, strict=True))
                )
        judged(face.verdict.kind for faces in named for face in faces)
        return named

    @staticmethod
    def _judge(probe: Probe, snapshot: Snapshot, rules: Rules) -> Verdict:
        ranking = () if probe.embedding is None else verdict.rank(probe.embedding, snapshot, rules.head)
        return verdict.judge(ranking, rules, probe.flaw)

    def identify(self, data: bytes) -> Identification:
        """Name every face of a picture, in the three steps; no face gives an empty tuple.

        Raises:
            images.UnreadableImage: it is no picture that can be read.
        """
        picture = self.decode(data)
        return self.name(picture, self.find(picture))

    def probes(self, data: bytes) -> tuple[Picture, tuple[Probe, ...]]:
        """Decode a picture, find its faces, align and embed them.

        Arguments:
            data: the bytes of a picture file.

        Raises:
            images.UnreadableImage: it is no picture that can be read.
        """
        picture = self.decode(data)
        return picture, self._embedded(self.cut(picture, self.find(picture)))

    def compare(self, first: bytes, second: bytes) -> Comparison:
        """Find the pair of faces, one of each picture, that are most alike.

        Raises:
            images.UnreadableImage: one of them is no picture that can be read.
            NoFaceFound: one of them has no face with eyes.
        """
        return self.closest(self.side(first, "first"), self.side(second, "second"))

    def side(self, data: bytes, which: str) -> Side:
        """One of two pictures to be compared, its faces found and embedded.

        Arguments:
            data: the bytes of a picture file.
            which: what a sentence calls it, "first" or "second".

        Raises:
            images.UnreadableImage, NoFaceFound: as `compare`.
        """
        try:
            picture, probes = self.probes(data)
        except images.UnreadableImage as error:
            raise images.UnreadableImage(error.code, f"The {which} picture cannot be compared. {error}") from error
        found = tuple(probe for probe in probes if probe.embedding is not None)
        if not found:
            raise NoFaceFound(f"No face was found in the {which} picture. A sharp, upright face helps.")
        return Side(picture, found)

    def closest(self, first: Side, second: Side) -> Comparison:
        """The pair of faces, one of each side, that are most alike."""
        rules = self.network.card.rules
        pairs = [
            (verdict.pair_score(a.embedding, b.embedding, rules.head), a, b)
            for a in first.probes
            for b in second.probes
        ]
        score, a, b = min(pairs, key=lambda pair: pair[0])
        return Comparison(a.face, b.face, (a.crop, b.crop), score, len(pairs), rules.pairs)

    def _embedded(self, cuts: Sequence[CutFace]) -> tuple[Probe, ...]:
        aligned = [cut.crop for cut in cuts if cut.crop is not None]
        with stage("embed"):
            embeddings = iter(self.network.vectors(np.stack(aligned)) if aligned else ())
        return tuple(self._probe(cut, None if cut.crop is None else next(embeddings)) for cut in cuts)

    def _probe(self, cut: CutFace, embedding: np.ndarray | None) -> Probe:
        floor = self.network.card.quality
        if cut.quality is None or embedding is None:
            return Probe(cut.face, None, None, floor.flaw(None))
        norm = float(np.linalg.norm(embedding))
        flaw = floor.flaw(replace(cut.quality, norm=norm))
        return Probe(cut.face, cut.crop, embedding / max(norm, 1e-6), flaw)
