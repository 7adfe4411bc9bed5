import pytest

from app.gallery.store import Person
from app.web.portraits import folded, initials, search


@pytest.mark.parametrize(
    ("typed", "written"),
    [("beyonce", "Beyoncé"), ("ETOO", "Samuel Eto'o"), ("oster", "Øster"), ("lukasz", "Łukasz"), ("strasse", "Straße")],
)
def test_folding_makes_what_people_type_meet_what_is_written(typed, written):
    assert folded(typed) in folded(written)


def test_every_word_of_a_search_has_to_be_in_the_name():
    people = [Person(1, "Ann Lee", 1, False), Person(2, "Lee Ann Smith", 1, False), Person(3, "Ann Hall", 1, False)]
    assert [person.id for person in search(people, "lee ann")] == [1, 2]
    assert search(people, "  ") == people


def test_initials_are_of_first_and_last_word():
    assert initials("Jean Claude van Damme") == "JD"
    assert initials("drake") == "D"
