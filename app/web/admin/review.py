"""The lines of a review: a photo each, what would become of it, and what the administrator chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from app.enrollment.enroll import DEBATABLE, Review, compare
from app.enrollment.photo_review import PhotoOutcome, choose
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.faces import Box
from app.web import inline_images
from app.web.admin.sealed_photos import PREVIEW_SIDE, SealedPhoto, seal, unseal

LABELS = {
    "accepted": ("match", "Accepted"),
    "several_faces": ("ambiguous", "Several faces"),
    "duplicate": ("ambiguous", "Duplicate"),
    "unlike": ("ambiguous", "Does not look like the others"),
    "lookalike": ("ambiguous", "Looks like somebody else"),
    "low_quality": ("low_quality", "Too small or blurred"),
    "no_face": ("low_quality", "No face"),
    "unreadable": ("low_quality", "Cannot be read"),
}
"""Each outcome's kind, for its color, and what it is called."""

REASONS = {"accepted": "Its face can be learnt.", "several_faces": "Choose the face to learn by its box."}
"""What is said of outcomes whose own sentence is for after the fact, or for other doors."""


@dataclass(frozen=True, eq=False)
class Line:
    """A photo and what was chosen for it.

    `pick` is the face of several, counted from the left, None if none is. `seen` is the outcome that was shown for
    this face, None if none was yet; `ticked` whether it is to be learnt, all the same if need be.
    """

    of: SealedPhoto
    pick: int | None = None
    seen: str | None = None
    ticked: bool = False

    @property
    def left_out(self) -> bool:
        """Whether a good face was chosen not to be learnt."""
        return self.seen == "accepted" and not self.ticked and len(self.of.sighting.probes) == 1

    @property
    def wanted(self) -> bool:
        """Whether a face of it is to be learnt."""
        if len(self.of.sighting.probes) > 1 and self.seen not in DEBATABLE:
            return self.pick is not None
        return self.ticked

    @property
    def allowed(self) -> str | None:
        """The outcome, other than accepted, with which it may enter, since it was shown and ticked."""
        return self.seen if self.ticked and self.seen in DEBATABLE else None


@dataclass(frozen=True, eq=False)
class Compared:
    """A photo's report, after all were compared, and the face it tells of."""

    report: PhotoOutcome
    probe: Probe | None


@dataclass(frozen=True)
class PickView:
    """A face of several: its box in pixels of the picture that is shown."""

    number: int
    box: Box
    chosen: bool


@dataclass(frozen=True)
class LineView:
    """What a line shows; `sealed` is what the form carries on, `face` and `photo` are data URIs or None.

    `seen` is what the next form says was shown, `tick` what the box to tick is called, None where there is none.
    """

    sealed: str
    file: str
    kind: str
    label: str
    reason: str
    face: str | None
    photo: str | None
    width: int
    height: int
    picks: tuple[PickView, ...]
    seen: str
    tick: str | None
    ticked: bool


def read(recognizer: Recognizer, form: MultiDict) -> list[Line]:
    """The lines that a form carries on.

    Raises:
        carried.Stale: one of them is too old, or not this server's.
    """
    found = []
    for number, sealed in enumerate(form.getlist("photo")):
        of = unseal(recognizer, sealed)
        text = form.get(f"pick-{number}", "")
        pick = int(text) if text.isdecimal() and 1 <= int(text[:4]) <= len(of.sighting.probes) else None
        shown_pick, _, outcome = form.get(f"seen-{number}", "").partition(":")
        # What was shown of another face of the photo says nothing of this one.
        seen = outcome if shown_pick == str(pick or "") else None
        found.append(Line(of, pick, seen, f"take-{number}" in form))
    return found


def compared(
    recognizer: Recognizer, name: str, found: Sequence[Line], taking_part: Sequence[bool]
) -> list[Compared | None]:
    """Compare the photos that take part with each other and the gallery; None in the place of the others."""
    chosen = [choose(line.of.sighting, line.pick) for line, takes in zip(found, taking_part, strict=True) if takes]
    reviewed = compare(recognizer, name, chosen)
    rows = iter([Compared(*row) for row in zip(reviewed.photos, reviewed.probes, strict=True)])
    return [next(rows) if takes else None for takes in taking_part]


def as_review(name: str, photos: Sequence[Compared]) -> Review:
    """Those photos as `enrollment.confirm` takes them."""
    return Review(name, tuple(one.report for one in photos), tuple(one.probe for one in photos))


def views(recognizer: Recognizer, found: Sequence[Line], reviewed: Sequence[Compared | None]) -> list[LineView]:
    """What the lines show."""
    return [_view(recognizer, line, row) for line, row in zip(found, reviewed, strict=True)]


def _view(recognizer: Recognizer, line: Line, row: Compared | None) -> LineView:
    of = line.of
    report, probe = (row.report, row.probe) if row else choose(of.sighting, line.pick)
    kind, label = LABELS[report.outcome]
    several = len(of.sighting.probes) > 1
    shown = probe or (of.sighting.probes[0] if len(of.sighting.probes) == 1 else None)
    debatable = report.outcome in DEBATABLE
    scale = min(1.0, PREVIEW_SIDE / max(of.width, of.height, 1))
    return LineView(
        sealed=seal(recognizer, of),
        file=report.file,
        kind=kind if row else "unknown",
        label=label if row else "Left out",
        reason=REASONS.get(report.outcome, report.reason),
        face=inline_images.crop(shown.crop) if shown is not None and shown.crop is not None else None,
        photo=of.photo,
        width=round(of.width * scale),
        height=round(of.height * scale),
        picks=_picks(of, line.pick, scale) if several else (),
        seen=f"{line.pick or ''}:{report.outcome}",
        tick="Learn it all the same" if debatable else "Learn it" if report.accepted and not several else None,
        ticked=bool(row) and (report.accepted or (debatable and line.allowed == report.outcome)),
    )


def _picks(of: SealedPhoto, pick: int | None, scale: float) -> tuple[PickView, ...]:
    boxes = (probe.face.box for probe in of.sighting.probes)
    sides = [[round(scale * side) for side in (box.x, box.y, box.width, box.height)] for box in boxes]
    return tuple(PickView(at, Box(*box), at == pick) for at, box in enumerate(sides, start=1))
