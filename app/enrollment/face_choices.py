"""Choice of one face in photos with several, written as PHOTO=NUMBER by CLI and API users."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from app.errors import InvalidFaceChoice


def resolve_face_choices(texts: Iterable[str], files: Sequence[str]) -> dict[int, int]:
    """Resolve choices written as PHOTO=NUMBER.

    PHOTO is one of `files`, the end of its path if no other path ends the same, or its position, from 1. The result
    has the number of the face, from the left, by the index of the photo. Malformed and ambiguous choices, and two for
    one photo, raise `InvalidFaceChoice`.

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
    wanted, paths = PurePath(photo).parts, [PurePath(file).parts for file in files]
    found = [index for index, path in enumerate(paths) if path == wanted]
    found = found or [index for index, path in enumerate(paths) if path[-len(wanted) :] == wanted]
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
