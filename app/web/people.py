"""The gallery as pages show it: who matches a search, and where each portrait is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from app.gallery.store import Person

VERSION = 16
"""Characters of a portrait's sha256 that its address carries."""

_NO_DECOMPOSITION = str.maketrans("øłđð\u0131", "olddi") | str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode does not take apart into a plain one and an accent."""


@dataclass(frozen=True)
class Tile:
    """A person as a page shows them; without a portrait (`portrait` is None) the initials stand in."""

    name: str
    portrait: str | None
    initials: str


def tile(person: Person) -> Tile:
    """A person's tile. The portrait's address names its content, so browsers may keep it for ever."""
    if not person.has_portrait:
        return Tile(person.name, None, initials(person.name))
    address = url_for("web.portrait", person_id=person.id, v=person.portrait_sha256[:VERSION])
    return Tile(person.name, address, initials(person.name))


def search(people: Iterable[Person], query: str) -> list[Person]:
    """The people whose name holds every word of the query, whatever the case and accents of either."""
    words = folded(query).split()
    return [person for person in people if all(word in folded(person.name) for word in words)]


def folded(text: str) -> str:
    """Text without case, accents and punctuation, for comparing what people type with what is written."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_NO_DECOMPOSITION)
    return "".join(letter for letter in plain if letter.isalnum() or letter.isspace())


def initials(name: str) -> str:
    """The first letters of the first and last word of a name."""
    words = name.split()
    return "".join(word[0].upper() for word in (words[:1] + words[1:][-1:]))
