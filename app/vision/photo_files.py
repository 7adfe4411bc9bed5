"""Read photo files and search folders for them, with errors that are sentences."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import UnreadableFile
from app.text import first_line


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Read a file or pipe of at most `max_bytes`, or raise `UnreadableFile`."""
    return read_stream(lambda: path.open("rb"), max_bytes)


def read_stream(open_file: Callable[[], BinaryIO], max_bytes: int) -> bytes:
    """Read what `open_file` opens, at most `max_bytes`, or raise `UnreadableFile`."""
    try:
        with open_file() as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise UnreadableFile("not_found", "There is no such file.") from error
    except PermissionError as error:
        raise UnreadableFile("not_permitted", "Permission denied.") from error
    except OSError as error:
        raise UnreadableFile("unreadable", f"The file cannot be read ({first_line(error)}).") from error
    if len(data) > max_bytes:
        limit = f"{max_bytes / 1e6:g} MB (FACES_MAX_FILE_BYTES)"
        raise UnreadableFile("too_large", f"The file is too large. The limit is {limit}. Send a smaller copy.")
    return data


def find_photos(folder: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the visible photos in a folder and below, sorted. `on_error` gets what cannot be read."""
    # Reading a file needs no decoders, which take a while to import.
    from app.vision.decoding import is_photo_file

    try:
        with os.scandir(folder) as entries:
            visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda item: item.name)
    except OSError as error:
        on_error(error)
        return
    for entry in visible:
        path = Path(entry.path)
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_photo = not is_folder and is_photo_file(path)
        except OSError as error:
            on_error(error)
            continue
        if is_folder:
            yield from find_photos(path, on_error)
        elif is_photo:
            yield path
