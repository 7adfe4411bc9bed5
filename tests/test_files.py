import os
from pathlib import Path

import pytest

from app.files import write_file


def test_a_failed_write_keeps_the_old_content(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    write_file(tmp_path / "a.json", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path / "a.json", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_links_and_devices_are_written_and_not_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()
    write_file(Path(os.devnull), b"new")
    assert Path(os.devnull).is_char_device()
    reader, writer = os.pipe()
    # Like /dev/stdout: a link whose target has no path.
    write_file(Path(f"/dev/fd/{writer}"), b"new")
    os.close(writer)
    assert os.read(reader, 10) == b"new"
    os.close(reader)


def test_a_written_file_keeps_its_permissions(tmp_path):
    file = tmp_path / "a.xmp"
    file.touch(mode=0o640)
    write_file(file, b"new")
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", [255 * "a", 120 * "ü" + ".jpg.xmp"])
def test_the_longest_names_can_be_written(tmp_path, name):
    write_file(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]
