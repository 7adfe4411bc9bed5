"""Recognition pipeline shared by the web app, the API, the CLI and batch jobs: decode, detect, align, embed, decide."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from app.arrays import DoubleArray, FloatArray
from app.errors import UnreadableImage
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition import comparison
from app.recognition.decision import Rules, Verdict, decide, find_opted_out, resolve_duplicate_matches
from app.recognition.inference import Network, load_network
from app.recognition.model_card import read_card
from app.recognition.results import ComparedPhoto, Comparison, FaceCrop, Identification, IdentifiedFace, Probe
from app.recognition.scoring import rank_faces
from app.settings import Settings
from app.tracing import record_verdicts, stage
from app.vision.alignment import CROP_EYE_DISTANCE, align, crop_window, measure_eye_distance
from app.vision.closeups import Window
from app.vision.cropping import face_window
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import Picture
from app.vision.detection import Detector
from app.vision.faces import Box, DetectedFace
from app.vision.photo_files import read_photo
from app.vision.quality import measure_quality

Photo = bytes | str | os.PathLike[str]  # the bytes of a photo file, or its path


class Recognizer:
    """Identify and compare faces: detector, network and gallery, loaded once. Safe to use from several threads.

    Examples:
        >>> from app import Recognizer, Settings
        >>> with Recognizer.load(Settings()) as recognizer:
        ...     for face in recognizer.identify("party.jpg").faces:
        ...         print(face.verdict.kind, face.verdict.person)
    """

    def __init__(self, settings: Settings, detector: Detector, network: Network, gallery: Gallery) -> None:
        self.settings = settings
        self.detector = detector
        self.network = network
        self.gallery = gallery
        self.decoder = DecoderPool.from_settings(settings)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Load detector and network, and open the gallery. An empty database is filled with the shipped gallery.

        Raises:
            ModelError: the model card or its weights are missing or damaged.
            GalleryError: the gallery cannot be opened, or belongs to another network.
            DetectorError: the detector cannot be used.
        """
        detector = Detector.from_settings(settings)
        model_id = read_card(settings.model).id
        with ThreadPoolExecutor(1) as pool:
            # OpenVINO compiles the network without Python's lock.
            network = pool.submit(load_network, settings.model)
            gallery = Gallery.from_settings(settings, model_id)
        try:
            recognizer = cls(settings, detector, network.result(), gallery)
        except BaseException:
            gallery.close()
            raise
        gallery.start_maintenance()
        return recognizer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder processes and close the gallery."""
        self.decoder.close()
        self.gallery.close()

    def identify(self, photo: Photo, fpir: float | None = None) -> Identification:
        """Identify every face of a photo, at a false positive identification rate, by default `Settings.fpir`.

        Raises:
            PhotoError: the file cannot be read or decoded, or exceeds a limit.
        """
        picture = self.decode(photo)
        return self.identify_faces(picture, self.detect(picture), fpir)

    def compare(self, first: Photo, second: Photo, face_a: int | None = None, face_b: int | None = None) -> Comparison:
        """Compare the faces of two photos and return the most similar pair.

        `face_a` and `face_b` restrict a photo to the face of an index, counted from the left, from 1.

        Raises:
            PhotoError: a file cannot be read or decoded, or exceeds a limit.
            FaceError: a photo has no face, no face of this index, or no face of sufficient quality.
        """
        photos = self.load_compared_photo(first, "first", face_a), self.load_compared_photo(second, "second", face_b)
        return self.compare_photos(*photos)

    def decode(self, photo: Photo) -> Picture:
        """Decode a photo, the first stage of `identify`."""
        with stage("decode"):
            data = photo if isinstance(photo, bytes) else read_photo(Path(photo), self.settings.max_file_bytes)
            return self.decoder.decode(data)

    def detect(self, picture: Picture) -> tuple[DetectedFace, ...]:
        """Return the faces of a picture from left to right, the second stage of `identify`."""
        with stage("detect"):
            return self.detector.find_faces(picture)

    def identify_faces(
        self, picture: Picture, faces: Sequence[DetectedFace], fpir: float | None = None
    ) -> Identification:
        """Align, embed and identify detected faces, the last stages of `identify`."""
        identified = self.identify_crops([self.crop_faces(picture, faces)], fpir)[0]
        return Identification(picture, identified, fpir or self.settings.fpir)

    def crop_faces(self, picture: Picture, faces: Sequence[DetectedFace]) -> tuple[FaceCrop, ...]:
        """Align detected faces. Identifying the crops no longer needs the picture.

        A photo that was decoded at reduced scale is decoded again for faces that have too few pixels there.
        """
        with stage("decode"):
            picture.load_closeups(
                [_closeup(picture, face.box, face.landmarks) for face in faces if face.landmarks is not None]
            )
        with stage("embed"):
            return tuple(_crop_face(picture, face) for face in faces)

    def identify_crops(
        self, photos: Sequence[Sequence[FaceCrop]], fpir: float | None = None
    ) -> list[tuple[IdentifiedFace, ...]]:
        """Embed the face crops of several photos in one batch and identify them, photo by photo."""
        probes = iter(self.embed_crops([crop for crops in photos for crop in crops]))
        snapshot = self.gallery.snapshot()
        rules = self.rules(snapshot, fpir)
        with stage("rank"):
            identified = [_identify_photo([next(probes) for _ in crops], snapshot, rules) for crops in photos]
        record_verdicts(face.verdict.kind for faces in identified for face in faces)
        return identified

    def extract_probes(self, photo: Photo) -> tuple[Picture, tuple[Probe, ...]]:
        """Decode a photo and embed its faces, without identifying them."""
        picture = self.decode(photo)
        return picture, self.embed_crops(self.crop_faces(picture, self.detect(picture)))

    def embed_crops(self, crops: Sequence[FaceCrop]) -> tuple[Probe, ...]:
        """Embed face crops in one batch, without identifying them."""
        aligned = [crop.crop for crop in crops if crop.crop is not None]
        with stage("embed"):
            embeddings: Iterator[FloatArray] = iter(self.network.embed_raw(np.stack(aligned)) if aligned else ())
        floor = self.network.card.quality
        probes = []
        for crop in crops:
            if crop.quality is None:
                probes.append(Probe(crop.face, None, None, floor.flaw(None)))
                continue
            embedding = next(embeddings)
            norm = float(np.linalg.norm(embedding))
            quality = replace(crop.quality, norm=norm)
            probes.append(Probe(crop.face, crop.crop, embedding / max(norm, 1e-6), floor.flaw(quality), quality))
        return tuple(probes)

    def load_compared_photo(self, photo: Photo, name: str, face: int | None = None) -> ComparedPhoto:
        """Decode one of two photos to compare, which errors call by `name`, and embed its faces; see `compare`."""
        try:
            picture, probes = self.extract_probes(photo)
        except UnreadableImage as error:
            raise UnreadableImage(error.code, f"The {name} photo cannot be compared. {error}") from error
        return comparison.choose_faces(picture, probes, name, face)

    def compare_photos(self, first: ComparedPhoto, second: ComparedPhoto) -> Comparison:
        """Return the most similar pair of chosen faces, one of each photo."""
        return comparison.compare_photos(first, second, self.network.card.rules)

    def rules(self, snapshot: Snapshot, fpir: float | None = None) -> Rules:
        """Return the decision rules for a gallery: the model card's, shifted by the gallery's calibration."""
        return self.network.card.rules.for_gallery(self.settings.fpir, snapshot.shifts).with_fpir(fpir)

    def warm_up(self) -> None:
        """Run the pipeline once, so that the first photo takes no longer than later ones."""
        gray = np.full((1200, 1600, 3), 127, dtype=np.uint8)
        photo = cv2.imencode(".jpg", gray)[1].tobytes()
        # Without a face the detector searches a picture several times: all searches in a small one, one in a large one.
        small = Picture(gray[:256, :256])
        face = DetectedFace(Box(64, 64, 128, 128), np.array([[96.0, 110.0], [160.0, 110.0]]), 1.0)
        with ThreadPoolExecutor(2) as pool:
            # A decoder process starts and the network warms up meanwhile.
            picture = pool.submit(self.decode, photo)
            network = pool.submit(self.identify_faces, small, (face,))
            self.detect(small)
            self.detector.warm_up(picture.result())
            network.result()


def _closeup(picture: Picture, box: Box, landmarks: DoubleArray) -> tuple[Window, float]:
    """Return what `align` and pages show of a face, and the scale at which `align` neither enlarges nor reduces it."""
    window = crop_window(landmarks).union(face_window(picture, box))
    return window, measure_eye_distance(landmarks) / CROP_EYE_DISTANCE


def _crop_face(picture: Picture, face: DetectedFace) -> FaceCrop:
    if face.landmarks is None:
        return FaceCrop(face, None, None)
    region = picture.region(crop_window(face.landmarks))
    landmarks = region.locate(face.landmarks)
    crop = align(region.pixels, landmarks)
    return FaceCrop(face, crop, measure_quality(crop, landmarks, face.close_confidence))


def judge(probes: Sequence[Probe], snapshot: Snapshot, rules: Rules) -> list[Verdict]:
    """Return the verdict on each face, before `resolve_duplicate_matches`."""
    found = [probe.embedding for probe in probes if probe.embedding is not None]
    if not found:
        return [decide((), rules, probe.flaw) for probe in probes]
    embeddings = np.stack(found)
    opted_out = iter(find_opted_out(embeddings, snapshot.opted_out, rules).tolist())
    rankings = iter(rank_faces(embeddings, snapshot, rules.head))
    return [
        decide((), rules, probe.flaw)
        if probe.embedding is None
        else decide(next(rankings), rules, probe.flaw, opted_out=next(opted_out))
        for probe in probes
    ]


def _identify_photo(probes: Sequence[Probe], snapshot: Snapshot, rules: Rules) -> tuple[IdentifiedFace, ...]:
    resolved = resolve_duplicate_matches(judge(probes, snapshot, rules), rules, len(snapshot))
    return tuple(
        # Without the embedding, pages offer neither details nor a name.
        IdentifiedFace(probe.face, probe.crop, verdict, None if verdict.opted_out else probe.embedding)
        for probe, verdict in zip(probes, resolved, strict=True)
    )
