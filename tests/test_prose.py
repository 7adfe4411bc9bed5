"""Prose check: docstrings, comments, texts and documents avoid metaphors, odd phrases and British spellings."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from app.settings import ROOT

# Regular expression of a phrase -> what to write. A space matches any white space.
PHRASES = {
    # Metaphors.
    r"(door|room|house|gate|desk|guest|stranger|journey|farewell)s?": "the technical term",
    r"guard(s|ed|ing)?": "limiter, watchdog, check or protection",
    r"knock(s|ed|ing)?": "connect or request",
    r"dice": "sample or random number",
    r"likeness(es)?": "similarity",
    r"sightings?": "detection",
    # Phrases that read as if translated.
    r"anew": "again",
    r"besides": "also, or apart from",
    r"(so|that) many": "N, or a number",
    r"of these(?! \w+s\b)": "the noun",
    r"stands": "is",
    r"(lies|laid)": "is",
    r"told": "reported",
    r"tells of": "reports",
    r"looked at": "processed or searched",
    r"(goes|go|going|gone|went) on with": "continue or resume",
    r"tak(es?|ing|en) over": "import or replace",
    r"(leaves?|left) (it |them )?alone": "ignore or keep",
    r"by heart": "memorized",
    r"at once": "immediately, or at a time",
    r"by (itself|themselves)": "alone or automatically",
    r"for ever": "forever",
    r"what is there": "the noun",
    r"as (it is|they are)": "unchanged",
    r"(who|what)(so)?ever (is|has|may|can|was|asks|wants)": "name the actor",
    r"(whoever|somebody|nobody)": "name the actor",
    # British spellings.
    r"(colour|favour|behaviour|neighbour|honour|labour|rumour)(s|ed|ing|ite|ites|able)?": "-or",
    r"grey(s|ed)?": "gray",
    r"(centre|metre|litre|fibre|theatre)(s|d)?": "-er",
    r"\w+(ognis|malis|ganis|[tn]imis|tomis|aximis|egoris|maris|oris|chronis|ialis)(e|es|ed|ing|ation)": "-ize",
    r"(analys|paralys)(e|es|ed|ing)": "analyze",
    r"(label|model|cancel|travel|signal|channel)l(ed|ing)": "one l",
    r"enrol(s|ment|ments)?": "enroll, enrollment",
    r"(learnt|spelt|burnt|dreamt)": "-ed",
    r"(licence|defence|offence|judgement|artefact|programme|catalogue|whilst|amongst)s?": "the American spelling",
}
PATTERN = re.compile("|".join(rf"\b(?P<p{n}>{p})\b" for n, p in enumerate(PHRASES)).replace(" ", r"\s+"), re.IGNORECASE)

# Quotations of other texts: file and phrase.
ALLOWED = {("docs/explanation/model-card.md", "analyses"), ("docs/explanation/law.md", "offences")}

FILES = sorted(
    path
    for pattern in (
        *("app/**/*.py", "templates/**/*.html", "static/*.js"),
        *("docs/**/*.md", "README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/**/*"),
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)


def python_prose(source: str) -> str:
    """Return the strings and comments of Python code at their positions, and NUL in place of other code."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    prose = list(re.sub(r"\S", "\0", source))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.STRING, tokenize.COMMENT):
            continue
        text = re.sub(r"""^\w*("{3}|'{3}|"|')|("{3}|'{3}|"|')$|^\#|\\n""", lambda m: " " * len(m[0]), token.string)
        start = starts[token.start[0] - 1] + token.start[1]
        prose[start : start + len(text)] = text
    return "".join(prose)


def prose(path: Path) -> str:
    """Return the text of a file with code and comment markers blanked."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return python_prose(text)
    if path.suffix == ".js":
        return re.sub(r"^\s*(\*|//)|//", lambda match: re.sub(r"\S", " ", match[0]), text, flags=re.MULTILINE)
    return text


def violations(name: str, text: str) -> list[str]:
    """Return `file:line: phrase (suggestion)` for each phrase to avoid."""
    found = []
    for match in PATTERN.finditer(text):
        phrase = " ".join(match[0].split()).lower()
        suggestion = list(PHRASES.values())[int(match.lastgroup[1:])]
        if (name, phrase) not in ALLOWED:
            found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {phrase!r} (write: {suggestion})")
    return found


def test_no_phrase_to_avoid():
    found = [each for path in FILES for each in violations(path.relative_to(ROOT).as_posix(), prose(path))]
    if found:
        message = f"{len(found)} phrases to avoid, see PHRASES in tests/test_prose.py:"
        pytest.fail("\n".join([message, *found]), pytrace=False)


@pytest.mark.parametrize(
    ("source", "phrase"),
    [
        ('"""Start anew."""\n', "x.py:1: 'anew' (write: again)"),
        ("a = 1\n# Do it at\n# once.\n", "x.py:2: 'at once' (write: immediately, or at a time)"),
        ('a = ("so "\n     f"many")\n', "x.py:1: 'so many' (write: N, or a number)"),
    ],
)
def test_phrases_are_found_in_python(source, phrase):
    assert violations("x.py", python_prose(source)) == [phrase]


@pytest.mark.parametrize("source", ['a = ["so", "many"]\n', "guests = strangers_named\n", '"""Relies on it."""\n'])
def test_code_is_no_prose(source):
    assert violations("x.py", python_prose(source)) == []
