from app.web.portraits import initials


def test_initials_are_of_first_and_last_word():
    assert initials("Jean Claude van Damme") == "JD"
    assert initials("drake") == "D"
