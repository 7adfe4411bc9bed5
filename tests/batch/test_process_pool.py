"""Real workers on a small archive: the same rows with any number of workers, and after a crash."""

from dataclasses import replace

import pytest

from app.batch.process_pool import ProcessPool, split_into_chunks
from app.errors import BatchError, ModelError
from tests.batch.conftest import assert_crashes_reported, assert_same


def test_a_killed_worker_loses_and_repeats_no_row(job, expected):
    pool = ProcessPool(job, 2, len(expected))
    rows = []
    for batch in pool.identify(job.sources.photos()):
        if not rows:
            pool._workers[0].process.kill()
        rows += batch
    assert_same(rows, expected)


def test_photos_that_crash_their_worker_are_reported(job, crashing, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", crashing)
    rows = [row for batch in ProcessPool(job, 2, 20).identify(map(str, range(20))) for row in batch]
    assert_crashes_reported(rows, 20)
    assert [row["file"] for row in rows] == [str(number) for number in range(20)]


def test_a_worker_that_cannot_start_is_reported(job, tmp_path, monkeypatch):
    missing = replace(job, settings=job.settings.with_changes(model=tmp_path / "none.json"))
    with pytest.raises(ModelError, match=r"none\.json") as caught:
        list(ProcessPool(missing, 1, 1).identify(["a.jpg"]))
    assert "Traceback" in caught.value.__notes__[0]
    (tmp_path / "sitecustomize.py").write_text("import os, sys\n'spawn_main' in str(sys.orig_argv) and os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BatchError, match=r"Workers crash while they start \(exit code -6\)"):
        list(ProcessPool(job, 1, 1).identify(["a.jpg"]))


def test_chunks_get_smaller_near_the_end():
    photos = [str(number) for number in range(300)]
    chunks = list(split_into_chunks(photos, 300, 2))
    assert [photo for chunk in chunks for photo in chunk] == photos
    sizes = [len(chunk) for chunk in chunks]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[:3], sizes[-8:]) == ([32, 32, 29], [1] * 8)
    # Photos that were added after counting are included.
    assert [len(chunk) for chunk in split_into_chunks(photos[:20], 16, 1)] == [4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
