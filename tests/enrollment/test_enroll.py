import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.enrollment.crops import average_portrait
from app.enrollment.enroll import DEBATABLE, confirm, enroll, review
from app.enrollment.face_choices import resolve_face_choices
from app.errors import GalleryError, InvalidFaceChoice, UnreadableImage
from app.gallery.store import Gallery
from app.recognition.results import Probe
from app.recognition.scoring import Head
from app.vision.faces import Box, DetectedFace
from app.vision.photo_files import read_photo
from tests.conftest import DIMS
from tests.rules import make_rules

RULES = make_rules(Head(2.0, 1.2), (1, 0.36), (3, 0.42), margin=0.01)


class FakeRecognizer:
    """Reads a photo as words: `face 3` is a face with its own embedding, `blurred 3` and `eyeless 0` are flawed.

    The tens of a face's number are the person, the ones are the picture of this person.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.settings = SimpleNamespace(keep_crops=False, max_file_bytes=100)
        self.network = SimpleNamespace(card=SimpleNamespace(rules=RULES))

    def extract_probes(self, photo: bytes | Path):
        data = photo if isinstance(photo, bytes) else read_photo(photo, self.settings.max_file_bytes)
        if data == b"broken":
            raise UnreadableImage("unreadable", "The file could not be read.")
        words = data.decode().split()
        return SimpleNamespace(), tuple(self._probe(words[at : at + 2]) for at in range(0, len(words), 2))

    def rules(self, _snapshot):
        return RULES

    def _probe(self, words: list[str]) -> Probe:
        face = DetectedFace(Box(0, 0, 9, 9), None, 0.9)
        if words[0] == "eyeless":
            return Probe(face, None, None, "No eyes.")
        value = int(words[1])
        crop = np.full((112, 112, 3), value, np.uint8)
        embedding = 2 * np.eye(DIMS, dtype=np.float32)[value // 10 % DIMS]
        embedding += np.random.default_rng(value).normal(size=DIMS) * 0.4
        embedding = (embedding / np.linalg.norm(embedding)).astype(np.float32)
        return Probe(face, crop, embedding, "Too blurred." if words[0] == "blurred" else None)


@pytest.fixture
def fake(tiny_gallery) -> FakeRecognizer:
    return FakeRecognizer(tiny_gallery)


def outcomes(report) -> list[tuple[str, str]]:
    return [(photo.file, photo.outcome) for photo in report.photos]


def test_each_photo_has_an_outcome(fake):
    photos = {
        "good.jpg": b"face 40",
        "text.jpg": b"broken",
        "wall.jpg": b"",
        "pair.jpg": b"face 1 face 2",
        "blur.jpg": b"blurred 3",
        "back.jpg": b"eyeless 0",
        "also.jpg": b"face 41",
    }
    report = enroll(fake, " Carla ", photos.items())
    assert outcomes(report) == [
        ("good.jpg", "accepted"),
        ("text.jpg", "unreadable"),
        ("wall.jpg", "no_face"),
        ("pair.jpg", "several_faces"),
        ("blur.jpg", "low_quality"),
        ("back.jpg", "low_quality"),
        ("also.jpg", "accepted"),
    ]
    assert [photo.reason for photo in report.photos[4:6]] == ["Too blurred.", "No eyes."]
    assert "2 faces" in report.photos[3].reason
    assert (report.name, report.accepted, report.error) == ("Carla", 2, None)
    assert report.person == fake.gallery.find("Carla")
    assert (report.person.anchors, report.person.has_portrait) == (2, True)


def test_without_an_accepted_photo_the_gallery_stays_unchanged(fake):
    before = fake.gallery.snapshot()
    report = enroll(fake, "Carla", [("wall.jpg", b"")])
    assert (report.accepted, report.person) == (0, None)
    assert enroll(fake, "Carla", []).photos == ()
    assert fake.gallery.snapshot() is before


def test_a_known_person_keeps_spelling_and_portrait(fake):
    report = enroll(fake, "ann lee", [("new.jpg", b"face 5")], allow=DEBATABLE)
    assert (report.name, report.person.anchors) == ("Ann Lee", 5)
    assert fake.gallery.portrait(report.person.id) == b"portrait of Ann"


def test_a_known_person_without_portrait_gets_one(fake):
    assert enroll(fake, "bob", [("new.jpg", b"face 5")], allow=DEBATABLE).person.has_portrait


def test_an_invalid_name_is_rejected_before_the_review(fake):
    with pytest.raises(GalleryError, match="empty"):
        enroll(fake, "", iter(lambda: pytest.fail("a photo was read"), None))


def test_a_portrait_is_the_average_face():
    crops = [np.full((112, 112, 3), value, np.uint8) for value in (40, 81)]
    image = Image.open(io.BytesIO(average_portrait(crops)))
    assert (image.format, image.size) == ("WEBP", (224, 224))
    assert abs(np.asarray(image.convert("RGB"), dtype=float).mean() - 60) < 2


@pytest.fixture
def ann(empty_gallery) -> FakeRecognizer:
    """A gallery with three pictures of person 10 and of person 20."""
    fake = FakeRecognizer(empty_gallery)
    for name, number in (("Ann", 10), ("Bob", 20)):
        report = enroll(fake, name, [(f"{name}{i}.jpg", f"face {number + i}".encode()) for i in range(3)])
        assert report.accepted == 3
    return fake


def test_an_enrolled_picture_is_a_duplicate(ann):
    found = review(ann, "Ann", [("again.jpg", b"face 11"), ("new.jpg", b"face 14"), ("new2.jpg", b"face 14")])
    assert outcomes(found) == [("again.jpg", "duplicate"), ("new.jpg", "accepted"), ("new2.jpg", "duplicate")]
    assert found.photos[0].reason.endswith("a photo in the gallery.")
    assert found.photos[2].reason.endswith("new.jpg.")


def test_a_face_unlike_the_others_is_not_accepted(ann):
    photos = [(f"{i}.jpg", f"face {30 + i}".encode()) for i in range(4)]
    found = review(ann, "Carla", [*photos, ("odd.jpg", b"face 50")])
    assert [outcome for _, outcome in outcomes(found)] == ["accepted"] * 4 + ["unlike"]
    assert "does not look like the other photos" in found.photos[4].reason
    assert outcomes(review(ann, "Ann", [("odd.jpg", b"face 50")])) == [("odd.jpg", "unlike")]


def test_two_faces_are_never_unlike_each_other(ann):
    assert review(ann, "Carla", [("a.jpg", b"face 30"), ("b.jpg", b"face 50")]).accepted == 2


def test_a_look_alike_has_the_name_of_the_other_person(ann):
    found = review(ann, "Carla", [("1.jpg", b"face 30"), ("bob.jpg", b"face 24"), ("2.jpg", b"face 31")])
    assert outcomes(found)[1] == ("bob.jpg", "look_alike")
    assert found.photos[1].other == "Bob"
    assert review(ann, "Bob", [("bob.jpg", b"face 24")]).accepted == 1


def test_a_picture_of_another_person_is_not_accepted(ann):
    found = review(ann, "Carla", [("1.jpg", b"face 30"), ("bob.jpg", b"face 21")])
    assert outcomes(found) == [("1.jpg", "accepted"), ("bob.jpg", "look_alike")]
    assert found.photos[1].reason == "The photo is nearly the same picture as a photo of Bob."
    allowed = confirm(ann, found.allow(["look_alike"]))
    assert [photo.reason for photo in allowed.photos][1] == f"Enrolled as allowed. {found.photos[1].reason}"
    assert review(ann, "Bob", [("bob.jpg", b"face 21")]).photos[0].other is None


@pytest.mark.parametrize("name", ["Carla", "Ann"])
def test_concurrent_enrollments_add_each_photo_once(ann, name):
    photos = [(f"{number}.jpg", f"face {number}".encode()) for number in (13, 14, 15)]
    reviewed = [review(ann, name, photos).allow(["look_alike"]) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(partial(confirm, ann), reviewed))
    assert sorted(report.accepted for report in reports) == [0] * 7 + [3]
    assert {photo.outcome for report in reports if not report.accepted for photo in report.photos} == {"duplicate"}
    assert ann.gallery.find(name).anchors == 3 + 3 * (name == "Ann")
    again = confirm(ann, review(ann, name, photos).allow(DEBATABLE))
    assert (again.accepted, again.person.anchors) == (3, 6 + 3 * (name == "Ann"))


def test_one_of_several_faces_can_be_chosen(ann):
    photos = [("pair.jpg", b"face 30 face 50")]
    found = review(ann, "Carla", photos)
    assert len(found.photos[0].faces) == 2
    assert review(ann, "Carla", photos, {0: 2}).accepted == 1
    assert "no face 3" in review(ann, "Carla", photos, {0: 3}).photos[0].reason


FILES = ["a/us.jpg", "b/us.jpg", "b/c/me.jpg", "4", "me too.jpg", "x=y.jpg"]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], {}),
        (["a/us.jpg=2", "b/us.jpg=3"], {0: 2, 1: 3}),
        (["me.jpg=1", "x=y.jpg=2"], {2: 1, 5: 2}),
        (["c/me.jpg=1", "./a/us.jpg=2"], {2: 1, 0: 2}),
        (["1=2", "2=1", "6=4"], {0: 2, 1: 1, 5: 4}),
        (["4=2"], {3: 2}),
    ],
)
def test_face_choices_are_resolved(texts, found):
    assert resolve_face_choices(texts, FILES) == found


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["2"], "'2' is not PHOTO=NUMBER. Write us.jpg=2"),
        (["us.jpg=two"], "is not PHOTO=NUMBER"),
        (["us.jpg=2"], "'us.jpg' can mean a/us.jpg (photo 1) or b/us.jpg (photo 2). Write the path, or the position"),
        (["7=2"], "No photo is called '7'. Write its name, or its position from 1 to 6."),
        (["other.jpg=2"], "No photo is called 'other.jpg'."),
        (["a/us.jpg=2", "1=1"], "Two faces are given for 'a/us.jpg'. Give one."),
    ],
)
def test_invalid_face_choices_are_rejected(texts, sentence):
    with pytest.raises(InvalidFaceChoice) as caught:
        resolve_face_choices(texts, FILES)
    assert sentence in str(caught.value)


def test_reasons_distinguish_photos_with_the_same_name(ann):
    found = review(ann, "Carla", [("1.jpg", b"face 30"), ("1.jpg", b"face 31"), ("1.jpg", b"face 31")])
    assert found.photos[2].reason == "The photo is nearly the same picture as 1.jpg (photo 2)."


def test_a_review_changes_nothing_and_debatable_photos_can_be_allowed(ann):
    before = ann.gallery.snapshot()
    found = review(ann, "Carla", [("1.jpg", b"face 30"), ("bob.jpg", b"face 24"), ("wall.jpg", b"")])
    assert ann.gallery.snapshot() is before
    report = confirm(ann, found.allow(DEBATABLE))
    assert (report.accepted, report.person.anchors) == (2, 2)
    assert [photo.outcome for photo in report.photos] == ["accepted", "accepted", "no_face"]
    ann.gallery.undo()
    assert ann.gallery.find("Carla") is None


def test_the_setting_keeps_crops(ann):
    ann.settings.keep_crops = True
    enroll(ann, "Carla", [("1.jpg", b"face 30")])
    webp = ann.gallery.crop(ann.gallery.anchors("Carla")[0].id)
    assert np.asarray(Image.open(io.BytesIO(webp))).tolist() == np.full((112, 112, 3), 30).tolist()
