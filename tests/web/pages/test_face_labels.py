import pytest

from app.vision.faces import Box
from app.web.pages.face_labels import place_labels


def test_a_name_is_above_its_box():
    (label,) = place_labels([Box(450, 300, 100, 120)], ["Ann Lee"], 1000, 800)
    assert (label.left, label.top, label.width, label.height) == (45.0, 37.5, 10.0, 15.0)
    assert (label.x, label.anchor, label.baseline) == (50.0, "middle", 37.5)
    assert label.shift < 0
    assert not label.crowded
    assert not label.wide_only


def test_a_name_at_the_top_is_below_its_box():
    (label,) = place_labels([Box(450, 2, 100, 120)], ["Ann Lee"], 1000, 800)
    assert (label.baseline, label.shift > 0) == (15.25, True)


@pytest.mark.parametrize(("left", "anchor"), [(0, "start"), (450, "middle"), (900, "end")])
def test_names_stay_inside_the_photo(left, anchor):
    (label,) = place_labels([Box(left, 300, 100, 120)], ["Maximilian Mustermann"], 1000, 800)
    assert (label.anchor, label.crowded) == (anchor, False)


def test_the_larger_face_keeps_its_name_where_names_overlap():
    boxes = [Box(500, 300, 60, 60), Box(460, 298, 70, 70), Box(520, 301, 50, 50)]
    labels = place_labels(boxes, ["Small Face", "Large Face", "Third Face"], 1000, 800)
    assert [label.crowded for label in labels] == [False, False, True]
    assert labels[0].baseline != labels[1].baseline


def test_some_names_fit_on_wide_screens_only():
    labels = place_labels([Box(200, 300, 90, 90), Box(400, 300, 80, 80)], ["Ann Lee Smith", "Bo Ek Jones"], 1000, 800)
    assert [label.wide_only for label in labels] == [False, True]
    assert not any(label.crowded for label in labels)


def test_faces_without_a_name_take_no_space():
    labels = place_labels([Box(450, 300, 100, 100), Box(455, 300, 90, 90)], ["", "Ann Lee"], 1000, 800)
    assert not labels[1].crowded


@pytest.mark.parametrize(("gap", "wide_only"), [(70, False), (40, True)])
def test_names_cover_no_other_face_on_phones(gap, wide_only):
    upper, lower = Box(300, 100, 200, 200), Box(300, 300 + gap, 190, 190)
    labels = place_labels([upper, lower], ["Al", "Bo"], 1000, 300 + gap + 195)
    assert [label.wide_only for label in labels] == [False, wide_only]
    assert not any(label.crowded for label in labels)
