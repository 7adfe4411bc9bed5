"""Counts in sentences."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 face, 2 faces, 539 people."""
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
