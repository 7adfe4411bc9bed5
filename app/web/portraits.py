"""Portraits of the gallery: tiles, addresses and cached responses."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from flask import Response, current_app, request, url_for
from markupsafe import Markup

from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery, Person

_VERSION_LENGTH = 16  # characters of a portrait's sha256 in its address

CACHE_SECONDS = 3600
"""Time that a browser may show a portrait without asking the server, also after the person was erased."""

_headings: WeakKeyDictionary[Snapshot, str] = WeakKeyDictionary()  # by snapshot, since the query behind it takes 30 ms


@dataclass(frozen=True)
class Tile:
    """A person on a page: their name, and the initials that replace a missing portrait."""

    name: str
    portrait: str | None
    initials: str


def tile(person: Person) -> Tile:
    """Return a person's tile. The portrait's address contains its hash, so a new portrait is shown immediately."""
    version = portrait_version(person)
    address = version and url_for("pages.portrait", person_id=person.id, v=version)
    return Tile(person.name, address, initials(person.name))


def person_links(gallery: Gallery) -> Callable[[str], str]:
    """Return a function that links a name to the page of the person, if they are in the gallery."""
    ids, base = {person.name: person.id for person in gallery.people()}, url_for("people.index")

    def link(name: str) -> str:
        return Markup('<a href="{}/{}">{}</a>').format(base, ids[name], name) if name in ids else name

    return link


def portrait_version(person: Person) -> str | None:
    """Return the start of the hash of a person's portrait, None without a portrait."""
    return person.portrait_sha256 and person.portrait_sha256[:_VERSION_LENGTH]


def file_version(webp: bytes) -> str:
    """Return the start of a file's hash, as `portrait_version` does for a portrait."""
    return hashlib.sha256(webp).hexdigest()[:_VERSION_LENGTH]


def portrait_response(webp: bytes, version: str) -> Response:
    """Return a portrait file. Browsers may reuse it for an hour if `version`, of the address, is its current version.

    Shared caches may not keep it: they would serve it after the person was erased.
    """
    tag = file_version(webp)
    response = current_app.response_class(webp, mimetype="image/webp")
    response.set_etag(tag)
    response.headers["Cache-Control"] = f"private, max-age={CACHE_SECONDS}" if version == tag else "private, no-cache"
    response.make_conditional(request)
    return response


def initials(name: str) -> str:
    """Return the first letters of the first and last word of a name."""
    words = name.split()
    return "".join(word[0].upper() for word in (words[:1] + words[1:][-1:]))


def person_heading(gallery: Gallery) -> str:
    """Return the heading for a column of people: the shipped gallery has celebrities only."""
    snapshot = gallery.snapshot()
    if snapshot not in _headings:
        _headings[snapshot] = "Person" if gallery.added_people() else "Celebrity"
    return _headings[snapshot]
