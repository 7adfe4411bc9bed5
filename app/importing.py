"""Learning many people from a folder of folders, going on where an earlier run was stopped.

A report file tells what became of every photo. A person's rows are written once the person is in the gallery; who has
a closing row there is not looked at again. A run that was killed between the two looks at one person twice,
and finds the photos to be duplicates.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from app.enrolment import EnrolmentReport, enrol
from app.gallery.store import GalleryError
from app.images import looks_like_picture
from app.recognizer import Recognizer

CLOSING = "entered"
"""The outcome, without a file, of a person's last row."""

HEADINGS = ("person", "file", "outcome", "reason")


class Report:
    """The report file of an import: CSV with a row a photo, and a closing row a person.

    Arguments:
        path: of the file, made if missing.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: frozenset[str] = frozenset()
        if path.exists() and path.stat().st_size:
            self._take_over()
        else:
            self._append([HEADINGS])

    def write(self, folder: str, report: EnrolmentReport) -> None:
        """Add what became of a person."""
        rows = [(folder, photo.file, photo.outcome, photo.reason) for photo in report.photos]
        closing = report.error or f"{report.accepted} of {len(report.photos)} photos"
        self._append([*rows, (folder, "", "refused" if report.error else CLOSING, closing)])

    def _take_over(self) -> None:
        text = self.path.read_text(encoding="utf-8", errors="surrogateescape")
        whole = text[: text.rfind("\n") + 1]
        # A run that was killed may have left half a row, which the next must not be glued to.
        if whole != text:
            self.path.write_text(whole, encoding="utf-8", errors="surrogateescape")
        rows = [row for row in csv.reader(whole.splitlines()) if len(row) == len(HEADINGS)]
        self.done = frozenset(person for person, file, outcome, _ in rows if not file and outcome == CLOSING)

    def _append(self, rows: list[tuple[str, ...]]) -> None:
        with self.path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def import_folder(
    recognizer: Recognizer,
    folder: Path,
    report: Report | None = None,
    anyway: Collection[str] = (),
    tick: Callable[[], object] = lambda: None,
) -> Iterator[EnrolmentReport]:
    """Learn everyone in a folder of folders: each is named as its person and holds their photos.

    Arguments:
        recognizer: detector, network and the gallery to learn into.
        folder: the folder of folders.
        report: where to write what became of them, and who was done before.
        anyway: outcomes, of `enrolment.DEBATABLE`, that are learnt all the same.
        tick: called after every photo, at most `count_photos` times in all.

    Yields:
        A report a person, in order of names; a folder that cannot be used is reported, and the next goes on.

    Raises:
        OSError: `folder` itself cannot be read, or the report not be written.
    """
    for place in _person_folders(folder):
        if report is not None and place.name in report.done:
            continue
        found = _import_person(recognizer, place, anyway, tick)
        if report is not None:
            report.write(place.name, found)
        yield found


def count_photos(folder: Path, done: Collection[str] = ()) -> int:
    """Photos that `import_folder` would look at, without the people who are done."""
    total = 0
    for place in _person_folders(folder):
        if place.name not in done:
            with suppress(OSError):
                total += len(_photos(place))
    return total


def _import_person(
    recognizer: Recognizer, place: Path, anyway: Collection[str], tick: Callable[[], object]
) -> EnrolmentReport:
    try:
        return enrol(recognizer, place.name, _read(_photos(place), tick), anyway=anyway)
    except GalleryError as error:
        return EnrolmentReport(place.name, (), error=str(error))
    except OSError as error:
        return EnrolmentReport(place.name, (), error=f"The folder {place} cannot be read ({error.strerror}).")


def _read(paths: list[Path], tick: Callable[[], object]) -> Iterator[tuple[str, bytes | OSError]]:
    """(name, bytes) of each file, or why it cannot be read."""
    for path in paths:
        try:
            yield path.name, path.read_bytes()
        except OSError as error:
            yield path.name, error
        tick()


def _person_folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))


def _photos(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if looks_like_picture(path))
