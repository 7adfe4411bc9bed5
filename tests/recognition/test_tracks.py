"""Tracking of made-up faces, and people in a synthesized video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.recognition import tracks
from app.recognition.results import Probe
from app.recognition.scoring import Head
from app.recognition.tracks import FaceTracker
from app.recognition.videos import identify_video
from app.vision.faces import Box, DetectedFace
from app.vision.quality import Quality
from tests import videos
from tests.photos import OTHER, PERSON
from tests.rules import PAIRS

HEAD = Head(scale=5.0, shift=1.1)
"""Scores of 0.1 for a cosine of 0.8, 0.3 for 0.56, 0.6 for 0.3 and 0.9 for 0."""

DIMS = 16
ANN, BOB, LIKE_ANN = np.eye(DIMS)[0], np.eye(DIMS)[1], 0.45 * np.eye(DIMS)[0] + 0.893 * np.eye(DIMS)[2]


def probe(person: np.ndarray | None, x: int = 0, norm: float = 10.0, flaw: str | None = None) -> Probe:
    face = DetectedFace(Box(x, 0, 100, 100), np.zeros((5, 2)), 1.0)
    embedding = None if person is None else person.astype(np.float32)
    flaw = "no eyes" if person is None else flaw
    return Probe(face, None, embedding, flaw, None if person is None else Quality(60.0, 1.0, norm=norm))


def track(*frames: list[Probe], cuts: tuple[int, ...] = (0,), times: list[float] | None = None):
    tracker = FaceTracker(PAIRS, HEAD)
    for number, faces in enumerate(frames):
        tracker.add(times[number] if times else float(number), number in cuts, faces)
    return tracker.finish()


def spans(found) -> list[tuple[float, float]]:
    return [(one.time.start, one.time.end) for one in found]


def test_a_face_that_stays_is_one_track_with_its_clearest_frame():
    (found,) = track([probe(ANN, norm=9)], [probe(ANN, x=5, norm=14)], [probe(ANN, x=10, norm=11)])
    assert found.time == (0, 2, 1)
    assert found.probe.face.box.x == 5


def test_the_embedding_is_the_mean_of_clear_faces_by_the_length_of_their_embeddings():
    near = 0.8 * ANN + 0.6 * BOB
    (found,) = track([probe(ANN, norm=30)], [probe(near, norm=10)], [probe(BOB, norm=90, flaw="blurred")])
    expected = 30 * ANN + 10 * near
    np.testing.assert_allclose(found.probe.embedding, expected / np.linalg.norm(expected), rtol=1e-5)
    assert found.probe.flaw is None


def test_people_who_change_places_are_followed_by_their_faces():
    found = track([probe(ANN, x=0), probe(BOB, x=400)], [probe(BOB, x=0), probe(ANN, x=400)])
    assert spans(found) == [(0, 1), (0, 1)]
    np.testing.assert_allclose(found[0].probe.embedding, ANN, atol=1e-6)


@pytest.mark.parametrize(
    ("second", "cut", "expected"),
    [
        (probe(ANN, x=300), False, 1),
        (probe(ANN, x=300), True, 1),
        (probe(BOB), False, 2),
        (probe(LIKE_ANN), False, 1),
        (probe(LIKE_ANN), True, 2),
        (probe(LIKE_ANN, x=300), False, 2),
        (probe(BOB, flaw="blurred"), False, 1),
        (probe(None), False, 1),
        (probe(None), True, 2),
    ],
    ids=[
        "the same person elsewhere",
        "the same person after a cut",
        "another person in the same place",
        "perhaps the same person in the same place",
        "perhaps the same person after a cut",
        "perhaps the same person elsewhere",
        "a blurred face in the same place",
        "a face without eyes in the same place",
        "a face without eyes after a cut",
    ],
)
def test_which_faces_are_linked(second, cut, expected):
    assert len(track([probe(ANN)], [second], cuts=(0, 1) if cut else (0,))) == expected


def test_two_faces_of_a_frame_are_two_people():
    found = track([probe(ANN), probe(ANN, x=300)], [probe(ANN), probe(ANN, x=300)])
    assert spans(found) == [(0, 1), (0, 1)]


@pytest.mark.parametrize(("pause", "expected"), [(4, [(0, 5)]), (20, [(0, 1), (21, 21)])])
def test_a_person_who_is_absent_for_long_begins_a_new_track(pause, expected):
    found = track([probe(ANN)], [probe(ANN)], [], [probe(ANN)], times=[0, 1, 2, 1 + pause])
    assert spans(found) == expected


def test_a_dialog_with_cuts_is_two_tracks():
    found = track([probe(ANN)], [probe(BOB)], [probe(ANN)], [probe(BOB)], cuts=(0, 1, 2, 3))
    assert spans(found) == [(0, 2), (1, 3)]


def test_a_face_that_is_never_clear_is_of_low_quality():
    (found,) = track([probe(ANN, norm=3, flaw="small")], [probe(None)])
    assert (found.probe.flaw, found.time) == ("small", (0, 1, 0))


@pytest.mark.parametrize("people", [2, 30])
def test_only_the_clearest_faces_keep_their_crops(monkeypatch, people):
    monkeypatch.setattr(tracks, "MOST_CROPS", 5)
    crop = np.zeros((112, 112, 3), np.uint8)
    frames = [
        [replace(probe(np.eye(40)[number], norm=10 + (7 * number) % people), crop=crop)] for number in range(people)
    ]
    tracker = FaceTracker(PAIRS, HEAD)
    for number, faces in enumerate(frames):
        tracker.add(10.0 * number, True, faces)
        assert sum(one.best.crop is not None for one in tracker._ended) <= 10
    found = tracker.finish()
    kept = sorted(one.probe.quality.norm for one in found if one.probe.crop is not None)
    assert len(found) == people
    assert kept == sorted(range(10, 10 + people))[-5:]


def test_the_people_of_a_video(recognizer, tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(videos.clip((2, [PERSON]), (2, [PERSON, OTHER]), (1, []), size=(400, 240)))
    times: list[float] = []
    with file.open("rb") as stream:
        found = identify_video(recognizer, stream, on_progress=times.append)
    assert (found.width, found.height, found.duration, found.fpir) == (400, 240, 5.0, 0.01)
    people = [(face.verdict.person, face.time.start, face.time.end) for face in found.faces]
    assert people == [(PERSON, 0.0, 3.0), (OTHER, 2.0, 3.0)]
    assert times == [0, 1, 2, 3, 4]
    assert found.faces[0].crop.shape == (112, 112, 3)
