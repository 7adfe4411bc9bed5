import os
from types import SimpleNamespace

import numpy as np
import pytest

from app.batch.rows import PhotoRow
from app.batch.sources import PhotoFile
from app.errors import GalleryError
from app.library import decisions
from app.library.indexing import Changes, IndexRun, retry_errors
from app.library.store import Library
from app.library.summary import summarize
from tests.library.conftest import face, failed, fill, paths, row


def test_a_second_run_finds_nothing_to_do(archive):
    archive.files = {"a.jpg": b"a", "b.jpg": b"bb"}
    assert archive.index().changes == Changes(new=2)
    assert archive.processed == ["a.jpg", "b.jpg"]
    assert archive.index().changes == Changes()
    assert archive.processed == []


def test_equal_files_are_processed_once(archive, library):
    archive.files = {"a.jpg": b"same", "b.jpg": b"same", "c.jpg": b"else", "d.jpg": b"another"}
    run = archive.index(faces=[face()])
    assert (run.changes, run.done) == (Changes(new=3, copied=1), 4)
    assert archive.processed == ["a.jpg", "c.jpg", "d.jpg"]
    archive.files["later.jpg"] = b"same"
    assert archive.index().changes == Changes(copied=1)
    assert archive.processed == []
    summary = summarize(library)
    assert (summary.photos, summary.faces) == (5, 3)


def test_changed_and_deleted_files_are_followed(archive, library):
    archive.files = {"a.jpg": b"old", "b.jpg": b"b", "c.jpg": b"c"}
    archive.index()
    archive.files |= {"a.jpg": b"newer"}
    del archive.files["b.jpg"]
    assert archive.index().changes == Changes(changed=1, deleted=1)
    assert archive.processed == ["a.jpg"]
    assert paths(library) == ["a.jpg", "c.jpg"]
    assert library.connection.execute("SELECT count(*) FROM photo").fetchone() == (2,)


def test_moved_files_are_not_processed_again(archive, library):
    archive.files = {"old/a.jpg": b"photo", "b.jpg": b"other"}
    archive.index(faces=[face()])
    archive.files = {"new/a.jpg": b"photo", "b.jpg": b"other"}
    assert archive.index().changes == Changes(moved=1)
    assert (archive.processed, paths(library)) == ([], ["b.jpg", "new/a.jpg"])
    assert summarize(library).faces == 2


def test_a_file_whose_time_alone_changed_is_not_processed_again(archive):
    archive.files = {"a.jpg": b"photo"}
    archive.index()
    archive.changed["a.jpg"] = 2
    assert archive.index().changes == Changes(changed=1)
    assert archive.processed == []
    assert archive.index().changes == Changes()


def test_files_that_may_be_on_a_missing_disk_are_kept(archive, library):
    archive.files = {"a.jpg": b"a", "b.jpg": b"b"}
    archive.index()
    archive.files = {}
    archive.index(is_gone=lambda path: path == "b.jpg")
    assert paths(library) == ["a.jpg"]


def test_an_interrupted_run_resumes(library):
    files = [PhotoFile(f"{number}.jpg", number, 1) for number in range(5)]
    run = IndexRun(library, lambda _photo: b"")
    assert run.list_files(files) == (0, 5)
    photos = run.pending()
    run.add([PhotoRow(next(photos)), PhotoRow(next(photos))])
    run.flush()
    assert IndexRun(library, lambda _photo: b"").list_files(files) == (2, 3)


def test_rows_are_committed_after_a_moment(library, folder, monkeypatch):
    run = IndexRun(library, lambda _photo: b"")
    run.add([row("a.jpg")])
    assert paths(library) == []
    monkeypatch.setattr("app.library.indexing._WRITE_SECONDS", 0)
    run.add([row("b.jpg")])
    assert paths(library) == ["a.jpg", "b.jpg"]


