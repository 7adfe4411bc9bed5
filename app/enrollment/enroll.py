"""Learning a person from photos: first a review, in which every photo gets its own outcome, then all or nothing.

`review` changes nothing; `confirm` puts what it accepted, and what the operator decides to take all the same,
into the gallery in one transaction.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
from PIL import Image

from app.enrollment.look_alikes import leave_one_out
from app.enrollment.photo_review import PhotoOutcome, choose, examine_photo
from app.enrollment.self_check import SelfCheck, check_person
from app.errors import InvalidFaceChoice, PhotoError
from app.gallery import names
from app.gallery.store import ImportedPhotos, Person
from app.recognition.decision import Rules
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.recognition.scoring import rank
from app.vision import alignment

MOST_PHOTOS = 100
"""Photos of a person that are looked at at once, where they come by HTTP."""

DEBATABLE = ("duplicate", "unlike", "lookalike")
"""Outcomes that say the face could be learnt, but should not: whoever knows better may take it all the same."""

DUPLICATE = 0.95
"""Cosine above which two faces are one picture. Of copies made a third smaller or compressed to JPEG quality 60, 95
in 100 are above it; of other pictures of the same person, fewer than 1 in 1,000 (`bench.embeddings copies`)."""


@dataclass(frozen=True, eq=False)
class Review:
    """What would become of a person's photos; `probes` has the face of each, None where there is none to learn."""

    name: str
    photos: tuple[PhotoOutcome, ...]
    probes: tuple[Probe | None, ...]

    @property
    def accepted(self) -> int:
        """Photos that would become anchors."""
        return sum(photo.accepted for photo in self.photos)


@dataclass(frozen=True)
class EnrollmentReport:
    """What became of one person's photos.

    `person` is the person as now in the gallery, None if nothing entered. `error` is a sentence if the whole
    person was refused, whatever the photos, else None. `check` says how many of the person's photos would be named if
    they were new, None if nothing entered.
    """

    name: str
    photos: tuple[PhotoOutcome, ...]
    person: Person | None = None
    error: str | None = None
    check: SelfCheck | None = None

    @property
    def accepted(self) -> int:
        """Photos that became anchors."""
        return sum(photo.accepted for photo in self.photos)


def enroll(
    recognizer: Recognizer,
    name: str,
    photos: Iterable[tuple[str, bytes | PhotoError]],
    allow: Collection[str] = (),
    imported: ImportedPhotos | None = None,
) -> EnrollmentReport:
    """Review and confirm in one.

    Args:
        recognizer: detector, network and the gallery to learn into.
        name: the person's name, new or known.
        photos: (what the sender calls the file, its bytes or why they cannot be had) each.
        allow: outcomes, of `DEBATABLE`, that are learnt all the same.
        imported: the same photos as the gallery records them, for an import of a folder; else None.

    Raises:
        GalleryError: the name cannot be used, or the gallery cannot be written.
    """
    reviewed = review(recognizer, name, photos)
    also = [place for place, photo in enumerate(reviewed.photos) if photo.outcome in allow]
    return confirm(recognizer, reviewed, also, imported)


def review(
    recognizer: Recognizer,
    name: str,
    photos: Iterable[tuple[str, bytes | PhotoError]],
    picks: Mapping[int, int] | None = None,
) -> Review:
    """Look at a person's photos and say what would become of each. The gallery stays as it is.

    Args:
        recognizer: detector, network and the gallery to compare with.
        name: the person's name, new or known.
        photos: (what the sender calls the file, its bytes or why they cannot be had) each.
        picks: by the index of a photo with several faces, the number of the face to enroll, from the left,
            beginning with 1; see `resolve_picks`.

    Raises:
        GalleryError: the name cannot be used, or the gallery cannot be read.
    """
    name, picks = names.clean(name), picks or {}
    chosen = [choose(examine_photo(recognizer, *photo), picks.get(index)) for index, photo in enumerate(photos)]
    return compare(recognizer, name, chosen)


