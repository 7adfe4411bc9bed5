"""`identify --out`: once in a new process, and its messages in this process."""

from __future__ import annotations

import csv
import json
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest

from app.batch import process_pool
from app.batch.job import error_row, photo_row
from app.cli import batch
from app.errors import UnreadableImage
from tests.photos import OTHER, PERSON
from tests.slow import slow


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def quick(run, recognizer, monkeypatch):
    """Run the command without worker processes; also return all photos processed so far."""
    processed = []

    class Pool:
        def __init__(self, job, _workers, _count):
            self.sources = job.sources

        def identify(self, photos, stop):
            for photo in photos:
                if stop.is_set():
                    return
                processed.append(photo.path)
                try:
                    yield [photo_row(photo, recognizer.identify(self.sources.read(photo.path, 10**7)))]
                except UnreadableImage as error:
                    yield [error_row(photo, error.code, str(error))]

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    return lambda *arguments: (run("identify", *arguments), processed)


@slow
def test_a_batch_job_in_a_new_process(process, pictures, out, tmp_path):
    done = process("identify", pictures, "--out", out, "--csv", tmp_path / "faces.csv")
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if " of 4 photos, " not in line] == [
        "1 other file skipped: 1 .txt.",
        f"{pictures / 'broken.jpg'}: The file could not be read as a picture. "
        "Send a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC file that opens elsewhere.",
    ]
    rate, title, *lines = done.stdout.splitlines()
    assert rate.startswith("4 photos in 0:")
    assert title == f"Results in {out}:"
    names = ("photos", "faces", "match", "ambiguous", "unknown", "low quality", "errors")
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [[*line] for line in zip("4330001", names, strict=True)]
    assert lines[-1] == f"Most frequent: {PERSON} (2), {OTHER} (1)"
    table = pd.read_parquet(out).sort_values("file")
    assert [len(faces) for faces in table["faces"]] == [2, 0, 1, 0]
    with (tmp_path / "faces.csv").open(newline="") as file:
        assert sorted(row["person"] for row in csv.DictReader(file)) == sorted([PERSON, OTHER, "", PERSON, ""])


def test_a_second_run_resumes(quick, pictures, out):
    done, processed = quick(pictures / "inner", "--out", out)
    assert (done.exit_code, len(processed)) == (0, 1)
    done, processed = quick(pictures, "--out", out)
    assert "1 photo already done, 3 remaining.\n" in done.stderr
    assert len(processed) == 4
    done, processed = quick(pictures, "--out", out)
    assert (done.exit_code, len(processed)) == (0, 4)
    skipped, resumed, failed = done.stderr.splitlines()
    assert (skipped, resumed) == ("1 other file skipped: 1 .txt.", "4 photos already done, 0 remaining.")
    assert failed.startswith(f"{pictures / 'broken.jpg'}: The file could not be read as a picture.")
    assert len(pd.read_parquet(out)) == 4
    done, processed = quick(pictures, "--out", out, "--retry")
    assert "Retrying 1 file.\n" in done.stderr
    assert processed[4:] == [str(pictures / "broken.jpg")]
    assert len(pd.read_parquet(out)) == 4


def test_a_stopped_job_keeps_its_results(quick, pictures, out, recognizer, monkeypatch):
    identify = recognizer.identify

    def stopped(data):
        if data.startswith(b"\x89PNG"):
            raise KeyboardInterrupt
        return identify(data)

    monkeypatch.setattr(recognizer, "identify", stopped)
    done, _ = quick(pictures, "--out", out)
    assert done.exit_code == 1
    assert f"Stopped. Results so far are in {out}. Repeat the command to resume." in done.stderr
    assert len(pd.read_parquet(out)) == 2


def test_rows_follow_the_files_of_an_archive(quick, tmp_path, photo, out, monkeypatch):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (archive / name).write_bytes(b"no picture")
    _, processed = quick(archive, "--out", out)
    monkeypatch.chdir(tmp_path)
    done, _ = quick("archive", "--out", out)
    assert "3 photos already done, 0 remaining.\n" in done.stderr
    (archive / "1.jpg").write_bytes(photo(PERSON))
    (archive / "2.jpg").unlink()
    done, _ = quick("archive", "--out", out)
    assert "2 rows of changed or deleted files removed.\n" in done.stderr
    assert processed[3:] == [str(archive / "1.jpg")]
    table = pd.read_parquet(out)
    assert [Path(file).name for file in table["file"]] == ["3.jpg", "1.jpg"]
    # Perhaps the disk is not mounted.
    for file in archive.iterdir():
        file.unlink()
    done, _ = quick("archive", "--out", out)
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, f"{archive}: The folder has no photos.")
    assert len(pd.read_parquet(out)) == 2


def test_the_first_failures_are_listed(quick, tmp_path, out):
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(12):
        (archive / f"{number:02d}.jpg").touch()
    done, _ = quick(archive, "--out", out)
    assert done.exit_code == 0
    first, *_, last = done.stderr.splitlines()
    assert first == f"{archive / '00.jpg'}: The file is empty. Choose another one."
    assert last == "2 more files have an error: see the column `error` of the results."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_photos_in_progress(quick, pictures, out, recognizer, monkeypatch, number):
    identify, handler = recognizer.identify, signal.getsignal(signal.SIGTERM)

    def signaled(data):
        signal.raise_signal(number)
        return identify(data)

    monkeypatch.setattr(recognizer, "identify", signaled)
    done, processed = quick(pictures, "--out", out)
    assert (done.exit_code, len(processed), len(pd.read_parquet(out))) == (1, 1, 1)
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


def test_a_url_gives_the_same_rows(quick, pictures, out):
    done, _ = quick(f"file://{pictures}", "--out", out)
    assert done.exit_code == 0
    assert pd.read_parquet(out)["file"].tolist()[0] == f"file://{pictures}/a, both.jpg"


def test_a_changed_gallery_is_reported(quick, pictures, out):
    quick(pictures / "inner", "--out", out)
    about = json.loads((out / "_about.json").read_text())
    (out / "_about.json").write_text(json.dumps(about | {"gallery": None}))
    done, _ = quick(pictures / "inner", "--out", out)
    assert done.stderr.startswith(f"The gallery has changed since {out} was started. Existing rows are kept.\n")
    (out / "_about.json").write_text(json.dumps(about | {"network": "other"}))
    done, _ = quick(pictures / "inner", "--out", out)
    assert done.exit_code == 1
    assert f"Error: The rows in {out} were made with another network" in done.stderr


def test_workers_are_limited_to_the_photos(run, pictures, out, monkeypatch):
    calls = []

    class Pool:
        def __init__(self, _job, workers, count):
            calls.append((workers, count))

        def identify(self, photos, _stop):
            yield from ([error_row(photo, "unreadable", "Not a picture.")] for photo in photos)

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    run("identify", pictures / "inner", "--out", out, "--workers", 8)
    assert calls == [(1, 1)]


def test_without_ray(quick, pictures, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    done, _ = quick(pictures, "--out", out, "--engine", "ray")
    assert done.exit_code == 1
    assert (
        "Error: Ray is not installed. Install it with: .venv/bin/pip install -r requirements-cluster.txt" in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "--workers, --engine and --address require --out."),
        (["--engine", "ray"], "require --out"),
        (["--out", "results", "--json"], "--out writes Parquet"),
        (["--out", "results", "--address", "auto"], "requires --engine ray"),
        (["s3://bucket/a"], "s3://bucket/a: A URL requires --out."),
    ],
)
def test_wrong_usage(run, pictures, arguments, message):
    done = run("identify", pictures, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
