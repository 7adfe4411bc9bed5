"""A whole gallery as one file: a ZIP archive of JSON, safetensors and WebP files. No code runs when it is read.

`gallery.json` says which network made it and lists everyone with the number of anchors and rejected faces;
`embeddings.safetensors` has all of these in that order, float32, every person's anchors before the rejected faces;
`portraits/N.webp` is the portrait of person N of the list, `crops/N/M.webp` the kept crop of their anchor M. Every
file's sha256 stands in `gallery.json`.
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

from app.errors import GalleryError
from app.gallery import embedding_rows, names

_FORMAT = "faces-gallery-1"
_LIST, _EMBEDDINGS = "gallery.json", "embeddings.safetensors"


@dataclass(frozen=True, eq=False)
class PortablePerson:
    """One person: float32 (anchors, dims) and (faces, dims) with a note each, and a WebP file or None.

    `crops` has a WebP file or None for each anchor.
    """

    name: str
    anchors: np.ndarray
    notes: tuple[str, ...]
    rejected: np.ndarray
    rejected_notes: tuple[str, ...]
    portrait: bytes | None
    crops: tuple[bytes | None, ...]


def write(path: Path, network_id: str, people: Sequence[PortablePerson]) -> None:
    """Write a gallery, in place of a file that is there, once it is whole.

    Raises:
        GalleryError: the file cannot be written.
    """
    parts = [part for one in people for part in (one.anchors, one.rejected) if len(part)]
    matrix = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
    files = {_EMBEDDINGS: safetensors.numpy.save({"embeddings": matrix})}
    for number, one in enumerate(people):
        if one.portrait is not None:
            files[_portrait(number)] = one.portrait
        files |= {_crop(number, at): crop for at, crop in enumerate(one.crops) if crop is not None}
    listed = [
        {"name": one.name, "notes": one.notes, "rejected": one.rejected_notes, "portrait": one.portrait is not None}
        for one in people
    ]
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    head = {"format": _FORMAT, "network": network_id, "sha256": hashes, "people": listed}
    partial = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_LIST, json.dumps(head))
            for name, data in files.items():
                archive.writestr(name, data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GalleryError(f"The file {path} cannot be written ({error.strerror}).") from error


def read(path: Path, network_id: str) -> tuple[PortablePerson, ...]:
    """Read a gallery; nothing of it is used unless all of it is sound.

    Args:
        path: the file.
        network_id: the card's id of the network in use.

    Raises:
        GalleryError: it is no such file, damaged, or of another network.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_packed(archive)
            head = json.loads(archive.read(_LIST))
            if head["format"] != _FORMAT:
                raise ValueError(f"its format is {head['format']}, not {_FORMAT}")
            owner = str(head["network"])
            files = {name: archive.read(name) for name in head["sha256"]} if owner == network_id else {}
        if owner == network_id:
            return _people(head, files)
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
            f"The file {path} is no exported gallery, or it is damaged ({error!s:.150}). Nothing of it was taken."
        ) from error
    raise GalleryError(
        f"The gallery in {path} was made by another network or crop ({owner}) than the one in use ({network_id}), so "
        "its anchors cannot be compared. Nothing of it was taken."
    )


def _people(head: dict[str, Any], files: dict[str, bytes]) -> tuple[PortablePerson, ...]:
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != head["sha256"][name]:
            raise ValueError(f"{name} is not what it was when it was written")
    matrix = embedding_rows.unit_rows(safetensors.numpy.load(files[_EMBEDDINGS])["embeddings"])
    people, taken, keys = [], 0, set()
    for number, row in enumerate(head["people"]):
        name, notes, rejected = names.clean(row["name"]), _texts(row["notes"]), _texts(row["rejected"])
        if names.key(name) in keys:
            raise ValueError(f"{name!r} is there twice")
        keys.add(names.key(name))
        middle, last = taken + len(notes), taken + len(notes) + len(rejected)
        portrait = _webp(files, _portrait(number)) if row["portrait"] else None
        named = [_crop(number, at) for at in range(len(notes))]
        crops = tuple(_webp(files, file) if file in files else None for file in named)
        people.append(PortablePerson(name, matrix[taken:middle], notes, matrix[middle:last], rejected, portrait, crops))
        taken = last
    if taken != len(matrix):
        raise ValueError(f"{_LIST} counts {taken} embeddings, {_EMBEDDINGS} holds {len(matrix)}")
    return tuple(people)


def _refuse_packed(archive: zipfile.ZipFile) -> None:
    # Nothing is packed when it is written: so nothing can unpack to more than the file's own size.
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise ValueError("it has packed files in it")


def _portrait(number: int) -> str:
    return f"portraits/{number}.webp"


def _crop(number: int, at: int) -> str:
    return f"crops/{number}/{at}.webp"


def _webp(files: dict[str, bytes], name: str) -> bytes:
    data = files[name]
    if (data[:4], data[8:12]) != (b"RIFF", b"WEBP"):
        raise ValueError(f"{name} is no WebP file")
    return data


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError("a list of notes is none")
    return tuple(values)
