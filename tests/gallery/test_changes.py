"""Removing, restoring, renaming, merging, rejecting, and taking any of it back."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, event, func, select, update

from app.errors import FaceNotFound, GalleryError, NameTaken, NothingToUndo, PersonNotFound, SamePerson
from app.gallery import snapshot_loading
from app.gallery.change_log import ChangePart
from app.gallery.database import Database
from app.gallery.store import Gallery, ImportedPhotos
from app.gallery.tables import (
    AnchorRow,
    CropRow,
    FormerPortraitRow,
    FormerValueRow,
    ImportedPhotoRow,
    PersonRow,
    RejectedFaceRow,
    RevisionRow,
    now,
)
from tests.conftest import NETWORK


def state(gallery: Gallery) -> dict:
    """Everything that ranking and the pages see of a gallery, and a check that it is what a new process sees."""
    snapshot = gallery.snapshot()
    anchors = {name: snapshot.person(place).tolist() for place, name in enumerate(snapshot.names)}
    people = [(one.id, one.name, one.anchors, one.portrait_sha256, one.aliases) for one in gallery.people()]
    rejected = [(one.person, one.note, one.embedding.tolist()) for one in gallery.rejected_faces()]
    return {"people": people, "anchors": anchors, "rejected": rejected, "weighs": snapshot.rejected_positions.tolist()}


@pytest.fixture
def fresh(database_url):
    """Another process's view of the same gallery: a snapshot that was read whole."""

    def look() -> dict:
        other = Gallery.open(database_url, NETWORK, None)
        seen = state(other)
        other.close()
        return seen

    return look


CHANGES = {
    "add to a new person": lambda gallery, make: gallery.add("Carla", make(2), ["1", "2"], b"webp"),
    "add to a known person": lambda gallery, make: gallery.add("bob", make(2), ["1", "2"], b"webp"),
    "remove": lambda gallery, make: gallery.remove("Ann Lee"),
    "remove several": lambda gallery, make: gallery.remove_people(["Ann Lee", "bob", "ann lee"]),
    "rename": lambda gallery, make: gallery.rename("bob", "Zora", keep_alias=True),
    "aliases": lambda gallery, make: gallery.change_aliases("bob", ["Rob", "Robert"]),
    "merge": lambda gallery, make: gallery.merge("Ann Lee", "bob"),
    "remove anchors": lambda gallery, make: gallery.remove_anchors("bob", [gallery.anchors("bob")[0].id]),
    "remove the last anchor": lambda gallery, make: gallery.remove_anchors(
        "Émile Zola", [gallery.anchors("Émile Zola")[0].id]
    ),
    "reject": lambda gallery, make: gallery.reject_faces("bob", make(2), ["x.jpg", "y.jpg"]),
    "take back": lambda gallery, make: gallery.remove_rejected_faces([gallery.rejected_faces()[0].id]),
    "restore": lambda gallery, make: gallery.restore("Gone"),
}


@pytest.fixture
def ready(tiny_gallery, unit_vectors):
    """The tiny gallery with a rejected face and a removed person."""
    tiny_gallery.reject_faces("Ann Lee", unit_vectors(1), ["not Ann.jpg"])
    tiny_gallery.add("Gone", unit_vectors(2), ["1", "2"])
    tiny_gallery.remove("Gone")
    tiny_gallery.snapshot()
    return tiny_gallery


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_live_and_can_be_undone(ready, unit_vectors, fresh, change):
    before = state(ready)
    CHANGES[change](ready, unit_vectors)
    after = state(ready)
    assert after != before
    assert after == fresh()
    ready.undo()
    assert state(ready) == before == fresh()


def test_all_changes_are_undone_one_after_the_other(ready, unit_vectors):
    states = []
    for change in ("rename", "merge", "add to a new person", "reject", "restore", "take back", "remove anchors"):
        states.append(state(ready))
        if change == "rename":
            ready.rename("Ann Lee", "Ada")
        elif change == "merge":
            ready.merge("Ada", "bob")
        else:
            CHANGES[change](ready, unit_vectors)
    for before in reversed(states):
        ready.undo()
        assert state(ready) == before


