"""Sidecars of photos: which file has the XMP of a photo, by the rules of the programs that write them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from app.library.metadata.packet import MAX_BYTES, MetadataError
from app.text import display_path
from app.vision.decoding import SUFFIXES
from app.vision.photo_files import RAW_SUFFIXES, is_video

_SUFFIX = ".xmp"


class Sidecars:
    """Finds sidecars. It remembers the last folder's files, so that a folder is listed once."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._sidecars: dict[str, list[str]] = {}  # by stem, in lower case as are the names below
        self._photos: Counter[str] = Counter()
        self._stems: Counter[str] = Counter()

    def existing(self, photo: Path) -> list[Path]:
        """Return the sidecars of a photo: `photo.jpg.xmp` and, unless a file with the same stem shares it, `photo.xmp`.

        With `photo.nef` beside `photo.jpg`, `photo.xmp` belongs to the RAW file. With `photo.mov`, the video of a live
        photo, it belongs to the photo.
        """
        self._list(photo.parent)
        stems = [photo.name, photo.stem] if self._is_alone(photo) else [photo.name]
        found = [self._find(photo, stem) for stem in stems]
        return [photo.with_name(name) for name in found if name and name.lower() != photo.name.lower()]

    def new(self, photo: Path, replace_extension: bool) -> Path:
        """Return the sidecar to create: `photo.jpg.xmp`, or `photo.xmp` if asked for and not shared."""
        self._list(photo.parent)
        alone = replace_extension and self._is_alone(photo)
        return photo.with_name((photo.stem if alone else photo.name) + _SUFFIX)

    def _find(self, photo: Path, stem: str) -> str | None:
        """Return the sidecar with a stem, in any case unless `photo.jpg` and `photo.JPG` are two photos."""
        names = self._sidecars.get(stem.lower(), [])
        exact = [name for name in names if name[: -len(_SUFFIX)] == stem]
        unique = self._photos[photo.name.lower()] <= 1
        return next(iter(exact or (names if unique else ())), None)

    def _is_alone(self, photo: Path) -> bool:
        return self._stems[photo.stem.lower()] <= (0 if is_video(photo) else 1)

    def _list(self, folder: Path) -> None:
        if folder == self._folder:
            return
        self._folder, self._sidecars, self._photos, self._stems = folder, {}, Counter(), Counter()
        try:
            names = os.listdir(folder)  # noqa: PTH208 (pathlib makes an object of each name)
        except OSError:
            return
        for name in names:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            if suffix.lower() == _SUFFIX:
                self._sidecars.setdefault(stem.lower(), []).append(name)
            elif suffix.lower() in SUFFIXES | RAW_SUFFIXES:
                self._photos[name.lower()] += 1
                self._stems[stem.lower()] += 1


def read_sidecar(path: Path) -> bytes:
    """Read a file of metadata, or raise `MetadataError` if it is too large."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise MetadataError(f"{display_path(path.name)}: it is larger than {MAX_BYTES / 1e6:g} MB")
    return data
