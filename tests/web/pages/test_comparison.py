"""The page that compares two photos."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from app import serialization
from app.recognition.results import ComparedFace, ComparedPhoto, Comparison, Probe
from app.vision.decoding import Picture
from app.vision.faces import Box, DetectedFace
from app.vision.quality import QualityFloor
from app.web.pages.comparison import MAX_FACES, meaning, note, view
from tests.photos import OTHER, PERSON
from tests.web.conftest import alert, heading, text
from tests.web.test_progress_stream import post
from tests.web.test_wording import RULES


def compare(client, first: bytes, second: bytes):
    return post(client, "/compare", headers={}, a=[first], b=[second])


def pairs(page) -> dict[tuple[int, int], str]:
    """Return the verdict of each pair of slots."""
    found = re.findall(r'data-a="(\d)" data-b="(\d)">\s*<h1>(.*?)</h1>', page.text)
    return {(int(a), int(b)): label.replace("&#39;", "'") for a, b, label in found}


def probe(x: int, size: int, embedding: np.ndarray, flaw: str | None = None) -> Probe:
    face = DetectedFace(Box(x, 10, size, size), None, 0.9)
    return Probe(face, np.zeros((112, 112, 3), np.uint8), embedding, flaw)


def side(*probes: Probe) -> ComparedPhoto:
    faces = tuple(ComparedFace(index, one) for index, one in enumerate(probes, start=1))
    return ComparedPhoto(
        Picture(np.zeros((200, 400, 3), np.uint8)), faces, tuple(f for f in faces if f.probe.flaw is None)
    )


def compared(score: float, pairs: int = 1, index: int = 1) -> Comparison:
    face = ComparedFace(index, probe(0, 10, np.zeros(2)))
    return Comparison(face, face, score, pairs, RULES.pairs)


def test_two_single_faces(client, photo):
    page = compare(client, photo(PERSON), photo(OTHER))
    assert heading(page) == "Different people"
    assert "<title>Different people " in page.text
    assert 'type="radio"' not in page.text
    assert "pairs of faces" not in text(page)


def test_every_pair_of_faces_can_be_picked(client, recognizer, photo):
    one, both = photo(PERSON), photo(OTHER, PERSON, side=220)
    page = compare(client, one, both)
    assert pairs(page).keys() == {(1, 1), (1, 2)}
    assert [pair for pair, label in pairs(page).items() if label == "Same person"] == [(1, 2)]
    assert "The closest of all 2 pairs of faces is face 1 of photo 1 and face 2 of photo 2, at 0." in text(page)
    assert page.text.count(" checked ") == 1
    saved = [json.loads(base64.b64decode(data)) for data in re.findall(r'json;base64,([^"]+)"', page.text)]
    assert saved == [serialization.comparison(recognizer.compare(one, both, face_b=index)) for index in (1, 2)]


def test_the_page_starts_with_the_largest_faces_and_keeps_the_closest_pair(recognizer, unit_vectors):
    crowd = [probe(12 * at, 20 + at, vector) for at, vector in enumerate(unit_vectors(20))]
    closest = crowd[0]
    shown = view(recognizer, side(*crowd), side(probe(5, 30, closest.embedding)))
    left = shown.sides[0].faces
    assert [face.face.index for face in left] == [1, *range(22 - MAX_FACES, 21)]
    assert [face.face.index for face in left if face.first] == [20]
    assert len(shown.pairs) == MAX_FACES
    assert shown.sides[0].caption == "20 faces. You can select 8 here. The API and the command line compare any face."


def test_a_picked_face_of_low_quality_says_why(recognizer, app, unit_vectors):
    one, other, third = unit_vectors(3)
    shown = view(recognizer, side(probe(0, 30, one), probe(90, 90, other, "Too blurred.")), side(probe(5, 30, third)))
    assert [(face.face.index, face.face.probe.flaw, face.first) for face in shown.sides[0].faces] == [
        (1, None, True),
        (2, "Too blurred.", False),
    ]
    assert [(pair.a, pair.b) for pair in shown.pairs] == [(1, 1)]
    with app.test_request_context():
        from app.web.pages.comparison import page

        assert "Face 2 in photo 1 cannot be compared. Too blurred." in page(result=shown)


def test_a_photo_without_a_good_face_is_an_error_sentence(strict, portrait_photo):
    page = compare(strict(quality=QualityFloor(eye_distance=10_000.0)), portrait_photo, portrait_photo)
    assert page.status_code == 422
    assert alert(page).startswith("The face in the first photo cannot be compared. This face is too small")


def test_errors_say_which_photo_is_wrong(client, portrait_photo):
    page = compare(client, portrait_photo, b"no picture")
    assert page.status_code == 422
    assert alert(page).startswith("The second photo cannot be compared.")
    page = post(client, "/compare", headers={}, a=[portrait_photo])
    assert (page.status_code, alert(page)) == (400, "Choose two photos to compare, one on each side.")


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (
            0.4,
            "A score of 0.400 or less means the same person. About 1 in 1,000 comparisons of unrelated photos score ",
        ),
        (0.5, "The score is between 0.400 (same person) and 0.600 (different people)."),
        (0.61, "A score above 0.600 means different people."),
    ],
)
def test_a_score_has_a_meaning(score, words):
    assert meaning(compared(score)).startswith(words)


def test_the_closest_pair_is_held_to_the_threshold_of_all_pairs():
    rules = replace(RULES.pairs, false_matches=((0.01, 0.5), (0.001, 0.4), (0.0001, 0.3)))
    closest = replace(compared(0.35, pairs=10, index=2), rules=rules)
    assert closest.kind == "uncertain"
    said = note(compared(0.9), closest)
    assert "face 2 of photo 1 and face 2 of photo 2, at 0.350." in said
    assert said.endswith("a score of 0.300 or less means the same person.")
    assert "pairs of faces is this one." in note(compared(0.35, index=2), closest)
    assert note(compared(0.35), compared(0.35)) is None
