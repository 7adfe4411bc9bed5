import time

import pytest

from app.gallery.name_search import Matches, NameSearch, suggest

LISTED = [
    *("Ann Lee", "Arnold Schwarzenegger", "Beyoncé", "Brad Pitt", "Drake", "Eminem", "Hannah Ann", "Jennifer Aniston"),
    *(
        "Jennifer Garner",
        "José María Aznar",
        "Lee Byung-hun",
        "Leonardo DiCaprio",
        "Samuel Eto'o",
        "Øster Straße",
        "李小龙",
    ),
]


@pytest.fixture(scope="module")
def search():
    index = NameSearch([name] for name in LISTED)

    def find(query: str) -> tuple[list[str], list[str]]:
        matches = index.find(query)
        return [LISTED[row] for row in matches.exact], [LISTED[row] for row in matches.close]

    return find


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("beyonce", ["Beyoncé"]),
        ("ETOO", ["Samuel Eto'o"]),
        ("oster strasse", ["Øster Straße"]),
        ("byunghun", ["Lee Byung-hun"]),
        ("lee  ann LEE", ["Ann Lee"]),
        ("nifer", ["Jennifer Aniston", "Jennifer Garner"]),
    ],
)
def test_a_name_with_every_word_matches(search, query, names):
    assert search(query) == (names, [])


def test_words_that_begin_like_the_query_come_first(search):
    assert search("an")[0] == ["Ann Lee", "Hannah Ann", "Jennifer Aniston"]
    assert search("ar")[0] == ["Arnold Schwarzenegger", "Jennifer Garner", "José María Aznar", "Leonardo DiCaprio"]


def test_an_empty_query_finds_everyone(search):
    assert search(" ! ") == (LISTED, [])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("beyonse", ["Beyoncé"]),
        ("Darke", ["Drake"]),
        ("bradpit", ["Brad Pitt"]),
        ("jenif", ["Jennifer Garner", "Jennifer Aniston"]),
        ("anistn jenifer", ["Jennifer Aniston"]),
        ("leo dicaprrio", ["Leonardo DiCaprio"]),
        ("arnold schwartzeneger", ["Arnold Schwarzenegger"]),
        ("byunghun leee", ["Lee Byung-hun"]),
        ("李小龍", ["李小龙"]),
        ("maria garcia", []),
        ("qx", []),
        ("somebody else", []),
    ],
)
def test_other_spellings_are_suggested(search, query, names):
    assert search(query) == ([], names)


def test_any_name_of_a_person_finds_them_once():
    index = NameSearch([["Drake", "Drizzy Drake"], ["Dwayne Johnson", "The Rock"]])
    assert index.find("drake") == Matches([0])
    assert index.find("rock") == Matches([1])
    assert index.find("drizy drak") == Matches(close=[0])
    assert index.find("the rok") == Matches(close=[1])


def test_unresolved_names_get_suggestions():
    people = [[name] for name in LISTED]
    assert suggest("Anne Lee", people) == ["Ann Lee"]
    assert suggest("Jennifer", people) == ["Jennifer Aniston", "Jennifer Garner"]
    assert suggest("anybody", []) == suggest("xyz", people) == []


def test_fifty_thousand_people_are_searched_in_a_tenth_of_a_second():
    index = NameSearch([f"Person Number {number} With Quite a Long Name"] for number in range(50_000))
    index.find("xyz")
    seconds = []
    for query in ("persom numbr", "4999", " ".join("abcdefghijklmnopqrstuvwxyz")):
        started = time.process_time()
        index.find(query)
        seconds.append(time.process_time() - started)
    assert sorted(seconds)[1] < 0.1
