"""Find and read the photos and videos of folders, files and URLs (Amazon S3, Google Cloud Storage, HDFS, Azure).

PyArrow opens URLs of s3, gs, hdfs, abfs and file. Options after a `?` go to its file system, for example
s3://bucket/2024?region=eu-west-1. Options and passwords (s3://KEY:SECRET@bucket) are not part of a photo's URL, which
every result row contains.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from app.errors import BatchError
from app.text import display_path, first_line
from app.vision import photo_files
from app.vision.decoding import SUFFIXES

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

OnSkip = Callable[[PurePath], object]

_URL = re.compile(
    r"([a-z][a-z0-9+.-]+://)([^/?@]*:[^/?@]*@)?([^/?]*)([^?]*)(\?.*)?",
    re.IGNORECASE | re.DOTALL,
)


class _Url(NamedTuple):
    base: str
    login: str
    path: str
    options: str

    @classmethod
    def parse(cls, text: str) -> _Url:
        scheme, login, host, path, options = _URL.findall(text)[0]
        return cls(scheme + host, login, path, options)


class _FolderError(NamedTuple):
    """A folder or URL that cannot be listed, and the reason as a sentence."""

    folder: str
    message: str


def is_url(source: str) -> bool:
    """Return whether a source is a URL and not a path of this machine."""
    return _URL.fullmatch(source) is not None


class PhotoFile(NamedTuple):
    """A photo or video by its path or URL.

    Size in bytes and time of change are those of its file, None if unknown.
    """

    path: str
    bytes: int | None = None
    modified_ns: int | None = None


def resolve(source: str) -> str:
    """Return the absolute path of a source without links, so that each photo has one path, or a URL unchanged."""
    return source if is_url(source) else os.path.realpath(source)


class PhotoSources:
    """The photos and videos below files, folders and URLs. Picklable; each process opens its own file systems.

    Without `videos`, those of folders are skipped.
    """

    def __init__(self, sources: Sequence[str], videos: bool = True) -> None:
        self._videos = videos
        self.sources = tuple(_without_nested(sources))
        self._locations = {display_path(_location(source)) for source in self.sources}
        self._unreadable: set[str] = set()
        self._file_systems: dict[str, tuple[FileSystem, str]] = {}
        self._secrets: dict[str, tuple[str, str]] = {}
        for url in map(_Url.parse, filter(is_url, self.sources)):
            login, options = self._secrets.get(url.base, ("", ""))
            self._secrets[url.base] = (login or url.login, options or url.options)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file_systems": {}}

    def photos(
        self,
        on_error: Callable[[str], object] = lambda _: None,
        on_skip: OnSkip = lambda _: None,
        on_missing: Callable[[str], object] | None = None,
    ) -> Iterator[PhotoFile]:
        """Yield every photo and video, sorted within each source, and report folders that cannot be read.

        Named files are included regardless of their suffix, other visible files go to `on_skip`. `on_missing`, by
        default `on_error`, gets sources without a photo. Folders are read lazily.
        """
        on_missing = on_missing or on_error
        for source in self.sources:
            errors: list[_FolderError] = []
            empty = True
            list_source = self._list_url if is_url(source) else _list_path
            for photo in list_source(source, errors, on_skip):
                if not self._includes(photo.path):
                    on_skip(PurePosixPath(photo.path))
                    continue
                empty = False
                yield photo
            for error in errors:
                self._unreadable.add(error.folder)
                on_error(error.message)
            if empty and not errors:
                name = display_path(_without_secrets(source))
                exists = is_url(source) or Path(source).exists()
                on_missing(f"{name}: {'The folder has no photos.' if exists else 'There is no such file or folder.'}")

    def contains(self, file: str) -> bool:
        """Return whether `photos` yields a photo of this path or URL, as `display_path` shows it, if it exists.

        Files and folders that it could not read are left out.
        """
        if file in self._locations:
            return file not in self._unreadable
        path = {file, *_folders(file)}
        is_below = not self._locations.isdisjoint(path) and self._unreadable.isdisjoint(path)
        return is_below and _has_photo_suffix(file) and self._includes(file)

    def _includes(self, path: str) -> bool:
        """Return whether a file is no video, if videos of folders are left out."""
        return self._videos or not photo_files.is_video(path) or display_path(path) in self._locations

    def read(self, photo: str, max_bytes: int) -> bytes:
        """Read a path or URL that `photos` yields. Raises `UnreadableFile`."""
        if not is_url(photo):
            return photo_files.read_photo(Path(photo), max_bytes)
        photo_files.reject_raw_file(PurePosixPath(photo))
        file_system, path = self._open(photo)
        return photo_files.read_stream(lambda: file_system.open_input_stream(path), max_bytes)

    def open_video(self, video: str, max_bytes: int) -> BinaryIO:
        """Open a path or URL of a video that `photos` yields, see `photo_files.open_video`."""
        return photo_files.open_video(lambda: self.open_stream(video), max_bytes)

    def open_stream(self, file: str) -> BinaryIO:
        """Open a path or URL that `photos` yields, to read it once from the beginning."""
        if not is_url(file):
            return Path(file).open("rb")
        file_system, path = self._open(file)
        return cast(BinaryIO, file_system.open_input_stream(path))

    def _list_url(self, source: str, errors: list[_FolderError], on_skip: OnSkip) -> Iterator[PhotoFile]:
        from pyarrow.fs import FileType

        url = _without_secrets(source)
        file_system, path = self._open(url)
        try:
            info = file_system.get_file_info(path)
        except OSError as error:
            errors.append(_FolderError(url.rstrip("/"), f"{url}: The URL cannot be read ({first_line(error)})."))
            return
        if info.type == FileType.Directory:
            messages: list[str] = []
            for photo in _walk(file_system, path, messages, on_skip):
                yield _photo_of(url.rstrip("/") + photo.path[len(path.rstrip("/")) :], photo)
            errors += [_FolderError(url.rstrip("/"), message) for message in messages]
        elif info.type == FileType.NotFound and not _has_photo_suffix(url):
            errors.append(_FolderError(url.rstrip("/"), f"{url}: No such file or folder."))
        else:
            yield _photo_of(url, info)

    def _open(self, url: str) -> tuple[FileSystem, str]:
        """Return the file system of a public URL, opened once, and the path in it, which may contain a `?`."""
        base = _Url.parse(url).base
        if base not in self._file_systems:
            self._file_systems[base] = _open_file_system(base, *self._secrets[base])
        file_system, root = self._file_systems[base]
        return file_system, (root.rstrip("/") + url[len(base) :]) or "/"


def _list_path(source: str, errors: list[_FolderError], on_skip: OnSkip) -> Iterator[PhotoFile]:
    def on_error(error: OSError) -> None:
        folder = display_path(str(error.filename))
        errors.append(_FolderError(folder, f"{folder}: The folder cannot be read ({error.strerror})."))

    try:
        is_folder = stat.S_ISDIR(os.stat(source).st_mode)  # noqa: PTH116 (Path.is_dir hides errors)
    except OSError as error:
        if _has_photo_suffix(source):
            # Reading the photo reports the reason.
            yield PhotoFile(source)
        elif not isinstance(error, FileNotFoundError):
            on_error(error)
        return
    if is_folder:
        yield from map(_stat, map(str, photo_files.find_photos(Path(source), on_error, on_skip, videos=True)))
    else:
        yield _stat(source)


def _stat(path: str) -> PhotoFile:
    try:
        status = os.stat(path)  # noqa: PTH116 (a million paths)
    except OSError:
        # Reading the photo reports the reason.
        return PhotoFile(path)
    return PhotoFile(path, status.st_size, status.st_mtime_ns)


def _photo_of(url: str, info: FileInfo) -> PhotoFile:
    return PhotoFile(url, info.size, info.mtime_ns)


def _walk(file_system: FileSystem, folder: str, errors: list[str], on_skip: OnSkip) -> Iterator[FileInfo]:
    from pyarrow.fs import FileSelector, FileType

    try:
        entries = file_system.get_file_info(FileSelector(folder))
    except OSError as error:
        errors.append(f"{folder}: The folder cannot be read ({first_line(error)}).")
        return
    for entry in sorted(entries, key=lambda entry: entry.base_name):
        if entry.base_name.startswith("."):
            continue
        if entry.type == FileType.Directory:
            yield from _walk(file_system, entry.path, errors, on_skip)
        elif _has_photo_suffix(entry.base_name):
            yield entry
        else:
            on_skip(PurePosixPath(entry.path))


def _open_file_system(base: str, login: str, options: str) -> tuple[FileSystem, str]:
    import pyarrow
    from pyarrow.fs import FileSystem

    try:
        file_system, root = FileSystem.from_uri(f"{base.replace('://', f'://{login}', 1)}/{options}")
    except (pyarrow.ArrowInvalid, OSError) as error:
        if "Unrecognized filesystem type" in str(error):
            raise BatchError(f"{base}: Unsupported URL. Use s3, gs, hdfs, abfs or file.") from error
        reason = first_line(error).replace(login, "")
        raise BatchError(f"{base}: The file system cannot be opened ({reason}).") from error
    return file_system, root


def _has_photo_suffix(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SUFFIXES | photo_files.RAW_SUFFIXES | photo_files.VIDEO_SUFFIXES


def _without_nested(sources: Sequence[str]) -> Iterator[str]:
    """Yield each source once, without those that another one contains, so that no photo gets two rows."""
    by_location = {_location(source): source for source in reversed(sources)}
    for location, source in reversed(by_location.items()):
        if not _is_listed(source) or by_location.keys().isdisjoint(_folders(location)):
            yield source


def _without_secrets(source: str) -> str:
    return _Url.parse(source).base + _Url.parse(source).path if is_url(source) else source


def _location(source: str) -> str:
    return (_without_secrets(source) if is_url(source) else str(Path(source).absolute())).rstrip("/")


def _folders(location: str) -> Iterator[str]:
    """Yield the folders from which a walk reaches a location: it skips hidden files and folders."""
    folder, slash, name = location.rpartition("/")
    while slash and not name.startswith("."):
        yield folder
        folder, slash, name = folder.rpartition("/")


def _is_listed(source: str) -> bool:
    """Return whether a walk includes this source: it skips files of other suffixes and links to folders."""
    path = Path(source)
    return is_url(source) or _has_photo_suffix(source) or (path.is_dir() and not path.is_symlink())
