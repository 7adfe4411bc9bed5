"""Read the names that other programs wrote, and match their regions to the faces of a library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from app.batch.sources import is_url
from app.errors import InvalidName, PhotoError
from app.gallery import names
from app.library.metadata import picasa, schemas
from app.library.metadata.packet import MetadataError, Packet
from app.library.metadata.regions import Area, Region, area_of, contains
from app.library.metadata.sidecars import Sidecars, read_sidecar
from app.library.store import Library
from app.text import display_path, first_line
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import Header
from app.vision.faces import Box
from app.vision.photo_files import read_photo

_BLOCK_FILES = 1000
_FILES = """
SELECT file.path, raw_path, photo.width, photo.height, face.id, number, x, y, face.width, face.height, eye_distance
FROM (SELECT * FROM file WHERE path > ? ORDER BY path LIMIT ?) AS file
JOIN photo ON photo.id = file.photo_id AND photo.width IS NOT NULL AND duration IS NULL
LEFT JOIN face ON face.photo_id = photo.id
ORDER BY file.path, number
"""


class IndexedFace(NamedTuple):
    """A face of a library. `eye_distance` is in pixels, None if the detector found no eyes."""

    id: int
    number: int
    box: Box
    eye_distance: float | None


@dataclass(frozen=True)
class Label:
    """A name that another program gave to a face.

    `file` is the photo as valid text, `path` as the file system has it. `face` is None if no detected face is there, or
    for a name without a region.
    `source` names the file with the region.
    """

    file: str
    path: str
    name: str
    face: IndexedFace | None
    source: str


class LabelReader:
    """Reads the labels of a library's photos. `on_error` gets a sentence for each file that cannot be used."""

    def __init__(
        self, library: Library, decoder: DecoderPool, max_bytes: int, on_error: Callable[[str], object]
    ) -> None:
        self._library = library
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._on_error = on_error
        self._sidecars = Sidecars()
        self._folder: Path | None = None
        self._picasa: dict[str, list[Region]] = {}

    def labels(self, on_progress: Callable[[int], object] = lambda _: None) -> Iterator[Label]:
        """Yield the labels of all photos in folders, by path. Names that this program wrote are none."""
        for file, path, size, faces in _read_photos(self._library):
            if not is_url(path):
                yield from self._read(file, Path(path), size, faces)
            on_progress(1)

    def _read(self, file: str, path: Path, size: tuple[int, int], faces: Sequence[IndexedFace]) -> Iterator[Label]:
        try:
            header = self._decoder.read_header(read_photo(path, self._max_bytes))
        except PhotoError as error:
            self._on_error(f"{file}: {error}")
            return
        areas = [area_of(face.box, *size) for face in faces]
        by_face: dict[int, Label] = {}
        elsewhere: dict[str, Label] = {}
        tagged: list[tuple[str, str]] = []
        for source, regions, people in self._names(path, header):
            # The list of people has the names of the regions, too.
            at_regions = {region.name for region in regions}
            tagged += [(name, source) for name in people if name not in at_regions]
            for region, row in match(regions, areas, header.orientation):
                label = self._label(file, path, region.name, None if row is None else faces[row], source)
                if label is None:
                    continue
                if row is None:
                    elsewhere.setdefault(names.key(label.name), label)
                elif names.key(by_face.setdefault(row, label).name) != names.key(label.name):
                    self._on_error(
                        f"{file}: Face {faces[row].number} is {by_face[row].name} in {by_face[row].source} and "
                        f"{label.name} in {source}. The first name is used."
                    )
        yield from (by_face[row] for row in sorted(by_face))
        for name, source in tagged:
            if label := self._label(file, path, name, None, source):
                elsewhere.setdefault(names.key(label.name), label)
        known = {names.key(label.name) for label in by_face.values()}
        yield from (label for key, label in elsewhere.items() if key not in known)

    def _label(self, file: str, path: Path, name: str, face: IndexedFace | None, source: str) -> Label | None:
        try:
            return Label(file, str(path), names.clean(name), face, source)
        except InvalidName as error:
            self._on_error(f"{file}: {error}")
            return None

    def _names(self, path: Path, header: Header) -> Iterator[tuple[str, list[Region], list[str]]]:
        """Yield where names are, the regions, and the names of people: sidecars first, which users edit."""
        for sidecar in self._sidecars.existing(path):
            yield from self._parse(sidecar, sidecar.name, lambda sidecar=sidecar: read_sidecar(sidecar))  # type: ignore[misc]
        if header.xmp is not None:
            yield from self._parse(path, path.name, lambda: header.xmp or b"")
        if path.parent != self._folder:
            self._folder, self._picasa = path.parent, self._read_picasa(path.parent)
        if regions := self._picasa.get(path.name):
            yield picasa.FILES[0], regions, []

    def _read_picasa(self, folder: Path) -> dict[str, list[Region]]:
        for file in (folder / name for name in picasa.FILES):
            if file.is_file():
                try:
                    return picasa.parse(read_sidecar(file))
                except (MetadataError, OSError) as error:
                    self._report(file, error)
        return {}

    def _parse(self, file: Path, name: str, read: Callable[[], bytes]) -> Iterator[tuple[str, list[Region], list[str]]]:
        try:
            yield display_path(name), *read_names(read())
        except (MetadataError, OSError) as error:
            self._report(file, error)

    def _report(self, file: Path, error: Exception) -> None:
        reason = first_line(error) if isinstance(error, OSError) else str(error)
        self._on_error(f"{display_path(file)}: The metadata cannot be read ({reason}).")


