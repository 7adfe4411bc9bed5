"""Copy photos of a library to a folder, or link them there, without overwriting anything."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath

from app.batch.rows import digest_file
from app.batch.sources import PhotoSources, is_url
from app.errors import LibraryError, PhotoError
from app.text import display_path, first_line


def collect(paths: Iterable[str], folder: Path, link: bool, max_bytes: int, on_error: Callable[[str], object]) -> int:
    """Copy or link photos, and return how many the folder has now.

    A photo keeps its name; another one of the same name gets a number. A photo that is already there is not repeated.
    `on_error` gets a sentence for each photo that cannot be copied.

    Args:
        paths: Absolute paths or URLs.
        folder: Created if missing.
        link: Make symbolic links, which URLs do not support.
        max_bytes: Limit of a file behind a URL.
        on_error: Called with a sentence.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"{folder}: The folder cannot be created ({first_line(error)}).") from error
    done = 0
    for path in dict.fromkeys(paths):
        try:
            if link:
                _link(path, folder)
            elif is_url(path):
                _download(path, folder, max_bytes)
            else:
                _copy(Path(path), folder)
            done += 1
        except (OSError, PhotoError) as error:
            on_error(
                f"{display_path(path)}: The photo cannot be {'linked' if link else 'copied'} ({first_line(error)})."
            )
    return done


def _link(path: str, folder: Path) -> None:
    if is_url(path):
        raise OSError("A link cannot point to a URL. Use --copy-to.")
    Path(path).stat()
    for target in _free_names(PurePosixPath(path).name, folder):
        if target.is_symlink() and os.readlink(target) == path:  # noqa: PTH115 (compares text)
            return
        with suppress(FileExistsError):
            target.symlink_to(path)
            return


def _copy(path: Path, folder: Path) -> None:
    with path.open("rb"):
        _write(
            path.name,
            folder,
            lambda target: filecmp.cmp(path, target, shallow=False),
            lambda target: shutil.copy2(path, target),
        )


def _download(url: str, folder: Path, max_bytes: int) -> None:
    # A photo or a video, which may be too large for the memory.
    with PhotoSources([url]).open_video(url, max_bytes) as file:
        key = digest_file(file)

        def is_equal(target: Path) -> bool:
            with target.open("rb") as other:
                return digest_file(other) == key

        def write(target: Path) -> None:
            file.seek(0)
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy)

        _write(PurePosixPath(url).name, folder, is_equal, write)


def _write(name: str, folder: Path, is_equal: Callable[[Path], bool], write: Callable[[Path], object]) -> None:
    """Write a file under the first free name, completely or not at all, unless the folder has an equal one."""
    for target in _free_names(name, folder):
        if target.is_file() and is_equal(target):
            return
        try:
            target.open("xb").close()
        except FileExistsError:
            continue
        try:
            write(target)
        except BaseException:
            target.unlink()
            raise
        return


def _free_names(name: str, folder: Path) -> Iterator[Path]:
    path = PurePosixPath(name)
    yield folder / name
    for number in count(2):
        yield folder / f"{path.stem}-{number}{path.suffix}"