def test_when_nothing_is_left_to_undo(empty_gallery, unit_vectors):
    empty_gallery.add("Ann", unit_vectors(1), ["1"])
    assert empty_gallery.undo() == "added 1 anchor of Ann"
    with pytest.raises(NothingToUndo, match="no change to undo"):
        empty_gallery.undo()


def test_a_removed_persons_name_can_be_given_again(tiny_gallery, unit_vectors):
    old = tiny_gallery.remove("bob")
    new = tiny_gallery.add("BOB", unit_vectors(1), ["1"])
    assert new.id != old.id
    with pytest.raises(NameTaken, match="Another person is called bob now"):
        tiny_gallery.restore("bob")
    tiny_gallery.rename("BOB", "Robert")
    assert tiny_gallery.restore("bob").id == old.id
    assert [one.name for one in tiny_gallery.removed_people()] == []


def test_undo_says_when_a_name_is_taken(ready, unit_vectors):
    ready.remove("bob")
    other = Gallery(ready._database, NETWORK)
    with ready._database.writing() as connection:
        # Somebody added by what cannot be undone, as an import is.
        connection.execute(PersonRow.__table__.insert().values(name="bob", key="bob", created=now()))
    with pytest.raises(NameTaken, match="cannot be undone"):
        other.undo()


def test_single_anchors_are_restored(tiny_gallery):
    first, second = (one.id for one in tiny_gallery.anchors("bob"))
    tiny_gallery.remove_anchors("bob", [first, second])
    assert tiny_gallery.find("bob").anchors == 0
    assert tiny_gallery.restore_anchors("bob", [second]).anchors == 1
    assert [one.id for one in tiny_gallery.anchors("bob")] == [second]


@pytest.mark.parametrize("purge", [False, True])
def test_anchors_of_others_are_not_touched(tiny_gallery, purge):
    anns = tiny_gallery.anchors("Ann Lee")[0].id
    with pytest.raises(GalleryError, match=f"bob has no anchor with the number {anns}"):
        tiny_gallery.remove_anchors("bob", [anns], purge)
    assert tiny_gallery.find("Ann Lee").anchors == 4


def test_merging_keeps_the_second(tiny_gallery):
    merged = tiny_gallery.merge("Ann Lee", "bob")
    assert (merged.name, merged.anchors) == ("bob", 6)
    assert [one.name for one in tiny_gallery.removed_people()] == ["Ann Lee"]
    with pytest.raises(GalleryError, match="cannot be merged with themselves"):
        tiny_gallery.merge("bob", "BOB")


def test_crops_are_kept_if_given(tiny_gallery, unit_vectors):
    tiny_gallery.add("bob", unit_vectors(2), ["1", "2"], crops=[b"one", b"two"])
    found = tiny_gallery.anchors("bob")
    assert [one.has_crop for one in found] == [False, False, True, True]
    assert [tiny_gallery.crop(one.id) for one in found] == [None, None, b"one", b"two"]


@pytest.fixture
def statements(tiny_gallery) -> Iterator[list[str]]:
    """The SQL statements that the gallery has executed, one for each row of `executemany`."""
    executed: list[str] = []

    def record(_connection, _cursor, statement, parameters, _context, many) -> None:
        executed.extend([statement] * (len(parameters) if many else 1))

    engine = tiny_gallery._database._engine
    event.listen(engine, "before_cursor_execute", record)
    yield executed
    event.remove(engine, "before_cursor_execute", record)


NUMBERED = {
    "merge": lambda gallery: gallery.merge("Carla", "bob"),
    "remove anchors": lambda gallery: gallery.remove_anchors("Carla", [one.id for one in gallery.anchors("Carla")]),
    "rename": lambda gallery: gallery.rename("Carla", "Clara"),
    "remove": lambda gallery: gallery.remove("Carla"),
    "purge": lambda gallery: gallery.rights.erase(["Carla"]),
}


