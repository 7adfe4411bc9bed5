import csv
import os
from pathlib import Path

import pytest

from app.enrollment.folder_import import ImportReport, find_folders, import_folders
from app.errors import InvalidImportReport
from app.gallery.store import Gallery
from tests.conftest import NETWORK
from tests.enrollment.test_enroll import FakeRecognizer, outcomes


@pytest.fixture
def fake(tiny_gallery) -> FakeRecognizer:
    return FakeRecognizer(tiny_gallery)


def put(folder: Path, **files: bytes) -> None:
    """Write files whose names have / for __ and . for _."""
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def folder(tmp_path) -> Path:
    source = tmp_path / "people"
    put(
        source,
        Carla__1_jpg=b"face 30",
        Carla__2_png=b"broken",
        Carla__notes_txt=b"not a picture",
        Carla__old__2019__1_jpg=b"face 31",
        Carla___hidden__1_jpg=b"face 1",
        Dora___hidden_jpg=b"face 1",
        Emil__1_jpg=b"face 50",
        _cache__1_jpg=b"face 1",
        loose_jpg=b"face 1",
    )
    put(source / "Bad\nname", **{"1_jpg": b"face 1"})
    return source


def run(fake: FakeRecognizer, source: Path, again: bool = False, **options) -> dict[str, list[tuple[str, str]]]:
    """Import a folder, and return the outcomes of each person's photos."""
    folders = find_folders(fake.gallery, source, again)
    return {found.name: outcomes(found) for found in import_folders(fake, source, folders, **options)}


def test_a_folder_of_folders_is_imported(fake, folder):
    ticks = []
    folders = find_folders(fake.gallery, folder)
    found = {
        enrollment.name: enrollment
        for enrollment in import_folders(fake, folder, folders, tick=lambda: ticks.append(1))
    }
    assert list(found) == ["Bad\nname", "Carla", "Dora", "Emil"]
    assert "invisible or invalid character" in found["Bad\nname"].error
    assert outcomes(found["Carla"]) == [
        ("Carla/1.jpg", "accepted"),
        ("Carla/2.png", "unreadable"),
        ("Carla/old/2019/1.jpg", "accepted"),
    ]
    assert [anchor.note for anchor in fake.gallery.anchors("Carla")] == ["Carla/1.jpg", "Carla/old/2019/1.jpg"]
    assert (found["Dora"].photos, found["Dora"].person) == ((), None)
    assert found["Emil"].person == fake.gallery.find("Emil")
    assert len(ticks) == 4
    assert sum(len(person.photos) for person in folders) == 5


def test_a_file_that_cannot_be_opened_is_unreadable_and_tried_again(fake, folder, monkeypatch):
    put(folder, Emil__2_jpg=b"face 51")

    open_file = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "2.jpg":
            raise PermissionError(13, "Permission denied")
        return open_file(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda path, mode: path.name != "2.jpg")
        patch.setattr("pathlib.Path.open", refuse)
        folders = find_folders(fake.gallery, folder)
        emil = list(import_folders(fake, folder, folders))[-1]
    assert emil.photos[1].reason == "Permission denied."
    assert run(fake, folder)["Emil"] == [("Emil/2.jpg", "accepted")]


def test_files_over_the_size_limit_are_unreadable(fake, folder):
    put(folder, Emil__2_jpg=b"face 51".ljust(101))
    emil = list(import_folders(fake, folder, find_folders(fake.gallery, folder)))[-1]
    assert outcomes(emil) == [("Emil/1.jpg", "accepted"), ("Emil/2.jpg", "unreadable")]
    assert emil.photos[1].reason.startswith("The file is too large. The limit is")


