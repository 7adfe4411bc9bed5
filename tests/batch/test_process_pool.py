"""Real workers on a small archive: the same rows in any number, and none lost or doubled when one is killed."""

import os
import signal
from dataclasses import replace

import pytest

from app.batch.process_pool import Pool, chunks, rows
from app.errors import BatchError
from tests.batch.conftest import assert_killed, assert_same


def test_one_worker_says_what_the_recognizer_says(job, expected):
    assert_same([row for some in rows(job, 1, len(expected), job.places.all()) for row in some], expected)


def test_so_do_two_and_if_one_is_killed_no_row_is_lost_or_doubled(job, expected):
    found = []
    with Pool(job, 2) as pool:
        for some in pool.rows(chunks(job.places.all(), len(expected), 2)):
            if not found:
                os.kill(pool.processes[0], signal.SIGKILL)
            found += some
    assert_same(found, expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_that_kill_their_worker_are_rows_with_their_error(job, deadly, monkeypatch, workers):
    monkeypatch.setenv("PYTHONPATH", deadly)
    with Pool(job, workers) as pool:
        found = [row for some in pool.rows(chunks(map(str, range(40)), 40, workers)) for row in some]
        assert_killed(found, 40)
        # It goes on after that.
        assert [row["file"] for some in pool.rows([("a", "b"), ("c",)]) for row in some] == ["a", "b", "c"]


def test_what_keeps_a_worker_from_starting_is_told(job, tmp_path, monkeypatch):
    missing = replace(job, settings=job.settings.with_changes(model=tmp_path / "none.json"))
    with pytest.raises(RuntimeError, match=r"none\.json") as caught:
        list(rows(missing, 1, 1, ["a.jpg"]))
    assert "Traceback" in caught.value.__notes__[0]
    (tmp_path / "sitecustomize.py").write_text("import os, sys\n'spawn_main' in str(sys.orig_argv) and os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BatchError, match=r"Workers end while they start \(exit code -6\)"):
        list(rows(job, 1, 1, ["a.jpg"]))


def test_chunks_are_the_smaller_the_nearer_the_end():
    places = [str(number) for number in range(300)]
    some = list(chunks(places, 300, 2))
    assert [place for chunk in some for place in chunk] == places
    sizes = [len(chunk) for chunk in some]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[:3], sizes[-8:]) == ([32, 32, 29], [1] * 8)
    # Pictures that came after they were counted are done too.
    assert [len(chunk) for chunk in chunks(places[:20], 16, 1)] == [4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
