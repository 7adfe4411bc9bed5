"""Import of a folder of folders: enroll many people, and skip the photos that an earlier import reviewed.

The gallery records which photos of a person's folder an import has reviewed, in the transaction that adds them. An
import that was stopped therefore resumes with the next person, and a later one reviews new and changed photos only.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.enrollment.enroll import EnrollmentReport, enroll
from app.errors import GalleryError, InvalidImportReport, PhotoError
from app.gallery.store import Gallery, ImportedPhotos
from app.recognition.recognizer import Recognizer
from app.vision import photo_files

HEADINGS = ("person", "file", "outcome", "reason")
"""The first row of a report."""

NO_PICTURE = "There is no picture in this folder."
"""What a report says of a folder without photos."""


@dataclass(frozen=True)
class PersonFolder:
    """The folder of one person, as an import finds it.

    Attributes:
        path: the folder.
        name: the person's name: the folder's, or the present name of the person whom an earlier import of this
            folder enrolled, if that person was renamed or merged since.
        photos: the photos to review, in the order of their paths.
        reviewed: the number of photos that an earlier import reviewed.
        imported: what the gallery records once `photos` are reviewed.
        error: a sentence if the folder cannot be read, else None.
    """

    path: Path
    name: str
    photos: tuple[Path, ...] = ()
    reviewed: int = 0
    imported: ImportedPhotos = field(default=ImportedPhotos("", ()))
    error: str | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to review or to report."""
        return bool(self.photos or not self.reviewed)


def find_folders(gallery: Gallery, source: Path, again: bool = False) -> list[PersonFolder]:
    """Find everyone in a folder of folders, and the photos of each that no import has reviewed yet.

    Args:
        gallery: the gallery to import into.
        source: the folder of folders. Hidden folders are skipped.
        again: review all photos, also those that an earlier import reviewed.

    Returns:
        A `PersonFolder` for each folder in `source`, sorted by name.

    Raises:
        OSError: `source` cannot be read.
        GalleryError: the gallery cannot be read.
    """
    places = sorted(place for place in source.iterdir() if place.is_dir() and not place.name.startswith("."))
    return [_find_folder(gallery, place, again) for place in places]


def import_folders(
    recognizer: Recognizer,
    source: Path,
    folders: Sequence[PersonFolder],
    report: Report | None = None,
    allow: Collection[str] = (),
    tick: Callable[[], object] = lambda: None,
) -> Iterator[EnrollmentReport]:
    """Enroll the people of a folder of folders.

    Args:
        recognizer: detector, network and the gallery to enroll into.
        source: the folder of folders. The files in reports are paths relative to it.
        folders: what `find_folders` found; those with nothing to review are skipped.
        report: the report file, or None.
        allow: outcomes, of `enrollment.DEBATABLE`, that are enrolled all the same.
        tick: called after every photo.

    Yields:
        A report for each person, in the order of `folders`. A folder that cannot be used has an error in its
        report and does not end the import.

    Raises:
        OSError: the report cannot be written.
    """
    for folder in folders:
        if folder.pending:
            found = _import_person(recognizer, source, folder, allow, tick)
            if report is not None:
                report.add(found)
            yield found


class Report:
    """The report of an import: a CSV file with one row for each photo and for each folder that could not be used.

    Rows of earlier imports stay, except for photos that are reviewed again or are no longer in the folder.

    Args:
        path: the file, which is created if missing.
        source: the folder that is imported.
        folders: what `find_folders` found.

    Raises:
        InvalidImportReport: the file exists and is not a report.
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: Path, source: Path, folders: Sequence[PersonFolder]) -> None:
        self.path = path
        renewed = {_relative(photo, source) for folder in folders for photo in folder.photos}
        kept = [row for row in self._read() if row[1] not in renewed and row[1] and (source / row[1]).is_file()]
        self._write([HEADINGS, *kept], "w")

    def add(self, found: EnrollmentReport) -> None:
        """Add what became of a person's photos."""
        rows = [(found.name, photo.file, photo.outcome, photo.reason) for photo in found.photos]
        if not rows:
            rows = [(found.name, "", "refused", found.error or NO_PICTURE)]
        self._write(rows, "a")

    def _read(self) -> list[list[str]]:
        if not self.path.exists() or not self.path.stat().st_size:
            return []
        with self.path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.reader(file))
        if tuple(rows[0]) != HEADINGS:
            raise InvalidImportReport(
                f"{self.path} exists and is not the report of an import. Move it, or name another file with --report."
            )
        # An import that was killed may have left half a row.
        return [row for row in rows[1:] if len(row) == len(HEADINGS)]

    def _write(self, rows: Sequence[Sequence[str]], mode: str) -> None:
        with self.path.open(mode, newline="", encoding="utf-8", errors="surrogateescape") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def _find_folder(gallery: Gallery, place: Path, again: bool) -> PersonFolder:
    identity = _digest(os.fsencode(place.resolve()))
    person, reviewed = gallery.imported_photos(identity)
    name = person.name if person else place.name
    try:
        states = {photo: _state(photo, place) for photo in sorted(photo_files.find_photos(place, _refuse))}
    except OSError as error:
        reason = f"The folder {error.filename or place} cannot be read ({error.strerror})."
        return PersonFolder(place, name, error=reason)
    new = {photo: state for photo, state in states.items() if again or state is None or state not in reviewed}
    record = ImportedPhotos(identity, tuple(state for state in new.values() if state is not None))
    return PersonFolder(place, name, tuple(new), len(states) - len(new), record)


def _refuse(error: OSError) -> None:
    raise error


def _state(photo: Path, place: Path) -> str | None:
    """Return a digest of a photo's path in its folder, size and time of change, or None if it cannot be read."""
    if not os.access(photo, os.R_OK):
        return None
    status = photo.stat()
    return _digest(os.fsencode(photo.relative_to(place)), str(status.st_size), str(status.st_mtime_ns))


def _digest(*parts: bytes | str) -> str:
    return hashlib.sha256(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)).hexdigest()


def _relative(photo: Path, source: Path) -> str:
    return photo.relative_to(source).as_posix()


def _import_person(
    recognizer: Recognizer, source: Path, folder: PersonFolder, allow: Collection[str], tick: Callable[[], object]
) -> EnrollmentReport:
    if folder.error is not None:
        return EnrollmentReport(folder.name, (), error=folder.error)
    try:
        photos = _read(folder.photos, source, recognizer.settings.max_file_bytes, tick)
        return enroll(recognizer, folder.name, photos, allow, folder.imported)
    except GalleryError as error:
        return EnrollmentReport(folder.name, (), error=str(error))


def _read(
    photos: Sequence[Path], source: Path, max_bytes: int, tick: Callable[[], object]
) -> Iterator[tuple[str, bytes | PhotoError]]:
    """Yield the path in `source` and the bytes of each photo, or the error that prevents reading it."""
    for photo in photos:
        try:
            yield _relative(photo, source), photo_files.read_photo(photo, max_bytes)
        except PhotoError as error:
            yield _relative(photo, source), error
        tick()
