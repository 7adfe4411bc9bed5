import numpy as np
import pytest

from app.enrollment import gallery_check
from app.enrollment.gallery_check import check_gallery
from app.errors import ModelError
from app.gallery.snapshot import Snapshot
from app.recognition import impostor_faces
from app.recognition.model_card import read_card
from app.recognition.scoring import Head
from app.settings import Settings
from tests.rules import make_rules

RULES = make_rules(Head(4.0, 1.0), (1, 0.45), margin=0.02)


@pytest.fixture
def make(rng):
    """Make unit vectors around a center: `make(7, 5)` returns five pictures of person 7."""

    def faces(person: int, count: int, spread: float = 0.12) -> np.ndarray:
        center = np.random.default_rng(person).normal(size=32)
        rows = center / np.linalg.norm(center) + spread * rng.normal(size=(count, 32))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return faces


def gallery(**people: np.ndarray) -> Snapshot:
    offsets = np.cumsum([0, *(len(rows) for rows in people.values())])
    return Snapshot(tuple(people), tuple(range(len(people))), np.concatenate(list(people.values())), offsets, 1)


@pytest.fixture
def found(make):
    def kinds(impostors=None, **people) -> list[tuple]:
        faces = make(99, 10) if impostors is None else impostors
        findings = check_gallery(gallery(**people), RULES, faces).findings
        return [(finding.kind, finding.person, finding.rows, finding.other) for finding in findings]

    return kinds


def test_a_good_gallery_has_no_findings(make, found):
    assert found(Ann=make(1, 6), Bob=make(2, 6), Cem=make(3, 6)) == []


def test_a_wrong_photo_is_an_outlier(make, found):
    assert found(Ann=np.concatenate([make(1, 5), make(9, 1), make(1, 2)])) == [("outlier", "Ann", (5,), None)]


def test_a_repeated_photo_is_a_duplicate(make, found):
    rows = make(1, 5)
    assert found(Ann=np.concatenate([rows, rows[1:2]])) == [("duplicate", "Ann", (5,), None)]


def test_two_names_of_one_person_are_confused(make, found):
    assert found(Ann=make(1, 6), Bob=make(2, 6), Anna=make(1, 6)) == [("confused", "Ann", (), "Anna")]


def test_a_finding_concerns_both_people_of_a_pair(make):
    people = gallery(Ann=make(1, 6), Bob=make(2, 6), Anna=make(1, 6))
    (finding,) = check_gallery(people, RULES, make(99, 10)).findings
    assert [finding.concerns({name}) for name in ("Ann", "Anna", "Bob")] == [True, True, False]


def test_few_anchors_and_photos_of_several_people(make, found):
    mixed = np.concatenate([make(number, 1) for number in range(20, 26)])
    assert found(Ann=make(1, 2)) == [("few", "Ann", (), None)]
    assert ("wide", "Bob", (), None) in found(Ann=make(1, 5), Bob=mixed)


def test_names_that_impostors_would_get(make):
    faces = np.concatenate([make(1, 3), make(50, 7)])
    result = check_gallery(gallery(Ann=make(1, 6), Bob=make(2, 6)), RULES, faces)
    assert [(finding.kind, finding.person, finding.value) for finding in result.findings] == [("impostor", "Ann", 0.3)]
    assert (result.people, result.anchors, result.impostors, result.measured_fpir) == (2, 12, 10, 0.3)
    assert all(gallery_check.ADVICE[finding.kind] == finding.advice for finding in result.findings)


def test_an_empty_gallery_and_a_single_anchor(make):
    empty = Snapshot((), (), np.zeros((0, 32), np.float32), np.zeros(1, np.int64), 0)
    assert check_gallery(empty, RULES, make(99, 3)).findings == ()
    assert [finding.kind for finding in check_gallery(gallery(Ann=make(1, 1)), RULES, make(99, 3)).findings] == ["few"]


def test_the_shipped_impostors_belong_to_the_shipped_network():
    model = Settings().model
    faces = impostor_faces.read_impostors(model, read_card(model))
    assert len(faces) > 1000
    np.testing.assert_allclose(np.linalg.norm(faces, axis=1), 1, atol=1e-5)


def test_impostors_of_another_network_are_rejected(tmp_path, make):
    card = read_card(Settings().model)
    with pytest.raises(ModelError, match="cannot be read"):
        impostor_faces.read_impostors(tmp_path / "twin.json", card)
    impostor_faces.write_impostors(tmp_path / "twin.json", "another/crop", make(1, 5))
    with pytest.raises(ModelError, match=r"belong to another network \(another/crop\)"):
        impostor_faces.read_impostors(tmp_path / "twin.json", card)
