"""Person names: validation, comparison, search, sorting and file names."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from app.errors import InvalidName

MAX_LENGTH = 100

_FORBIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters of other categories that show nothing, such as the Hangul fillers."""
_JOINERS = frozenset("\u200c\u200d")  # spelling in the scripts below, invisible in others
_JOINING_SCRIPTS = frozenset(
    "ARABIC BALINESE BENGALI DEVANAGARI GUJARATI GURMUKHI JAVANESE KANNADA KHMER MALAYALAM MONGOLIAN MYANMAR NKO ORIYA "
    "SINHALA SYRIAC TAMIL TELUGU TIBETAN".split()
)
_VARIATION_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_NO_DECOMPOSITION = str.maketrans("øłđð\u0131", "olddi") | str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode does not decompose into a plain letter and an accent."""


def clean(name: str) -> str:
    """Return a name in its normal form, or raise `InvalidName`.

    The normal form is Unicode's NFKC, with single spaces between words: full-width letters become plain ones, and
    accents from file systems that decompose them are composed.
    """
    stripped = unicodedata.normalize("NFKC", name).strip()
    if not stripped:
        raise InvalidName("The name is empty. Enter a name.")
    if len(stripped) > MAX_LENGTH:
        raise InvalidName(f"The name {stripped[:20]!r}… has {len(stripped)} characters. The limit is {MAX_LENGTH}.")
    invisible = next((letter for letter, allowed in _letters(stripped) if not allowed), None)
    if invisible or not key(stripped):
        letter = invisible or stripped[0]
        described = f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()
        raise InvalidName(
            f"The name {stripped!r} has an invisible or invalid character ({described}). Write the name on one line "
            "without it."
        )
    return " ".join(stripped.split())


def repair(name: str) -> str:
    """Return a stored name in its normal form, without the characters that `clean` rejects. It can be ""."""
    visible = "".join(letter for letter, allowed in _letters(_normalize(name)) if allowed or letter.isspace())
    repaired = " ".join(visible.split())[:MAX_LENGTH].strip()
    return repaired if key(repaired) else ""


def key(name: str) -> str:
    """Return the identity of a name: two people cannot have the same key.

    Case, spaces, compatible letters and invisible characters are ignored, accents are not.
    """
    letters = _VARIATION_SELECTORS.sub("", _normalize(name))
    visible = "".join(letter for letter in letters if letter.isspace() or not _is_invisible(letter))
    return " ".join(unicodedata.normalize("NFKC", visible.casefold()).split())


def warn_confusable(names: Iterable[str], others: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each of `names` that looks like one of `others` in letters of another alphabet.

    Names are compared by their skeletons (UTS 39). Names in ASCII never look like each other.
    """
    by_skeleton: dict[str, list[str]] = {}
    for name in names:
        by_skeleton.setdefault(_skeleton(name), []).append(name)
    for other in others:
        for name in by_skeleton.get(_skeleton(other), ()):
            if key(other) != key(name) and not (name + other).isascii():
                yield (
                    f"The name {name} looks like {other}, another person in the gallery, but has other letters. If "
                    "they are one person, use the existing name, or merge the two people."
                )


def fold(text: str) -> str:
    """Return text without case, accents and punctuation, for search: "Zoë O'Brien-Øst" is "zoe obrienost"."""
    return _PUNCTUATION.sub("", _plain(text))


def sort_key(name: str) -> tuple[bool, str, str]:
    """Return the sorting key of a name: by `initial`, without case and accents, then as written."""
    plain = _plain(name)
    return not "a" <= plain[:1] <= "z", plain, name


def initial(name: str) -> str:
    """Return the first letter of a name, A to Z without accent, or "#" for all others, which are sorted last."""
    letter = _plain(name)[:1].upper()
    return letter if "A" <= letter <= "Z" else "#"


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


def _letters(name: str) -> Iterator[tuple[str, bool]]:
    """Yield each character of a name, and whether it is allowed."""
    for before, letter, after in zip(" " + name, name, name[1:] + " ", strict=False):
        joins = letter in _JOINERS and _is_joining(before) and _is_joining(after)
        yield letter, joins or not _is_invisible(letter)


def _is_invisible(letter: str) -> bool:
    return letter in _BLANKS or unicodedata.category(letter) in _FORBIDDEN_CATEGORIES


def _is_joining(letter: str) -> bool:
    return unicodedata.name(letter, "").partition(" ")[0] in _JOINING_SCRIPTS


def _normalize(name: str) -> str:
    # File names can hold half a surrogate pair, which databases reject.
    return unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode())


def _skeleton(name: str) -> str:
    return unicodedata.normalize("NFD", name).translate(_prototypes()).casefold()


@cache
def _prototypes() -> dict[int, str]:
    """Return the prototype of each character that looks like another, by code point."""
    from confusable_homoglyphs.confusables import confusables_data

    # In this table a prototype has all its look-alikes, and each of them has the prototype alone.
    similar = {letter: [other["c"] for other in others] for letter, others in confusables_data.items()}
    prototypes = {}
    for letter, others in similar.items():
        if len(letter) == len(others) == 1 and (len(similar.get(others[0], ())) > 1 or others[0] < letter):
            prototypes[ord(letter)] = others[0]
    return prototypes


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_NO_DECOMPOSITION)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
