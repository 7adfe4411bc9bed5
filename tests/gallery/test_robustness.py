"""Two writers, a killed one, a full disk, a database that goes away: nothing half-done, nothing lost, a clear word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.errors import GalleryError
from app.gallery.database import migrate_gallery
from app.gallery.store import Gallery
from app.settings import ROOT
from tests import postgres
from tests.conftest import NETWORK
from tests.small_disk import fill_up

WRITER = """
import sys, numpy as np
from app.gallery.store import Gallery
gallery = Gallery.open(sys.argv[1], sys.argv[2], None)
for number in range(int(sys.argv[4])):
    person = gallery.add(f"{sys.argv[3]} {number}", np.eye(8, dtype=np.float32)[:5], list("abcde"))
    print(person.name, flush=True)
"""


def writer(database_url: str, name: str, people: int) -> subprocess.Popen:
    """A process that adds people of five anchors, and prints each name once it is in."""
    command = [sys.executable, "-W", "error", "-c", WRITER, database_url, NETWORK, name, str(people)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_writers_at_once_both_get_in(empty_gallery, database_url):
    writers = [writer(database_url, name, 20) for name in ("Left", "Right")]
    printed = [one.communicate(timeout=60)[0].split("\n")[:-1] for one in writers]
    assert [len(names) for names in printed] == [20, 20]
    snapshot = empty_gallery.snapshot()
    assert sorted(snapshot.names) == sorted(printed[0] + printed[1])
    assert set(snapshot.counts.tolist()) == {5}


@pytest.mark.parametrize("confirmed", [1, 9])
def test_a_killed_writer_leaves_whole_people_only(empty_gallery, database_url, confirmed):
    process = writer(database_url, "Person", 100_000)
    printed = [process.stdout.readline().strip() for _ in range(confirmed)]
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    printed += process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    snapshot = empty_gallery.snapshot()
    assert set(printed) <= set(snapshot.names)
    assert len(snapshot.names) <= len(printed) + 1
    assert set(snapshot.counts.tolist()) == {5}
    assert empty_gallery.undo().startswith("added 5 anchors")


@pytest.fixture(params=["sqlite", "postgresql"])
def on_small_disk(request, small_disk) -> Iterator[str]:
    """The URL of a gallery that lies on the small disk."""
    if request.param == "sqlite":
        yield f"sqlite:///{small_disk}/gallery.sqlite"
        return
    request.getfixturevalue("postgresql")
    small_disk.chmod(0o777)
    with postgres.running(small_disk) as server:
        url = server.url(server.create())
        migrate_gallery(url)
        yield url


def add_large_people(gallery: Gallery, unit_vectors) -> None:
    """Add people with large portraits, more than what is free in files that the database has already."""
    for number in range(50):
        gallery.add(f"Large {number}", unit_vectors(2), ["1", "2"], portrait=os.urandom(300_000))


def test_a_full_disk_is_said_and_the_gallery_is_intact(on_small_disk, small_disk, unit_vectors):
    gallery = Gallery.open(on_small_disk, NETWORK, None)
    gallery.add("Ann", unit_vectors(3), ["1", "2", "3"])
    before = gallery.snapshot()
    filler = small_disk / "filler"
    fill_up(filler)
    with pytest.raises(GalleryError, match=r"could not be written \(.*(full|space|extend).*\)"):
        add_large_people(gallery, unit_vectors)
    assert gallery.snapshot().names[:1] == before.names
    filler.unlink()
    assert gallery.add("Bob", unit_vectors(1), ["1"]).anchors == 1
    assert {"Ann", "Bob"} <= set(gallery.snapshot().names)
    gallery.close()


def test_a_database_that_goes_away_and_comes_back(template, unit_vectors):
    with postgres.running() as server:
        url = server.url(server.create())
        migrate_gallery(url)
        gallery = Gallery.open(url, NETWORK, None)
        gallery.add("Ann", unit_vectors(1), ["1"])
        before = gallery.snapshot()
        server.stop()
        for use in (gallery.snapshot, gallery.people, lambda: gallery.add("Bob", unit_vectors(1), ["1"])):
            with pytest.raises(GalleryError, match=r"could not be (read|written)"):
                use()
        server.start()
        assert gallery.snapshot() is before
        assert gallery.add("Bob", unit_vectors(1), ["1"]).anchors == 1
        assert gallery.snapshot().names == ("Ann", "Bob")
        gallery.close()


def test_tables_of_postgresql_change_by_command_only(postgresql, unit_vectors):
    url = postgresql.url(postgresql.create())
    with pytest.raises(GalleryError, match="people migrate"):
        Gallery.open(url, NETWORK, None)
    assert migrate_gallery(url)
    assert not migrate_gallery(url)
    gallery = Gallery.open(url, NETWORK, None)
    assert gallery.add("Ann", unit_vectors(1), ["1"]).anchors == 1
    gallery.close()
