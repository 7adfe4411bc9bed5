"""Where an archive's pictures lie: folders of this machine, and file systems by their URL, such as s3://bucket/2024.

PyArrow opens the URLs it knows (s3, gs, hdfs, abfs, file), fsspec all others for which it is installed. What stands
behind a `?` in a URL goes to PyArrow's file system: s3://bucket/2024?region=eu-west-1. Neither that nor a password, as
in s3://KEY:SECRET@bucket, is part of a picture's place, since that stands in every row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from app.errors import BatchError
from app.vision import photo_files
from app.vision.decoding import SUFFIXES

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]+://)(?P<login>[^/?@]*:[^/?@]*@)?(?P<host>[^/?]*)(?P<path>[^?]*)(?P<options>\?.*)?",
    re.IGNORECASE | re.DOTALL,
)

Complain = Callable[[str], None]
"""Takes a sentence about a folder that cannot be read or has no picture."""


def is_url(place: str) -> bool:
    """Whether a place is a URL and no path of this machine."""
    return _URL.fullmatch(place) is not None


def shown(place: str) -> str:
    r"""A place as valid text, different for different places: bytes that are no text become \xff."""
    return os.fsencode(place).decode("utf-8", "backslashreplace")


class PhotoSources:
    """The pictures below some paths and URLs. May be sent to other processes, which open file systems of their own.

    Args:
        roots: files, folders and URLs, as whoever calls named them.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots = tuple(_without_inner(roots))
        self._systems: dict[str, tuple[FileSystem, str]] = {}
        self._secrets: dict[str, tuple[str, str]] = {}
        for url in map(_URL.fullmatch, filter(is_url, self.roots)):
            login, options = self._secrets.get(_base(url), ("", ""))
            self._secrets[_base(url)] = (login or url["login"] or "", options or url["options"] or "")

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_systems": {}}

    def all(self, complain: Complain = lambda _: None) -> Iterator[str]:
        """Every picture, sorted within each root, found while they are asked for. Files that are named are taken
        whatever their ending.
        """
        for root in self.roots:
            yield from self._below_url(root, complain) if is_url(root) else _below_path(root, complain)

    def read(self, place: str, most: int) -> bytes:
        """The bytes of a picture.

        Args:
            place: as `all` gives it.
            most: bytes it may have.

        Raises:
            files.UnreadableFile: it is missing, closed to this user, too large, or disk or network fail.
        """
        if not is_url(place):
            return photo_files.read(Path(place), most)
        system, path = self._opened(place)
        return photo_files.read_opened(lambda: system.open_input_stream(path), most)

    def _below_url(self, root: str, complain: Complain) -> Iterator[str]:
        from pyarrow.fs import FileType

        url = _without_secrets(root)
        system, path = self._opened(url)
        try:
            kind = system.get_file_info(path).type
        except OSError as error:
            complain(f"{url}: It cannot be read ({_reason(error)}).")
            return
        if kind == FileType.NotFound and not _looks_like_picture(url):
            complain(f"{url}: There is nothing at this address.")
            return
        if kind != FileType.Directory:
            yield url
            return
        found = 0
        for inner in _below(system, path, lambda place, error: complain(f"{place}: {error}")):
            found += 1
            yield url.rstrip("/") + inner[len(path.rstrip("/")) :]
        if not found:
            complain(f"{url}: There is no picture in this folder.")

    def _opened(self, place: str) -> tuple[FileSystem, str]:
        """The file system of a place, opened once, and the path in it, which may well have a `?`."""
        base = _base(_URL.fullmatch(place))
        if base not in self._systems:
            self._systems[base] = _file_system(base, *self._secrets[base])
        system, top = self._systems[base]
        return system, (top.rstrip("/") + place[len(base) :]) or "/"


def _below_path(root: str, complain: Complain) -> Iterator[str]:
    try:
        is_folder = Path(root).is_dir()
    except OSError:
        # Whatever stands in the way is told when it is read as a file.
        is_folder = False
    if not is_folder:
        yield root
        return
    complaints = 0

    def refused(error: OSError) -> None:
        nonlocal complaints
        complaints += 1
        complain(f"{shown(str(error.filename))}: The folder cannot be read ({error.strerror}).")

    found = 0
    for path in photo_files.pictures(Path(root), refused):
        found += 1
        yield str(path)
    if not found and not complaints:
        complain(f"{shown(root)}: There is no picture in this folder.")


def _below(system: FileSystem, folder: str, refused: Callable[[str, str], None]) -> Iterator[str]:
    """The paths of all pictures below a folder of a file system, sorted, without hidden ones."""
    from pyarrow.fs import FileSelector, FileType

    try:
        inside = system.get_file_info(FileSelector(folder))
    except OSError as error:
        refused(folder, f"The folder cannot be read ({_reason(error)}).")
        return
    for info in sorted(inside, key=lambda info: info.base_name):
        if info.base_name.startswith("."):
            continue
        if info.type == FileType.Directory:
            yield from _below(system, info.path, refused)
        elif _looks_like_picture(info.base_name):
            yield info.path


def _file_system(base: str, login: str, options: str) -> tuple[FileSystem, str]:
    import pyarrow
    from pyarrow import fs

    address = base.replace("://", f"://{login}", 1)
    try:
        return fs.FileSystem.from_uri(f"{address}/{options}")
    except (pyarrow.ArrowInvalid, OSError) as error:
        if "Unrecognized filesystem type" not in str(error):
            reason = _reason(error).replace(login, "")
            raise BatchError(f"{base}: This address cannot be used ({reason}).") from error
    if options:
        raise BatchError(f"{base}: Only file systems that PyArrow opens take what stands behind a ?; leave it out.")
    try:
        import fsspec

        system, top = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise BatchError(
            f"{base}: No installed library opens such addresses ({_reason(error)}). PyArrow opens s3, gs, hdfs, abfs "
            "and file; for others install fsspec and what it asks for."
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(system)), top


def _base(url: re.Match[str]) -> str:
    return url["scheme"] + url["host"]


def _without_secrets(url: str) -> str:
    parts = _URL.fullmatch(url)
    return _base(parts) + parts["path"]


def _looks_like_picture(place: str) -> bool:
    return PurePosixPath(place).suffix.lower() in SUFFIXES


def _without_inner(roots: Sequence[str]) -> Iterator[str]:
    """Each root once, without those that another one holds: no picture is to have two rows."""
    known = {_compared(root): root for root in reversed(roots)}
    for place, root in reversed(known.items()):
        if not (_is_found(root) and any(_holds(other, place) for other in known)):
            yield root


def _compared(root: str) -> str:
    return _without_secrets(root).rstrip("/") if is_url(root) else str(Path(root).absolute())


def _holds(folder: str, place: str) -> bool:
    """Whether a walk through a folder comes by a place."""
    above = folder.rstrip("/") + "/"
    inner = place.removeprefix(above)
    return inner not in ("", place) and not any(part.startswith(".") for part in inner.split("/"))


def _is_found(root: str) -> bool:
    """Whether a walk takes this root along: named files are taken whatever their ending, links to folders followed."""
    path = Path(root)
    return is_url(root) or _looks_like_picture(root) or (path.is_dir() and not path.is_symlink())


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).strip().split("\n")[0].rstrip(".")
