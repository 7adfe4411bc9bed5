"""Numbers with what they count, for sentences."""


def count(number: int, thing: str) -> str:
    """A number and what it counts: 1 face, 2 faces, 539 people."""
    several = "people" if thing == "person" else f"{thing}s"
    return f"{number:,} {thing if number == 1 else several}"
