"""Review of a person's photos: the outcome of each photo, and the administrator's choices in the form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from app.enrollment.enroll import DEBATABLE, Enrollment, compare
from app.enrollment.photo_review import PhotoOutcome, choose_face
from app.recognition.recognizer import Recognizer
from app.vision.faces import Box
from app.web import inline_images
from app.web.admin.sealed_photos import PREVIEW_SIDE, SealedPhoto, seal, unseal

LABELS = {
    "accepted": ("match", "Accepted"),
    "several_faces": ("ambiguous", "Several faces"),
    "duplicate": ("ambiguous", "Duplicate"),
    "unlike": ("ambiguous", "Unlike the other photos"),
    "lookalike": ("ambiguous", "Looks like another person"),
    "low_quality": ("low_quality", "Low quality"),
    "no_face": ("low_quality", "No face"),
    "unreadable": ("low_quality", "Unreadable"),
}
"""Color and label of each outcome."""

REASONS = {"accepted": "Ready to add.", "several_faces": "Select the face to add."}
"""Sentences that replace those of the review, which speak of the time after the enrollment."""


@dataclass(frozen=True, eq=False)
class PhotoChoice:
    """A photo and the administrator's choices.

    `face` counts from the left, from 1. `outcome` is what the review said about this face, None before a review.
    """

    photo: SealedPhoto
    face: int | None = None
    outcome: str | None = None
    included: bool = False

    @property
    def deselected(self) -> bool:
        """Whether the administrator deselected an accepted photo."""
        return self.outcome == "accepted" and not self.included and not self.several_faces

    @property
    def selected(self) -> bool:
        """Whether the photo is to be enrolled."""
        if self.several_faces and self.outcome not in DEBATABLE:
            return self.face is not None
        return self.included

    @property
    def allowed(self) -> str | None:
        """The objection that the administrator saw and overruled."""
        return self.outcome if self.included and self.outcome in DEBATABLE else None

    @property
    def several_faces(self) -> bool:
        """Whether the administrator has to select a face."""
        return len(self.photo.examined.probes) > 1


@dataclass(frozen=True)
class FaceChoice:
    """A face to select: its box in pixels of the preview."""

    number: int
    box: Box
    chosen: bool


@dataclass(frozen=True)
class PhotoView:
    """A photo on the review page. `crop` and `preview` are data URIs, `checkbox` is a label or None.

    `reviewed` tells the next form which face and outcome the administrator saw.
    """

    sealed: str
    file: str
    kind: str
    label: str
    reason: str
    crop: str | None
    preview: str | None
    width: int
    height: int
    faces: tuple[FaceChoice, ...]
    reviewed: str
    checkbox: str | None
    included: bool


def read_choices(recognizer: Recognizer, form: MultiDict[str, str]) -> list[PhotoChoice]:
    """Read the photos and choices of a form.

    Raises:
        ReviewExpired: a photo is too old, or from another server.
    """
    choices = []
    for number, sealed in enumerate(form.getlist("photo")):
        photo = unseal(recognizer, sealed)
        text = form.get(f"face-{number}", "")
        face = int(text) if text.isdecimal() and 1 <= int(text[:4]) <= len(photo.examined.probes) else None
        reviewed_face, _, outcome = form.get(f"reviewed-{number}", "").partition(":")
        # The outcome of another face of the photo says nothing about this one.
        reviewed = outcome if reviewed_face == str(face or "") else None
        choices.append(PhotoChoice(photo, face, reviewed, f"include-{number}" in form))
    return choices


def compare_choices(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> Enrollment:
    """Compare photos with each other and with the gallery."""
    return compare(recognizer, name, [choose_face(choice.photo.examined, choice.face) for choice in choices])


def views(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> list[PhotoView]:
    """Review all photos that are not deselected, and prepare the page."""
    review = compare_choices(recognizer, name, [choice for choice in choices if not choice.deselected])
    outcomes = iter(review.photos)
    return [_view(recognizer, choice, None if choice.deselected else next(outcomes)) for choice in choices]


def _view(recognizer: Recognizer, choice: PhotoChoice, reviewed: PhotoOutcome | None) -> PhotoView:
    photo, probes = choice.photo, choice.photo.examined.probes
    result = reviewed or choose_face(photo.examined, choice.face)
    kind, label = LABELS[result.outcome] if reviewed else ("unknown", "Not selected")
    crop = result.face.crop if result.face else probes[0].crop if len(probes) == 1 else None
    debatable = result.outcome in DEBATABLE
    checkbox = "Add photo" if result.accepted and not choice.several_faces else None
    scale = min(1.0, PREVIEW_SIDE / max(photo.width, photo.height, 1))
    return PhotoView(
        sealed=seal(recognizer, photo),
        file=result.file,
        kind=kind,
        label=label,
        reason=REASONS.get(result.outcome, result.reason),
        crop=None if crop is None else inline_images.crop(crop),
        preview=photo.preview,
        width=round(photo.width * scale),
        height=round(photo.height * scale),
        faces=_face_choices(choice, scale) if choice.several_faces else (),
        reviewed=f"{choice.face or ''}:{result.outcome}",
        checkbox="Add photo anyway" if debatable else checkbox,
        included=reviewed is not None and (result.accepted or (debatable and choice.allowed == result.outcome)),
    )


def _face_choices(choice: PhotoChoice, scale: float) -> tuple[FaceChoice, ...]:
    faces = (probe.face.scale(scale, PREVIEW_SIDE, PREVIEW_SIDE) for probe in choice.photo.examined.probes)
    return tuple(FaceChoice(number, face.box, number == choice.face) for number, face in enumerate(faces, start=1))
