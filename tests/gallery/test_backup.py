import stat
from pathlib import Path

import pytest

from app.errors import GalleryError
from app.gallery.backup import back_up
from app.gallery.store import Gallery
from tests.conftest import NETWORK


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(sqlite_url) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def gallery(sqlite_url, unit_vectors):
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    gallery.add("Ann", unit_vectors(2), ["1", "2"])
    yield gallery
    gallery.close()


def test_a_backup_of_a_gallery_in_use_replaces_the_former_one(gallery, sqlite_url, file, unit_vectors, tmp_path):
    backup = tmp_path / "back up.sqlite"
    back_up(sqlite_url, backup)
    gallery.add("Bob", unit_vectors(1), ["1"])
    back_up(sqlite_url, backup)
    assert mode(backup) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [backup.name]
    copy = Gallery.open(f"sqlite:///{backup}", NETWORK, None)
    assert [(person.name, person.anchors) for person in copy.people()] == [("Ann", 2), ("Bob", 1)]
    copy.close()


def test_a_failed_backup_keeps_the_former_one(gallery, sqlite_url, file, tmp_path):
    backup = tmp_path / "backup.sqlite"
    back_up(sqlite_url, backup)
    before = backup.read_bytes()
    gallery.close()
    file.write_bytes(b"no gallery" * 1000)
    with pytest.raises(GalleryError, match=r"cannot be copied to .* \(file is not a database\)"):
        back_up(sqlite_url, backup)
    assert backup.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [backup.name]


@pytest.mark.parametrize(
    ("url", "target", "sentence"),
    [
        ("sqlite:///{file}.gone", "backup.sqlite", "There is no gallery at .*gone. Set FACES_DATABASE_URL"),
        ("sqlite:///{file}", "{file}", "is the gallery itself. Choose another file"),
        ("sqlite:///{file}", "none/backup.sqlite", "cannot be copied to .*none/backup.sqlite"),
    ],
)
def test_backups_that_cannot_be_made_are_refused(gallery, file, tmp_path, url, target, sentence):
    with pytest.raises(GalleryError, match=sentence):
        back_up(url.format(file=file), tmp_path / target.format(file=file))


def test_only_the_owner_can_read_a_gallery_and_its_export(gallery, file, tmp_path):
    gallery.export_bundle(tmp_path / "gallery.faces")
    assert mode(tmp_path / "gallery.faces") == 0o600
    assert {path.suffix: mode(path) for path in file.parent.iterdir()} == dict.fromkeys(
        (".sqlite", ".sqlite-wal", ".sqlite-shm"), 0o600
    )


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o660, 0o660), (0o600, 0o600)])
def test_an_existing_gallery_is_closed_to_others(gallery, sqlite_url, file, before, after):
    for path in file.parent.iterdir():
        path.chmod(before)
    Gallery.open(sqlite_url, NETWORK, None).close()
    assert {mode(path) for path in file.parent.iterdir()} == {after}
