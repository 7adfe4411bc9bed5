"""Files of whoever uses the program: reading one, and the pictures in a folder. What goes wrong is a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import UnreadableFile


def read_photo(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Args:
        path: the file; a pipe will do.
        most: bytes it may have.

    Raises:
        UnreadableFile: it is missing, closed to this user, too large, or the disk fails.
    """
    return read_stream(lambda: path.open("rb"), most)


def read_stream(opening: Callable[[], BinaryIO], most: int) -> bytes:
    """The bytes of a file that somebody else knows how to open.

    Args:
        opening: gives the file, or raises OSError.
        most: bytes it may have.

    Raises:
        UnreadableFile: as `read`.
    """
    with _sentences(), opening() as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UnreadableFile(
            "too_large", f"The file is too large: {most / 1e6:g} MB are the most that is read (FACES_MAX_FILE_BYTES)."
        )
    return data


def find_photos(folder: Path, refused: Callable[[OSError], None]) -> Iterator[Path]:
    """The pictures in a folder and below, sorted, without hidden ones; found while they are asked for.

    Args:
        folder: where to look.
        refused: called with what the system says of each folder that cannot be read.
    """
    # Opening a file needs no picture formats, which take a while to import.
    from app.vision.decoding import is_photo_file

    try:
        with os.scandir(folder) as entries:
            inside = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        refused(error)
        return
    for entry in inside:
        path = Path(folder, entry.name)
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_picture = not is_folder and is_photo_file(path)
        except OSError as error:
            refused(error)
            continue
        if is_folder:
            yield from find_photos(path, refused)
        elif is_picture:
            yield path


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableFile("not_found", "There is no such file.") from error
    except PermissionError as error:
        raise UnreadableFile("not_permitted", "This user may not read the file.") from error
    except OSError as error:
        reason = error.strerror or str(error).strip().split("\n")[0].rstrip(".")
        raise UnreadableFile("unreadable", f"The file cannot be read ({reason}).") from error
