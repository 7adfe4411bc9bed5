import copy
from dataclasses import replace

from PIL import Image

from app import serialization
from app.recognition.recognizer import Recognizer
from app.vision.quality import QualityFloor
from app.web.factory import create_app
from tests import photos
from tests.photos import OTHER, PERSON
from tests.web.api.conftest import assert_problem, send


def test_the_same_person(post, recognizer, photo, one):
    both = photo(OTHER, PERSON, side=220)
    response = post("compare", ("a", "one.jpg", one), ("b", "both.jpg", both))
    assert response.status_code == 200
    answer = response.get_json()
    assert answer == serialization.comparison(recognizer.compare(one, both))
    assert (answer["verdict"], answer["pairs"]) == ("same", 2)
    assert [answer["faces"][side]["index"] for side in "ab"] == [1, 2]
    assert answer["faces"]["b"]["box"]["x"] > 450


def test_chosen_faces(post, photo, one):
    files = ("a", "one.jpg", one), ("b", "both.jpg", photo(OTHER, PERSON, side=220))
    all_faces = post("compare", *files).get_json()
    chosen = post("compare?face_a=1&face_b=2", *files).get_json()
    assert (chosen["verdict"], chosen["pairs"]) == ("same", 1)
    assert chosen["score"] == all_faces["score"]
    assert chosen["threshold"] > all_faces["threshold"]
    other = post("compare?face_b=1", *files).get_json()
    assert (other["verdict"] != "same", other["faces"]["b"]["index"]) == (True, 1)
    response = post("compare?face_b=3", *files)
    detail = "The second photo has no face 3. Choose a number from 1 to 2, counted from the left."
    assert_problem(response, 422, "no_such_face", detail)
    assert_problem(post("compare?face_a=0", *files), 400, "invalid_parameter", "The parameter face_a cannot be '0'")


def test_faces_of_low_quality_are_not_compared(settings, recognizer, photo, one):
    network = copy.copy(recognizer.network)
    # In `both` the left face is a quarter of the size of the right one.
    network.card = replace(network.card, quality=QualityFloor(eye_distance=45.0))
    strict = Recognizer(settings, recognizer.detector, network, recognizer.gallery)
    client = create_app(settings, strict).test_client()
    small, large = (photos.paste(photos.portraits()[PERSON], size=(500, 400), side=side) for side in (80, 300))
    both = Image.new("RGB", (1000, 400))
    both.paste(small, (0, 0))
    both.paste(large, (500, 0))
    files = ("a", "one.jpg", one), ("b", "both.jpg", photos.encode(both))
    answer = send(client, "compare", *files).get_json()
    assert (answer["pairs"], answer["faces"]["b"]["index"]) == (1, 2)
    response = send(client, "compare?face_b=1", *files)
    detail = "Face 1 in the second photo cannot be compared. This face is too small"
    assert_problem(response, 422, "low_quality", detail)


def test_different_people(post, photo, one):
    answer = post("compare", ("a", "one.jpg", one), ("b", "other.jpg", photo(OTHER))).get_json()
    assert answer["verdict"] == "different"
    assert answer["score"] > answer["threshold"]


def test_problems_name_the_photo(post, one, nobody):
    good = ("a", "one.jpg", one)
    assert_problem(post("compare", good), 400, "no_photo", "No photo was sent. Send multipart/form-data with a file in")
    assert post("compare", good).get_json()["detail"].endswith("the field b.")
    response = post("compare", good, ("b", "wall.jpg", nobody))
    assert_problem(response, 422, "no_face_found", "We couldn't find a face in the second photo.")
    response = post("compare", ("a", "bad.jpg", b"no picture"), ("b", "one.jpg", one))
    assert_problem(response, 422, "unreadable", "The first photo cannot be compared. The file could not be read")
