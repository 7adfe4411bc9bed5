import unicodedata

import pytest

from app.errors import InvalidName
from app.gallery import names

CYRILLIC_A = "\u0430"


def test_clean_composes_and_strips():
    assert names.clean("  " + unicodedata.normalize("NFD", "Beyoncé") + "\t") == "Beyoncé"


@pytest.mark.parametrize("name", ["Ann  Lee", "Ann\u00a0Lee", "Ann \u3000Lee", "\uff21\uff4e\uff4e Lee"])
def test_spaces_and_full_width_letters_become_plain(name):
    assert names.clean(name) == "Ann Lee"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("x" * 101, "has 101 characters. The limit is 100"),
        ("Ann\nLee", r"invisible or invalid character \(U\+000A\). Write the name on one line without it."),
        ("Ann\x00", r"U\+0000"),
        ("\u202eAnn", "RIGHT-TO-LEFT OVERRIDE"),
        ("Ann\ud800", r"U\+D800"),
        ("An\u200bn", r"U\+200B ZERO WIDTH SPACE"),
        ("An\u00adn", "SOFT HYPHEN"),
        ("\ufeffAnn", "ZERO WIDTH NO-BREAK SPACE"),
        ("Ann\u200f", "RIGHT-TO-LEFT MARK"),
        ("An\u200dn", "ZERO WIDTH JOINER"),
        ("\u3164", "HANGUL JUNGSEONG FILLER"),
        ("\u2800", "BRAILLE PATTERN BLANK"),
        ("\ufe0f", "VARIATION SELECTOR-16"),
    ],
)
def test_what_is_no_name_is_refused(name, sentence):
    with pytest.raises(InvalidName, match=sentence):
        names.clean(name)


PERSIAN = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"  # Ali Reza, with a zero-width non-joiner


@pytest.mark.parametrize(
    "name",
    [
        *("x" * 100, "Samuel Eto'o", "李小龙", "محمد صلاح", "J-Hope", "👤"),
        *(PERSIAN, "\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u845b\U000e0100\u57ce"),
    ],
)
def test_names_of_the_world_are_names(name):
    assert names.clean(name) == name


def test_capitals_do_not_make_another_person_but_accents_do():
    assert names.key("ÉMILE straße") == names.key("émile STRASSE")
    assert names.key("Émile") != names.key("Emile")
    assert names.key(unicodedata.normalize("NFD", "Émile")) == names.key("Émile")


@pytest.mark.parametrize("other", ["ann\u00a0 lee", "Ann\u200b Lee", "\uff21nn Lee", "Ann Lee\ufe0f"])
def test_spaces_and_invisible_characters_do_not_make_another_person(other):
    assert names.key(other) == names.key("Ann Lee")


@pytest.mark.parametrize(
    ("stored", "repaired"),
    [("An\u200bn\u00a0 Lee", "Ann Lee"), (PERSIAN, PERSIAN), ("\u3164", ""), ("\uff58" * 101, "x" * 100)],
)
def test_stored_names_are_repaired(stored, repaired):
    assert names.repair(stored) == repaired


@pytest.mark.parametrize(
    ("name", "other", "confusable"),
    [
        (f"P{CYRILLIC_A}ul", "Paul", True),
        ("\u0420\u0410UL", "Paul", True),
        ("\u0406van", "Ivan", True),
        ("K\u0131l\u0131ç", "Kiliç", True),
        ("Amie", "Arnie", False),
        ("Paul", "PAUL", False),
        ("Émile", "Emile", False),
        ("Иван", "Ivan", False),
    ],
)
def test_names_that_look_like_others_are_found(name, other, confusable):
    warnings = list(names.warn_confusable([name], ["Ann", other]))
    assert [f"The name {name} looks like {other}, another person" in warning for warning in warnings] == [
        True
    ] * confusable


def test_order_looks_past_accents_and_capitals():
    listed = ["Zoë", "50 Cent", "李小龙", "bob", "Émile", "Ann", "eve", "Åsa", "Øster"]
    ordered = ["Ann", "Åsa", "bob", "Émile", "eve", "Øster", "Zoë", "50 Cent", "李小龙"]
    assert sorted(listed, key=names.sort_key) == ordered
    assert [names.initial(name) for name in ordered] == list("AABEEOZ##")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Drake", "drake"),
        ("Beyoncé Knowles-Carter", "beyonce-knowles-carter"),
        ("Eto'o / x", "eto-o-x"),
        ("李", "person"),
    ],
)
def test_slugs_are_ascii_file_names(name, slug):
    assert names.slug(name) == slug
