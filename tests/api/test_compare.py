from app import serialize
from tests.api.conftest import assert_problem
from tests.photos import OTHER, PERSON


def test_the_same_person(post, recognizer, photo, one):
    both = photo(OTHER, PERSON, side=220)
    response = post("compare", ("a", "one.jpg", one), ("b", "both.jpg", both))
    assert response.status_code == 200
    answer = response.get_json()
    assert answer == serialize.comparison(recognizer.compare(one, both))
    assert answer["same"] is True
    assert answer["faces"]["b"]["box"]["x"] > 450


def test_different_people(post, photo, one):
    answer = post("compare", ("a", "one.jpg", one), ("b", "other.jpg", photo(OTHER))).get_json()
    assert answer["same"] is False
    assert answer["score"] > answer["threshold"]


def test_problems_say_which_picture(post, one, nobody):
    good = ("a", "one.jpg", one)
    assert_problem(post("compare", good), 400, "no_image", "No picture came. Send multipart/form-data with a file in")
    assert post("compare", good).get_json()["detail"].endswith("the field b.")
    response = post("compare", good, ("b", "wall.jpg", nobody))
    assert_problem(response, 422, "no_face_found", "No face was found in the second picture.")
    response = post("compare", ("a", "bad.jpg", b"no picture"), ("b", "one.jpg", one))
    assert_problem(response, 422, "unreadable", "The first picture cannot be compared. The file could not be read")
