import pytest

from app.importing import Report, count_photos, import_folder
from tests.test_enrolment import FakeRecognizer, outcomes


@pytest.fixture
def fake(tiny_gallery) -> FakeRecognizer:
    return FakeRecognizer(tiny_gallery)


@pytest.fixture
def folder(tmp_path):
    files = {
        "Carla/1.jpg": b"face 30",
        "Carla/2.png": b"broken",
        "Carla/notes.txt": b"not looked at",
        "Bad\nname/1.jpg": b"face 1",
        "Dora/.hidden.jpg": b"face 1",
        "Emil/1.jpg": b"face 50",
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
    reports = {report.name: report for report in import_folder(fake, folder, tick=lambda: ticks.append(1))}
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

    monkeypatch.setattr("app.importing._photos", refuse)
    reports = list(import_folder(fake, folder))
    assert len(reports) == 4
    assert reports[1].error == f"The folder {folder / 'Carla'} cannot be read (Permission denied)."
    assert count_photos(folder) == 0


class TestReport:
    def read(self, path):
        return path.read_text(encoding="utf-8").splitlines()

    def test_it_has_every_photo(self, fake, folder, tmp_path):
        list(import_folder(fake, folder, Report(tmp_path / "report.csv")))
        rows = self.read(tmp_path / "report.csv")
        assert rows[0] == "person,file,outcome,reason"
        assert "Carla,1.jpg,accepted,Its face was learnt." in rows
        assert "Carla,2.png,unreadable,The file could not be read." in rows
        assert "Carla,,entered,1 of 2 photos" in rows
        assert "Dora,,entered,0 of 0 photos" in rows

    def test_a_run_goes_on_where_the_last_was_stopped(self, fake, folder, tmp_path):
        path, seen = tmp_path / "report.csv", []
        run = import_folder(fake, folder, Report(path))
        seen += [next(run).name, next(run).name]
        run.close()
        # Killed while it wrote: half a row is left.
        path.write_text(path.read_text() + "Dora,half")
        report = Report(path)
        assert report.done == {"Carla"}
        assert count_photos(folder, report.done) == 2
        assert [one.name for one in import_folder(fake, folder, report)] == ["Bad\nname", "Dora", "Emil"]
        assert fake.gallery.find("Carla").anchors == fake.gallery.find("Emil").anchors == 1
        assert "half" not in path.read_text()

    def test_looking_twice_doubles_nothing(self, fake, folder, tmp_path):
        list(import_folder(fake, folder))
        again = {report.name: report for report in import_folder(fake, folder)}
        assert outcomes(again["Emil"]) == [("1.jpg", "duplicate")]
        assert fake.gallery.find("Emil").anchors == 1
