"""Search of database files for remains of erased data, in all bytes: rows, free pages and write-ahead log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.arrays import AnyArray

WINDOW = 32
"""Bytes of a piece. Remains of at least 63 bytes contain one, unless they cross the end of a page."""

_HEADER = 64
"""Bytes at the start of a WebP file that other pictures have too."""
_BLOCK = 1 << 24
_BITS = 20


@dataclass(frozen=True)
class Search:
    """A search for erased data in all bytes of some files.

    `searched` has the number of pictures and embeddings by kind, and `remains` that of pieces which are still there.
    `files` are the names of the files, none if the data is not in files of this machine, and `size` is in bytes.
    """

    searched: Mapping[str, int]
    files: tuple[str, ...]
    size: int
    remains: Mapping[str, int]


def search_files(files: Sequence[Path], traces: Mapping[str, Sequence[bytes]]) -> Search:
    """Search files for data by kind, see `find_remains`."""
    size = sum(file.stat().st_size for file in files if file.exists())
    searched = {kind: len(items) for kind, items in traces.items()}
    return Search(searched, tuple(file.name for file in files), size, find_remains(files, traces))


def find_remains(files: Iterable[Path], traces: Mapping[str, Sequence[bytes]]) -> dict[str, int]:
    """Return how many pieces of data remain in files, by kind, without those of which nothing remains.

    Args:
        files: Those that do not exist are skipped.
        traces: Data by kind, such as `{"crop": [webp, webp]}`.
    """
    kinds: dict[bytes, str] = {}
    for kind, data in traces.items():
        for item in data:
            for start in range(_HEADER if item.startswith(b"RIFF") else 0, len(item) - WINDOW + 1, WINDOW):
                piece = item[start : start + WINDOW]
                # Runs of equal bytes are everywhere.
                if len(set(piece)) > WINDOW // 4:
                    kinds[piece] = kind
    if not kinds:
        return {}
    starts = np.unique(np.frombuffer(b"".join(piece[:8] for piece in kinds), "<u8"))
    is_likely = np.zeros(1 << _BITS, bool)
    is_likely[_hash(starts)] = True
    found: set[bytes] = set()
    for file in files:
        if file.exists():
            found.update(_search(file, starts, is_likely, kinds))
    counts: dict[str, int] = {}
    for piece in found:
        counts[kinds[piece]] = counts.get(kinds[piece], 0) + 1
    return counts


def _search(file: Path, starts: AnyArray, is_likely: AnyArray, pieces: Mapping[bytes, str]) -> Iterable[bytes]:
    with file.open("rb") as opened:
        rest = b""
        while block := opened.read(_BLOCK):
            data = rest + block
            for shift in range(8):
                words = np.frombuffer(data, "<u8", count=max(0, (len(data) - shift) // 8), offset=shift)
                likely = np.flatnonzero(is_likely[_hash(words)])
                for row in likely[np.isin(words[likely], starts)].tolist():
                    place = shift + 8 * row
                    if (piece := data[place : place + WINDOW]) in pieces:
                        yield piece
            rest = data[-(WINDOW - 1) :]


def _hash(words: AnyArray) -> AnyArray:
    return np.asarray((words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS), np.intp)
