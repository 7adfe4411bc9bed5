"""Real workers on a small archive: the same rows in any number, and none lost or doubled when one is killed."""

import os
import signal
from dataclasses import replace

import pytest

from app.archive.errors import ArchiveError
from app.archive.pool import KILLED, Pool, chunk
from app.settings import ROOT
from tests.archive.conftest import assert_same


def test_one_worker_says_what_the_recognizer_says(job, expected):
    assert_same([row for rows in Pool(job, 1, 5).rows(job.places.all()) for row in rows], expected)


def test_so_do_two_and_if_one_is_killed_no_row_is_lost_or_doubled(job, expected):
    pool, rows = Pool(job, 2, 2), []
    for some in pool.rows(job.places.all()):
        if not rows:
            os.kill(pool.processes[0], signal.SIGKILL)
        rows += some
    assert_same(rows, expected)


def test_a_picture_that_kills_its_worker_twice_is_a_row_with_its_error(job, monkeypatch, tmp_path):
    """Workers that end at one picture, and know nobody, so that they start at once."""
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    rows = [row for some in Pool(job, 1, 4).rows(f"{number}.jpg" for number in range(9)) for row in some]
    assert [row["file"] for row in rows] == [f"{number}.jpg" for number in range(9)]
    assert [row["error"]["code"] for row in rows] == [KILLED if number == 2 else "seen" for number in range(9)]


DEADLY = """
import os
from app.archive import namer

class Namer:
    def __init__(self, job):
        pass

    def batches(self, places):
        if "2.jpg" in places:
            os.abort()
        yield [{"file": place, "error": {"code": "seen"}} for place in places]

namer.Namer = Namer
"""


def test_what_keeps_a_worker_from_starting_is_told(job, tmp_path, monkeypatch):
    missing = replace(job, settings=replace(job.settings, model=tmp_path / "none.json"))
    with pytest.raises(RuntimeError, match=r"none\.json") as caught:
        list(Pool(missing, 1).rows(["a.jpg"]))
    assert "Traceback" in caught.value.__notes__[0]
    (tmp_path / "sitecustomize.py").write_text("import os, sys\n'spawn_main' in str(sys.orig_argv) and os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ArchiveError, match=r"Workers end while they start \(exit code -6\)"):
        list(Pool(job, 1).rows(["a.jpg"]))


def test_small_archives_give_everybody_something_to_do():
    assert (chunk(3, 2), chunk(80, 2), chunk(1_000_000, 8)) == (1, 10, 32)