@pytest.mark.parametrize("change", NUMBERED)
def test_a_change_and_its_undo_take_as_many_statements_for_many_anchors(tiny_gallery, unit_vectors, statements, change):
    counts = []
    for anchors in (3, 100):
        photos = ImportedPhotos(f"{anchors:064}", tuple(f"{number:064}" for number in range(anchors)))
        tiny_gallery.add("Carla", unit_vectors(anchors), ["c.jpg"] * anchors, b"webp", imported=photos)
        statements.clear()
        NUMBERED[change](tiny_gallery)
        if change != "purge":
            tiny_gallery.undo()
        counts.append(len(statements))
        if change != "purge":
            tiny_gallery.rights.erase(["Carla"])
    assert counts[0] == counts[1] <= 64


class TestUndoAfterErasing:
    def test_a_removal_of_someone_erased_is_not_offered(self, tiny_gallery):
        tiny_gallery.rename("bob", "Robert")
        tiny_gallery.remove("Robert")
        tiny_gallery.rights.erase(["Robert"])
        assert not any(change.reversible for change in tiny_gallery.history(3))
        assert tiny_gallery.undo() == "added 1 anchor of Émile Zola"

    def test_what_was_erased_since_is_named_and_the_rest_comes_back(self, tiny_gallery):
        ann = tiny_gallery.find("Ann Lee").id
        tiny_gallery.remove_people(["Ann Lee", "bob"])
        tiny_gallery.rights.erase(["Ann Lee"])
        assert tiny_gallery.undo() == f"removed person {ann}, bob, except what was purged since"
        assert (tiny_gallery.find("bob").anchors, tiny_gallery.find(ann)) == (2, None)

    def test_erasing_a_person_erases_who_was_merged_into_them(self, tiny_gallery):
        before = tiny_gallery.history(1)[0].id
        tiny_gallery.merge("Ann Lee", "Émile Zola")
        tiny_gallery.merge("Émile Zola", "bob")
        erased = tiny_gallery.rights.erase(["bob"]).people
        assert {person.name for person in erased} == {"Ann Lee", "Émile Zola", "bob"}
        assert erased[-1].name == "bob"
        assert tiny_gallery.removed_people() == []
        changes = tiny_gallery.history()
        assert next(change.id for change in changes if change.reversible) <= before
        assert not any("Ann" in change.change for change in changes)

    @pytest.mark.parametrize("kept", [0, 1])
    def test_a_merge_is_undone_while_anchors_remain(self, tiny_gallery, kept):
        moved = [anchor.id for anchor in tiny_gallery.anchors("Ann Lee")]
        tiny_gallery.merge("Ann Lee", "bob")
        tiny_gallery.remove_anchors("bob", moved[kept:], purge=True)
        done = tiny_gallery.undo()
        if kept:
            assert done == "merged Ann Lee into bob, except what was purged since"
            assert tiny_gallery.find("Ann Lee").anchors == 1
        else:
            assert "merged" not in done
            assert tiny_gallery.find("Ann Lee") is None

    def test_erasing_who_was_merged_ends_undo_of_the_merge_only(self, tiny_gallery):
        tiny_gallery.merge("Ann Lee", "bob")
        tiny_gallery.rights.erase(["Ann Lee"])
        assert [change.reversible for change in tiny_gallery.history(3)] == [False, False, True]
        assert tiny_gallery.undo() == "added 2 anchors of bob"

    def test_who_was_merged_is_not_restored_without_anchors(self, tiny_gallery):
        tiny_gallery.merge("Ann Lee", "bob")
        with pytest.raises(SamePerson, match=r"Ann Lee was merged into another person. Undo that change"):
            tiny_gallery.restore("Ann Lee")
        tiny_gallery.undo()
        tiny_gallery.remove("Ann Lee")
        assert tiny_gallery.restore("Ann Lee").anchors == 4


