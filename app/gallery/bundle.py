"""Gallery bundle: export of a whole gallery as one ZIP file of JSON, safetensors and WebP. Reading it runs no code.

`gallery.json` names the network, lists all people with their notes, and has the SHA-256 of every other file.
`embeddings.safetensors` has the embeddings, float32, in the same order, each person's anchors before their rejected
faces. `portraits/N.webp` is the portrait of person N, `crops/N/M.webp` the face crop of their anchor M.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from app.arrays import FloatArray
from app.errors import GalleryError
from app.gallery import embedding_rows, names

_FORMAT = "faces-gallery-1"
_INDEX, _EMBEDDINGS = "gallery.json", "embeddings.safetensors"


@dataclass(frozen=True, eq=False)
class BundledPerson:
    """A person in a bundle.

    Attributes:
        name: The name.
        anchors: Float32 (anchors, dims).
        notes: A file name for each anchor.
        rejected: Float32 (faces, dims).
        rejected_notes: A file name for each rejected face.
        portrait: WebP file, or None.
        crops: WebP file or None for each anchor.
    """

    name: str
    anchors: FloatArray
    notes: tuple[str, ...]
    rejected: FloatArray
    rejected_notes: tuple[str, ...]
    portrait: bytes | None
    crops: tuple[bytes | None, ...]


def write(path: Path, network_id: str, people: Sequence[BundledPerson]) -> None:
    """Write a bundle, replacing an existing file only when it is complete.

    Raises:
        GalleryError: The file cannot be written.
    """
    parts = [rows for person in people for rows in (person.anchors, person.rejected) if len(rows)]
    matrix = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
    files = {_EMBEDDINGS: safetensors.numpy.save({"embeddings": matrix})}
    rows = []
    for number, person in enumerate(people):
        if person.portrait is not None:
            files[_portrait_name(number)] = person.portrait
        files |= {_crop_name(number, index): crop for index, crop in enumerate(person.crops) if crop is not None}
        row = {"name": person.name, "notes": person.notes, "rejected": person.rejected_notes}
        rows.append(row | {"portrait": person.portrait is not None})
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    index = {"format": _FORMAT, "network": network_id, "sha256": hashes, "people": rows}
    partial = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for name, data in {_INDEX: json.dumps(index).encode(), **files}.items():
                archive.writestr(name, data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GalleryError(f"The file {path} cannot be written ({error.strerror}).") from error


def read(path: Path, network_id: str) -> tuple[BundledPerson, ...]:
    """Read a bundle and check all of it.

    Args:
        path: The file.
        network_id: ID in the model card of the network in use.

    Raises:
        GalleryError: The file is not a bundle, is damaged, or belongs to another network.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Bundles are not compressed, so a file cannot expand to more than its own size.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed files")
            index = json.loads(archive.read(_INDEX))
            if index["format"] != _FORMAT:
                raise ValueError(f"format {index['format']} instead of {_FORMAT}")
            owner = str(index["network"])
            if owner == network_id:
                return _read_people(index, {name: archive.read(name) for name in index["sha256"]})
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        NotImplementedError,
        zipfile.BadZipFile,
        safetensors.SafetensorError,
        GalleryError,
    ) as error:
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
    matrix = embedding_rows.unit_rows(safetensors.numpy.load(files[_EMBEDDINGS])["embeddings"])
    people: list[BundledPerson] = []
    keys: set[str] = set()
    first = 0
    for number, row in enumerate(index["people"]):
        name, notes, rejected_notes = names.clean(row["name"]), _texts(row["notes"]), _texts(row["rejected"])
        if names.key(name) in keys:
            raise ValueError(f"duplicate name {name!r}")
        keys.add(names.key(name))
        middle = first + len(notes)
        last = middle + len(rejected_notes)
        portrait = _webp(files, _portrait_name(number)) if row["portrait"] else None
        crop_names = [_crop_name(number, index) for index in range(len(notes))]
        crops = tuple(_webp(files, crop) if crop in files else None for crop in crop_names)
        anchors, rejected = matrix[first:middle], matrix[middle:last]
        people.append(BundledPerson(name, anchors, notes, rejected, rejected_notes, portrait, crops))
        first = last
    if first != len(matrix):
        raise ValueError(f"{first} embeddings in {_INDEX}, {len(matrix)} in {_EMBEDDINGS}")
    return tuple(people)


def _portrait_name(number: int) -> str:
    return f"portraits/{number}.webp"


def _crop_name(number: int, index: int) -> str:
    return f"crops/{number}/{index}.webp"


def _webp(files: dict[str, bytes], name: str) -> bytes:
    data = files[name]
    if (data[:4], data[8:12]) != (b"RIFF", b"WEBP"):
        raise ValueError(f"{name} is not a WebP file")
    return data


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("invalid list of notes")
    return tuple(values)
