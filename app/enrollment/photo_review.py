"""A photo by itself, before anything is compared: the faces in it, and which of them is to be learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.errors import PhotoError
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.decoding import Picture
from app.vision.faces import Box

Outcome = Literal[
    "accepted", "unreadable", "no_face", "several_faces", "low_quality", "duplicate", "unlike", "lookalike"
]


@dataclass(frozen=True)
class PhotoOutcome:
    """What became of one photo; `reason` is a sentence for a person.

    `faces` are the boxes of all faces in it, from left to right, to pick one; `other` is who the face looks
    like, for a lookalike.
    """

    file: str
    outcome: Outcome
    reason: str
    faces: tuple[Box, ...] = ()
    other: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the person is, or will be, known by this photo."""
        return self.outcome == "accepted"


@dataclass(frozen=True, eq=False)
class ExaminedPhoto:
    """A photo that was looked at: its faces from left to right, or the report that says why there are none.

    `file` is what the sender calls it. `picture` is None where it could not be read, or is not at hand any more.
    """

    file: str
    probes: tuple[Probe, ...] = ()
    problem: PhotoOutcome | None = None
    picture: Picture | None = None


def examine_photo(recognizer: Recognizer, file: str, data: bytes | PhotoError) -> ExaminedPhoto:
    """Find the faces of a photo.

    Args:
        recognizer: detector and network.
        file: what the sender calls it.
        data: its bytes, or the error of reading them.
    """
    try:
        if isinstance(data, PhotoError):
            raise data
        picture, probes = recognizer.extract_probes(data)
    except PhotoError as error:
        return ExaminedPhoto(file, problem=PhotoOutcome(file, "unreadable", str(error)))
    if not probes:
        report = PhotoOutcome(file, "no_face", "We couldn't find a face. Try a sharper, front-on photo.")
        return ExaminedPhoto(file, problem=report, picture=picture)
    return ExaminedPhoto(file, probes, picture=picture)


def choose(sighting: ExaminedPhoto, pick: int | None = None) -> tuple[PhotoOutcome, Probe | None]:
    """The face of a photo that is to be learnt, and whether it is worth that.

    Args:
        sighting: the photo.
        pick: which face, counted from the left, beginning with 1; None where there is only one.
    """
    file, probes = sighting.file, sighting.probes
    if sighting.problem is not None:
        return sighting.problem, None
    boxes = tuple(probe.face.box for probe in probes)
    if pick is not None and not 1 <= pick <= len(probes):
        reason = f"It has no face number {pick}: there are {len(probes)}, counted from the left."
        return PhotoOutcome(file, "several_faces", reason, boxes), None
    if pick is None and len(probes) > 1:
        reason = (
            f"There are {len(probes)} faces in it, so it does not tell which one to learn. "
            "Pick one by its number, counted from the left."
        )
        return PhotoOutcome(file, "several_faces", reason, boxes), None
    probe = probes[(pick or 1) - 1]
    if probe.flaw is not None:
        return PhotoOutcome(file, "low_quality", probe.flaw, boxes), None
    return PhotoOutcome(file, "accepted", "Its face was learnt.", boxes), probe
