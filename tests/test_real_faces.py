"""The journey of the seed on photos of real people, which are not part of the project."""

import pytest


@pytest.mark.parametrize("number", [1, 2, 3])
def test_drake_alone_is_on_top(recognizer, shared, number):
    faces = recognizer.identify((shared / "photos" / f"drake-alone-{number}.jpg").read_bytes()).faces
    assert len(faces) == 1
    found = faces[0].verdict
    assert found.ranking[0].person == "Drake"
    # A photo that is too far from his anchors may go without a name, but not under another's.
    assert found.person in ("Drake", None), found.reason


def test_drake_is_named_in_a_row_and_his_neighbours_are_not(recognizer, shared):
    faces = recognizer.identify((shared / "photos" / "drake-row.jpg").read_bytes()).faces
    assert len(faces) == 3
    drakes = [face.verdict for face in faces if face.verdict.ranking[0].person == "Drake"]
    assert drakes, [face.verdict.ranking[0].person for face in faces]
    surest = min(drakes, key=lambda verdict: verdict.class_distance)
    assert surest.kind == "match", surest.reason
    others = [face.verdict for face in faces if face.verdict is not surest]
    assert [(other.person, other.kind == "match") for other in others] == [(None, False)] * 2


def test_a_garden_has_no_face(recognizer, shared):
    assert recognizer.identify((shared / "photos" / "no-face-garden.jpg").read_bytes()).faces == ()
