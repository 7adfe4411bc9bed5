import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.errors import LibraryError
from app.library import decisions, export
from app.library.collecting import collect
from tests.library.conftest import face, failed, fill, row


@pytest.fixture
def filled(library, rng):
    fill(
        library,
        row("both.jpg", face(rng.normal(size=128)), face(None, x=300), taken="2024-05-01T10:00:00"),
        row("=1+2.jpg"),
        row("no, face.jpg"),
        failed("zz.jpg"),
    )
    decisions.confirm(library, [1], "Zoë")
    return library


def test_csv(filled, tmp_path):
    export.write_csv(filled, tmp_path / "faces.csv")
    assert (tmp_path / "faces.csv").stat().st_mode & 0o777 == 0o600
    with (tmp_path / "faces.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == export.COLUMNS
    assert [(line["file"], line["error"], line["face"], line["person"], line["source"]) for line in table] == [
        ("'=1+2.jpg", "", "", "", ""),
        ("both.jpg", "", "1", "Zoë", "confirmed"),
        ("both.jpg", "", "2", "", "automatic"),
        ("no, face.jpg", "", "", "", ""),
        ("zz.jpg", "unreadable", "", "", ""),
    ]


def test_parquet(filled, tmp_path):
    export.write_parquet(filled, tmp_path / "faces.parquet")
    assert (tmp_path / "faces.parquet").stat().st_mode & 0o777 == 0o600
    table = pd.read_parquet(tmp_path / "faces.parquet")
    assert tuple(table.columns) == (*export.COLUMNS, "embedding")
    assert table["person"].fillna("").tolist() == ["", "Zoë", "", "", ""]
    stored = filled.connection.execute("SELECT embedding FROM vector").fetchone()[0]
    np.testing.assert_array_equal(table["embedding"][1], np.frombuffer(stored, np.float16))
    assert table["embedding"][2] is None


def test_an_empty_library_has_empty_exports(library, tmp_path):
    export.write_parquet(library, tmp_path / "faces.parquet")
    assert len(pd.read_parquet(tmp_path / "faces.parquet")) == 0


@pytest.mark.parametrize("write", [export.write_parquet, export.write_csv])
def test_a_failed_export_keeps_the_old_file(filled, tmp_path, monkeypatch, write):
    (tmp_path / "faces").write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(LibraryError, match=r"faces: Cannot write \(No space left on device\)"):
        write(filled, tmp_path / "faces")
    assert [path.name for path in tmp_path.glob("*faces*")] == ["faces"]
    assert (tmp_path / "faces").read_text() == "old"


@pytest.mark.parametrize("write", [export.write_parquet, export.write_csv])
def test_devices_are_written_and_not_replaced(filled, tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(filled, tmp_path / "pipe")
        assert os.read(reader, 10)
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


@pytest.fixture
def photos(tmp_path):
    """Two different photos of the same name, and one whose name is no text."""
    paths = []
    for folder, name, data in ((b"1", b"a.jpg", b"first"), (b"2", b"a.jpg", b"second"), (b"2", b"\xff\n.jpg", b"odd")):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/" + folder + b"/" + name)
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(data)
        paths.append(path)
    return paths


@pytest.mark.parametrize("link", [False, True])
def test_photos_are_collected_without_overwriting(photos, tmp_path, link):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_text("mine")
    errors = []
    for _ in range(2):
        assert collect([*photos, photos[0], "/none.jpg"], out, link, 10**6, errors.append) == 3
    assert {os.fsencode(path.name): path.read_bytes() for path in out.iterdir()} == {
        b"a.jpg": b"mine",
        b"a-2.jpg": b"first",
        b"a-3.jpg": b"second",
        b"\xff\n.jpg": b"odd",
    }
    assert all(path.is_symlink() == (link and path.name != "a.jpg") for path in out.iterdir())
    action = "linked" if link else "copied"
    assert errors == [f"/none.jpg: The photo cannot be {action} (No such file or directory)."] * 2


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_photos_are_copied_completely_or_not_at_all(photos, tmp_path, monkeypatch, scheme):
    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    for method in ("shutil.copy2", "shutil.copyfileobj"):
        monkeypatch.setattr(method, fail)
    errors = []
    assert collect([f"{scheme}{photos[0]}"], tmp_path / "out", False, 10**6, errors.append) == 0
    assert errors == [f"{scheme}{photos[0]}: The photo cannot be copied (No space left on device)."]
    assert not list((tmp_path / "out").iterdir())


def test_photos_behind_urls_are_copied(photos, tmp_path):
    errors = []
    assert collect([f"file://{photos[0]}"], tmp_path / "out", False, 10**6, errors.append) == 1
    assert (tmp_path / "out" / "a.jpg").read_bytes() == b"first"
    assert collect([f"file://{photos[0]}"], tmp_path / "out", False, 10**6, errors.append) == 1
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert collect([f"file://{photos[0]}"], tmp_path / "out", True, 10**6, errors.append) == 0
    assert errors == [f"file://{photos[0]}: The photo cannot be linked (A link cannot point to a URL. Use --copy-to)."]
