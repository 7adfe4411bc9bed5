import csv
import itertools
import json
import os

import pandas as pd
import pytest

from app.batch import results as module
from app.batch.job import error_row, photo_row
from app.batch.results import FileVersions, Results
from app.batch.sources import PhotoFile
from app.errors import BatchError
from app.serialization import CSV_COLUMNS

ORIGIN = {"network": "n", "detector": "d", "gallery": {"revision": 1}}


def face(verdict: str, person: str | None) -> dict:
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    ranking = [{"person": "Ann", "class_distance": 0.25, "mean": 0.3, "min": 0.1, "std": 0.01, "anchors": 3}]
    return {"box": box, "confidence": 0.9, "verdict": verdict, "person": person, "class_distance": 0.25} | {
        "threshold": 0.3,
        "candidates": [],
        "look_alike": None,
        "reason": "why",
        "ranking": ranking,
    }


def row(file: str, *faces: dict) -> dict:
    return {
        "file": file,
        "bytes": 7,
        "modified_ns": 8,
        "error": None,
        "width": 10,
        "height": 20,
        "fpir": 0.01,
        "faces": list(faces),
    }


BOTH = row("both.jpg", face("match", "Ann"), face("unknown", None))
BAD = error_row(PhotoFile("bad.jpg"), "unreadable", "Not a picture.")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def fill(out, *rows):
    with Results(out, ORIGIN) as results:
        results.add(rows)


def test_rows_are_the_serialized_results(recognizer, photo, out):
    result = photo_row(PhotoFile("a.jpg", 7, 8), recognizer.identify(photo("Drake", "Eminem")))
    fill(out, result, BAD)
    with Results(out, ORIGIN) as results:
        assert [row for batch in results._read(None) for row in batch.to_pylist()] == [result, BAD]


def test_pandas_reads_the_folder(out):
    fill(out, BOTH)
    fill(out, BAD, row("none.jpg"))
    table = pd.read_parquet(out)
    assert table["file"].tolist() == ["both.jpg", "bad.jpg", "none.jpg"]
    assert table["faces"][0][0]["person"] == "Ann"


def test_summary(out):
    fill(out, BOTH, BAD)
    fill(out, row("more.jpg", face("match", "Ann"), face("match", "Zoë"), face("low_quality", None)), row("none.jpg"))
    with Results(out, ORIGIN) as results:
        summary = results.summary()
    assert (summary.photos, summary.faces, summary.errors) == (4, 5, 1)
    assert summary.verdicts == {"match": 3, "unknown": 1, "low_quality": 1}
    assert summary.people.most_common(10) == [("Ann", 2), ("Zoë", 1)]
    assert summary.failures == [("bad.jpg", "Not a picture.")]


