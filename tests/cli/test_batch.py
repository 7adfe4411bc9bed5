"""`library index` and `identify --out`: once in a new process, and their messages in this process."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest

from app.batch import process_pool
from app.batch.embedder import BatchEmbedder
from app.batch.failures import Failure
from app.batch.rows import PhotoRow
from app.cli import batch
from app.errors import UnreadableImage
from app.library.store import Library
from tests.photos import OTHER, PERSON
from tests.slow import slow


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def index(run, recognizer, monkeypatch, out):
    """Index an archive without worker processes; also return all photos processed so far."""
    processed = []

    class Pool:
        def __init__(self, job, _workers, _count):
            self.embedder = BatchEmbedder(job, recognizer)

        def embed(self, photos, stop):
            for photo in photos:
                if stop.is_set():
                    return
                processed.append(photo.path)
                yield from self.embedder.embed([photo])

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    return lambda *arguments: (run("library", "index", *arguments), processed)


def unreadable(_data):
    raise UnreadableImage("unreadable", "Not a picture.")


def files(out: Path) -> list[str]:
    with Library.open(out) as library:
        return [Path(path).name for (path,) in library.connection.execute("SELECT path FROM file ORDER BY path")]


@slow
def test_a_batch_job_in_a_new_process(process, pictures, out, tmp_path):
    done = process("identify", pictures, "--out", out, "--csv", tmp_path / "faces.csv")
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if " of 4 photos, " not in line] == [
        "1 other file skipped: 1 .txt.",
        f"{pictures / 'broken.jpg'}: The file could not be read as a picture. "
        "Send a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC file that opens elsewhere.",
    ]
    rate, found, title, *lines = done.stdout.splitlines()
    assert rate.startswith("4 photos in 0:")
    assert (found, title) == ("Files: 4 new.", f"Library {out}:")
    names = ("photos", "faces", "match", "ambiguous", "unknown", "low quality", "errors")
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [[*line] for line in zip("4330001", names, strict=True)]
    assert lines[-1] == f"Most frequent: {PERSON} (2), {OTHER} (1)"
    table = pd.read_parquet(out / "faces.parquet")
    assert sorted(table["person"].fillna("")) == sorted([PERSON, OTHER, "", PERSON, ""])
    with (tmp_path / "faces.csv").open(newline="") as file:
        assert sorted(row["person"] for row in csv.DictReader(file)) == sorted([PERSON, OTHER, "", PERSON, ""])
    assert process("library", "search", out, "--person", PERSON).stdout.count(PERSON) == 2


def test_a_second_run_resumes(index, pictures, out):
    done, processed = index(pictures / "inner", out)
    assert (done.exit_code, len(processed)) == (0, 1)
    done, processed = index(pictures, out)
    assert "1 photo already done, 3 remaining.\n" in done.stderr
    assert len(processed) == 4
    done, processed = index(pictures, out)
    assert (done.exit_code, len(processed)) == (0, 4)
    skipped, resumed, failed = done.stderr.splitlines()
    assert (skipped, resumed) == ("1 other file skipped: 1 .txt.", "4 photos already done, 0 remaining.")
    assert failed.startswith(f"{pictures / 'broken.jpg'}: The file could not be read as a picture.")
    done, processed = index(pictures, out, "--retry")
    assert "Retrying 1 file.\n" in done.stderr
    assert processed[4:] == [str(pictures / "broken.jpg")]
    assert len(files(out)) == 4


def test_identify_writes_the_faces_of_the_library(index, run, pictures, out, tmp_path):
    done = run("identify", pictures, "--out", out, "--csv", tmp_path / "faces.csv")
    assert done.exit_code == 0
    table = pd.read_parquet(out / "faces.parquet")
    assert len(table) == 5
    assert set(table["person"].dropna()) == {PERSON, OTHER}
    assert (tmp_path / "faces.csv").read_text().count(PERSON) == 2


def test_a_stopped_job_keeps_its_results(index, pictures, out, recognizer, monkeypatch):
    decode = recognizer.decode

    def stopped(data):
        if data.startswith(b"\x89PNG"):
            raise KeyboardInterrupt
        return decode(data)

    monkeypatch.setattr(recognizer, "decode", stopped)
    done, _ = index(pictures, out)
    assert done.exit_code == 1
    assert f"Stopped. Results so far are in {out}. Repeat the command to resume." in done.stderr
    assert files(out) == ["a, both.jpg", "broken.jpg"]


def test_a_failed_job_keeps_its_results(index, pictures, out, recognizer, monkeypatch):
    monkeypatch.setattr(recognizer, "embed_crops", lambda crops: 1 / 0 if crops else ())
    done, _ = index(pictures, out)
    assert isinstance(done.exception, ZeroDivisionError)
    monkeypatch.undo()
    with Library.open(out) as library, library.lock():
        assert library.connection.execute("SELECT count(*) FROM face").fetchone() == (0,)


def test_the_library_follows_the_files_of_an_archive(index, tmp_path, photo, out, monkeypatch):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("1.jpg", "2.jpg", "3.jpg", "copy.jpg"):
        (archive / name).write_bytes(b"no picture" + name[:1].encode())
    (archive / "copy.jpg").write_bytes((archive / "3.jpg").read_bytes())
    (archive / "1.jpg.xmp").touch()
    done, processed = index(archive, out)
    assert "Files: 3 new, 1 copied.\n" in done.stdout
    assert "skipped" not in done.stderr
    monkeypatch.chdir(tmp_path)
    done, _ = index("archive", out)
    assert "4 photos already done, 0 remaining.\n" in done.stderr
    (archive / "1.jpg").write_bytes(photo(PERSON))
    (archive / "2.jpg").unlink()
    (archive / "3.jpg").rename(archive / "moved.jpg")
    done, _ = index("archive", out)
    assert "Files: 1 changed, 1 moved, 1 deleted.\n" in done.stdout
    assert processed[3:] == [str(archive / "1.jpg")]
    assert files(out) == ["1.jpg", "copy.jpg", "moved.jpg"]


def test_photos_that_may_be_on_a_missing_disk_are_kept(index, tmp_path, out):
    archive = tmp_path / "archive"
    for name in ("1.jpg", "disk/2.jpg", "disk/below/3.jpg", "moved/4.jpg"):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(b"no picture" + name.encode())
    index(archive, out)
    shutil.rmtree(archive / "disk")
    (archive / "disk").mkdir()
    (archive / "moved" / "4.jpg").rename(archive / "4.jpg")
    done, _ = index(archive, out)
    message = (
        f"{archive / 'disk'}: 2 photos missing, perhaps because a disk is not mounted. The library keeps them. To "
        "forget them, add --forget-missing."
    )
    assert (done.exit_code, message in done.stderr.splitlines()) == (1, True)
    assert "Files: 1 moved, 2 missing.\n" in done.stdout
    assert files(out) == ["1.jpg", "4.jpg", "2.jpg", "3.jpg"]
    done, _ = index(archive, out, "--forget-missing")
    assert (done.exit_code, "Files: 2 deleted.\n" in done.stdout) == (0, True)


def test_photos_of_unreadable_folders_are_kept_and_other_deleted_ones_forgotten(index, tmp_path, out, monkeypatch):
    archive = tmp_path / "archive"
    for name in ("1.jpg", "2.jpg", "closed/3.jpg"):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(b"no picture" + name.encode())
    index(archive, out)
    (archive / "1.jpg").unlink()
    scan = os.scandir

    def closed(folder):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", closed)
    done, _ = index(archive, out)
    assert (done.exit_code, "Files: 1 deleted.\n" in done.stdout) == (1, True)
    assert files(out) == ["2.jpg", "3.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda archive: (archive / "1.jpg").unlink(), "The folder has no photos."),
        (shutil.rmtree, "There is no such file or folder."),
    ],
)
def test_photos_of_an_empty_or_missing_archive_are_kept(index, tmp_path, out, change, message):
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "1.jpg").write_bytes(b"no picture")
    index(archive, out)
    change(archive)
    done, _ = index(archive, out)
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, f"{archive}: {message}")
    assert files(out) == ["1.jpg"]
    done, _ = index(archive, out, "--forget-missing")
    assert (done.exit_code, files(out)) == (0, [])


def test_the_first_failures_are_listed(index, tmp_path, out):
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(12):
        (archive / f"{number:02d}.jpg").touch()
    done, processed = index(archive, out)
    assert (done.exit_code, len(processed)) == (0, 1)
    first, *_, last = done.stderr.splitlines()
    assert first == f"{archive / '00.jpg'}: The file is empty. Choose another one."
    assert last == "2 more files have an error: see the column `error` of the export."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_photos_in_progress(index, pictures, out, monkeypatch, number):
    embed, handler = BatchEmbedder.embed, signal.getsignal(signal.SIGTERM)

    def signaled(self, photos):
        signal.raise_signal(number)
        return embed(self, photos)

    monkeypatch.setattr(BatchEmbedder, "embed", signaled)
    done, processed = index(pictures, out)
    assert (done.exit_code, len(processed), len(files(out))) == (1, 1, 1)
    assert f"Stopped. Results so far are in {out}. Repeat the command to resume." in done.stderr
    assert signal.getsignal(signal.SIGTERM) == handler


def test_the_speed_is_that_of_the_last_minute():
    progress = batch._Progress(1000)
    # The workers took 30 seconds to start.
    assert progress.estimate(30.0, 16) == "measuring the speed"
    assert progress.estimate(34.0, 36) == "5.0 per second, 0:03:13 left"
    for second in range(100):
        estimate = progress.estimate(40.0 + second, 100 + second)
    assert estimate == "1.0 per second, 0:13:21 left"


def test_a_url_gives_the_same_rows(index, pictures, out):
    done, _ = index(f"file://{pictures}", out)
    assert done.exit_code == 0
    with Library.open(out) as library:
        assert library.connection.execute("SELECT min(path) FROM file").fetchone() == (
            f"file://{pictures}/a, both.jpg",
        )


def test_another_network_is_rejected(index, pictures, out):
    index(pictures / "inner", out)
    with Library.open(out) as library:
        library.write_property("origin", library.read_property("origin") | {"network": "other"})
    done, _ = index(pictures / "inner", out)
    assert done.exit_code == 1
    assert f"Error: The faces in {out} were made with another network." in done.stderr


def test_other_settings_of_the_detection_continue_a_library(index, pictures, out, monkeypatch):
    index(pictures / "inner", out)
    monkeypatch.setenv("FACES_DETECTION_SIDE", "1200")
    done, _ = index(pictures, out)
    assert (done.exit_code, len(files(out))) == (0, 4)
    assert "The detector or its settings have changed since the last run." in done.stderr


def test_thumbnails_are_added_to_known_faces(index, pictures, out, recognizer, monkeypatch):
    index(pictures, out)
    with monkeypatch.context() as patch:
        patch.setattr(recognizer, "decode", unreadable)
        index(pictures, out, "--thumbnails")
    with Library.open(out) as library:
        faces = library.connection.execute("SELECT id, photo_id, person_id FROM face").fetchall()
    done, processed = index(pictures, out, "--thumbnails")
    assert done.exit_code == 0
    assert "2 photos already done, 2 remaining.\n" in done.stderr
    assert "Files: 2 read for thumbnails.\n" in done.stdout
    assert len(processed) == 8
    with Library.open(out) as library:
        assert library.connection.execute("SELECT id, photo_id, person_id FROM face").fetchall() == faces
        assert library.connection.execute("SELECT count(*) FROM thumbnail").fetchone() == (len(faces),)
    assert len(index(pictures, out, "--thumbnails")[1]) == 8


def test_an_archive_is_no_library(index, tmp_path, pictures):
    done, processed = index(pictures, pictures / "inner")
    assert (done.exit_code, processed) == (1, [])
    assert "inner is not a library: it has other files, such as one.png." in done.stderr


def test_workers_are_limited_to_the_photos(run, pictures, out, monkeypatch):
    calls = []

    class Pool:
        def __init__(self, _job, workers, count):
            calls.append((workers, count))

        def embed(self, photos, _stop):
            yield from ([PhotoRow(photo, failure=Failure("unreadable", "Not a picture."))] for photo in photos)

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    run("library", "index", pictures / "inner", out, "--workers", 8)
    assert calls == [(1, 1)]


def test_without_ray(index, pictures, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    done, _ = index(pictures, out, "--engine", "ray")
    assert done.exit_code == 1
    assert (
        "Error: Ray is not installed. Install it with: .venv/bin/pip install -r requirements-cluster.txt" in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "--workers, --engine and --address require --out."),
        (["--engine", "ray"], "require --out"),
        (["--out", "results", "--json"], "--out writes a Parquet file"),
        (["--out", "results", "--address", "auto"], "requires --engine ray"),
        (["s3://bucket/a"], "s3://bucket/a: A URL requires --out."),
        (["--out", "s3://bucket/a"], "s3://bucket/a: A library is a folder on this machine"),
    ],
)
def test_wrong_usage(run, pictures, arguments, message):
    done = run("identify", pictures, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