class TestErasing:
    @pytest.fixture
    def aged(self, database_url, tiny_gallery):
        """Makes everything that happened so far lie some days back."""

        def age(days: int) -> None:
            before = now() - timedelta(days=days)
            database = Database.connect(database_url)
            with database.writing() as connection:
                for table in (PersonRow, AnchorRow, RejectedFaceRow):
                    connection.execute(update(table).where(table.removed.is_not(None)).values(removed=before))
                connection.execute(update(RevisionRow).values(created=before))
            database.close()

        return age

    @pytest.fixture
    def rows(self, database_url):
        def count(table) -> int:
            database = Database.connect(database_url)
            with database.reading() as connection:
                found = connection.scalar(select(func.count()).select_from(table))
            database.close()
            return found

        return count

    def test_after_some_days_what_was_removed_is_erased(self, tiny_gallery, database_url, unit_vectors, aged, rows):
        tiny_gallery.add("Carla", unit_vectors(1), ["1"], crops=[b"crop"])
        tiny_gallery.rename("bob", "Robert")
        tiny_gallery.remove("Carla")
        tiny_gallery.remove_anchors("Ann Lee", [tiny_gallery.anchors("Ann Lee")[0].id])
        aged(29)
        Gallery.open(database_url, NETWORK, None).close()
        assert (rows(PersonRow), rows(AnchorRow), rows(CropRow)) == (5, 11, 1)
        aged(31)
        Gallery.open(database_url, NETWORK, None).close()
        assert (rows(PersonRow), rows(AnchorRow), rows(CropRow), rows(FormerValueRow)) == (4, 9, 0, 0)
        with pytest.raises(NothingToUndo):
            tiny_gallery.undo()
        with pytest.raises(PersonNotFound):
            tiny_gallery.restore("Carla")

    def test_a_running_server_erases_outside_of_requests(self, tiny_gallery, aged, rows, monkeypatch):
        monkeypatch.setattr("app.gallery.store._MAINTENANCE_SECONDS", 0.01)
        monkeypatch.setattr("app.gallery.store._PURGE_SECONDS", 0.0)
        tiny_gallery.remove("bob")
        aged(31)
        tiny_gallery.snapshot()
        assert rows(PersonRow) == 4
        tiny_gallery.start_maintenance()
        until = time.monotonic() + 20
        while rows(PersonRow) == 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert rows(PersonRow) == 3

    def test_an_error_of_maintenance_is_logged_once(self, tiny_gallery, aged, monkeypatch, caplog):
        tiny_gallery.remove("bob")
        aged(31)

        def fail(purge: bool) -> None:
            raise GalleryError("The gallery could not be written (attempt to write a readonly database).")

        monkeypatch.setattr(tiny_gallery._database, "writing", fail)
        for _ in range(3):
            tiny_gallery._maintain(purge=True)
        assert caplog.text.count("gallery_maintenance_failed: The gallery could not be written") == 1
        assert "bob" not in tiny_gallery.snapshot().names

    def test_a_clock_that_jumps_ahead_expires_nothing_for_three_days(self, tiny_gallery, monkeypatch, caplog):
        start = now()

        def restorable(days: float) -> bool:
            monkeypatch.setattr("app.gallery.expiry.now", lambda: start + timedelta(days=days))
            tiny_gallery._maintain(purge=True)
            return bool(tiny_gallery.removed_people())

        tiny_gallery.remove("bob")
        assert restorable(31)
        assert "31 days ahead of the last use of the gallery" in caplog.text
        assert restorable(33.9)
        # The clock is corrected, and jumps again.
        assert restorable(0.1)
        assert restorable(40)
        assert restorable(42.9)
        assert not restorable(43.1)

    def test_for_good_leaves_no_name_behind(self, tiny_gallery):
        tiny_gallery.rename("bob", "Robert")
        tiny_gallery.rights.erase(["Robert"])
        with tiny_gallery._database.reading() as connection:
            kept = connection.scalars(select(FormerValueRow.value).where(FormerValueRow.value.is_not(None))).all()
        assert kept == []
        assert not any("bob" in one.change or "Robert" in one.change for one in tiny_gallery.history())