def read_names(data: bytes) -> tuple[list[Region], list[str]]:
    """Return the named face regions and the people of an XMP packet that this program did not write."""
    packet = Packet(data)
    own, own_people = schemas.own_regions(packet), set(schemas.own_people(packet))
    regions: list[Region] = []
    for listed in (schemas.MwgRegions(packet), schemas.MicrosoftRegions(packet)):
        for _, region in listed:
            if not contains(own, region) and not contains(regions, region):
                regions.append(region)
    return regions, [name for name in schemas.people(packet) if name and name not in own_people]


def match(regions: Sequence[Region], faces: Sequence[Area], orientation: int) -> list[tuple[Region, int | None]]:
    """Return each region with the index of its face, None without one.

    Args:
        regions: Of one file.
        faces: Areas of the upright picture.
        orientation: EXIF orientation of the stored picture. Some programs count the upright picture instead, so that
            the count that matches more faces is used.
    """
    rows = _assign([region.area.upright(orientation) for region in regions], faces)
    if orientation != 1:
        upright = _assign([region.area for region in regions], faces)
        rows = upright if len(upright) > len(rows) else rows
    return [(region, rows.get(index)) for index, region in enumerate(regions)]


def _assign(areas: Sequence[Area], faces: Sequence[Area]) -> dict[int, int]:
    """Return the index of the face of each area, the largest overlaps first. Equal areas share a face."""
    pairs = sorted(
        (-area.overlap(face), row, column) for row, area in enumerate(areas) for column, face in enumerate(faces)
    )
    found: dict[int, int] = {}
    for _, row, column in pairs:
        taken = [other for other, face in found.items() if face == column]
        free = all(areas[row].equals(areas[other]) for other in taken)
        if row not in found and free and areas[row].shows_same_face(faces[column]):
            found[row] = column
    return found


def _read_photos(library: Library) -> Iterator[tuple[str, str, tuple[int, int], list[IndexedFace]]]:
    last = ""
    while True:
        with library.reading() as connection:
            rows = connection.execute(_FILES, (last, _BLOCK_FILES)).fetchall()
            end = connection.execute(
                "SELECT max(path) FROM (SELECT path FROM file WHERE path > ? ORDER BY path LIMIT ?)",
                (last, _BLOCK_FILES),
            ).fetchone()[0]
        if end is None:
            return
        for (file, raw_path, width, height), group in groupby(rows, key=lambda row: row[:4]):
            faces = [
                IndexedFace(face_id, number, Box(x, y, w, h), eyes)
                for *_, face_id, number, x, y, w, h, eyes in group
                if face_id is not None
            ]
            yield file, os.fsdecode(raw_path) if raw_path else file, (width, height), faces
        last = end
