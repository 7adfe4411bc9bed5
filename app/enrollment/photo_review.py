"""Review of a single photo: the faces in it, and whether one of them can be enrolled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.arrays import ByteArray, FloatArray
from app.errors import PhotoError
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.decoding import Picture
from app.vision.faces import Box

OutcomeCode = Literal[
    "accepted", "unreadable", "no_face", "several_faces", "low_quality", "duplicate", "unlike", "look_alike",
    "opted_out",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class ReferenceFace:
    """A face to enroll: crop uint8 (112, 112, 3) RGB, embedding float32 (dims,) of unit length."""

    crop: ByteArray
    embedding: FloatArray


@dataclass(frozen=True, eq=False)
class PhotoOutcome:
    """Outcome of a reviewed photo."""

    file: str  # the sender's name
    outcome: OutcomeCode
    reason: str  # a sentence for the user
    faces: tuple[Box, ...] = ()  # all faces, from left to right
    other: str | None = None  # the person whom the face resembles, for a look-alike
    face: ReferenceFace | None = None  # the face to enroll
    allowed: OutcomeCode | None = None  # the outcome that the user overruled

    @property
    def accepted(self) -> bool:
        """Whether the photo is, or will be, enrolled."""
        return self.outcome == "accepted"


@dataclass(frozen=True, eq=False)
class ExaminedPhoto:
    """A photo and its faces from left to right, or the outcome of a photo without faces."""

    file: str  # the sender's name
    probes: tuple[Probe, ...] = ()
    problem: PhotoOutcome | None = None
    picture: Picture | None = None  # None if the photo is unreadable or was not kept


def examine_photo(recognizer: Recognizer, file: str, photo: bytes | Path | PhotoError) -> ExaminedPhoto:
    """Find the faces of a photo. `photo` is the bytes or path of the file, or the error that reading it raised."""
    try:
        if isinstance(photo, PhotoError):
            raise photo
        picture, probes = recognizer.extract_probes(photo)
    except PhotoError as error:
        return ExaminedPhoto(file, problem=PhotoOutcome(file, "unreadable", str(error)))
    if not probes:
        problem = PhotoOutcome(file, "no_face", "We couldn't find a face. Try a sharper, front-on photo.")
        return ExaminedPhoto(file, problem=problem, picture=picture)
    return ExaminedPhoto(file, probes, picture=picture)


def choose_face(photo: ExaminedPhoto, number: int | None = None) -> PhotoOutcome:
    """Check the quality of the face to enroll. A photo with several faces needs its number from the left, from 1."""
    if photo.problem is not None:
        return photo.problem
    count = len(photo.probes)
    boxes = tuple(probe.face.box for probe in photo.probes)
    if number is None and count > 1:
        reason = f"The photo shows {count} faces. Choose one by its number, counted from the left."
        return PhotoOutcome(photo.file, "several_faces", reason, boxes)
    number = 1 if number is None else number
    if not 1 <= number <= count:
        reason = f"There is no face {number}. Choose a number from 1 to {count}, counted from the left."
        return PhotoOutcome(photo.file, "several_faces", reason, boxes)
    probe = photo.probes[number - 1]
    if probe.flaw is not None or probe.crop is None or probe.embedding is None:
        return PhotoOutcome(photo.file, "low_quality", probe.flaw or "The face cannot be compared.", boxes)
    face = ReferenceFace(probe.crop, probe.embedding)
    return PhotoOutcome(photo.file, "accepted", "The face can be enrolled.", boxes, face=face)
