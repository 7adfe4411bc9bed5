"""Search of database files for remains of erased data, in all bytes: rows, free pages and write-ahead log.

As a program, reads the paths of files and the data in hexadecimal as JSON, and prints the numbers of pieces as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.arrays import AnyArray
from app.errors import GalleryError

WINDOW = 32
"""Bytes of a piece. Remains of at least 63 bytes contain one, unless they cross the end of a page."""

_HEADER = 64
"""Bytes at the start of a WebP file that other pictures have too."""
_ROOT = Path(__file__).parents[2]
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
    """Search files of SQLite, which this process may use meanwhile, for data by kind, see `find_remains`."""
    size = 0
    for file in files:
        # SQLite deletes its logs with the last connection.
        with suppress(FileNotFoundError):
            size += file.stat().st_size
    searched = {kind: len(items) for kind, items in traces.items()}
    remains = _run_search(files, traces) if files and any(searched.values()) else {}
    return Search(searched, tuple(file.name for file in files), size, remains)


def _run_search(files: Iterable[Path], traces: Mapping[str, Sequence[bytes]]) -> dict[str, int]:
    """Run `find_remains` in another process.

    Closing a file releases all POSIX locks of the process on it, also those of SQLite's connections: other processes
    could then write at the same time. See https://www.sqlite.org/howtocorrupt.html, section 2.2.
    """
    question = {
        "files": [str(file.resolve()) for file in files],
        "traces": {kind: [item.hex() for item in items] for kind, items in traces.items()},
    }
    try:
        answer = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(question).encode(),
            capture_output=True,
            check=True,
            cwd=_ROOT,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise GalleryError("The data was erased, but the process that searches for its remains failed.") from error
    found: dict[str, int] = json.loads(answer.stdout)
    return found


def find_remains(files: Iterable[Path], traces: Mapping[str, Sequence[bytes]]) -> dict[str, int]:
    """Return how many pieces of data remain in files, by kind, without those of which nothing remains.

    Args:
        files: Those that do not exist are skipped. This process has no connection to them.
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
        with suppress(FileNotFoundError):
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


def _answer() -> None:
    question = json.load(sys.stdin)
    traces = {kind: list(map(bytes.fromhex, items)) for kind, items in question["traces"].items()}
    print(json.dumps(find_remains(map(Path, question["files"]), traces)))


if __name__ == "__main__":
    _answer()
