"""Read photo files and search folders for them, with errors that are sentences."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from app.errors import PhotoError, UnreadableFile
from app.text import first_line

RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2"
    " .srf .srw .x3f".split()
)
"""File name endings of RAW files of cameras, which are reported as unsupported."""

RAW_FILE = "RAW files are not supported. Export a JPEG, and use that."

_LIMITS = {"too_many_pixels": "FACES_MAX_PIXELS", "too_complex": "FACES_DECODE_SECONDS and FACES_DECODE_BYTES"}


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Read a file or pipe of at most `max_bytes`, or raise `UnreadableFile`."""
    reject_raw_file(path)
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


def reject_raw_file(path: PurePath) -> None:
    """Raise `UnreadableFile` for the name of a RAW file."""
    if path.suffix.lower() in RAW_SUFFIXES:
        raise UnreadableFile("raw_file", RAW_FILE)


def explain(error: PhotoError) -> str:
    """Return the message for the owner of a photo, with the settings that raise a limit."""
    return f"{error} To raise the limit, set {_LIMITS[error.code]}." if error.code in _LIMITS else str(error)


def find_photos(
    folder: Path, on_error: Callable[[OSError], None], on_skip: Callable[[Path], object] = lambda _: None
) -> Iterator[Path]:
    """Yield the visible photos in a folder and below, sorted, and RAW files, so that they are reported.

    `on_error` gets what cannot be read, `on_skip` other visible files and links to folders.
    """
    # Reading a file needs no decoders, which take a while to import.
    from app.vision.decoding import SUFFIXES

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
            is_photo = not is_folder and path.suffix.lower() in SUFFIXES | RAW_SUFFIXES and entry.is_file()
        except OSError as error:
            on_error(error)
            continue
        if is_folder:
            yield from find_photos(path, on_error, on_skip)
        elif is_photo:
            yield path
        else:
            on_skip(path)
