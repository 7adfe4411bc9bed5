"""`identify --out`: once for real from the shell's side, and its sentences in this process."""

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
    """Runs the command with workers that are this process itself; they note which pictures they were given."""
    given = []

    def rows(job, _workers, _pictures, places):
        for place in places:
            given.append(place)
            try:
                yield [serialization.identification(place, recognizer.identify(job.places.read(place, 10**7)))]
            except UnreadableImage as error:
                yield [serialization.failure(place, error.code, str(error))]

    monkeypatch.setattr(process_pool, "rows", rows)
    return lambda *arguments: (run("identify", *arguments), given)


def test_from_the_shell(process, pictures, out, tmp_path):
    done = process("identify", pictures, "--out", out, "--csv", tmp_path / "faces.csv")
    assert done.returncode == 1
    # A machine that has other things to do takes more than a minute, and is told of progress.
    assert [line for line in done.stderr.splitlines() if " of 4 pictures, " not in line] == []
    first, holds, *lines = done.stdout.splitlines()
    assert first.startswith("4 pictures in 0:")
    assert holds == f"{out} holds:"
    names = ("photos", "faces", "matches", "ambiguous", "unknown", "low quality", "errors")
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [list(one) for one in zip("4330001", names, strict=True)]
    assert lines[-1] == f"Seen most: {PERSON} (2), {OTHER} (1)"
    table = pd.read_parquet(out)
    assert table["file"].tolist() == sorted(table["file"])
    assert [len(faces) for faces in table["faces"]] == [2, 0, 1, 0]
    with (tmp_path / "faces.csv").open(newline="") as file:
        assert [row["person"] for row in csv.DictReader(file)] == [PERSON, OTHER, "", PERSON, ""]


def test_a_second_run_does_what_is_missing(quick, pictures, out):
    done, given = quick(pictures / "inner", "--out", out)
    assert (done.exit_code, len(given)) == (0, 1)
    done, given = quick(pictures, "--out", out)
    assert "1 picture done before, 3 to do.\n" in done.stderr
    assert len(given) == 4
    done, given = quick(pictures, "--out", out)
    assert (done.exit_code, len(given)) == (1, 4)
    assert done.stderr == "4 pictures done before, 0 to do.\n"
    assert len(pd.read_parquet(out)) == 4
    done, given = quick(pictures, "--out", out, "--retry")
    assert "1 file to be tried again.\n" in done.stderr
    assert given[4:] == [str(pictures / "broken.jpg")]
    assert len(pd.read_parquet(out)) == 4


def test_a_stop_keeps_what_was_done(quick, pictures, out, recognizer, monkeypatch):
    identify = recognizer.identify

    def stopped(data):
        if data.startswith(b"\x89PNG"):
            raise KeyboardInterrupt
        return identify(data)

    monkeypatch.setattr(recognizer, "identify", stopped)
    done, _ = quick(pictures, "--out", out)
    assert done.exit_code == 1
    assert f"Stopped. What was done is in {out}; the same command goes on with the rest." in done.stderr
    assert len(pd.read_parquet(out)) == 2


def test_a_url_gives_the_same_rows(quick, pictures, out):
    done, _ = quick(f"file://{pictures}", "--out", out)
    assert done.exit_code == 1
    assert pd.read_parquet(out)["file"].tolist()[0] == f"file://{pictures}/a, both.jpg"


def test_a_gallery_that_has_changed_is_told(quick, pictures, out):
    quick(pictures / "inner", "--out", out)
    about = json.loads((out / "_about.json").read_text())
    (out / "_about.json").write_text(json.dumps(about | {"gallery": None}))
    done, _ = quick(pictures / "inner", "--out", out)
    assert done.stderr.startswith(f"The gallery has changed since {out} was begun; rows that are there stay.\n")
    (out / "_about.json").write_text(json.dumps(about | {"network": "other"}))
    done, _ = quick(pictures / "inner", "--out", out)
    assert done.exit_code == 1
    assert f"Error: The rows in {out} were made with another network" in done.stderr


def test_a_small_archive_takes_no_more_workers_than_pictures(run, pictures, out, monkeypatch):
    asked = []
    monkeypatch.setattr(
        process_pool, "rows", lambda _job, workers, pictures, _places: asked.append((workers, pictures)) or []
    )
    run("identify", pictures / "inner", "--out", out, "--workers", 8)
    assert asked == [(1, 1)]


def test_without_ray(quick, pictures, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    done, _ = quick(pictures, "--out", out, "--engine", "ray")
    assert done.exit_code == 1
    assert (
        "Error: Ray is not installed. Install it with: .venv/bin/pip install -r requirements-cluster.txt" in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workers", "2"], "--workers, --engine"),
        (["--engine", "ray"], "go with --out"),
        (["--out", "results", "--json"], "--out writes Parquet"),
        (["--out", "results", "--address", "auto"], "goes with --engine ray"),
        (["s3://bucket/a"], "s3://bucket/a: URLs go with --out."),
    ],
)
def test_wrong_usage(run, pictures, arguments, sentence):
    done = run("identify", pictures, *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
