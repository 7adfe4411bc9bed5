"""Choice of one face in photos with several, written as PHOTO=NUMBER by CLI and API users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from app.errors import InvalidFaceChoice


def resolve_face_choices(texts: Iterable[str], files: Sequence[str]) -> dict[int, int]:
    """Resolve choices written as PHOTO=NUMBER.

    PHOTO is a photo's name, the end of its path if no other path ends the same, or its position, from 1.

    Args:
        texts: The choices.
        files: Name or path of each photo.

    Returns:
        The number of the face, from the left, by the index of the photo.

    Raises:
        InvalidFaceChoice: A choice is malformed or ambiguous, or there are two for one photo.

    Example:
        >>> resolve_face_choices(["a/us.jpg=2", "3=1"], ["a/us.jpg", "b/us.jpg", "c.jpg"])
        {0: 2, 2: 1}
    """
    choices: dict[int, int] = {}
    for text in texts:
        photo, _, number = text.rpartition("=")
        if not photo or not (number.isascii() and number.isdecimal() and len(number) <= 4):
            raise InvalidFaceChoice(
                f"{text[:100]!r} is not PHOTO=NUMBER. Write us.jpg=2 for the second face from the left."
            )
        index = _find_photo(photo, files)
        if index in choices:
            raise InvalidFaceChoice(f"Two faces are given for {files[index]!r}. Give one.")
        choices[index] = int(number)
    return choices


def _find_photo(photo: str, files: Sequence[str]) -> int:
    wanted = PurePath(photo)
    paths = [PurePath(file) for file in files]
    found = [index for index, path in enumerate(paths) if path == wanted]
    found = found or [index for index, path in enumerate(paths) if path.parts[-len(wanted.parts) :] == wanted.parts]
    if not found and photo.isascii() and photo.isdecimal() and 1 <= int(photo[:9]) <= len(files):
        found = [int(photo) - 1]
    if len(found) > 1:
        matches = " or ".join(f"{files[index]} (photo {index + 1})" for index in found[:5])
        raise InvalidFaceChoice(
            f"{photo[:100]!r} can mean {matches}. Write the path, or the position: {found[-1] + 1}=2."
        )
    if not found:
        raise InvalidFaceChoice(
            f"No photo is called {photo[:100]!r}. Write its name, or its position from 1 to {len(files)}."
        )
    return found[0]