def test_a_folder_that_cannot_be_listed_does_not_end_the_import(fake, folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("old"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = {
        enrollment.name: enrollment for enrollment in import_folders(fake, folder, find_folders(fake.gallery, folder))
    }
    assert found["Carla"].error == f"The folder {folder / 'Carla' / 'old'} cannot be read (Permission denied)."
    assert found["Emil"].accepted == 1


class TestSkipping:
    def test_an_import_resumes_and_later_reviews_new_and_changed_photos_only(self, fake, folder):
        stopped = import_folders(fake, folder, find_folders(fake.gallery, folder))
        assert [next(stopped).name, next(stopped).name] == ["Bad\nname", "Carla"]
        stopped.close()
        assert list(run(fake, folder)) == ["Bad\nname", "Dora", "Emil"]
        assert list(run(fake, folder)) == ["Bad\nname", "Dora"]
        put(folder, Carla__3_jpg=b"face 32", Emil__1_jpg=b"face 51 ")
        found = run(fake, folder)
        assert found["Carla"] == [("Carla/3.jpg", "accepted")]
        assert found["Emil"] == [("Emil/1.jpg", "accepted")]
        assert fake.gallery.find("Carla").anchors == 3

    def test_again_reviews_all_photos_and_enrolls_none_twice(self, fake, folder):
        run(fake, folder)
        assert run(fake, folder, again=True)["Emil"] == [("Emil/1.jpg", "duplicate")]
        assert fake.gallery.find("Emil").anchors == 1
        assert "Emil" not in run(fake, folder)

    def test_another_gallery_imports_the_same_folder(self, fake, folder, tmp_path):
        run(fake, folder)
        other = Gallery.open(f"sqlite:///{tmp_path / 'other.sqlite'}", NETWORK, None)
        assert run(FakeRecognizer(other), folder)["Emil"] == [("Emil/1.jpg", "accepted")]
        other.close()

    def test_new_photos_go_to_a_person_who_was_renamed_or_merged(self, fake, folder):
        run(fake, folder)
        fake.gallery.rename("Carla", "Carla Diaz")
        fake.gallery.merge("Emil", "bob")
        put(folder, Carla__3_jpg=b"face 32")
        assert list(run(fake, folder)) == ["Bad\nname", "Carla Diaz", "Dora"]
        fake.gallery.undo()
        fake.gallery.undo()
        assert find_folders(fake.gallery, folder)[-1].name == "Emil"
        assert fake.gallery.find("Carla Diaz").anchors == 2

    @pytest.mark.parametrize("purge", [False, True])
    def test_removed_people_are_imported_again(self, fake, folder, purge):
        run(fake, folder)
        remove = fake.gallery.rights.erase if purge else fake.gallery.remove_people
        remove(["Emil"])
        assert run(fake, folder)["Emil"] == [("Emil/1.jpg", "accepted")]

    def test_restored_people_are_not_imported_again(self, fake, folder):
        run(fake, folder)
        fake.gallery.remove("Emil")
        fake.gallery.restore("Emil")
        assert "Emil" not in run(fake, folder)

    def test_a_removed_anchor_stays_removed(self, fake, folder):
        run(fake, folder)
        fake.gallery.remove_anchors("Carla", [fake.gallery.anchors("Carla")[0].id])
        assert "Carla" not in run(fake, folder)

    def test_an_undone_import_can_be_repeated(self, fake, folder):
        fake.gallery.add("Emil", fake.gallery.snapshot().person(0)[:1], ["before.jpg"])
        assert run(fake, folder, allow=("unlike",))["Emil"] == [("Emil/1.jpg", "accepted")]
        fake.gallery.undo()
        assert fake.gallery.find("Emil").anchors == 1
        assert run(fake, folder, allow=("unlike",))["Emil"] == [("Emil/1.jpg", "accepted")]


class TestReport:
    @pytest.fixture
    def write(self, fake, folder, tmp_path):
        def rows(again: bool = False) -> list[list[str]]:
            folders = find_folders(fake.gallery, folder, again)
            path = tmp_path / "report.csv"
            list(import_folders(fake, folder, folders, ImportReport(path, folder, folders)))
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.reader(file))

        return rows

    def test_it_has_every_photo_and_folder_that_cannot_be_used(self, write):
        rows = write()
        assert rows[0] == ["person", "file", "outcome", "reason"]
        assert ["Carla", "Carla/old/2019/1.jpg", "accepted", "Enrolled."] in rows
        assert ["Carla", "Carla/2.png", "unreadable", "The file could not be read."] in rows
        assert ["Dora", "", "refused", "The folder has no photo."] in rows
        assert [row[2] for row in rows if row[0] == "Bad\nname"] == ["refused"]

    def test_each_photo_keeps_its_last_row(self, write, folder):
        first = write()
        assert sorted(write()) == sorted(first)
        put(folder, Emil__2_jpg=b"face 51")
        (folder / "Carla" / "2.png").unlink()
        rows = {row[1]: row[2] for row in write()}
        assert (rows["Emil/1.jpg"], rows["Emil/2.jpg"], rows["Carla/1.jpg"]) == ("accepted",) * 3
        assert "Carla/2.png" not in rows
        again = write(again=True)
        assert sorted(row[1:3] for row in again if row[0] == "Emil") == [
            ["Emil/1.jpg", "duplicate"],
            ["Emil/2.jpg", "duplicate"],
        ]

    def test_formulas_get_one_apostrophe(self, write, folder):
        put(folder, **{"=Carla__1_jpg": b"face 52"})
        for _ in range(2):
            assert [row[:2] for row in write() if "=" in row[0]] == [["'=Carla", "'=Carla/1.jpg"]]

    def test_half_a_row_of_a_killed_import_is_dropped(self, write, tmp_path):
        write()
        with (tmp_path / "report.csv").open("a") as file:
            file.write("Carla,half")
        assert all(len(row) == 4 for row in write())

    def test_another_file_is_not_overwritten(self, folder, tmp_path):
        (tmp_path / "people.csv").write_text("name,phone\n")
        with pytest.raises(InvalidImportReport, match="exists and is not the report of an import"):
            ImportReport(tmp_path / "people.csv", folder, [])
        assert (tmp_path / "people.csv").read_text() == "name,phone\n"
