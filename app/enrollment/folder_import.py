"""Folder import: enroll many people, one folder each, and skip photos that an earlier import reviewed.

The gallery records the reviewed photos in the transaction that enrolls a person. An interrupted import therefore
resumes with the next person, and a later one reviews new and changed photos only.
"""

import csv
import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.enrollment.enroll import Enrollment, RecordFields, enroll
from app.errors import BasisRequired, GalleryError, InvalidImportReport, OptedOut
from app.files import write_file
from app.gallery import names
from app.gallery.store import Gallery, ImportedPhotos
from app.recognition.recognizer import Recognizer
from app.text import csv_cell, plain_text
from app.vision.photo_files import find_photos

HEADINGS = ("person", "file", "outcome", "reason")
NO_PHOTO = "The folder has no photo."


@dataclass(frozen=True)
class PersonFolder:
    """The folder of one person."""

    path: Path
    name: str  # of the folder, or the current name of the person whom an earlier import of it enrolled
    photos: tuple[Path, ...] = ()  # to review, sorted by path
    reviewed: int = 0  # photos that an earlier import reviewed
    imported: ImportedPhotos | None = None  # what the gallery records after the review of `photos`
    error: str | None = None  # a sentence, if the folder cannot be read

    @property
    def pending(self) -> bool:
        """Whether there is anything to review or to report."""
        return bool(self.photos or not self.reviewed)


def find_folders(gallery: Gallery, source: Path, again: bool = False) -> list[PersonFolder]:
    """Find the visible folders in `source`, and the photos that no import has reviewed, or all photos with `again`."""
    folders = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [_find_folder(gallery, folder, again) for folder in folders]


class ImportReport:
    """Report of an import: CSV with a row for each photo, and for each folder that could not be used.

    Rows of earlier imports stay, except for photos that are reviewed again or no longer exist. Another file at `path`
    raises `InvalidImportReport`.
    """

    def __init__(self, path: Path, source: Path, folders: Sequence[PersonFolder]) -> None:
        self.path = path
        renewed = {photo.relative_to(source).as_posix() for folder in folders for photo in folder.photos}
        kept = [row for row in self._read() if row[1] not in renewed and row[1] and (source / row[1]).is_file()]
        write_file(path, _to_csv([HEADINGS, *kept]), private=True)

    def add(self, enrollment: Enrollment) -> None:
        """Add the outcomes of a person's photos."""
        rows = [(enrollment.name, photo.file, photo.outcome, photo.reason) for photo in enrollment.photos]
        with self.path.open("ab") as file:
            file.write(_to_csv(rows or [(enrollment.name, "", "refused", enrollment.error or NO_PHOTO)]))

    def _read(self) -> list[list[str]]:
        if not self.path.exists() or not self.path.stat().st_size:
            return []
        with self.path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = [list(map(plain_text, row)) for row in csv.reader(file)]
        if tuple(rows[0]) != HEADINGS:
            raise InvalidImportReport(
                f"{self.path} exists and is not the report of an import. Move it, or name another file with --report."
            )
        # A killed import may have written half a row.
        return [row for row in rows[1:] if len(row) == len(HEADINGS)]


def import_folders(
    recognizer: Recognizer,
    source: Path,
    folders: Sequence[PersonFolder],
    report: ImportReport | None = None,
    allow: Collection[str] = (),
    tick: Callable[[], object] = lambda: None,
    records: Mapping[str, RecordFields] | None = None,
) -> Iterator[Enrollment]:
    """Enroll the people of folders in `source`, and yield the enrollment of each person.

    A folder that cannot be used has an error and does not end the import. `tick` is called after every photo, and
    `records` has the fields of people's records by `names.key`.
    """

    def labeled_photos(folder: PersonFolder) -> Iterator[tuple[str, Path]]:
        for photo in folder.photos:
            yield photo.relative_to(source).as_posix(), photo
            tick()

    for folder in folders:
        if not folder.pending:
            continue
        enrollment = Enrollment(folder.name, (), error=folder.error)
        if folder.error is None:
            try:
                record = (records or {}).get(names.key(folder.name))
                photos = labeled_photos(folder)
                enrollment = enroll(recognizer, folder.name, photos, allow, folder.imported, record)
            except (BasisRequired, GalleryError, OptedOut) as error:
                enrollment = Enrollment(folder.name, (), error=str(error))
        if report is not None:
            report.add(enrollment)
        yield enrollment


def _find_folder(gallery: Gallery, folder: Path, again: bool) -> PersonFolder:
    identity = _digest(os.fsencode(folder.resolve()))
    person, reviewed = gallery.imported_photos(identity)
    name = person.name if person else folder.name
    try:
        states = {photo: _state(photo, folder) for photo in find_photos(folder, _raise)}
    except OSError as error:
        reason = f"The folder {error.filename or folder} cannot be read ({error.strerror})."
        return PersonFolder(folder, name, error=reason)
    new = {photo: state for photo, state in states.items() if again or state is None or state not in reviewed}
    imported = ImportedPhotos(identity, tuple(state for state in new.values() if state is not None))
    return PersonFolder(folder, name, tuple(sorted(new)), len(states) - len(new), imported)


def _to_csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _raise(error: OSError) -> None:
    raise error


def _state(photo: Path, folder: Path) -> str | None:
    """Return a digest of a photo's path, size and time of change, or None if it cannot be read."""
    if not os.access(photo, os.R_OK):
        return None
    status = photo.stat()
    return _digest(os.fsencode(photo.relative_to(folder)), b"%d" % status.st_size, b"%d" % status.st_mtime_ns)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
