import json

import pytest

from app import serialize
from tests.photos import OTHER


@pytest.fixture
def portrait(pictures):
    return pictures / "inner" / "one.png"


def test_the_same_person(run, portrait, pictures):
    done = run("compare", portrait, pictures / "a, both.jpg")
    assert done.exit_code == 0
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("Score 0.")
    assert "the same person" in first
    assert second.startswith("Compared were the face at x ")


def test_different_people(run, portrait, photo, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(photo(OTHER))
    done = run("compare", portrait, other)
    assert done.exit_code == 0
    assert "different people" in done.stdout


def test_json_is_the_serialisers(run, recognizer, portrait, pictures):
    both = pictures / "a, both.jpg"
    done = run("compare", portrait, both, "--json")
    expected = recognizer.compare(portrait.read_bytes(), both.read_bytes())
    assert json.loads(done.stdout) == serialize.comparison(expected)


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("broken.jpg", "unreadable", "The second picture cannot be compared. The file could not be read as a picture."),
        ("nobody.webp", "no_face_found", "No face was found in the second picture."),
        ("gone.jpg", "not_found", "gone.jpg: There is no such file."),
    ],
)
def test_pictures_that_cannot_be_compared(run, portrait, pictures, name, code, sentence):
    done = run("compare", portrait, pictures / name, "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == code
    assert answer["score"] is None
    assert sentence in done.stderr
    assert run("compare", portrait, pictures / name).stdout == ""


def test_one_picture_is_wrong_usage(run, portrait):
    assert run("compare", portrait).exit_code == 2
