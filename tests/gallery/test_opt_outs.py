"""The opt-out list: by name in every snapshot, by face in every verdict."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import text

from app.errors import InvalidRecord, OptedOut, PersonNotFound
from app.gallery.backup import back_up
from app.gallery.database import migrate_gallery
from app.gallery.restoration import open_backup
from app.gallery.store import Gallery
from tests.conftest import NETWORK


def test_people_are_not_named_by_name_or_alias(tiny_gallery, unit_vectors):
    tiny_gallery.change_aliases("bob", ["Robert"])
    assert "bob" in tiny_gallery.snapshot().names
    added = tiny_gallery.rights.add_opt_out("ROBERT", reference="Letter 3")
    assert (added.name, added.has_face, added.reference) == ("ROBERT", False, "Letter 3")
    assert tiny_gallery.snapshot().names == ("Ann Lee", "Émile Zola", "Zoë Ångström")
    for name in ("bob", "robert"):
        with pytest.raises(OptedOut, match=f"{name} is on the opt-out list"):
            tiny_gallery.add(name, unit_vectors(1), ["a.jpg"])
    tiny_gallery.rights.remove_opt_out(added.id)
    assert "bob" in tiny_gallery.snapshot().names
    with pytest.raises(PersonNotFound):
        tiny_gallery.rights.remove_opt_out(added.id)
    with pytest.raises(InvalidRecord):
        tiny_gallery.rights.add_opt_out(None)


def test_faces_are_in_the_snapshot(tiny_gallery, unit_vectors):
    assert tiny_gallery.snapshot().opted_out is None
    faces = unit_vectors(2)
    tiny_gallery.rights.add_opt_out(None, faces)
    np.testing.assert_allclose(tiny_gallery.snapshot().opted_out, faces, atol=1e-6)
    tiny_gallery.rename("bob", "Bob")
    np.testing.assert_allclose(tiny_gallery.snapshot().opted_out, faces, atol=1e-6)
    assert [(entry.name, entry.has_face) for entry in tiny_gallery.rights.list_opt_outs()] == [(None, True)] * 2


def test_a_new_name_does_not_free_a_person(tiny_gallery, unit_vectors):
    tiny_gallery.change_aliases("bob", ["Robert"])
    rights = tiny_gallery.rights
    rights.add_opt_out("Robert")
    tiny_gallery.rename("bob", "Bert")
    tiny_gallery.change_aliases("Bert", remove=["Robert"])
    assert tiny_gallery.snapshot().names == ("Ann Lee", "Émile Zola", "Zoë Ångström")
    assert rights.has_opted_out("Bert")
    with pytest.raises(OptedOut):
        tiny_gallery.add("Bert", unit_vectors(1), ["a.jpg"])
    (entry,) = rights.list_opt_outs()
    assert [name for _, name in entry.people] == ["Bert"]
    rights.remove_opt_out(entry.id)
    assert "Bert" in tiny_gallery.snapshot().names
    assert not rights.has_opted_out("Bert")


def test_a_removed_person_stays_on_the_list_after_a_return(tiny_gallery):
    tiny_gallery.remove("bob")
    tiny_gallery.rights.add_opt_out("bob")
    tiny_gallery.restore("bob")
    tiny_gallery.rename("bob", "Bert")
    assert "Bert" not in tiny_gallery.snapshot().names


def test_names_of_the_list_are_not_given_to_others(tiny_gallery):
    tiny_gallery.rights.add_opt_out("Sancho")
    for change in (
        lambda: tiny_gallery.rename("bob", "sancho"),
        lambda: tiny_gallery.change_aliases("bob", ["Sancho"]),
    ):
        with pytest.raises(OptedOut, match="bob would no longer be named"):
            change()
    tiny_gallery.rights.add_opt_out("bob")
    assert tiny_gallery.rename("bob", "Sancho").name == "Sancho"


def test_a_merge_does_not_free_photos(tiny_gallery):
    tiny_gallery.rights.add_opt_out("bob")
    with pytest.raises(OptedOut, match="Merge Ann Lee into bob: the entry then holds for both"):
        tiny_gallery.merge("bob", "Ann Lee")
    tiny_gallery.merge("Ann Lee", "bob")
    tiny_gallery.rename("bob", "Ann")
    assert tiny_gallery.snapshot().names == ("Émile Zola", "Zoë Ångström")
    tiny_gallery.undo()
    tiny_gallery.undo()
    assert tiny_gallery.snapshot().names == ("Ann Lee", "Émile Zola", "Zoë Ångström")


def test_a_move_does_not_free_photos(tiny_gallery):
    tiny_gallery.rights.add_opt_out("bob")
    anchors = {name: [anchor.id for anchor in tiny_gallery.anchors(name)] for name in ("Ann Lee", "bob")}
    with pytest.raises(OptedOut, match="Remove the reference photos of bob instead"):
        tiny_gallery.move_anchors([*anchors["Ann Lee"], *anchors["bob"]], "Ann Lee")
    tiny_gallery.move_anchors(anchors["Ann Lee"], "bob")
    assert tiny_gallery.snapshot().names == ("Émile Zola", "Zoë Ångström")


def test_undo_does_not_free_a_person(tiny_gallery):
    tiny_gallery.change_aliases("bob", ["Robert"])
    tiny_gallery.change_aliases("bob", remove=["Robert"])
    tiny_gallery.rights.add_opt_out("Robert")
    assert "bob" in tiny_gallery.snapshot().names
    tiny_gallery.undo()
    assert "bob" not in tiny_gallery.snapshot().names
    tiny_gallery.undo()
    assert "bob" not in tiny_gallery.snapshot().names


def test_a_restored_backup_does_not_free_a_person(tiny_gallery, database_url, tmp_path):
    back_up(database_url, tmp_path / "backup.sqlite")
    tiny_gallery.rename("bob", "Bert")
    tiny_gallery.rights.add_opt_out("Bert")
    with open_backup(tmp_path / "backup.sqlite") as backup:
        backup.restore(database_url)
    assert tiny_gallery.snapshot().names == ("Ann Lee", "Émile Zola", "Zoë Ångström")


def test_references_are_checked(tiny_gallery):
    with pytest.raises(InvalidRecord, match="The reference has 201 characters"):
        tiny_gallery.rights.add_opt_out("Sancho", reference="x" * 201)


def test_imports_refuse_faces_of_the_list(tiny_gallery, unit_vectors, tmp_path):
    tiny_gallery.rights.erase(["Ann Lee"])  # whose portrait is no picture
    tiny_gallery.export_bundle(tmp_path / "gallery.zip")
    faces = {name: [anchor.embedding for anchor in tiny_gallery.anchors(name)] for name in ("bob", "Zoë Ångström")}
    with closing(Gallery.open(f"sqlite:///{tmp_path}/other.sqlite", NETWORK, None)) as other:
        other.rights.add_opt_out(None, [*faces["bob"], faces["Zoë Ångström"][1]])
        with pytest.raises(ValueError, match="needs find_opted_out"):
            other.import_bundle(tmp_path / "gallery.zip")
        imported = other.import_bundle(
            tmp_path / "gallery.zip", find_opted_out=lambda rows, listed: (rows @ listed.T).max(axis=1) > 0.999
        )
        assert imported.refused == (("bob", "0.jpg"), ("bob", "1.jpg"), ("Zoë Ångström", "1.jpg"))
        assert imported.anchors == 3
        assert other.find("bob") is None
        assert [anchor.note for anchor in other.anchors("Zoë Ångström")] == ["0.jpg", "2.jpg"]


def test_imports_leave_out_people_whom_an_entry_follows(tiny_gallery, tmp_path):
    tiny_gallery.rights.erase(["Ann Lee"])  # whose portrait is no picture
    tiny_gallery.rights.add_opt_out("bob")
    tiny_gallery.rename("bob", "Bert")
    tiny_gallery.export_bundle(tmp_path / "gallery.zip")
    assert tiny_gallery.import_bundle(tmp_path / "gallery.zip").left_out == ("Bert",)


def test_imports_leave_out_removed_people_whom_an_entry_follows(tiny_gallery, tmp_path):
    tiny_gallery.rights.erase(["Ann Lee"])  # whose portrait is no picture
    tiny_gallery.export_bundle(tmp_path / "gallery.zip")
    tiny_gallery.change_aliases("bob", ["Robert"])
    tiny_gallery.rights.add_opt_out("Robert")
    tiny_gallery.remove("bob")
    assert tiny_gallery.import_bundle(tmp_path / "gallery.zip").left_out == ("bob",)


def test_entries_of_earlier_versions_follow_people(tiny_gallery, database_url):
    tiny_gallery.change_aliases("Ann Lee", ["Annie"])
    for name in ("bob", "Annie", "Sancho"):
        tiny_gallery.rights.add_opt_out(name)
    with tiny_gallery._database.writing() as connection:
        for table in ("opt_out_person", "erased_name"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0011'"))
    assert migrate_gallery(database_url)
    people = [[name for _, name in entry.people] for entry in tiny_gallery.rights.list_opt_outs()]
    assert people == [["bob"], ["Ann Lee"], []]
