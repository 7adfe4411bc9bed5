import json

import pytest

from app import serialization
from tests.photos import OTHER


@pytest.fixture
def portrait(pictures):
    return pictures / "inner" / "one.png"


def test_the_same_person(run, portrait, pictures):
    done = run("compare", portrait, pictures / "a, both.jpg")
    assert done.exit_code == 0
    assert done.stderr == ""
    verdict, thresholds, faces = done.stdout.splitlines()
    assert verdict.startswith("Same person: score 0.")
    assert thresholds.startswith("Same person up to 0.")
    assert faces.startswith("Compared: face 1 at x ")
    assert faces.endswith("a, both.jpg, the most similar of 2 pairs.")


def test_different_people(run, portrait, photo, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(photo(OTHER))
    done = run("compare", portrait, other)
    assert done.exit_code == 0
    assert done.stdout.startswith("Different people: ")


def test_chosen_faces(run, portrait, pictures):
    both = pictures / "a, both.jpg"
    assert run("compare", portrait, both, "--face-b", 1).stdout.startswith("Same person: ")
    done = run("compare", both, both, "--face-a", 1, "--face-b", 2)
    assert done.stdout.startswith("Different people: ")
    assert "pairs" not in done.stdout
    done = run("compare", portrait, both, "--face-b", 3)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "The second photo has no face 3. Choose a number from 1 to 2" in done.stderr
    assert run("compare", portrait, both, "--face-b", 0).exit_code == 2


def test_json_is_the_serialized_comparison(run, recognizer, portrait, pictures):
    both = pictures / "a, both.jpg"
    done = run("compare", portrait, both, "--json")
    expected = recognizer.compare(portrait.read_bytes(), both.read_bytes())
    assert json.loads(done.stdout) == serialization.comparison(expected)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("broken.jpg", "unreadable", "The second photo cannot be compared. The file could not be read as a picture."),
        ("nobody.webp", "no_face_found", "We couldn't find a face in the second photo."),
        ("gone.jpg", "not_found", "gone.jpg: There is no such file."),
    ],
)
def test_unusable_photos(run, portrait, pictures, name, code, message):
    done = run("compare", portrait, pictures / name, "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == code
    assert answer["score"] is None
    assert message in done.stderr
    assert run("compare", portrait, pictures / name).stdout == ""


def test_one_photo_is_invalid_usage(run, portrait):
    assert run("compare", portrait).exit_code == 2
