"""The gallery as pages show it: who matches a search, and where each portrait is."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from flask import Response, current_app, request, url_for
from werkzeug.http import quote_etag

from app.gallery.store import Person

VERSION = 16
"""Characters of a portrait's sha256 that its address carries."""

_A_YEAR = 365 * 24 * 3600

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
    version = portrait_version(person)
    address = None if version is None else url_for("pages.portrait", person_id=person.id, v=version)
    return Tile(person.name, address, initials(person.name))


def portrait_version(person: Person) -> str | None:
    """What the address of a person's portrait carries of its hash, or None if there is no portrait."""
    return person.portrait_sha256[:VERSION] if person.has_portrait else None


def portrait_response(webp: bytes, version: str) -> Response:
    """A portrait, to be kept for ever if the address says which version it is, else to be asked for anew.

    Args:
        webp: the file.
        version: what the address says.
    """
    tag = hashlib.sha256(webp).hexdigest()[:VERSION]
    response = current_app.response_class(webp, mimetype="image/webp", headers={"ETag": quote_etag(tag)})
    if version == tag:
        response.cache_control.public = True
        response.cache_control.max_age = _A_YEAR
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    return response.make_conditional(request)


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
