"""Text formatting: counts in sentences, and file names as valid text."""

import os


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 face, 2 faces, 539 people."""
    plural = noun.removesuffix("person") + "people" if noun.endswith("person") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def display_path(path: str | os.PathLike[str]) -> str:
    r"""Return a path as valid text, distinct for distinct paths: undecodable bytes become \xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def first_line(error: BaseException) -> str:
    """Return the first line of an error message without its period, to quote it in a sentence."""
    return str(getattr(error, "strerror", None) or error).strip().split("\n")[0].rstrip(".")
