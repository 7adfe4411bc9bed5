"""Read photo and video files and search folders for them, with errors that are sentences."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from app.errors import PhotoError, UnreadableFile
from app.text import first_line

RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2"
    " .srf .srw .x3f".split()
)
"""File name endings of RAW files of cameras, which are reported as unsupported."""

VIDEO_SUFFIXES = frozenset(".3gp .asf .avi .divx .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .vob .webm .wmv".split())
"""File name endings of videos. Not .ts, which is also the ending of TypeScript files."""

RAW_FILE = "RAW files are not supported. Export a JPEG, and use that."

_LIMITS = {
    "too_many_pixels": "FACES_MAX_PIXELS",
    "too_complex": "FACES_DECODE_SECONDS and FACES_DECODE_BYTES",
    "too_long": "FACES_MAX_VIDEO_SECONDS",
}

_COPIED_BYTES = 1 << 20


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Read a file or pipe of at most `max_bytes`, or raise `UnreadableFile`."""
    reject_raw_file(path)
    return read_stream(lambda: path.open("rb"), max_bytes)


def read_stream(open_file: Callable[[], BinaryIO], max_bytes: int) -> bytes:
    """Read what `open_file` opens, at most `max_bytes`, or raise `UnreadableFile`."""
    with explain_errors(), open_file() as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_large_error(max_bytes, "FACES_MAX_FILE_BYTES")
    return data


def is_video(path: str | PurePath) -> bool:
    """Return whether the name of a file is that of a video."""
    return PurePath(path).suffix.lower() in VIDEO_SUFFIXES


def open_video(open_file: Callable[[], BinaryIO], max_bytes: int) -> BinaryIO:
    """Open a video of at most `max_bytes` as a file on this machine, or raise `UnreadableFile`.

    A stream is copied to a temporary file, since decoders read videos in any order.
    """
    with explain_errors():
        file = open_file()
        if not _is_regular(file):
            with file as stream:
                file = _copy(stream, max_bytes)
        if os.fstat(file.fileno()).st_size > max_bytes:
            file.close()
            raise _too_large_error(max_bytes, "FACES_MAX_VIDEO_BYTES")
    return file


def _is_regular(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        # PyArrow's files have no descriptor.
        return False


def _copy(stream: BinaryIO, max_bytes: int) -> BinaryIO:
    """Copy a stream to a temporary file, until it exceeds the limit."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        size = 0
        while size <= max_bytes and (data := stream.read(_COPIED_BYTES)):
            size += file.write(data)
        file.seek(0)
        stack.pop_all()
        return file


@contextmanager
def explain_errors() -> Iterator[None]:
    """Turn errors of the operating system into `UnreadableFile`."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableFile("not_found", "There is no such file.") from error
    except PermissionError as error:
        raise UnreadableFile("not_permitted", "Permission denied.") from error
    except OSError as error:
        raise UnreadableFile("unreadable", f"The file cannot be read ({first_line(error)}).") from error


def _too_large_error(max_bytes: int, setting: str) -> UnreadableFile:
    limit = f"{max_bytes / 1e6:,g} MB ({setting})"
    return UnreadableFile("too_large", f"The file is too large. The limit is {limit}. Send a smaller copy.")


def reject_raw_file(path: PurePath) -> None:
    """Raise `UnreadableFile` for the name of a RAW file."""
    if path.suffix.lower() in RAW_SUFFIXES:
        raise UnreadableFile("raw_file", RAW_FILE)


def explain(error: PhotoError) -> str:
    """Return the message for the owner of a photo, with the settings that raise a limit."""
    return f"{error} To raise the limit, set {_LIMITS[error.code]}." if error.code in _LIMITS else str(error)


def find_photos(
    folder: Path,
    on_error: Callable[[OSError], None],
    on_skip: Callable[[Path], object] = lambda _: None,
    videos: bool = False,
) -> Iterator[Path]:
    """Yield the visible photos in a folder and below, sorted, and RAW files, so that they are reported.

    With `videos`, yield videos too.

    `on_error` gets what cannot be read, `on_skip` other visible files and links to folders.
    """
    # Reading a file needs no decoders, which take a while to import.
    from app.vision.decoding import SUFFIXES

    suffixes = SUFFIXES | RAW_SUFFIXES | (VIDEO_SUFFIXES if videos else frozenset())
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
            is_photo = not is_folder and path.suffix.lower() in suffixes and entry.is_file()
        except OSError as error:
            on_error(error)
            continue
        if is_folder:
            yield from find_photos(path, on_error, on_skip, videos)
        elif is_photo:
            yield path
        else:
            on_skip(path)
