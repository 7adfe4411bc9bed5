"""Gallery bundle: export of a whole gallery as one ZIP file of JSON, safetensors and WebP. Reading it runs no code.

`gallery.json` names the network, lists all people with their aliases, records and notes, and has the SHA-256 of every
other file. `embeddings.safetensors` has the embeddings, float32, in the same order, each person's anchors before their
rejected faces. `portraits/N.webp` is the portrait of person N, `crops/N/M.webp` the face crop of their anchor M.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError
from sqlalchemy import Connection, select

from app import text
from app.arrays import BoolArray, FloatArray
from app.errors import GalleryError
from app.files import private_opener
from app.gallery import embedding_rows, erasures, names, naming, opt_outs, people, records
from app.gallery.change_history import Change
from app.gallery.erased_names import ErasedNames
from app.gallery.people import Anchor, Person
from app.gallery.pictures import check_crop, check_portrait
from app.gallery.record import FIELDS, NO_RECORD, Record
from app.gallery.tables import AnchorRow, CropRow, FaceRow, PersonRow, PortraitRow, RejectedFaceRow

FindOptedOut = Callable[[FloatArray, FloatArray], BoolArray]
"""Finds which of some faces, float32 (faces, dims), are on the opt-out list, float32 (listed, dims)."""

_FORMAT = "faces-gallery-1"
_INDEX, _EMBEDDINGS = "gallery.json", "embeddings.safetensors"
_ROUNDING = 1e-6
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, BadZipFile, SafetensorError)


@dataclass(frozen=True, eq=False)
class BundledFace:
    """A face: file name of its photo, float32 (dims,) of unit length, and the kept WebP crop of an anchor."""

    note: str
    embedding: FloatArray
    crop: bytes | None = None


@dataclass(frozen=True, eq=False)
class BundledPerson:
    """A person; `portrait` is a WebP file or None."""

    name: str
    anchors: list[BundledFace]
    rejected: list[BundledFace]
    portrait: bytes | None
    aliases: tuple[str, ...] = ()
    record: Record = NO_RECORD
    uuid: str = ""


@dataclass(frozen=True)
class BundleImport:
    """Result of an import: the number of new anchors, and what was left out.

    `taken_aliases` are names of others, and `left_out` people who were erased from this gallery or opted out.
    `refused` are person and file name of each reference photo whose face is on the opt-out list.
    """

    anchors: int
    taken_aliases: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def write(path: Path, network_id: str, everyone: Sequence[BundledPerson]) -> None:
    """Write a bundle, replacing an existing file only when it is complete."""
    matrix = _stack([face for person in everyone for face in (*person.anchors, *person.rejected)])
    files = {_EMBEDDINGS: safetensors.numpy.save({"embeddings": matrix})}
    rows = []
    for number, person in enumerate(everyone):
        if person.portrait is not None:
            files[f"portraits/{number}.webp"] = person.portrait
        crops = {f"crops/{number}/{index}.webp": face.crop for index, face in enumerate(person.anchors)}
        files |= {name: crop for name, crop in crops.items() if crop is not None}
        notes, rejected = ([face.note for face in faces] for faces in (person.anchors, person.rejected))
        portrait = person.portrait is not None
        row = {"name": person.name, "aliases": person.aliases, "notes": notes, "rejected": rejected}
        rows.append(row | {"portrait": portrait, "record": person.record.fields(), "uuid": person.uuid})
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    index = {"format": _FORMAT, "network": network_id, "sha256": hashes, "people": rows}
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.unlink(missing_ok=True)
        with open(partial, "wb", opener=private_opener) as file, ZipFile(file, "w", ZIP_STORED) as archive:
            for name, data in {_INDEX: json.dumps(index).encode(), **files}.items():
                archive.writestr(name, data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GalleryError(f"The file {path} cannot be written ({error.strerror}).") from error


def read(path: Path, network_id: str) -> tuple[BundledPerson, ...]:
    """Read a bundle and check all of it: format, checksums, pictures, counts, names and network."""
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
        if name.startswith("crops/"):
            check_crop(data, name)
        elif name != _EMBEDDINGS:
            check_portrait(data, name)
    matrix = embedding_rows.unit_rows(safetensors.numpy.load(files[_EMBEDDINGS])["embeddings"])
    notes = [note for row in index["people"] for note in (*row["notes"], *row["rejected"])]
    if len(notes) != len(matrix) or not all(isinstance(note, str) for note in notes):
        raise ValueError(f"{len(notes)} notes in {_INDEX}, {len(matrix)} embeddings in {_EMBEDDINGS}")
    # Bundles of earlier versions have no aliases.
    names.check_unique(name for row in index["people"] for name in (row["name"], *row.get("aliases", ())))
    embeddings = iter(matrix)
    return tuple(
        BundledPerson(
            names.clean(row["name"]),
            [
                BundledFace(note, next(embeddings), files.get(f"crops/{number}/{index}.webp"))
                for index, note in enumerate(row["notes"])
            ],
            [BundledFace(note, next(embeddings)) for note in row["rejected"]],
            files[f"portraits/{number}.webp"] if row["portrait"] else None,
            tuple(map(names.clean, row.get("aliases", ()))),
            _read_record(row.get("record", {})),
            _read_uuid(row.get("uuid", "")),
        )
        for number, row in enumerate(index["people"])
    )


def _read_record(values: dict[str, str]) -> Record:
    """Return a record, which may have expired since: the person is then hidden after the import."""
    expires = values.get("expires", "")
    checked = NO_RECORD.change({name: values.get(name, "") for name in FIELDS if name != "expires"})
    if expires:
        date.fromisoformat(expires)
    return replace(checked, expires=expires)


def _read_uuid(value: str) -> str:
    """Return the ID of a person, "" in bundles of earlier versions."""
    return value and str(UUID(value))


def collect(connection: Connection, crops: bool) -> list[BundledPerson]:
    """Return all people of a gallery, sorted by name, with or without kept crops."""
    portraits = {row.person_id: row.webp for row in connection.execute(select(PortraitRow.person_id, PortraitRow.webp))}
    found = sorted(people.list_people(connection), key=lambda person: names.sort_key(person.name))
    uuids = {row.id: row.uuid for row in connection.execute(select(PersonRow.id, PersonRow.uuid))}
    return [
        _collect_person(connection, person, portraits.get(person.id), crops, uuids[person.id] or "") for person in found
    ]


def _collect_person(
    connection: Connection, person: Person, portrait: bytes | None, crops: bool, uuid: str
) -> BundledPerson:
    anchors = people.list_anchors(connection, person.id)
    kept: dict[int, bytes] = {}
    if crops and any(anchor.has_crop for anchor in anchors):
        rows = select(CropRow.anchor_id, CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
        kept = {row.anchor_id: row.webp for row in connection.execute(rows.where(AnchorRow.person_id == person.id))}
    return BundledPerson(
        person.name,
        [BundledFace(anchor.note, anchor.embedding, kept.get(anchor.id)) for anchor in anchors],
        [BundledFace(face.note, face.embedding) for face in people.list_rejected_faces(connection, person.id)],
        portrait,
        person.aliases,
        person.record,
        uuid,
    )


def add_people(
    connection: Connection,
    everyone: Sequence[BundledPerson],
    crops: bool,
    require_basis: bool = False,
    find_opted_out: FindOptedOut | None = None,
) -> BundleImport:
    """Add people, and to known people what they lack, as one change.

    Aliases of other people are left out, people who were erased from this gallery or opted out, and faces of the
    opt-out list, which needs `find_opted_out`.
    """
    change = Change(connection, whole=True)
    added, taken = 0, list[str]()
    left_out = _find_left_out(connection, everyone)
    everyone, refused = _refuse_faces(
        connection, [person for person in everyone if person not in left_out], find_opted_out
    )
    used = set(connection.scalars(select(PersonRow.uuid)))
    for person in everyone:
        known = people.find_person(connection, person.name)
        if require_basis:
            records.check_basis(person.name, (known and known.record) or person.record)
        # With the ID of the file, it cannot bring the person back after an erasure.
        uuid = person.uuid if person.uuid not in used else ""
        used.add(uuid)
        person_id = known.id if known else people.insert_person(connection, person.name, change, person.record, uuid)
        if known and not known.record:
            records.write_record(change, known, person.record)
        anchors = _find_missing(person.anchors, people.list_anchors(connection, person_id))
        ids = _insert_faces(connection, AnchorRow, person_id, anchors, change)
        if crops:
            people.insert_crops(connection, ids, [face.crop for face in anchors])
        added += len(anchors)
        rejected = _find_missing(person.rejected, people.list_rejected_faces(connection, person_id))
        _insert_faces(connection, RejectedFaceRow, person_id, rejected, change)
        if person.portrait is not None and not (known and known.has_portrait):
            people.replace_portrait(connection, person_id, person.portrait, change)
    for person in everyone:  # after all names, which aliases must not take
        owner = people.get_person(connection, person.name)
        for alias in person.aliases:
            holder = people.find_person(connection, alias)
            if holder is None:
                naming.insert_aliases(connection, change, owner.id, [alias])
            elif holder.id != owner.id:
                taken.append(alias)
    change.describe(f"imported {text.count(added, 'anchor')} of {text.count(len(everyone), 'person')}")
    return BundleImport(added, tuple(taken), tuple(person.name for person in left_out), tuple(refused))


def _find_left_out(connection: Connection, everyone: Sequence[BundledPerson]) -> list[BundledPerson]:
    """Return the people who were erased from this gallery, or who opted out by name."""
    erased, opted_out = erasures.list_uuids(connection), opt_outs.list_keys(connection)
    followed, erased_names = opt_outs.list_followed(connection), ErasedNames(connection)

    def is_left_out(person: BundledPerson) -> bool:
        called = (person.name, *person.aliases)
        # Bundles of earlier versions have no IDs.
        is_erased = person.uuid in erased if person.uuid else erased_names.has_any(called)
        return is_erased or person.uuid in followed or any(names.key(name) in opted_out for name in called)

    return [person for person in everyone if is_left_out(person)]


def _refuse_faces(
    connection: Connection, everyone: Sequence[BundledPerson], find_opted_out: FindOptedOut | None
) -> tuple[list[BundledPerson], list[tuple[str, str]]]:
    """Return people without faces of the opt-out list, and person and file name of each refused anchor.

    People of whom no anchor remains are left out. The portrait is the average of the anchors, so that a person with a
    refused anchor gets none.
    """
    opted_out = opt_outs.load_faces(connection)
    if opted_out is None:
        return list(everyone), []
    if find_opted_out is None:
        raise ValueError("The opt-out list has faces. An import needs find_opted_out.")
    kept, refused = list[BundledPerson](), list[tuple[str, str]]()
    for person in everyone:
        anchors, rejected = (
            [face for face, listed in zip(faces, find_opted_out(_stack(faces), opted_out), strict=True) if not listed]
            if faces
            else []
            for faces in (person.anchors, person.rejected)
        )
        refused += [(person.name, face.note) for face in person.anchors if face not in anchors]
        if len(anchors) == len(person.anchors):
            kept.append(replace(person, rejected=rejected))
        elif anchors:
            kept.append(replace(person, anchors=anchors, rejected=rejected, portrait=None))
    return kept, refused


def _find_missing(faces: list[BundledFace], known: list[Anchor]) -> list[BundledFace]:
    """Return the faces whose embeddings are not among a person's, up to rounding."""
    if not known:
        return faces
    stored = _stack(known)
    return [face for face in faces if np.abs(stored - face.embedding).max(axis=1).min() > _ROUNDING]


def _insert_faces(
    connection: Connection, table: type[FaceRow], person_id: int, faces: list[BundledFace], change: Change
) -> Sequence[int]:
    return people.insert_faces(connection, table, person_id, _stack(faces), [face.note for face in faces], change)


def _stack(faces: Sequence[Anchor | BundledFace]) -> FloatArray:
    return np.stack([face.embedding for face in faces]) if faces else np.zeros((0, 0), np.float32)