class TestAnchorsOfSeveralPeople:
    @pytest.fixture
    def ids(self, tiny_gallery) -> list[int]:
        """The first anchor of Ann Lee and both of bob."""
        return [tiny_gallery.anchors("Ann Lee")[0].id, *(anchor.id for anchor in tiny_gallery.anchors("bob"))]

    def test_removal_is_one_change(self, tiny_gallery, ids):
        before = state(tiny_gallery)
        people = tiny_gallery.remove_anchors_by_id(ids)
        assert {person.name: person.anchors for person in people} == {"Ann Lee": 3, "bob": 0}
        state(tiny_gallery)
        assert tiny_gallery.undo() == "removed 3 anchors of Ann Lee, bob"
        assert state(tiny_gallery) == before

    def test_moved_anchors_return_by_undo(self, tiny_gallery, ids):
        before = state(tiny_gallery)
        assert tiny_gallery.move_anchors(ids, "émile zola").anchors == 4
        state(tiny_gallery)
        assert tiny_gallery.undo() == "moved 3 anchors of Ann Lee, bob to Émile Zola"
        assert state(tiny_gallery) == before

    @pytest.mark.parametrize("change", ["remove_anchors_by_id", "move_anchors"])
    def test_a_missing_anchor_changes_nothing(self, tiny_gallery, ids, change):
        tiny_gallery.remove("bob")
        before = state(tiny_gallery)
        with pytest.raises(FaceNotFound, match=f"Nothing was changed. There is no anchor with the number {ids[1]}."):
            getattr(tiny_gallery, change)(ids, *["Ann Lee"][: change == "move_anchors"])
        assert state(tiny_gallery) == before

    def test_the_former_person_of_a_moved_anchor_is_not_merged(self, tiny_gallery, ids):
        tiny_gallery.move_anchors(ids[:2], "Émile Zola")
        tiny_gallery.remove("bob")
        tiny_gallery.rights.erase(["Émile Zola"])
        assert tiny_gallery.restore("bob").anchors == 1


def test_a_merged_person_keeps_a_portrait(tiny_gallery):
    before = state(tiny_gallery)
    merged = tiny_gallery.merge("Ann Lee", "bob")
    assert tiny_gallery.portrait(merged.id) == b"portrait of Ann"
    tiny_gallery.undo()
    assert state(tiny_gallery) == before
    assert tiny_gallery.portrait(merged.id) is None


class TestLog:
    def test_renames_have_the_old_and_the_new_name(self, tiny_gallery):
        person_id = tiny_gallery.rename("bob", "Robert").id
        tiny_gallery.rename("Robert", "Rob")
        assert tiny_gallery.undo() == "renamed Robert → Rob"
        tiny_gallery.rename("Robert", "Bobby")
        changes = tiny_gallery.history(4)
        assert [change.change for change in changes] == [
            "renamed Robert → Bobby",
            f"undid change {changes[2].id}: renamed Robert → Rob, now Bobby",
            "renamed Robert → Rob, now Bobby",
            "renamed bob → Robert, now Bobby",
        ]
        assert changes[3].parts[1:] == (
            ChangePart("Robert", person_id),
            ChangePart(", now "),
            ChangePart("Bobby", person_id),
        )

    def test_only_people_in_the_gallery_have_links(self, tiny_gallery):
        ann = tiny_gallery.find("Ann Lee").id
        tiny_gallery.merge("bob", "Ann Lee")
        parts = tiny_gallery.history(1)[0].parts
        assert parts == (ChangePart("merged "), ChangePart("bob"), ChangePart(" into "), ChangePart("Ann Lee", ann))

    def test_expired_renames_have_the_name_of_today(self, tiny_gallery, monkeypatch):
        tiny_gallery.rename("bob", "Robert")
        with tiny_gallery._database.writing() as connection:
            connection.execute(delete(FormerValueRow))
        assert tiny_gallery.history(1)[0].change == "renamed Robert"


class TestImportedPhotos:
    PHOTOS = ImportedPhotos("f" * 64, ("a" * 64, "b" * 64))

    def test_they_follow_a_merge_and_its_undo_and_go_with_the_person(self, tiny_gallery, unit_vectors):
        tiny_gallery.add("Carla", unit_vectors(2), ["1", "2"], imported=self.PHOTOS)
        tiny_gallery.record_import("Carla", ImportedPhotos("f" * 64, ("b" * 64, "c" * 64)))

        def found():
            person, photos = tiny_gallery.imported_photos("f" * 64)
            return person and person.name, len(photos)

        assert found() == ("Carla", 3)
        tiny_gallery.merge("Carla", "bob")
        assert found() == ("bob", 3)
        tiny_gallery.undo()
        assert found() == ("Carla", 3)
        tiny_gallery.remove("Carla")
        assert found() == (None, 0)
        tiny_gallery.restore("Carla")
        assert found() == ("Carla", 3)
        tiny_gallery.merge("Carla", "bob")
        tiny_gallery.rights.erase(["bob"])
        with tiny_gallery._database.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(ImportedPhotoRow)) == 0
            assert connection.scalar(select(func.count()).where(FormerValueRow.table == "imported")) == 0

    def test_undo_forgets_those_of_its_import_only(self, tiny_gallery, unit_vectors):
        tiny_gallery.add("bob", unit_vectors(1), ["1"], imported=self.PHOTOS)
        tiny_gallery.add("bob", unit_vectors(1), ["2"], imported=ImportedPhotos("f" * 64, ("c" * 64,)))
        tiny_gallery.undo()
        assert tiny_gallery.imported_photos("f" * 64)[1] == set(self.PHOTOS.photos)
        tiny_gallery.undo()
        assert tiny_gallery.imported_photos("f" * 64) == (None, frozenset())


