"""The shipped gallery: a folder of embeddings and portraits that fills an empty database.

`people.json` names the network and, in order, everyone with their portrait's file and number of anchors, and has the
sha256 of these and of `anchors.safetensors`, which holds all embeddings, in that order, as one float16 matrix;
`portraits/` the WebP files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from app.errors import GalleryError
from app.gallery import names
from app.gallery.embedding_rows import unit_rows
from app.gallery.snapshot import Snapshot

PEOPLE, ANCHORS, PORTRAITS = "people.json", "anchors.safetensors", "portraits"

NOTE = "shipped"
"""The note of an anchor that came from here."""


@dataclass(frozen=True, eq=False)
class ShippedPerson:
    """One person: `embeddings` is float32 (anchors, dims) of length 1, `portrait` a WebP file or None."""

    name: str
    embeddings: np.ndarray
    portrait: bytes | None


@dataclass(frozen=True, eq=False)
class Shipped:
    """A whole shipped gallery and the id of the network that made it."""

    network: str
    people: tuple[ShippedPerson, ...]

    def snapshot(self) -> Snapshot:
        """Everyone as a gallery in memory, without a database: what evaluation ranks against."""
        counts = [len(person.embeddings) for person in self.people]
        return Snapshot(
            tuple(person.name for person in self.people),
            tuple(range(len(self.people))),
            np.concatenate([person.embeddings for person in self.people]),
            np.concatenate([[0], np.cumsum(counts)]),
            0,
        )


def read(folder: Path) -> Shipped:
    """Read a shipped gallery.

    Raises:
        GalleryError: something in it is missing or damaged.
    """
    try:
        listed = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
        data = (folder / ANCHORS).read_bytes()
        embeddings = safetensors.numpy.load(data)["embeddings"]
        people, found = _people(folder, listed["people"], embeddings), _checksum(listed, data)
        # Galleries of before there were checksums have none.
        if listed.get("sha256", found) != found:
            raise ValueError("it was altered: the sha256 differs")
        return Shipped(str(listed["network"]), people)
    except FileNotFoundError as error:
        raise GalleryError(
            f"The shipped gallery has no file {error.filename}. Restore the folder {folder}, set FACES_ANCHORS to "
            "another shipped gallery, or set FACES_GALLERY=empty to start without the shipped people."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, GalleryError, safetensors.SafetensorError) as error:
        raise GalleryError(
            f"The shipped gallery {folder} is damaged ({error!s:.200}). Restore it, or set FACES_ANCHORS to another."
        ) from error


def write(folder: Path, network_id: str, people: Iterable[tuple[str, np.ndarray, bytes | None]]) -> None:
    """Write a shipped gallery, in place of one that lies there.

    Args:
        folder: made if missing.
        network_id: the card's id of the network that made the embeddings.
        people: (name, float (anchors, dims), WebP bytes or None) each, in the order to ship.

    Raises:
        GalleryError: a name or an embedding cannot be used.
    """
    people = [(names.clean(name), unit_rows(embeddings), portrait) for name, embeddings, portrait in people]
    _refuse_repeats([name for name, _, _ in people])
    portraits = folder / PORTRAITS
    portraits.mkdir(parents=True, exist_ok=True)
    for old in portraits.glob("*.webp"):
        old.unlink()
    rows, taken = [], set()
    for name, embeddings, portrait in people:
        row: dict[str, Any] = {"name": name, "portrait": None, "anchors": len(embeddings)}
        if portrait is not None:
            row["portrait"] = f"{PORTRAITS}/{_unique(names.slug(name), taken)}.webp"
            (folder / row["portrait"]).write_bytes(portrait)
        rows.append(row)
    matrix = np.concatenate([embeddings for _, embeddings, _ in people]) if people else np.zeros((0, 0))
    data = safetensors.numpy.save({"embeddings": matrix.astype(np.float16)})
    (folder / ANCHORS).write_bytes(data)
    listed = {"network": network_id, "people": rows}
    text = json.dumps(listed | {"sha256": _checksum(listed, data)}, indent=1, ensure_ascii=False)
    (folder / PEOPLE).write_text(text + "\n", encoding="utf-8")


def _checksum(listed: dict[str, Any], anchors: bytes) -> str:
    """The sha256 of who is there and of their anchors, however the list is laid out."""
    who = json.dumps([listed["network"], listed["people"]], sort_keys=True)
    return hashlib.sha256(who.encode() + anchors).hexdigest()


def _people(folder: Path, rows: list[dict[str, Any]], embeddings: np.ndarray) -> tuple[ShippedPerson, ...]:
    listed = [names.clean(row["name"]) for row in rows]
    _refuse_repeats(listed)
    counts = [row["anchors"] for row in rows]
    if sum(counts) != len(embeddings) or min(counts, default=0) < 0:
        raise ValueError(f"{PEOPLE} counts {sum(counts)} anchors, {ANCHORS} holds {len(embeddings)}")
    parts = np.split(unit_rows(embeddings), np.cumsum(counts)[:-1]) if rows else []
    return tuple(
        ShippedPerson(name, part, _portrait(folder, row["portrait"]))
        for name, row, part in zip(listed, rows, parts, strict=True)
    )


def _portrait(folder: Path, file: str | None) -> bytes | None:
    if file is None:
        return None
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the portrait {file} lies outside the folder")
    return path.read_bytes()


def _refuse_repeats(listed: list[str]) -> None:
    seen = set()
    for name in listed:
        if names.key(name) in seen:
            raise GalleryError(f"The name {name!r} is there twice")
        seen.add(names.key(name))


def _unique(slug: str, taken: set[str]) -> str:
    number, free = 2, slug
    while free in taken:
        number, free = number + 1, f"{slug}-{number}"
    taken.add(free)
    return free
