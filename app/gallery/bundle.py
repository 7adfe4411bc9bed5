"""Gallery bundle: export of a whole gallery as one ZIP file of JSON, safetensors and WebP. Reading it runs no code.

`gallery.json` names the network, lists all people with their notes, and has the SHA-256 of every other file.
`embeddings.safetensors` has the embeddings, float32, in the same order, each person's anchors before their rejected
faces. `portraits/N.webp` is the portrait of person N, `crops/N/M.webp` the face crop of their anchor M.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError
from sqlalchemy import Connection, select

from app import text
from app.arrays import FloatArray
from app.errors import GalleryError
from app.gallery import embedding_rows, inserts, names, people
from app.gallery.change_history import Change
from app.gallery.people import Anchor, Person
from app.gallery.tables import AnchorRow, CropRow, PortraitRow, RejectedFaceRow

_FORMAT = "faces-gallery-1"
_INDEX, _EMBEDDINGS = "gallery.json", "embeddings.safetensors"
_ROUNDING = 1e-6
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, BadZipFile, SafetensorError)


@dataclass(frozen=True, eq=False)
class BundledPerson:
    """A person with faces, float32 (faces, dims), one note for each face, and one WebP crop or None for each anchor."""

    name: str
    anchors: FloatArray
    notes: tuple[str, ...]
    rejected: FloatArray
    rejected_notes: tuple[str, ...]
    portrait: bytes | None
    crops: tuple[bytes | None, ...]


def write(path: Path, network_id: str, everyone: Sequence[BundledPerson]) -> None:
    """Write a bundle, replacing an existing file only when it is complete."""
    parts = [rows for person in everyone for rows in (person.anchors, person.rejected) if len(rows)]
    matrix = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
    files = {_EMBEDDINGS: safetensors.numpy.save({"embeddings": matrix})}
    rows = []
    for number, person in enumerate(everyone):
        if person.portrait is not None:
            files[f"portraits/{number}.webp"] = person.portrait
        files |= {f"crops/{number}/{i}.webp": crop for i, crop in enumerate(person.crops) if crop is not None}
        row = {"name": person.name, "notes": person.notes, "rejected": person.rejected_notes}
        rows.append(row | {"portrait": person.portrait is not None})
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    index = {"format": _FORMAT, "network": network_id, "sha256": hashes, "people": rows}
    partial = path.with_name(f"{path.name}.part")
    try:
        with ZipFile(partial, "w", ZIP_STORED) as archive:
            for name, data in {_INDEX: json.dumps(index).encode(), **files}.items():
                archive.writestr(name, data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GalleryError(f"The file {path} cannot be written ({error.strerror}).") from error


def read(path: Path, network_id: str) -> tuple[BundledPerson, ...]:
    """Read a bundle and check all of it.

    Raises:
        GalleryError: The file is not a bundle, is damaged, or belongs to another network.
    """
    try:
        with ZipFile(path) as archive:
            # Bundles are not compressed, so a file cannot expand to more than its own size.
            if any(member.compress_type != ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed files")
            index = json.loads(archive.read(_INDEX))
            if index["format"] != _FORMAT:
                raise ValueError(f"format {index['format']} instead of {_FORMAT}")
            owner = str(index["network"])
            if owner == network_id:
                return _read_people(index, {name: archive.read(name) for name in index["sha256"]})
    except (OSError, GalleryError, *_MALFORMED) as error:
        raise GalleryError(
            f"The file {path} is not an exported gallery, or it is damaged ({error!s:.150}). Nothing was imported."
        ) from error
    raise GalleryError(
        f"Another network or alignment ({owner}) made the gallery in {path}. The network in use is {network_id}. "
        "Nothing was imported."
    )


def _read_people(index: dict[str, Any], files: dict[str, bytes]) -> tuple[BundledPerson, ...]:
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != index["sha256"][name]:
            raise ValueError(f"wrong checksum of {name}")
        if name.endswith(".webp") and (data[:4], data[8:12]) != (b"RIFF", b"WEBP"):
            raise ValueError(f"{name} is not a WebP file")
    matrix = embedding_rows.unit_rows(safetensors.numpy.load(files[_EMBEDDINGS])["embeddings"])
    everyone: list[BundledPerson] = []
    first = 0
    for number, row in enumerate(index["people"]):
        notes, rejected_notes = _read_notes(row["notes"]), _read_notes(row["rejected"])
        middle = first + len(notes)
        last = middle + len(rejected_notes)
        portrait = files[f"portraits/{number}.webp"] if row["portrait"] else None
        crops = tuple(files.get(f"crops/{number}/{i}.webp") for i in range(len(notes)))
        name, anchors, rejected = names.clean(row["name"]), matrix[first:middle], matrix[middle:last]
        everyone.append(BundledPerson(name, anchors, notes, rejected, rejected_notes, portrait, crops))
        first = last
    names.check_unique(person.name for person in everyone)
    if first != len(matrix):
        raise ValueError(f"{first} embeddings in {_INDEX}, {len(matrix)} in {_EMBEDDINGS}")
    return tuple(everyone)


def _read_notes(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("invalid list of notes")
    return tuple(values)


def collect(connection: Connection, crops: bool) -> list[BundledPerson]:
    """Return all people of a gallery, sorted by name, with or without kept crops."""
    portraits = {row.person_id: row.webp for row in connection.execute(select(PortraitRow.person_id, PortraitRow.webp))}
    found = sorted(people.list_people(connection), key=lambda person: names.sort_key(person.name))
    return [_collect_person(connection, person, portraits.get(person.id), crops) for person in found]


def _collect_person(connection: Connection, person: Person, portrait: bytes | None, crops: bool) -> BundledPerson:
    anchors, rejected = people.list_anchors(connection, person.id), people.list_rejected_faces(connection, person.id)
    kept: dict[int, bytes] = {}
    if crops and any(anchor.has_crop for anchor in anchors):
        rows = select(CropRow.anchor_id, CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
        kept = {row.anchor_id: row.webp for row in connection.execute(rows.where(AnchorRow.person_id == person.id))}
    return BundledPerson(
        person.name,
        _stack(anchors),
        tuple(anchor.note for anchor in anchors),
        _stack(rejected),
        tuple(face.note for face in rejected),
        portrait,
        tuple(kept.get(anchor.id) for anchor in anchors),
    )


def add_people(connection: Connection, everyone: Sequence[BundledPerson], crops: bool) -> int:
    """Add people, and to known people what they lack, as one change; return the number of new anchors."""
    change = Change(connection, whole=True)
    added = 0
    for person in everyone:
        known = people.find_person(connection, person.name)
        person_id = known.id if known else inserts.insert_person(connection, person.name, change)
        for embeddings in (person.anchors, person.rejected):
            inserts.check_dims(connection, embeddings)
        new = _find_missing(person.anchors, people.list_anchors(connection, person_id))
        notes = [person.notes[index] for index in new]
        ids = inserts.insert_faces(connection, AnchorRow, person_id, person.anchors[new], notes, change)
        if crops:
            inserts.insert_crops(connection, ids, [person.crops[index] for index in new])
        added += len(new)
        new = _find_missing(person.rejected, people.list_rejected_faces(connection, person_id))
        notes = [person.rejected_notes[index] for index in new]
        inserts.insert_faces(connection, RejectedFaceRow, person_id, person.rejected[new], notes, change)
        if person.portrait is not None and not (known and known.has_portrait):
            inserts.replace_portrait(connection, person_id, person.portrait, change)
    change.describe(f"imported {text.count(added, 'anchor')} of {text.count(len(everyone), 'person')}")
    return added


def _find_missing(embeddings: FloatArray, known: list[Anchor]) -> list[int]:
    """Return the indices of the embeddings that are not among a person's, up to rounding."""
    if not known or not len(embeddings):
        return list(range(len(embeddings)))
    difference = np.abs(embeddings[:, None] - _stack(known)[None]).max(axis=2).min(axis=1)
    missing: list[int] = np.flatnonzero(difference > _ROUNDING).tolist()
    return missing


def _stack(anchors: list[Anchor]) -> FloatArray:
    return np.stack([anchor.embedding for anchor in anchors]) if anchors else np.zeros((0, 0), np.float32)