def test_copies_of_a_file_that_changed_meanwhile_are_processed(library):
    contents = {"a.jpg": b"same", "b.jpg": b"same"}
    run = IndexRun(library, lambda photo: contents[photo.path])
    run.list_files([PhotoFile(path, 4, 1) for path in contents])
    photos = list(run.pending())
    assert [photo.path for photo in photos] == ["a.jpg"]
    run.add([PhotoRow(photos[0], digest=b"another")])
    run.flush()
    assert run.done == 2
    assert [photo.path for photo in run.leftover()] == ["b.jpg"]
    assert run.done == 1


def test_a_file_that_cannot_be_compared_is_processed(library):
    from app.errors import UnreadableFile

    def read(_photo):
        raise UnreadableFile("not_permitted", "Permission denied.")

    run = IndexRun(library, read)
    run.list_files([PhotoFile("a.jpg", 4, 1), PhotoFile("b.jpg", 4, 1)])
    assert [photo.path for photo in run.pending()] == ["a.jpg", "b.jpg"]


def test_errors_are_kept_until_they_are_retried(archive, library):
    archive.files = {"a.jpg": b"a", "bad.jpg": b"bad", "copy.jpg": b"bad"}
    archive.index()
    summary = summarize(library)
    assert (summary.photos, summary.errors) == (3, 2)
    assert summary.failures == [("bad.jpg", "Not a picture."), ("copy.jpg", "Not a picture.")]
    archive.index()
    assert archive.processed == []
    assert retry_errors(library) == 2
    # An interrupted run reports them, and the next one resumes.
    assert summarize(library).errors == 2
    assert archive.index().changes == Changes(retried=2)
    assert archive.processed == ["bad.jpg"]
    assert summarize(library).errors == 2
    assert archive.index().changes == Changes()


def test_names_that_are_no_text_are_kept(library):
    name = os.fsdecode(b"/photos/\xff caf\xc3\xa9.jpg")
    run = IndexRun(library, lambda _photo: b"")
    run.list_files([PhotoFile(name, 1, 1)])
    assert [photo.path for photo in run.pending()] == [name]
    run.add([row(name)])
    run.flush()
    assert library.connection.execute("SELECT path, raw_path FROM file").fetchone() == (
        r"/photos/\xff café.jpg",
        b"/photos/\xff caf\xc3\xa9.jpg",
    )


def test_a_face_takes_less_than_a_kilobyte(library, folder, rng):
    many = [
        row(f"/archive/2024/summer holiday/IMG_{number:06d}.jpg", *(face(rng.normal(size=128), x) for x in (1, 2)))
        for number in range(500)
    ]
    fill(library, *many)
    library.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (folder / "library.sqlite").stat().st_size / 1000 < 1000


@pytest.mark.parametrize("source", ["confirmed", "drawn"])
def test_decisions_survive_a_change_of_the_file(archive, library, source):
    archive.files = {"a.jpg": b"photo"}
    archive.index(faces=[face(np.ones(8), x=100), face(np.ones(8), x=600)])
    if source == "confirmed":
        decisions.confirm(library, [1], "Ann")
    else:
        decisions.draw(library, 1, decisions.Box(300, 600, 50, 50), "Ann")
    decisions.confirm(library, [2], "Bob")
    decisions.reject(library, [2], "Bob")
    # Writing metadata changes the bytes, and a new detector the boxes.
    archive.files = {"a.jpg": b"photo with names"}
    archive.index(faces=[face(np.ones(8), x=110), face(np.ones(8), x=590)])
    rows = library.connection.execute(
        "SELECT x, source, person.name FROM face LEFT JOIN person ON person.id = person_id ORDER BY x"
    ).fetchall()
    expected = {
        "confirmed": [(110, "confirmed", "Ann"), (590, "automatic", None)],
        "drawn": [(110, "automatic", None), (300, "drawn", "Ann"), (590, "automatic", None)],
    }
    assert rows == expected[source]
    assert library.connection.execute("SELECT x FROM rejection JOIN face ON face.id = face_id").fetchall() == [(590,)]


