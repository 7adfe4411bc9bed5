"""People whom a typed name may mean: those of the gallery, and of the library."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.arrays import FloatArray
from app.errors import InvalidName
from app.gallery import names
from app.gallery.name_search import NameSearch
from app.gallery.store import Gallery
from app.library.store import Library
from app.recognition.decision import find_opted_out
from app.recognition.recognizer import Recognizer
from app.recognition.scoring import rank
from app.web.portraits import Tile, initials, tile

MAX_CHOICES = 6
"""People suggested for a typed name."""

CLOSEST = 4
"""People suggested for a face."""

_NAMES = "SELECT name FROM person WHERE EXISTS (SELECT 1 FROM face WHERE person_id = person.id) ORDER BY key"


@dataclass(frozen=True)
class NameChoices:
    """People whom a typed name may mean, and the name of a new person, None if it is taken or invalid."""

    people: Sequence[Tile]
    new: str | None


def find_choices(library: Library, gallery: Gallery, name: str) -> NameChoices:
    """Return the people whose names match or resemble a typed name, those of the gallery first."""
    try:
        name = names.clean(name)
    except InvalidName:
        return NameChoices((), None)
    others = _other_names(library, gallery)
    search = NameSearch([other] for other in others)
    matches, found = search.find(name), gallery.search(name)
    people = [tile(person) for person in found.people]
    people += [_tile(others[row]) for row in matches.exact]
    if not people:
        people = [tile(person) for person in found.close] + [_tile(others[row]) for row in matches.close]
    return NameChoices(people[:MAX_CHOICES], None if known_name(library, gallery, name) else name)


def closest_people(recognizer: Recognizer, embedding: FloatArray, exclude: Collection[str]) -> list[Tile]:
    """Return the people of the gallery who are most similar to a face, float32 (dims,), without some names."""
    gallery = recognizer.gallery
    snapshot = gallery.snapshot()
    rules = recognizer.rules(snapshot)
    if find_opted_out(embedding[None], snapshot.opted_out, rules)[0]:
        return []
    ranking = rank(embedding, snapshot, rules.head)[: CLOSEST + len(exclude)]
    names_of_people = [row.person for row in ranking if row.person not in exclude][:CLOSEST]
    # A person of the snapshot can be removed meanwhile.
    return [tile(person) for name in names_of_people if (person := gallery.find(name))]


def known_name(library: Library, gallery: Gallery, name: str) -> str | None:
    """Return the name of the person whom a name or alias in any case means, None if there is none."""
    if person := gallery.find(name):
        return person.name
    with library.reading() as connection:
        query = "SELECT name FROM person WHERE key = ?"
        found = connection.execute(query, (names.key(name),)).fetchone()
    return found and str(found[0])


def allowed_name(library: Library, gallery: Gallery, name: str) -> str | None:
    """Return what `known_name` does, for a name that a face or a photo gets, or raise `OptedOut`."""
    gallery.rights.check_name(name)
    return known_name(library, gallery, name)


def _other_names(library: Library, gallery: Gallery) -> list[str]:
    """Return the names of the library's people who are not in the gallery."""
    in_gallery = {names.key(person.name) for person in gallery.people()}
    with library.reading() as connection:
        return [name for (name,) in connection.execute(_NAMES) if names.key(name) not in in_gallery]


def _tile(name: str) -> Tile:
    return Tile(name, None, initials(name))