def resolve_picks(texts: Iterable[str], files: Sequence[str]) -> dict[int, int]:
    """Find the photo and the face that each pick means.

    A pick is written PHOTO=NUMBER. PHOTO is what the sender calls the photo, or the end of its path if no other
    photo's path ends so, or its position among the photos, beginning with 1.

    Args:
        texts: the picks.
        files: what the sender calls each photo.

    Returns:
        The number of the face, from the left, by the index of the photo.

    Raises:
        InvalidFaceChoice: a pick is malformed, or does not mean exactly one photo, or there are two for one photo.

    Example:
        >>> resolve_picks(["a/us.jpg=2", "3=1"], ["a/us.jpg", "b/us.jpg", "c.jpg"])
        {0: 2, 2: 1}
    """
    found: dict[int, int] = {}
    for text in texts:
        photo, _, number = text.rpartition("=")
        if not photo or not (number.isascii() and number.isdecimal() and len(number) <= 4):
            raise InvalidFaceChoice(
                f"{text[:100]!r} is not PHOTO=NUMBER, such as us.jpg=2 for the second face from the left."
            )
        index = _index_of(photo, files)
        if index in found:
            raise InvalidFaceChoice(f"Two faces are given for {files[index]!r}. Give one.")
        found[index] = int(number)
    return found


def _index_of(photo: str, files: Sequence[str]) -> int:
    wanted = PurePath(photo)
    paths = [PurePath(file) for file in files]
    found = [index for index, path in enumerate(paths) if path == wanted]
    found = found or [index for index, path in enumerate(paths) if path.parts[-len(wanted.parts) :] == wanted.parts]
    if not found and photo.isascii() and photo.isdecimal() and 1 <= int(photo[:9]) <= len(files):
        found = [int(photo) - 1]
    if len(found) > 1:
        places = " or ".join(f"{files[index]} (photo {index + 1})" for index in found[:5])
        raise InvalidFaceChoice(
            f"{photo[:100]!r} can mean {places}. Name the photo by its path or by its position: {found[-1] + 1}=2."
        )
    if not found:
        raise InvalidFaceChoice(
            f"No photo is called {photo[:100]!r}. Give its name, or its position from 1 to {len(files)}."
        )
    return found[0]


def compare(recognizer: Recognizer, name: str, chosen: Sequence[tuple[PhotoOutcome, Probe | None]]) -> Review:
    """The second half of a review: compare faces, as `sightings.choose` gave them, with each other and the gallery.

    Raises:
        GalleryError: as `review`.
    """
    name = names.clean(name)
    reports, probes = [report for report, _ in chosen], tuple(probe for _, probe in chosen)
    known = recognizer.gallery.find(name)
    snapshot, rules = recognizer.gallery.snapshot(), recognizer.network.card.rules
    own = np.zeros((0, 0), dtype=np.float32)
    if known and known.id in snapshot.ids:
        own = snapshot.person(snapshot.ids.index(known.id))
    _find_duplicates(reports, probes, own)
    _find_lookalikes(reports, probes, own, known.name if known else None, snapshot, rules)
    _find_unlike(reports, probes, own, rules)
    return Review(known.name if known else name, tuple(reports), probes)


def confirm(
    recognizer: Recognizer, reviewed: Review, also: Collection[int] = (), imported: ImportedPhotos | None = None
) -> EnrollmentReport:
    """Put the faces of a review into the gallery, all of them in one transaction.

    Args:
        recognizer: what the review was made with.
        reviewed: the review.
        also: places of debatable photos that are to enter too.
        imported: what the gallery records of an imported folder, if the person is, or will be, in it.

    Raises:
        GalleryError: the gallery cannot be written.
    """
    photos = list(reviewed.photos)
    for place in also:
        if photos[place].outcome in DEBATABLE:
            reason = f"Its face was learnt all the same. {photos[place].reason}"
            photos[place] = replace(photos[place], outcome="accepted", reason=reason)
    taken = [place for place, photo in enumerate(photos) if photo.accepted]
    known = recognizer.gallery.find(reviewed.name)
    if not taken:
        if known and imported:
            recognizer.gallery.record_import(known.id, imported)
        return EnrollmentReport(reviewed.name, tuple(photos))
    crops = [reviewed.probes[place].crop for place in taken]
    person = recognizer.gallery.add(
        reviewed.name,
        np.stack([reviewed.probes[place].embedding for place in taken]),
        [photos[place].file for place in taken],
        None if known and known.has_portrait else portrait_of(crops),
        [lossless(cut) for cut in crops] if recognizer.settings.keep_crops else None,
        imported,
    )
    return EnrollmentReport(person.name, tuple(photos), person, check=check_person(recognizer, person.id))


