"""Names of people: what is allowed, when two are the same, in which order they stand."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from app.errors import InvalidName

LONGEST = 100
"""Most characters of a name."""

_CONTROLS = frozenset(("Cc", "Cs", "Zl", "Zp"))
_DIRECTIONS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def clean(name: str) -> str:
    """A name as the gallery keeps it: composed (NFC) and without spaces around it.

    Raises:
        InvalidName: it is empty, too long, or has control characters.
    """
    # File systems of some machines hand out folder names decomposed; one person must not become two.
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        raise InvalidName("A person needs a name; this one is empty.")
    if len(cleaned) > LONGEST:
        raise InvalidName(f"The name {cleaned[:20]!r}… has {len(cleaned)} characters; {LONGEST} are the most.")
    if any(_controls(letter) for letter in cleaned):
        raise InvalidName(f"The name {cleaned!r} has a control character in it. Write it in letters on one line.")
    return cleaned


def key(name: str) -> str:
    """What two spellings of one name share: upper and lower case do not matter, accents do."""
    # Half a surrogate pair, as file names can hold, is no text that a database takes.
    text = name.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())


def order(name: str) -> tuple[str, str]:
    """The sorting key of a name: as if without accents and capitals, then by itself."""
    return _plain(name), name


def close(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of `names` that somebody who wrote `name` may have meant."""
    by_plain = {_plain(one): one for one in names}
    return [by_plain[plain] for plain in difflib.get_close_matches(_plain(name), by_plain, n=3, cutoff=0.6)]


def slug(name: str) -> str:
    """A file name for a person, without ending: small ASCII letters, digits and hyphens."""
    ascii_letters = _plain(name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_letters).strip("-") or "person"


def _controls(letter: str) -> bool:
    """Whether it steers the text around it: line breaks and the like, and overrides of the writing direction."""
    return unicodedata.category(letter) in _CONTROLS or unicodedata.bidirectional(letter) in _DIRECTIONS


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