def test_csv(out, tmp_path):
    fill(out, BOTH, BAD, row("no, face.jpg"), row("=1+2.jpg"))
    with Results(out, ORIGIN) as results:
        results.write_csv(tmp_path / "faces.csv")
    assert [path.stat().st_mode & 0o777 for path in (out, tmp_path / "faces.csv")] == [0o700, 0o600]
    with (tmp_path / "faces.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == CSV_COLUMNS
    assert [(line["file"], line["error"], line["face"], line["person"]) for line in table] == [
        ("both.jpg", "", "1", "Ann"),
        ("both.jpg", "", "2", ""),
        ("bad.jpg", "unreadable", "", ""),
        ("no, face.jpg", "", "", ""),
        ("'=1+2.jpg", "", "", ""),
    ]
    assert json.loads(table[0]["ranking"]) == BOTH["faces"][0]["ranking"]


def test_errors_can_be_removed_for_a_retry(out):
    fill(out, BOTH, BAD, row("Zoë.jpg"))
    with Results(out, ORIGIN) as results:
        finished = results.finished()
        assert [finished.has_file(name) for name in ("both.jpg", "bad.jpg", "Zoë.jpg", "x.jpg")] == [True] * 3 + [False]
        assert results.remove_errors() == 1
        assert results.finished().has_file("both.jpg")
        assert not results.finished().has_file("bad.jpg")
        assert results.remove_errors() == 0


def test_rows_of_changed_and_deleted_files_are_removed(out):
    fill(out, *map(row, ("same.jpg", "larger.jpg", "later.jpg", "deleted.jpg", "elsewhere.jpg")), BAD)
    files = [("same.jpg", 7, 8), ("larger.jpg", 9, 8), ("later.jpg", 7, 9), ("new.jpg", 1, 2), ("bad.jpg", None, None)]
    listed = FileVersions(itertools.starmap(PhotoFile, files))
    with Results(out, ORIGIN) as results:
        assert listed.count_common(results.finished()) == (2, 3)
        assert results.remove_outdated(listed, lambda file: file == "deleted.jpg") == 3
        assert pd.read_parquet(out)["file"].tolist() == ["same.jpg", "elsewhere.jpg", "bad.jpg"]
        finished = results.finished()
        assert PhotoFile("same.jpg", 7, 8) in finished
        assert PhotoFile("larger.jpg", 9, 8) not in finished
        assert results.remove_outdated(listed, lambda _file: False) == 0


def test_a_full_part_is_written(out, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 2)
    with Results(out, ORIGIN) as results:
        for number in range(5):
            results.add([row(f"{number}.jpg")])
        assert len(list(out.glob("part-*.parquet"))) == 2
    assert len(list(out.glob("part-*.parquet"))) == 3


def test_an_incomplete_part_is_deleted(out):
    fill(out, BOTH)
    (out / "_part-000002.parquet").write_bytes(b"PAR1 half")
    with Results(out, ORIGIN) as results:
        assert results.summary().photos == 1
    assert not (out / "_part-000002.parquet").exists()


def test_a_damaged_part_is_reported(out):
    fill(out, BOTH)
    (out / "part-000002.parquet").write_bytes(b"PAR1 damaged")
    with Results(out, ORIGIN) as results, pytest.raises(BatchError, match="A part is damaged"):
        results.finished()


def test_rows_of_another_network_are_rejected(out):
    fill(out, BOTH)
    with pytest.raises(BatchError, match="made with another network"):
        Results(out, ORIGIN | {"network": "m"})
    # The gallery may change.
    with Results(out, ORIGIN | {"gallery": {"revision": 2}}) as results:
        assert results.older_gallery
    with Results(out, ORIGIN | {"gallery": {"revision": 2}}) as results:
        assert results.older_gallery


@pytest.mark.parametrize("content", ["", '{"network": "n", "dete', "[]"])
def test_a_damaged_description_is_reported(out, content):
    fill(out, BOTH)
    (out / "_about.json").write_text(content)
    with pytest.raises(BatchError, match=r"_about\.json is damaged, .* Choose another folder, or delete this one"):
        Results(out, ORIGIN)


def test_a_full_disk_keeps_the_description(out, monkeypatch):
    fill(out, BOTH)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BatchError, match="No space left on device"):
        Results(out, ORIGIN | {"gallery": {"revision": 2}})
    monkeypatch.undo()
    with Results(out, ORIGIN) as results:
        assert not results.older_gallery
    assert sorted(path.name for path in out.iterdir()) == ["_about.json", "_lock", "part-000001.parquet"]


def test_rows_of_an_older_version_are_rejected(out):
    fill(out, BOTH)
    (out / "_about.json").write_text(json.dumps(ORIGIN))
    with pytest.raises(BatchError, match=r"made by another version of the program\. Choose another folder, or delete"):
        Results(out, ORIGIN)


def test_other_parquet_files_are_rejected(out):
    out.mkdir()
    (out / "prices.parquet").write_bytes(b"PAR1")
    with pytest.raises(BatchError, match="has Parquet files of another program"):
        Results(out, ORIGIN)


def test_a_folder_is_locked(out):
    with Results(out, ORIGIN), pytest.raises(BatchError, match="Another run is writing to"):
        Results(out, ORIGIN)


def test_a_full_disk_is_reported(out, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.pq, "write_table", full)
    with pytest.raises(BatchError, match=r"No space left on device"), Results(out, ORIGIN) as results:
        results.add([BOTH])
