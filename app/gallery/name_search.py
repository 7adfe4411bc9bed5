"""Typo-tolerant search of people by name: names that contain the words of a query, otherwise close names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from app.arrays import AnyArray, IntArray
from app.gallery.names import fold

MAX_CLOSE = 3
"""Most suggestions for a query that no name matches."""

_CLOSE_RATIO = 0.78  # similarity of a whole name and a query, without spaces, from 0 to 1


@dataclass(frozen=True)
class Matches:
    """Positions of people, the best first: `exact`, or `close` ones if no name matches the query."""

    exact: Sequence[int] = ()
    close: Sequence[int] = ()


class NameSearch:
    """Index of people, given by all names of each. One index serves all queries until a name changes.

    Example:
        >>> NameSearch([["Beyoncé", "Queen B"], ["Drake"]]).find("beyonse")
        Matches(exact=(), close=[0])
    """

    def __init__(self, people: Iterable[Iterable[str]]) -> None:
        rows = [(position, fold(name)) for position, names in enumerate(people) for name in names]
        self._people = [position for position, _ in rows]
        self._names = [f" {name}" for _, name in rows]

    def find(self, query: str) -> Matches:
        """Find the people of whom a name contains every word of a query; an empty query finds everyone.

        Case, accents and punctuation do not matter. Names that begin a word with each word of the query come first,
        otherwise the order is that of the index. If no name matches, up to `MAX_CLOSE` people are suggested, see
        `_find_close`.
        """
        words = list(dict.fromkeys(fold(query).split()))
        found = [row for row, name in enumerate(self._names) if all(word in name for word in words)]
        if not found:
            return Matches(close=list(islice(self._unique(self._find_close(words)), MAX_CLOSE)))
        beginnings = [f" {word}" for word in words]
        found.sort(key=lambda row: not all(beginning in self._names[row] for beginning in beginnings))
        return Matches(list(self._unique(found)))

    def _find_close(self, words: Sequence[str]) -> Iterator[int]:
        """Yield rows of close names, the most similar first.

        Each word of the query is a few typos from the beginning of another word of the name, since pages search while
        the visitor types. Or the whole name is similar, which finds missing and additional spaces.
        """
        listed, numbers, rows = self._words
        # Each word needs another word of the name, so long queries cost nothing among short names.
        typos = np.where(np.bincount(rows, minlength=len(self._names)) < len(words), np.inf, 0.0)
        for word in words:
            if np.isinf(typos).all():
                break
            least = np.full(len(self._names), np.inf)
            np.minimum.at(least, rows, _count_typos(word, listed)[numbers])
            typos += least
        ratios = cdist(["".join(words)], self._joined, scorer=OSA.normalized_similarity, dtype=np.float32)[0]
        close = np.flatnonzero(np.isfinite(typos) | (ratios >= _CLOSE_RATIO))
        for row in close[np.lexsort((-ratios[close], typos[close]))].tolist():
            if ratios[row] >= _CLOSE_RATIO or _match_distinct(words, self._names[row].split()):
                yield row

    @cached_property
    def _joined(self) -> list[str]:
        return [name.replace(" ", "") for name in self._names]

    @cached_property
    def _words(self) -> tuple[list[str], IntArray, IntArray]:
        """All different words of names, and the number of the word and the row of each of their places."""
        numbers: dict[str, int] = {}
        places = [(word, row) for row, name in enumerate(self._names) for word in name.split()]
        ids = np.array([numbers.setdefault(word, len(numbers)) for word, _ in places], np.int64)
        return list(numbers), ids, np.array([row for _, row in places], np.int64)

    def _unique(self, rows: Iterable[int]) -> Iterator[int]:
        seen: set[int] = set()
        for row in rows:
            person = self._people[row]
            if person not in seen:
                seen.add(person)
                yield person


def _count_typos(word: str, others: Sequence[str]) -> AnyArray:
    """Return the typos between a word and the beginnings of others, infinity for too many: float64 (others,)."""
    allowed = 0 if len(word) < 3 else 1 if len(word) < 6 else 2  # as in Lucene's fuzzy queries
    beginnings = [other[: len(word) + allowed] for other in others]
    distances = cdist([word], beginnings, scorer=OSA.distance, score_cutoff=allowed, dtype=np.uint8)[0]
    return np.where(distances > allowed, np.inf, distances)


def _match_distinct(words: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether each word is close to a different one of `others`."""
    left = list(others)
    for word in words:
        typos = _count_typos(word, left)
        if not np.isfinite(typos).any():
            return False
        del left[int(typos.argmin())]
    return True


def suggest(query: str, people: Sequence[Sequence[str]]) -> list[str]:
    """Return up to `MAX_CLOSE` people whom a query may mean, the best first. Of each, the first name is returned."""
    found = NameSearch(people).find(query)
    return [people[position][0] for position in [*found.exact, *found.close][:MAX_CLOSE]]
