"""Removal of people from the sidecars of a library's photos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.batch.sources import is_url
from app.files import write_file
from app.gallery import names
from app.library.metadata import schemas
from app.library.metadata.merging import remove_people
from app.library.metadata.packet import MetadataError, Packet
from app.library.metadata.sidecars import Sidecars, read_sidecar
from app.library.store import Library
from app.text import display_path, first_line

_BLOCK_FILES = 1000


@dataclass(frozen=True)
class NameRemoval:
    """The number of changed sidecars, and a sentence for each that could not be read or written.

    `embedded` is the number of photos of the library with names inside, which are not changed.
    """

    changed: int
    errors: tuple[str, ...]
    embedded: int


def remove_names(library: Library, people_names: Sequence[str]) -> NameRemoval:
    """Remove the names of people, and the regions of their faces, that this program wrote into sidecars.

    The caller has locked the library. What other programs wrote stays.
    """
    keys = {names.key(name) for name in people_names}
    sidecars = Sidecars()
    changed, errors = 0, list[str]()
    for photo in _read_paths(library):
        for sidecar in sidecars.existing(photo):
            try:
                changed += _remove(sidecar, keys)
            except FileNotFoundError:
                # Removed a moment ago, perhaps as the sidecar of a photo that is gone.
                continue
            except (MetadataError, OSError) as error:
                reason = first_line(error).removesuffix(".")
                errors.append(f"{display_path(sidecar)}: The names cannot be removed ({reason}).")
    with library.reading() as connection:
        embedded = connection.execute("SELECT count(*) FROM embedded").fetchone()[0]
    return NameRemoval(changed, tuple(errors), embedded)


def _remove(sidecar: Path, keys: set[str]) -> bool:
    data = read_sidecar(sidecar)
    if schemas.OWN_NAMESPACE not in data:
        return False
    packet = Packet(data)
    if not remove_people(packet, keys):
        return False
    if packet.is_empty and packet.is_own:
        sidecar.unlink()
    else:
        write_file(sidecar, packet.serialize())
    return True


def _read_paths(library: Library) -> Iterator[Path]:
    query, last = "SELECT path, raw_path FROM file WHERE path > ? ORDER BY path LIMIT ?", ""
    while True:
        with library.reading() as connection:
            rows = connection.execute(query, (last, _BLOCK_FILES)).fetchall()
        if not rows:
            return
        for last, raw_path in rows:
            if not is_url(last):
                yield Path(os.fsdecode(raw_path) if raw_path else last)
