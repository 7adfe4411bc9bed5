import os
import shutil

import pytest

from app.library.disks import MissingDisks


@pytest.mark.parametrize(
    ("left", "missing"),
    [
        ("disk", "disk"),  # The mount point of a disk that is not mounted.
        ("disk/2024", "disk/2024"),
        ("other/b.jpg", None),  # The folder was deleted.
        ("disk/2024/b.jpg", None),
        ("disk/b.jpg", None),
    ],
)
def test_files_of_an_empty_folder_may_be_on_a_missing_disk(library, tmp_path, left, missing):
    (tmp_path / left).mkdir(parents=True)
    disks = MissingDisks(library)
    assert disks.may_have(str(tmp_path / "disk" / "2024" / "a.jpg")) == (missing is not None)
    assert disks.counts == ({str(tmp_path / missing): 1} if missing else {})


def test_disks_whose_folder_is_gone_are_remembered_until_it_is_used(library, tmp_path, monkeypatch):
    disk, other = tmp_path / "disk\udcff", tmp_path / "other"
    files = [disk / "2024" / "a.jpg", other / "b.jpg"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
    monkeypatch.setattr(os.path, "ismount", lambda folder: folder == disk)
    MissingDisks(library).record_mounts(map(str, files))
    monkeypatch.undo()
    shutil.rmtree(disk)
    for _ in range(2):
        disks = MissingDisks(library)
        assert [disks.may_have(str(file)) for file in files] == [True, False]
        disks.record_mounts([str(files[1])])
    files[0].parent.mkdir(parents=True)
    files[0].touch()
    assert MissingDisks(library).may_have(str(disk / "2024" / "c.jpg"))
    MissingDisks(library).record_mounts(map(str, files))
    assert not MissingDisks(library).may_have(str(disk / "2024" / "c.jpg"))


def test_a_link_to_a_missing_disk_is_kept(library, tmp_path):
    link = tmp_path / "a.jpg"
    link.symlink_to(tmp_path / "disk" / "a.jpg")
    assert MissingDisks(library).may_have(str(link))
    link.unlink()
    (tmp_path / "b.jpg").touch()
    assert not MissingDisks(library).may_have(str(link))


def test_files_behind_urls_are_on_no_disk(library):
    assert not MissingDisks(library).may_have("s3://bucket/a.jpg")