def portrait_of(crops: Iterable[np.ndarray]) -> bytes:
    """The average face of aligned crops.

    Args:
        crops: uint8 (112, 112, 3) RGB each, at least one.

    Returns:
        A WebP file of 224 x 224 pixels.
    """
    average = np.mean(np.stack(list(crops)), axis=0, dtype=np.float64)
    picture = Image.fromarray(np.round(average).astype(np.uint8))
    file = io.BytesIO()
    picture.resize((alignment.PORTRAIT_SIDE, alignment.PORTRAIT_SIDE), Image.Resampling.LANCZOS).save(
        file, "WEBP", quality=85
    )
    return file.getvalue()


def lossless(cut: np.ndarray) -> bytes:
    """A crop as a lossless WebP file: uint8 (112, 112, 3) -> bytes."""
    file = io.BytesIO()
    Image.fromarray(cut).save(file, "WEBP", lossless=True)
    return file.getvalue()


def _find_duplicates(reports: list[PhotoOutcome], probes: tuple[Probe | None, ...], own: np.ndarray) -> None:
    seen, origins = list(own), ["an anchor that is there already"] * len(own)
    for place in _accepted(reports):
        cosines = np.stack(seen) @ probes[place].embedding if seen else np.zeros(0)
        if len(cosines) and cosines.max() > DUPLICATE:
            reason = f"It is nearly the same picture as {origins[int(cosines.argmax())]}."
            reports[place] = replace(reports[place], outcome="duplicate", reason=reason)
        else:
            seen.append(probes[place].embedding)
            origins.append(_file_of(reports, place))


def _file_of(reports: list[PhotoOutcome], place: int) -> str:
    """Return a photo's name, with its position if another photo has the same."""
    file = reports[place].file
    repeated = sum(report.file == file for report in reports) > 1
    return f"{file} (photo {place + 1})" if repeated else file


def _find_lookalikes(
    reports: list[PhotoOutcome],
    probes: tuple[Probe | None, ...],
    own: np.ndarray,
    own_name: str | None,
    snapshot,
    rules: Rules,
) -> None:
    places = _accepted(reports)
    for place in places:
        ranking = rank(probes[place].embedding, snapshot, rules.head)
        closest = next((row for row in ranking[:2] if row.person != own_name), None)
        if closest is None or closest.class_distance > rules.threshold(closest.anchors, len(snapshot)):
            continue
        others = [*own, *(probes[other].embedding for other in places if other != place)]
        # A new name for somebody who is in the gallery: all photos agree with each other, and with that person.
        known_already = own_name is None and closest.class_distance <= rules.strong_threshold(
            closest.anchors, len(snapshot)
        )
        if not others or known_already or closest.class_distance < _distance(probes[place].embedding, others, rules):
            reason = f"It looks like {closest.person}, who is in the gallery under that name."
            reports[place] = replace(reports[place], outcome="lookalike", reason=reason, other=closest.person)


def _find_unlike(reports: list[PhotoOutcome], probes: tuple[Probe | None, ...], own: np.ndarray, rules: Rules) -> None:
    """Mark the face least like the rest, again and again, while the rest would not match it."""
    while len(places := _accepted(reports)) and len(own) + len(places) > 2:
        faces = np.stack([*own, *(probes[place].embedding for place in places)])
        distances = leave_one_out(faces, rules.head)[len(own) :]
        worst = int(np.argmax(distances))
        limit = rules.threshold(len(faces) - 1, 1)
        if distances[worst] <= limit:
            return
        reason = (
            f"It does not look like the other photos: its distance to them is {distances[worst]:.2f}. "
            f"Up to {limit:.2f} counts as the same person."
        )
        reports[places[worst]] = replace(reports[places[worst]], outcome="unlike", reason=reason)


def _accepted(reports: list[PhotoOutcome]) -> list[int]:
    return [place for place, report in enumerate(reports) if report.accepted]


def _distance(face: np.ndarray, others: list[np.ndarray], rules: Rules) -> float:
    """Class distance of a face to the template of others."""
    template = np.mean(others, axis=0)
    return float(rules.head.score_cosines(face @ template / max(1e-6, float(np.linalg.norm(template)))))
