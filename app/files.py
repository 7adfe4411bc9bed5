"""Write files completely or not at all, and with personal data for their owner alone."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LONG_NAME = 240
"""Bytes; file systems allow 255."""


def write_file(path: Path, data: bytes, private: bool = False) -> None:
    """Write a file completely, or raise OSError and keep the old content: see `open_complete`."""
    with open_complete(path, private) as file:
        file.write(data)


@contextmanager
def open_complete(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a file whose new content replaces the old one when the block ends without an exception.

    Pipes and devices have no content to keep. An existing file keeps its permissions. Only its owner can read a
    `private` file.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path = path.resolve()
    incomplete = path.with_name(f".{_short(path.name)}.part")
    try:
        with open(incomplete, "wb", opener=private_opener if private else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not private and path.exists():
            shutil.copymode(path, incomplete)
        incomplete.replace(path)
    except BaseException:
        incomplete.unlink(missing_ok=True)
        raise


def _short(name: str) -> str:
    """Return a file name, or its digest if the name is so long that no ending can be added."""
    data = os.fsencode(name)
    return name if len(data) < _LONG_NAME else hashlib.blake2b(data, digest_size=16).hexdigest()


def private_opener(path: str, flags: int) -> int:
    """Open a file, and create a new one for its owner alone: the `opener` of `open`."""
    return os.open(path, flags, 0o600)


def create_private(path: Path) -> None:
    """Create an empty file for its owner alone, unless it exists or cannot be created."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def make_private(paths: Iterable[Path]) -> None:
    """Withdraw the access of group and others from files that others may use.

    Files without access for others do not change: with mode 0660, an operator shares them with a group.
    """
    for path in paths:
        # The file may be missing or belong to another user.
        with suppress(OSError):
            if path.stat().st_mode & 0o007:
                path.chmod(0o600)
