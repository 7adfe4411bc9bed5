"""All people of a gallery at one moment, and the search among them."""

from dataclasses import dataclass
from functools import cached_property

from app.gallery.name_search import NameSearch
from app.gallery.names import initial
from app.gallery.people import Person


@dataclass(frozen=True)
class FoundPeople:
    """The people who match a query, the best first; `close` has people with similar names if no name matches."""

    people: list[Person]
    close: list[Person]


@dataclass(frozen=True)
class PeopleListing:
    """All people, sorted by name, after the change `revision`."""

    revision: int
    people: tuple[Person, ...]

    @cached_property
    def _names(self) -> NameSearch:
        return NameSearch(person.names for person in self.people)

    @cached_property
    def initials(self) -> dict[str, int]:
        """Position of the first person of each initial, in the order of the people."""
        positions: dict[str, int] = {}
        for position, person in enumerate(self.people):
            positions.setdefault(initial(person.name), position)
        return positions

    def search(self, query: str) -> FoundPeople:
        """Return the people of whom a name or alias matches a query, all for an empty one, see `NameSearch.find`."""
        if not query.strip():
            return FoundPeople(list(self.people), [])
        matches = self._names.find(query)
        exact, close = ([self.people[row] for row in rows] for rows in (matches.exact, matches.close))
        return FoundPeople(exact, close)
