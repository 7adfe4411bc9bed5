import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.detection import Box, DetectedFace
from app.enrolment import count_photos, enrol, import_folder, portrait_of
from app.gallery.store import Gallery, GalleryError
from app.images import UnreadableImage
from app.recognizer import Probe
from tests.conftest import DIMS


class FakeRecognizer:
    """Reads a photo as words: `face 3` is a face with its own embedding, and so on for what can go wrong."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery

    def probes(self, data: bytes):
        if data == b"broken":
            raise UnreadableImage("unreadable", "The file could not be read.")
        words = data.decode().split()
        return SimpleNamespace(), tuple(self._probe(words[at : at + 2]) for at in range(0, len(words), 2))

    def _probe(self, words: list[str]) -> Probe:
        face = DetectedFace(Box(0, 0, 9, 9), None, 0.9)
        if words[0] == "eyeless":
            return Probe(face, None, None, "No eyes.")
        value = int(words[1])
        crop = np.full((112, 112, 3), value, np.uint8)
        embedding = np.eye(DIMS, dtype=np.float32)[value % DIMS]
        return Probe(face, crop, embedding, "Too blurred." if words[0] == "blurred" else None)


@pytest.fixture
def fake(tiny_gallery) -> FakeRecognizer:
    return FakeRecognizer(tiny_gallery)


def outcomes(report) -> list[tuple[str, str]]:
    return [(photo.file, photo.outcome) for photo in report.photos]


def test_every_photo_gets_its_answer(fake):
    photos = {
        "good.jpg": b"face 40",
        "text.jpg": b"broken",
        "wall.jpg": b"",
        "pair.jpg": b"face 1 face 2",
        "blur.jpg": b"blurred 3",
        "back.jpg": b"eyeless 0",
        "also.jpg": b"face 80",
    }
    report = enrol(fake, " Carla ", photos.items())
    assert outcomes(report) == [
        ("good.jpg", "accepted"),
        ("text.jpg", "unreadable"),
        ("wall.jpg", "no_face"),
        ("pair.jpg", "several_faces"),
        ("blur.jpg", "poor"),
        ("back.jpg", "poor"),
        ("also.jpg", "accepted"),
    ]
    assert [photo.reason for photo in report.photos[4:6]] == ["Too blurred.", "No eyes."]
    assert "2 faces" in report.photos[3].reason
    assert (report.name, report.accepted, report.error) == ("Carla", 2, None)
    assert report.person == fake.gallery.find("Carla")
    assert (report.person.anchors, report.person.has_portrait) == (2, True)


def test_nothing_enters_without_an_accepted_photo(fake):
    before = fake.gallery.snapshot()
    report = enrol(fake, "Carla", [("wall.jpg", b"")])
    assert (report.accepted, report.person) == (0, None)
    assert enrol(fake, "Carla", []).photos == ()
    assert fake.gallery.snapshot() is before


def test_a_known_person_keeps_spelling_and_portrait(fake):
    report = enrol(fake, "ann lee", [("new.jpg", b"face 5")])
    assert (report.name, report.person.anchors) == ("Ann Lee", 5)
    assert fake.gallery.portrait(report.person.id) == b"portrait of Ann"


def test_a_known_person_without_portrait_gets_one(fake):
    assert enrol(fake, "bob", [("new.jpg", b"face 5")]).person.has_portrait


def test_a_bad_name_is_refused_before_any_photo_is_looked_at(fake):
    with pytest.raises(GalleryError, match="empty"):
        enrol(fake, "", iter(lambda: pytest.fail("a photo was read"), None))


def test_a_portrait_is_the_average_face():
    crops = [np.full((112, 112, 3), value, np.uint8) for value in (40, 81)]
    image = Image.open(io.BytesIO(portrait_of(crops)))
    assert (image.format, image.size) == ("WEBP", (224, 224))
    assert abs(np.asarray(image.convert("RGB"), dtype=float).mean() - 60) < 2


@pytest.fixture
def folder(tmp_path):
    files = {
        "Carla/1.jpg": b"face 1",
        "Carla/2.png": b"broken",
        "Carla/notes.txt": b"not looked at",
        "Bad\nname/1.jpg": b"face 1",
        "Dora/.hidden.jpg": b"face 1",
        "Emil/1.jpg": b"face 2",
        ".cache/1.jpg": b"face 1",
        "loose.jpg": b"face 1",
    }
    for name, data in files.items():
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "people"


def test_a_folder_of_folders_is_imported(fake, folder):
    ticks = []
    reports = {report.name: report for report in import_folder(fake, folder, lambda: ticks.append(1))}
    assert list(reports) == ["Bad\nname", "Carla", "Dora", "Emil"]
    assert "control character" in reports["Bad\nname"].error
    assert outcomes(reports["Carla"]) == [("1.jpg", "accepted"), ("2.png", "unreadable")]
    assert (reports["Dora"].photos, reports["Dora"].person) == ((), None)
    assert reports["Emil"].person == fake.gallery.find("Emil")
    assert len(ticks) == 3
    assert count_photos(folder) == 4


def test_a_file_that_cannot_be_opened_is_unreadable(fake, folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    emil = list(import_folder(fake, folder))[-1]
    assert emil.photos[0].reason == "The file cannot be read (Permission denied)."


def test_a_folder_that_cannot_be_listed_does_not_end_the_run(fake, folder, monkeypatch):
    def refuse(place):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("app.enrolment._photos", refuse)
    reports = list(import_folder(fake, folder))
    assert len(reports) == 4
    assert reports[1].error == f"The folder {folder / 'Carla'} cannot be read (Permission denied)."
    assert count_photos(folder) == 0
