"""Shipped gallery: the folder of embeddings and portraits that fills a new database.

`people.json` has the network and, in order, each person's name, portrait file and number of anchors, and the SHA-256
of this list and of `anchors.safetensors`, the float16 matrix of all embeddings in that order.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import ArrayLike
from safetensors import SafetensorError
from sqlalchemy import Connection, func, insert, select, update

from app.arrays import AnyArray, FloatArray
from app.errors import GalleryError
from app.files import write_file
from app.gallery import names
from app.gallery.change_history import Change
from app.gallery.embedding_rows import unit_rows
from app.gallery.people import SHIPPED_NOTE, face_values, person_values, portrait_values
from app.gallery.pictures import MAX_BYTES, check_portrait
from app.gallery.snapshot import Snapshot
from app.gallery.tables import AnchorRow, NetworkRow, PersonRow, PortraitRow, now

PEOPLE, ANCHORS, PORTRAITS = "people.json", "anchors.safetensors", "portraits"


@dataclass(frozen=True, eq=False)
class ShippedPerson:
    """A person: `embeddings` is float32 (anchors, dims) of unit length, `portrait` a WebP file or None."""

    name: str
    embeddings: FloatArray
    portrait: bytes | None


@dataclass(frozen=True, eq=False)
class ShippedGallery:
    """A shipped gallery and the ID of the network that made it."""

    network: str
    people: tuple[ShippedPerson, ...]

    def snapshot(self) -> Snapshot:
        """Return the gallery in memory, without a database."""
        counts = [len(person.embeddings) for person in self.people]
        return Snapshot(
            [person.name for person in self.people],
            range(len(self.people)),
            np.concatenate([person.embeddings for person in self.people]),
            np.cumsum([0, *counts], dtype=np.int64),
            0,
        )


def read(folder: Path) -> ShippedGallery:
    """Read a shipped gallery, or raise `GalleryError` if a file is missing or damaged."""
    try:
        index = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
        data = (folder / ANCHORS).read_bytes()
        people = _read_people(folder, index["people"], safetensors.numpy.load(data)["embeddings"])
        # Galleries of early versions have no checksum.
        if index.get("sha256", checksum := _checksum(index, data)) != checksum:
            raise ValueError("wrong checksum")
        return ShippedGallery(str(index["network"]), people)
    except FileNotFoundError as error:
        raise GalleryError(
            f"The shipped gallery has no file {error.filename}. Restore the folder {folder}, set FACES_ANCHORS to "
            "another shipped gallery, or set FACES_GALLERY=empty to start without the shipped people."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError, GalleryError, SafetensorError) as error:
        raise GalleryError(
            f"The shipped gallery {folder} is damaged ({error!s:.200}). Restore it, or set FACES_ANCHORS to another."
        ) from error


def write(folder: Path, network_id: str, people: Iterable[tuple[str, ArrayLike, bytes | None]]) -> None:
    """Write names, embeddings, float (anchors, dims), and WebP portraits. Replace a shipped gallery in the folder."""
    cleaned = [ShippedPerson(names.clean(name), unit_rows(rows), portrait) for name, rows, portrait in people]
    names.check_unique(person.name for person in cleaned)
    (folder / PORTRAITS).mkdir(parents=True, exist_ok=True)
    for former in (folder / PORTRAITS).glob("*.webp"):
        former.unlink()
    rows: list[dict[str, Any]] = []
    for person in cleaned:
        file = None
        if person.portrait is not None:
            slug = names.slug(person.name)
            stems = [slug, *(f"{slug}-{number}" for number in range(2, len(cleaned) + 1))]
            files = (f"{PORTRAITS}/{stem}.webp" for stem in stems)
            file = next(name for name in files if not (folder / name).exists())
            (folder / file).write_bytes(person.portrait)
        rows.append({"name": person.name, "portrait": file, "anchors": len(person.embeddings)})
    matrix = np.concatenate([person.embeddings for person in cleaned]) if cleaned else np.zeros((0, 0))
    data = safetensors.numpy.save({"embeddings": matrix.astype(np.float16)})
    write_file(folder / ANCHORS, data)
    index = {"network": network_id, "people": rows}
    text = json.dumps(index | {"sha256": _checksum(index, data)}, indent=1, ensure_ascii=False)
    write_file(folder / PEOPLE, f"{text}\n".encode())


def add_shipped_people(connection: Connection, network_id: str, folder: Path) -> None:
    """Add the people of a shipped gallery to a gallery that never had them and has no people."""
    if connection.scalar(select(NetworkRow.filled)) or connection.scalar(select(func.count(PersonRow.id))):
        return
    found = read(folder)
    if found.network != network_id:
        raise GalleryError(
            f"Another network or alignment ({found.network}) made the shipped gallery {folder}. The network in use is "
            f"{network_id}. Restore both folders of one version, or set FACES_MODEL and FACES_ANCHORS to a pair that "
            "was made together."
        )
    # One statement for each table: the first start of a server waits for this.
    inserted = insert(PersonRow).returning(PersonRow.id, sort_by_parameter_order=True)
    people = [person_values(person.name) for person in found.people]
    ids = connection.scalars(inserted, people).all() if people else []
    anchors: list[dict[str, Any]] = []
    portraits: list[dict[str, Any]] = []
    for person_id, person in zip(ids, found.people, strict=True):
        anchors += face_values(person_id, person.embeddings, [SHIPPED_NOTE] * len(person.embeddings))
        if person.portrait is not None:
            portraits.append(portrait_values(person_id, person.portrait))
    for table, rows in ((AnchorRow, anchors), (PortraitRow, portraits)):
        if rows:
            connection.execute(insert(table), rows)
    connection.execute(update(NetworkRow).values(filled=now()))
    Change(connection, reversible=False, whole=True).describe(f"added {len(found.people)} shipped people")


def _checksum(index: dict[str, Any], anchors: bytes) -> str:
    people = json.dumps([index["network"], index["people"]], sort_keys=True)
    return hashlib.sha256(people.encode() + anchors).hexdigest()


def _read_people(folder: Path, rows: list[dict[str, Any]], embeddings: AnyArray) -> tuple[ShippedPerson, ...]:
    cleaned = [names.clean(row["name"]) for row in rows]
    names.check_unique(cleaned)
    counts = [row["anchors"] for row in rows]
    if sum(counts) != len(embeddings) or min(counts, default=0) < 0:
        raise ValueError(f"{sum(counts)} anchors in {PEOPLE}, {len(embeddings)} in {ANCHORS}")
    parts = np.split(unit_rows(embeddings), np.cumsum(counts)[:-1]) if rows else []
    return tuple(
        ShippedPerson(name, part, _read_portrait(folder, row["portrait"]))
        for name, row, part in zip(cleaned, rows, parts, strict=True)
    )


def _read_portrait(folder: Path, file: str | None) -> bytes | None:
    if file is None:
        return None
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"portrait {file} outside the folder")
    with path.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    check_portrait(data, f"portrait {file}", pixels=False)
    return data
