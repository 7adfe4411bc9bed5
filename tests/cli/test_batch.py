"""`identify --out`: once in a new process, and its messages in this process."""

from __future__ import annotations

import csv
import json
import sys

import pandas as pd
import pytest

from app import serialization
from app.batch import process_pool
from app.errors import UnreadableImage
from tests.photos import OTHER, PERSON


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

        def identify(self, photos):
            for photo in photos:
                processed.append(photo)
                try:
                    yield [serialization.identification(photo, recognizer.identify(self.sources.read(photo, 10**7)))]
                except UnreadableImage as error:
                    yield [serialization.identification_error(photo, error.code, str(error))]

    monkeypatch.setattr(process_pool, "ProcessPool", Pool)
    return lambda *arguments: (run("identify", *arguments), processed)


def test_a_batch_job_in_a_new_process(process, pictures, out, tmp_path):
    done = process("identify", pictures, "--out", out, "--csv", tmp_path / "faces.csv")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if " of 4 photos, " not in line] == [
        "1 other file skipped: 1 .txt."
    ]
    rate, title, *lines = done.stdout.splitlines()
    assert rate.startswith("4 photos in 0:")
    assert title == f"Results in {out}:"
    names = ("photos", "faces", "match", "ambiguous", "unknown", "low quality", "errors")
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [[*line] for line in zip("4330001", names, strict=True)]
    assert lines[-1] == f"Most frequent: {PERSON} (2), {OTHER} (1)"
    table = pd.read_parquet(out)
    assert table["file"].tolist() == sorted(table["file"])
    assert [len(faces) for faces in table["faces"]] == [2, 0, 1, 0]
    with (tmp_path / "faces.csv").open(newline="") as file:
        assert [row["person"] for row in csv.DictReader(file)] == [PERSON, OTHER, "", PERSON, ""]


def test_a_second_run_resumes(quick, pictures, out):
    done, processed = quick(pictures / "inner", "--out", out)
    assert (done.exit_code, len(processed)) == (0, 1)
    done, processed = quick(pictures, "--out", out)
    assert "1 photo already done, 3 remaining.\n" in done.stderr
    assert len(processed) == 4
    done, processed = quick(pictures, "--out", out)
    assert (done.exit_code, len(processed)) == (1, 4)
    assert done.stderr == "1 other file skipped: 1 .txt.\n4 photos already done, 0 remaining.\n"
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


def test_a_url_gives_the_same_rows(quick, pictures, out):
    done, _ = quick(f"file://{pictures}", "--out", out)
    assert done.exit_code == 1
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

        identify = staticmethod(list)

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
