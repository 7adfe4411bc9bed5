from app.web.portraits import initials, person_heading


def test_initials_are_of_first_and_last_word():
    assert initials("Jean Claude van Damme") == "JD"
    assert initials("drake") == "D"


def test_a_gallery_with_added_people_has_people_instead_of_celebrities(empty_gallery, unit_vectors):
    assert person_heading(empty_gallery) == "Celebrity"
    empty_gallery.add("Bo", unit_vectors(1), ["bo.jpg"])
    assert person_heading(empty_gallery) == "Person"
