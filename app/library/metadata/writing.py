"""Write the names of a library's faces into XMP sidecars or photos, and remove those that it no longer has."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from app.batch.rows import digest
from app.batch.sources import is_url
from app.errors import PhotoError
from app.files import write_file
from app.library.metadata import schemas
from app.library.metadata.exiftool import SUFFIXES, ExifTool
from app.library.metadata.merging import Merged, merge
from app.library.metadata.packet import MetadataError, Packet
from app.library.metadata.regions import Area, Region, area_of, stored_size
from app.library.metadata.sidecars import Sidecars, read_sidecar
from app.library.store import Library
from app.text import display_path, first_line
from app.vision.decoder_pool import DecoderPool
from app.vision.faces import Box
from app.vision.photo_files import read_photo

_BLOCK_FILES = 1000
_VERSION = 1
"""Counts changes of what is written: sidecars of another version are merged again."""

_FILES = """
SELECT file.path, raw_path, bytes, modified_ns, photo.width, photo.height,
       file.path IN (SELECT path FROM embedded), photo.duration, (
           SELECT json_group_array(name) FROM (
               SELECT name FROM tag JOIN person ON person.id = person_id WHERE tag.photo_id = photo.id ORDER BY key)),
       person.name, x, y, face.width, face.height
FROM (SELECT * FROM file WHERE path > ? ORDER BY path LIMIT ?) AS file
JOIN photo ON photo.id = file.photo_id
LEFT JOIN face ON face.photo_id = photo.id AND verdict = 'match' AND (source != 'automatic' OR NOT ?)
LEFT JOIN person ON person.id = face.person_id
ORDER BY file.path, number
"""


@dataclass(frozen=True)
class Options:
    """What to write, and where.

    `confirmed_only` omits automatic names. `replace_extension` names new sidecars photo.xmp instead of photo.jpg.xmp.
    `embed` writes into photos of `exiftool.SUFFIXES`. `dry_run` changes nothing.
    """

    confirmed_only: bool = False
    replace_extension: bool = False
    embed: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Change:
    """A changed file, the photo or its sidecar, with the names that were added and removed."""

    file: str
    merged: Merged


@dataclass
class Report:
    """Numbers of photos: with changed names, unchanged, on other file systems, and with an error.

    `otherwise` counts faces that another program named differently, and `embedded` the photos with names inside that
    were not checked, since `Options.embed` was off.
    """

    changed: int = 0
    unchanged: int = 0
    remote: int = 0
    failed: int = 0
    otherwise: int = 0
    embedded: int = 0


@dataclass(frozen=True)
class _Photo:
    """A photo, the version of its file that was indexed, its upright size, its tags and its named faces.

    The named faces of a video are tags: they move, and have no region.
    """

    name: str
    path: str
    bytes: int | None
    modified_ns: int | None
    size: tuple[int, int]
    has_embedded: bool
    is_video: bool
    tags: tuple[str, ...]
    faces: tuple[tuple[str, Box], ...]

    @property
    def is_named(self) -> bool:
        """Whether the photo has a name to write."""
        return bool(self.faces or self.tags)

    def regions(self, orientation: int) -> list[Region]:
        areas = ((name, area_of(box, *self.size).stored(orientation)) for name, box in self.faces)
        return [Region(name, Area(*(round(side, 6) for side in area))) for name, area in areas if area.is_valid]

    def basis(self, *version: object) -> str | None:
        """Return a digest of what is written: None without names."""
        facts = repr((_VERSION, self.size, self.tags, self.faces, version))
        return hashlib.blake2b(facts.encode(), digest_size=12).hexdigest() if self.is_named else None


class NameWriter:
    """Writes the names of a library that the caller has locked. A context manager, since ExifTool is a process.

    `on_change` gets each changed file, and `on_error` a sentence for each photo whose names cannot be written.
    """

    def __init__(
        self,
        library: Library,
        options: Options,
        decoder: DecoderPool,
        max_bytes: int,
        on_change: Callable[[Change], object],
        on_error: Callable[[str], object],
    ) -> None:
        self._library = library
        self._options = options
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._on_change = on_change
        self._on_error = on_error
        self._sidecars = Sidecars()
        self.report = Report()

    def run(self, on_progress: Callable[[int], object] = lambda _: None) -> Report:
        """Write the names of all photos. `on_progress` gets the number of photos done since the last call."""
        if self._options.embed:
            with ExifTool() as tool:
                self._run(tool, on_progress)
        else:
            self._run(None, on_progress)
        return self.report

    def _run(self, tool: ExifTool | None, on_progress: Callable[[int], object]) -> None:
        for photo in _read_photos(self._library, self._options.confirmed_only):
            changes: list[Change] = []
            try:
                changes = self._write(photo, tool)
            except (MetadataError, PhotoError) as error:
                self._fail(photo, str(error).removesuffix("."))
            except OSError as error:
                self._fail(photo, first_line(error))
            for change in changes:
                self._on_change(change)
            on_progress(1)

    def _fail(self, photo: _Photo, reason: str) -> None:
        self.report.failed += 1
        self._on_error(f"{photo.name}: The names cannot be written ({reason}).")

    def _write(self, photo: _Photo, tool: ExifTool | None) -> list[Change]:
        if is_url(photo.path):
            self.report.remote += bool(photo.is_named)
            return []
        path = Path(photo.path)
        if photo.is_named:
            status = path.stat()
            if photo.modified_ns is not None and (status.st_size, status.st_mtime_ns) != (
                photo.bytes,
                photo.modified_ns,
            ):
                raise MetadataError("the photo has changed; run: whopic library index")
        merged: list[Change] = []
        embed = tool is not None and path.suffix.lower() in SUFFIXES
        if tool is not None and embed and (photo.is_named or photo.has_embedded):
            merged += self._embed(photo, path, tool)
        elif photo.has_embedded:
            self.report.embedded += 1
        merged += self._write_sidecars(photo, path, create=not embed)
        self.report.changed += bool(merged)
        self.report.unchanged += bool(photo.is_named and not merged)
        return merged

    def _write_sidecars(self, photo: _Photo, path: Path, create: bool) -> Iterator[Change]:
        """Merge the names into the sidecars of a photo, or into a new one."""
        existing = self._sidecars.existing(path)
        if create and photo.is_named and not existing:
            yield from self._merge_sidecar(photo, path, self._sidecars.new(path, self._options.replace_extension), None)
        for number, sidecar in enumerate(existing):
            data = read_sidecar(sidecar)
            if schemas.OWN_NAMESPACE in data or (create and photo.is_named and number == 0):
                try:
                    yield from self._merge_sidecar(photo, path, sidecar, data)
                except MetadataError as error:
                    raise MetadataError(f"{display_path(sidecar.name)}: {error}") from error

    def _merge_sidecar(self, photo: _Photo, path: Path, sidecar: Path, data: bytes | None) -> Iterator[Change]:
        packet = Packet(data)
        # Embedding changes the size.
        basis = photo.basis(photo.modified_ns)
        if basis is not None and schemas.basis(packet) == basis:
            return
        orientation = 1
        if photo.is_named and not photo.is_video:
            orientation = self._decoder.read_header(read_photo(path, self._max_bytes)).orientation
        merged = self._merge(photo, packet, orientation, basis)
        if not packet.changed:
            return
        if not self._options.dry_run:
            if packet.is_empty and packet.is_own:
                sidecar.unlink()
            else:
                write_file(sidecar, packet.serialize())
        yield Change(display_path(sidecar), merged)

    def _embed(self, photo: _Photo, path: Path, tool: ExifTool) -> Iterator[Change]:
        """Merge the names into the XMP of a photo."""
        data, orientation = tool.read(os.fsencode(path))
        packet = Packet(data)
        basis = photo.basis(orientation)
        if basis is not None and schemas.basis(packet) == basis:
            return
        merged = self._merge(photo, packet, orientation, basis)
        if not packet.changed:
            if not photo.is_named and not self._options.dry_run:
                self._forget(photo)
            return
        if not self._options.dry_run:
            self._record(photo, pending=True)
            before = path.stat()
            tool.write(os.fsencode(path), None if packet.is_empty else packet.serialize())
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self._record(photo, pending=False)
            if not photo.is_named:
                self._forget(photo)
        yield Change(photo.name, merged)

    def _merge(self, photo: _Photo, packet: Packet, orientation: int, basis: str | None) -> Merged:
        merged = merge(packet, photo.regions(orientation), stored_size(*photo.size, orientation), photo.tags)
        self.report.otherwise += len(merged.otherwise)
        # Without a name of its own, the program leaves no trace.
        has_own = schemas.own_regions(packet) or any(schemas.own_people(packet))
        schemas.set_basis(packet, basis if has_own else None)
        return merged

    def _record(self, photo: _Photo, pending: bool) -> None:
        """Record that a photo has names inside, and its new bytes: `library index` does not process it again."""
        with self._library.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO embedded VALUES (?)", (photo.name,))
            if pending:
                return
            data = Path(photo.path).read_bytes()
            connection.execute("UPDATE file SET bytes = ? WHERE path = ?", (len(data), photo.name))
            connection.execute(
                "UPDATE OR IGNORE photo SET digest = ? WHERE id = (SELECT photo_id FROM file WHERE path = ?)",
                (digest(data), photo.name),
            )

    def _forget(self, photo: _Photo) -> None:
        with self._library.writing() as connection:
            connection.execute("DELETE FROM embedded WHERE path = ?", (photo.name,))


def _read_photos(library: Library, confirmed_only: bool) -> Iterator[_Photo]:
    last = ""
    while True:
        with library.reading() as connection:
            rows = connection.execute(_FILES, (last, _BLOCK_FILES, confirmed_only)).fetchall()
        if not rows:
            return
        for head, faces in groupby(rows, key=lambda row: row[:9]):
            last, raw_path, size, modified_ns, width, height, has_embedded, duration, tags = head
            path = os.fsdecode(raw_path) if raw_path else last
            named = tuple((name, Box(*box)) for *_, name, x, y, w, h in faces if name for box in [(x, y, w, h)])
            tagged = tuple(json.loads(tags))
            if duration is not None:
                tagged, named = (*tagged, *(name for name, _ in named)), ()
            if width:
                version, has_embedded = (size, modified_ns), bool(has_embedded)
                yield _Photo(last, path, *version, (width, height), has_embedded, duration is not None, tagged, named)


def count_files(library: Library) -> int:
    """Return the number of files, for a progress bar."""
    with library.reading() as connection, closing(connection.execute("SELECT count(*) FROM file")) as rows:
        return int(rows.fetchone()[0])
