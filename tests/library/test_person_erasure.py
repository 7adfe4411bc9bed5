"""Erasure from the gallery and from libraries, as command line, pages and API use it."""

from __future__ import annotations

import pytest

from app.errors import GalleryError, LibraryLocked
from app.library import decisions, people, person_data
from app.library.metadata.name_removal import remove_names
from app.library.metadata.writing import NameWriter, Options
from app.library.person_erasure import erase
from app.library.store import Library
from tests.library.conftest import face, fill, row
from tests.library.metadata.conftest import BOX, SECOND, add_photos, confirm, decoder, picture

__all__ = ["decoder"]


def names(library: Library) -> list[str]:
    return [name for (name,) in library.connection.execute("SELECT name FROM person ORDER BY name")]


@pytest.fixture
def named(library, tiny_gallery, unit_vectors):
    """A library that knows bob, whom the gallery renamed since, by his former name."""
    fill(library, row("a.jpg", face(unit_vectors(1)[0])), row("b.jpg", face(unit_vectors(1)[0])))
    decisions.confirm(library, [1], "bob")
    decisions.confirm(library, [2], "Ann Lee")
    tiny_gallery.rename("bob", "Bert")
    return library


def test_people_are_erased_by_their_former_names(named, tiny_gallery, database_url):
    found = erase(tiny_gallery, [tiny_gallery.find("Bert").id], [named.folder], database_url)
    (library,) = found.libraries
    assert (library.rows.faces, library.rows.photos, library.sidecars) == (1, 1, None)
    assert library.rows.search.searched == {"embedding": 1, "picture": 0}
    assert found.is_complete
    assert found.proof()[-2:] == [f"{named.folder}: 1 face and 0 tags in 1 photo erased.", "Nothing remains."]
    assert str(named.folder) not in " ".join([*found.proof(False), *found.problems(False)])
    assert names(named) == ["Ann Lee"]
    assert tiny_gallery.audit.entries(action="library_erased")[0].details == {"faces": 1, "tags": 0}


def test_nobody_is_erased_without_an_entry(named, tiny_gallery, database_url, monkeypatch):
    def fail(*_arguments, **_options):
        raise GalleryError("database is locked")

    monkeypatch.setattr(tiny_gallery.audit, "record", fail)
    with pytest.raises(GalleryError):
        erase(tiny_gallery, ["Bert"], [named.folder], database_url)
    assert names(named) == ["Ann Lee", "bob"]
    assert tiny_gallery.find("Bert") is not None


@pytest.mark.parametrize(("url_end", "left"), [("", ["Ann Lee"]), (".other", ["Ann Lee", "B."])])
def test_people_are_erased_by_their_id_in_the_same_gallery(named, tiny_gallery, database_url, url_end, left):
    bert = tiny_gallery.find("Bert").id
    with named.writing() as connection:
        people.set_gallery(connection, database_url)
        connection.execute("UPDATE person SET name = 'B.', key = 'b.', gallery_id = ? WHERE key = 'bob'", (bert,))
    faces = person_data.collect(named, ["Bert"], [bert], f"{database_url}{url_end}")[0]["faces"]
    assert len(faces) == 2 - len(left)
    erase(tiny_gallery, ["Bert"], [named.folder], f"{database_url}{url_end}")
    assert names(named) == left


def test_the_name_of_another_person_stays(named, tiny_gallery, database_url):
    tiny_gallery.rename("Ann Lee", "Ann")
    tiny_gallery.rename("Émile Zola", "Ann Lee")
    erase(tiny_gallery, ["Ann"], [named.folder], database_url)
    assert "Ann Lee" in names(named)


def test_a_locked_library_prevents_the_erasure(named, tiny_gallery, database_url):
    with named.lock(), pytest.raises(LibraryLocked):
        erase(tiny_gallery, ["Bert"], [named.folder], database_url)
    assert tiny_gallery.find("Bert")
    assert "bob" in names(named)


@pytest.fixture
def written(library, decoder, tmp_path):
    """A photo of Ann Lee and Bo, and the sidecar with both names."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture())
    add_photos(library, photo, boxes=(BOX, SECOND))
    confirm(library, photo, "Ann Lee")
    confirm(library, photo, "Bo", 2)
    NameWriter(library, Options(), decoder, 10**7, lambda _: None, lambda _: None).run()
    return photo.with_name("photo.jpg.xmp")


def test_names_leave_the_sidecars_on_request(written, library, tiny_gallery, database_url, decoder):
    foreign = written.read_text().replace("Bo", "Ann Lee's friend")
    assert written.read_text().count("Ann Lee") == 5
    erased = erase(tiny_gallery, ["Ann Lee"], [library.folder], database_url, sidecars=True)
    assert "1 sidecar changed." in erased.proof()
    assert written.read_text().count("Ann Lee") == 0
    assert written.read_text().count("Bo<") == 5
    # The next run writes nothing else.
    report = NameWriter(library, Options(), decoder, 10**7, lambda _: None, lambda _: None).run()
    assert (report.changed, written.read_text().count("Ann Lee")) == (1, 0)
    assert remove_names(library, ["Bo"]).changed == 1
    assert not written.exists()
    written.write_text(foreign.replace("urn:whopic:names#", "urn:other#"))
    assert remove_names(library, ["Ann Lee"]).changed == 0
    assert "Ann Lee" in written.read_text()


def test_sidecars_that_cannot_be_changed_are_reported(written, library, tiny_gallery, database_url):
    written.write_text(written.read_text().replace("</rdf:RDF>", ""))
    erased = erase(tiny_gallery, ["Ann Lee"], [library.folder], database_url, sidecars=True)
    assert not erased.is_complete
    assert "photo.jpg.xmp: The names cannot be removed (it is not well-formed XML)." in erased.problems()[-1]
    assert erased.problems(show_folders=False)[-1].startswith("1 sidecar could not be changed. Run: whopic library")


def test_a_photo_that_vanished_shares_no_sidecar(library, decoder, tmp_path):
    photo, gone = tmp_path / "photo.jpg", tmp_path / "photo.png"
    for path in (photo, gone):
        path.write_bytes(picture())
    add_photos(library, photo, gone, boxes=(BOX,))
    confirm(library, photo, "Ann Lee")
    gone.unlink()
    options = Options(replace_extension=True)
    NameWriter(library, options, decoder, 10**7, lambda _: None, lambda _: None).run()
    removal = remove_names(library, ["Ann Lee"])
    assert (removal.changed, removal.errors) == (1, ())
    assert not photo.with_suffix(".xmp").exists()