class TestErasedData:
    """The files of an SQLite gallery after erasing, byte by byte."""

    @pytest.fixture
    def folder(self, sqlite_url) -> Path:
        return Path(sqlite_url.removeprefix("sqlite:///")).parent

    @pytest.fixture
    def traces(self, folder):
        """Returns which data of Zebulon Quix a folder contains."""
        found = [b"Zebulon", b"holiday-quix", b"of quix", np.full(8, 8**-0.5, "<f4").tobytes()]

        def search(where: Path = folder) -> list[bool]:
            everything = b"".join(path.read_bytes() for path in where.iterdir())
            return [trace in everything for trace in found]

        return search

    @pytest.fixture
    def quix(self, sqlite_url, folder, traces) -> Iterator[Gallery]:
        """A gallery whose database file contains Zebulon Quix."""
        gallery = Gallery.open(sqlite_url, NETWORK, None)
        portrait = b"portrait of quix" * 1000
        gallery.add("Zebulon Quix", np.ones((1, 8)), ["holiday-quix.jpg"], portrait, [b"crop of quix"])
        gallery.rename("Zebulon Quix", "Zebulon Quix-Li")
        gallery.remove("Zebulon Quix-Li")
        assert gallery._database.empty_log()
        assert (folder / "gallery.sqlite-wal").stat().st_size == 0
        assert all(traces())
        yield gallery
        gallery.close()

    def test_it_is_gone_from_the_disk(self, quix, traces):
        quix.rights.erase(["Zebulon Quix-Li"])
        assert quix.erasing_notice == ""
        assert not any(traces())

    @pytest.fixture
    def backup(self, folder, monkeypatch) -> Iterator[sqlite3.Connection]:
        """A backup that is running: a connection that reads the state before the erasure."""
        monkeypatch.setattr("app.gallery.database._ERASING_SECONDS", 0.0)
        with closing(sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM person").fetchall()
            yield connection

    def test_a_running_backup_is_reported_until_it_ends(self, quix, backup, traces):
        quix.rights.erase(["Zebulon Quix-Li"])
        assert "Another program, such as a backup, is reading the database." in quix.erasing_notice
        assert all(traces())
        quix._maintain(purge=False)
        assert quix.erasing_notice
        backup.execute("COMMIT")
        quix._maintain(purge=False)
        assert quix.erasing_notice == ""
        assert not any(traces())

    def test_the_next_start_finishes_erasing(self, quix, backup, traces, folder, tmp_path):
        quix.rights.erase(["Zebulon Quix-Li"])
        killed = shutil.copytree(folder, tmp_path / "killed")
        assert all(traces(killed))
        Gallery.open(f"sqlite:///{killed}/gallery.sqlite", NETWORK, None).close()
        assert not any(traces(killed))


def test_a_change_reads_only_the_people_it_touched(tiny_gallery, unit_vectors, monkeypatch):
    tiny_gallery.snapshot()
    monkeypatch.setattr(snapshot_loading, "load", lambda _: pytest.fail("everybody was read"))
    asked, read = [], snapshot_loading._load_people
    monkeypatch.setattr(
        snapshot_loading, "_load_people", lambda connection, ids, day: asked.append(ids) or read(connection, ids, day)
    )
    tiny_gallery.add("bob", unit_vectors(1), ["1"])
    assert tiny_gallery.snapshot().counts.tolist() == [4, 3, 1, 3]
    assert asked == [{tiny_gallery.find("bob").id}]


def test_a_gallery_of_the_first_version_is_taken_over(sqlite_url, unit_vectors):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    blob = np.asarray(unit_vectors(1), "<f4").tobytes()
    with sqlite3.connect(path) as old:
        old.executescript(
            """
            CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR(100) NOT NULL,
                "key" VARCHAR(300) NOT NULL, created DATETIME NOT NULL, removed DATETIME,
                UNIQUE (name), UNIQUE ("key"));
            CREATE TABLE anchor (id INTEGER NOT NULL PRIMARY KEY, person_id INTEGER NOT NULL, embedding BLOB NOT NULL,
                note VARCHAR(500) NOT NULL, created DATETIME NOT NULL, removed DATETIME,
                FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE);
            CREATE INDEX ix_anchor_person_id ON anchor (person_id);
            CREATE TABLE portrait (person_id INTEGER NOT NULL PRIMARY KEY, webp BLOB NOT NULL,
                sha256 VARCHAR(64) NOT NULL, FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE);
            CREATE TABLE revision (id INTEGER NOT NULL PRIMARY KEY, change VARCHAR(300) NOT NULL,
                created DATETIME NOT NULL);
            CREATE TABLE network (id VARCHAR(100) NOT NULL PRIMARY KEY, filled DATETIME);
            CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
            INSERT INTO alembic_version VALUES ('0001');
            INSERT INTO person VALUES (1, 'Ann', 'ann', '2026-01-01 00:00:00.000000', NULL);
            INSERT INTO person VALUES (7, 'Bob', 'bob', '2026-01-01 00:00:00.000000', NULL);
            DELETE FROM person WHERE id = 7;
            INSERT INTO portrait VALUES (1, x'00', 'hash');
            INSERT INTO revision VALUES (1, 'added', '2026-01-01 00:00:00.000000');
            """
        )
        old.execute("INSERT INTO network VALUES (?, NULL)", (NETWORK,))
        old.execute("INSERT INTO anchor VALUES (1, 1, ?, 'a.jpg', '2026-01-01 00:00:00.000000', NULL)", (blob,))
    old.close()
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    assert [(one.id, one.name, one.anchors, one.has_portrait) for one in gallery.people()] == [(1, "Ann", 1, True)]
    assert gallery.snapshot().person(0).astype("<f4").tobytes() == blob
    assert gallery.add("Carla", unit_vectors(1), ["1"]).id == 8
    gallery.close()


def test_undo_puts_a_replaced_portrait_back(tiny_gallery, unit_vectors):
    ann = tiny_gallery.find("Ann Lee")
    for portrait in (b"second", b"third"):
        tiny_gallery.add("Ann Lee", unit_vectors(1), ["new.jpg"], portrait)
    assert tiny_gallery.portrait(ann.id) == b"third"
    for portrait, anchors in ((b"second", 5), (b"portrait of Ann", 4)):
        tiny_gallery.undo()
        assert tiny_gallery.portrait(ann.id) == portrait
        assert tiny_gallery.find("Ann Lee").anchors == anchors
    assert tiny_gallery.find("Ann Lee") == ann


def test_replaced_portraits_are_erased_with_the_person_and_when_it_is_too_late_to_undo(
    tiny_gallery, unit_vectors, monkeypatch
):
    def kept() -> list[bytes]:
        with tiny_gallery._database.reading() as connection:
            return list(connection.scalars(select(FormerPortraitRow.webp)))

    tiny_gallery.add("Ann Lee", unit_vectors(1), ["new.jpg"], b"second")
    assert kept() == [b"portrait of Ann"]
    tiny_gallery.rights.erase(["Ann Lee"])
    assert kept() == []
    tiny_gallery.add("bob", unit_vectors(1), ["1.jpg"], b"first")
    tiny_gallery.add("bob", unit_vectors(1), ["2.jpg"], b"second")
    assert kept() == [b"first"]
    monkeypatch.setattr(tiny_gallery, "recovery_days", -1)
    tiny_gallery.purge_expired()
    assert kept() == []
    assert tiny_gallery.portrait(tiny_gallery.find("bob").id) == b"second"
