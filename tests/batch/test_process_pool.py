"""Real workers on a small archive: the same rows with any number of workers, and after a crash."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from app.batch import process_pool
from app.batch.process_pool import ProcessPool, split_into_chunks
from app.batch.sources import PhotoFile
from app.errors import BatchError, ModelError
from tests.batch.conftest import assert_crashes_reported, assert_same


def test_a_killed_worker_loses_and_repeats_no_row(job, expected):
    pool = ProcessPool(job, 2, len(expected))
    batches = pool.embed(job.sources.photos(), Event())
    rows = next(batches)
    pool._workers[0].process.kill()
    rows += [row for batch in batches for row in batch]
    assert_same(rows, expected)


def photo_files(*paths: object) -> list[PhotoFile]:
    return [PhotoFile(str(path)) for path in paths]


def test_photos_that_fail_are_reported(crashing, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", crashing)
    batches = ProcessPool(None, 2, 20).embed(photo_files(*range(20)), Event())
    rows = [row for batch in batches for row in batch]
    assert_crashes_reported(rows, 20)
    messages = {row.file.path: row.failure.message for row in rows}
    assert messages["3"].startswith("The photo crashed its worker (exit code -6).")
    assert messages["4"].startswith("Processing the photo failed (MemoryError: no memory left, in ")


def test_a_program_that_fails_at_every_photo_is_not_the_fault_of_the_photos(crashing, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", crashing)
    monkeypatch.setattr(process_pool, "_MAX_FAILURES", 1)
    with pytest.raises(BatchError, match=r"^Workers failed 1 times before they read a photo\. .*MemoryError"):
        list(ProcessPool(None, 1, 1).embed(photo_files(4), Event()))


def test_a_stop_keeps_the_rows_of_photos_in_progress(crashing, tmp_path, monkeypatch):
    class Stop(Event):
        def is_set(self) -> bool:
            return (tmp_path / "started").exists()

    monkeypatch.setenv("PYTHONPATH", crashing)
    photos = photo_files(*(f"slow {number}" for number in range(20)))
    rows = [row for batch in ProcessPool(None, 1, 20).embed(photos, Stop()) for row in batch]
    assert 1 <= len(rows) < 20


def test_a_stop_does_not_wait_for_a_long_video(crashing, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", crashing)
    monkeypatch.setattr(process_pool, "_FINISH_SECONDS", 0.1)
    stop = Event()
    batches = ProcessPool(None, 1, 2).embed(photo_files("wait", "0"), stop)
    next(batch for batch in batches if batch)
    stop.set()
    started = time.monotonic()
    assert list(batches) == []
    assert time.monotonic() - started < 5


def test_workers_end_with_a_killed_pool(crashing):
    program = """
from threading import Event
from app.batch.process_pool import ProcessPool
from app.batch.sources import PhotoFile
if __name__ == "__main__":
    for rows in ProcessPool(None, 1, 1).embed([PhotoFile("wait")], Event()):
        if rows:
            print(rows[0].file.path, flush=True)
"""
    path = Path(crashing.split(os.pathsep)[0]) / "program.py"
    path.write_text(program)
    command = [sys.executable, path]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": crashing}, stdout=subprocess.PIPE) as pool:
        worker = int(pool.stdout.readline())
        pool.kill()
    deadline = time.monotonic() + 5
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(worker)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that no process has waited for has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_a_worker_that_cannot_start_is_reported(job, tmp_path, monkeypatch):
    missing = replace(job, settings=job.settings.with_changes(model=tmp_path / "none.json"))
    with pytest.raises(ModelError, match=r"none\.json") as caught:
        list(ProcessPool(missing, 1, 1).embed(photo_files("a.jpg"), Event()))
    assert "Traceback" in caught.value.__notes__[0]
    (tmp_path / "sitecustomize.py").write_text("import os, sys\n'spawn_main' in str(sys.orig_argv) and os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BatchError, match=r"Workers crash while they start \(exit code -6\)"):
        list(ProcessPool(job, 1, 1).embed(photo_files("a.jpg"), Event()))


def test_chunks_get_smaller_near_the_end():
    photos = [str(number) for number in range(300)]
    chunks = list(split_into_chunks(photos, 300, 2))
    assert [photo for chunk in chunks for photo in chunk] == photos
    sizes = [len(chunk) for chunk in chunks]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[:3], sizes[-8:]) == ([32, 32, 29], [1] * 8)
    # Photos that were added after counting are included.
    assert [len(chunk) for chunk in split_into_chunks(photos[:20], 16, 1)] == [4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
