"""Person names: validation, comparison, search, sorting and file names."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

from app.errors import InvalidName

MAX_LENGTH = 100

_CONTROL_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))
_DIRECTION_CONTROLS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
_NO_DECOMPOSITION = str.maketrans("øłđð\u0131", "olddi") | str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode does not decompose into a plain letter and an accent."""


def clean(name: str) -> str:
    """Return a name composed (NFC) and stripped, or raise `InvalidName`."""
    # Some file systems decompose folder names. One person must not become two.
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        raise InvalidName("The name is empty. Enter a name.")
    if len(cleaned) > MAX_LENGTH:
        raise InvalidName(f"The name {cleaned[:20]!r}… has {len(cleaned)} characters. The limit is {MAX_LENGTH}.")
    if any(_is_control(letter) for letter in cleaned):
        raise InvalidName(f"The name {cleaned!r} has a control character. Write the name on one line, in letters.")
    return cleaned


def key(name: str) -> str:
    """Return the identity of a name: two people cannot have the same key. Case is ignored, accents are not."""
    # File names can hold half a surrogate pair, which databases reject.
    text = name.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())


def fold(text: str) -> str:
    """Return text without case, accents and punctuation, for search: "Zoë O'Brien-Øst" is "zoe obrienost"."""
    return "".join(letter for letter in _plain(text) if letter.isalnum() or letter.isspace())


def matches(name: str, query: str) -> bool:
    """Return whether a name contains every word of a search query."""
    folded = fold(name)
    return all(word in folded for word in fold(query).split())


def sort_key(name: str) -> tuple[str, str]:
    """Return the sorting key of a name: without case and accents first, then as written."""
    return _plain(name), name


def suggest(name: str, names: Iterable[str]) -> list[str]:
    """Return up to three of `names` that are similar to `name`."""
    by_plain = {_plain(other): other for other in names}
    return [by_plain[plain] for plain in difflib.get_close_matches(_plain(name), by_plain, n=3, cutoff=0.6)]


def slug(name: str) -> str:
    """Return a file name for a person, without suffix: lower-case ASCII letters, digits and hyphens."""
    ascii_letters = _plain(name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_letters).strip("-") or "person"


def check_unique(names: Iterable[str]) -> None:
    """Check that no two names have the same key."""
    keys: set[str] = set()
    for name in names:
        if key(name) in keys:
            raise InvalidName(f"duplicate name {name!r}")
        keys.add(key(name))


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in _CONTROL_CATEGORIES or (
        unicodedata.bidirectional(letter) in _DIRECTION_CONTROLS
    )


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_NO_DECOMPOSITION)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
