"""The pictures of a request to the API, or the problem that there are none, too many, or too large ones."""

from __future__ import annotations

from werkzeug.datastructures import FileStorage

from app.web.api.responses import Refused, no_image
from app.web.uploads import current_settings


def chosen(files: list[FileStorage], most: int) -> list[FileStorage]:
    """The files that were chosen: for an empty file field, browsers send a file without a name.

    Raises:
        Refused: there are none, or more than `most`.
    """
    uploads = [file for file in files if file.filename]
    if not uploads:
        raise no_image("image")
    if len(uploads) > most:
        raise Refused(413, "too_many_images", f"{len(uploads)} pictures came; {most} are the most in one request.")
    return uploads


def one(field: str, file: FileStorage | str) -> FileStorage:
    """The file of a field.

    Raises:
        Refused: it is text, or none was chosen.
    """
    if isinstance(file, str) or not file.filename:
        raise no_image(field)
    return file


def content(upload: FileStorage) -> bytes:
    """The bytes of a file.

    Raises:
        Refused: it is larger than the settings allow.
    """
    most = current_settings().max_file_bytes
    data = upload.read(most + 1)
    if len(data) > most:
        raise Refused(413, "too_large", f"The file is too large: {most / 1e6:g} MB are the most that is read.")
    return data