def test_another_photo_of_the_same_name_gets_no_decisions(archive, library):
    ann, bob = np.eye(8)[:2]
    archive.files = {"IMG_0001.jpg": b"photo"}
    archive.index(faces=[face(ann)])
    decisions.confirm(library, [1], "Ann")
    archive.files = {"IMG_0001.jpg": b"another"}
    archive.index(faces=[face(bob)])
    assert library.connection.execute("SELECT source, person_id FROM face").fetchall() == [("automatic", None)]


def test_decisions_survive_a_file_that_is_unreadable_for_a_while(archive, library):
    archive.files = {"a.jpg": b"photo", "b.jpg": b"other"}
    archive.index(faces=[face(np.ones(8))])
    decisions.confirm(library, [1], "Ann")
    archive.files = {"a.jpg": b"bad file a", "b.jpg": b"bad file b"}
    archive.index()
    assert library.connection.execute("SELECT source FROM face").fetchall() == [("confirmed",)]
    assert summarize(library).failures == [("b.jpg", "Not a picture.")]
    archive.files["a.jpg"] = b"photo with names"
    archive.index(faces=[face(np.ones(8))])
    assert library.connection.execute("SELECT source FROM face").fetchall() == [("confirmed",)]


def test_others_can_write_while_files_are_listed(library, folder):
    def photos():
        yield PhotoFile("a.jpg", 1, 1)
        with Library.open(folder) as other:
            other.connection.execute("PRAGMA busy_timeout = 0")
            other.write_property("a", 1)

    assert IndexRun(library, lambda _photo: b"").list_files(photos()) == (0, 1)


def test_failed_photos_have_no_faces(library):
    fill(library, failed("bad.jpg"), row("good.jpg", face()))
    assert summarize(library).faces == 1


def test_the_decision_about_a_photo_stays_if_another_file_becomes_a_copy_of_it(archive, library):
    archive.files = {"a.jpg": b"small", "b.jpg": b"large photo"}
    archive.index(faces=[face(np.ones(8))])
    decisions.confirm(library, [1], "Ann")
    decisions.confirm(library, [2], "Bob")
    archive.files["a.jpg"] = b"large photo"
    archive.index()
    named = "SELECT path, name FROM file JOIN face USING (photo_id) JOIN person ON person.id = person_id ORDER BY path"
    assert library.connection.execute(named).fetchall() == [("a.jpg", "Bob"), ("b.jpg", "Bob")]


def test_decisions_survive_that_several_files_are_incomplete_in_the_same_way(archive, library):
    archive.files = {"a.jpg": b"plain", "b.jpg": b"decided"}
    archive.index(faces=[face(np.ones(8))])
    decisions.confirm(library, [2], "Ann")
    complete = dict(archive.files)
    archive.files = dict.fromkeys(complete, b"bad")
    archive.index()
    archive.files["c.jpg"] = b"bad"
    archive.index()
    named = library.connection.execute("SELECT path FROM file JOIN face USING (photo_id) WHERE source = 'confirmed'")
    assert named.fetchall() == [("b.jpg",)]


def test_runs_and_removals_are_in_the_audit_log(archive, library):
    entries = []
    library.audit = SimpleNamespace(record=lambda *entry: entries.append(entry))
    archive.files = {"a.jpg": b"a", "b.jpg": b"b", "c.jpg": b"c"}
    archive.index(faces=[face(np.ones(8))])
    archive.index()
    archive.files = {"d.jpg": b"a"}
    archive.index()
    assert entries == [
        ("library_indexed", None, {"files": 3}),
        ("library_indexed", None, {"files": 1}),
        ("library_forgot", None, {"files": 2}),
    ]


def test_photos_are_not_removed_without_an_entry(archive, library):
    def fail(action, *_details):
        if action == "library_forgot":
            raise GalleryError("database is locked")

    archive.files = {"a.jpg": b"a"}
    archive.index()
    library.audit = SimpleNamespace(record=fail)
    archive.files = {}
    with pytest.raises(GalleryError):
        archive.index()
    assert paths(library) == ["a.jpg"]
