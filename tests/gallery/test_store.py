import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import select

from app.errors import GalleryError, InvalidEmbeddings, NameTaken, PersonNotFound
from app.gallery import shipped
from app.gallery.database import Database
from app.gallery.store import Gallery
from app.gallery.tables import AnchorRow, PortraitRow, RevisionRow
from tests.conftest import DIMS, NETWORK, PEOPLE
from tests.photos import webp

SORTED = ["Ann Lee", "bob", "Émile Zola", "Zoë Ångström"]


@pytest.fixture
def folder(tmp_path, unit_vectors):
    place = tmp_path / "anchors"
    shipped.write(place, NETWORK, [("Drake", unit_vectors(3), webp()), ("Beyoncé", unit_vectors(2), None)])
    return place


class TestOpening:
    def test_a_new_gallery_is_filled_from_the_shipped_one(self, database_url, folder):
        gallery = Gallery.open(database_url, NETWORK, folder)
        assert [(one.name, one.anchors, one.has_portrait) for one in gallery.people()] == [
            ("Beyoncé", 2, False),
            ("Drake", 3, True),
        ]
        assert gallery.portrait(gallery.find("Drake").id) == webp()
        gallery.close()

    def test_it_is_filled_once_only(self, database_url, folder):
        for name in ("Drake", "Beyoncé"):
            gallery = Gallery.open(database_url, NETWORK, folder)
            gallery.remove(name)
            gallery.close()
        gallery = Gallery.open(database_url, NETWORK, folder)
        assert gallery.people() == ()
        gallery.close()

    def test_one_with_own_people_is_not_filled(self, tiny_gallery, database_url, folder):
        gallery = Gallery.open(database_url, NETWORK, folder)
        assert len(gallery.people()) == len(PEOPLE)
        gallery.close()

    def test_one_that_was_never_filled_is_filled_later(self, empty_gallery, database_url, folder):
        gallery = Gallery.open(database_url, NETWORK, folder)
        assert len(gallery.people()) == len(empty_gallery.snapshot()) == 2
        gallery.close()

    def test_another_networks_gallery_is_refused_with_the_way_out(self, tiny_gallery, database_url):
        with pytest.raises(GalleryError) as caught:
            Gallery.open(database_url, "another/crop", None)
        sentence = str(caught.value)
        assert f"Another network or alignment ({NETWORK}) made the gallery" in sentence
        assert "people rebuild" in sentence
        assert "set FACES_DATABASE_URL" in sentence
        assert "people import FOLDER" in sentence

    def test_another_networks_shipped_gallery_is_refused_and_nothing_is_claimed(self, database_url, folder):
        with pytest.raises(GalleryError, match=r"Another network .* made the shipped gallery"):
            Gallery.open(database_url, "another/crop", folder)
        Gallery.open(database_url, NETWORK, folder).close()

    def test_a_missing_shipped_gallery_is_refused(self, database_url, tmp_path):
        with pytest.raises(GalleryError, match=r"has no file .*people.json. Restore the folder"):
            Gallery.open(database_url, NETWORK, tmp_path / "nowhere")


class TestReading:
    def test_people_are_sorted_past_accents_and_capitals(self, tiny_gallery):
        people = tiny_gallery.people()
        assert [person.name for person in people] == SORTED
        assert {person.name: person.anchors for person in people} == PEOPLE

    def test_people_are_read_again_when_something_changed_anywhere(self, tiny_gallery, database_url):
        people = tiny_gallery.people()
        assert tiny_gallery.people() is people
        other = Gallery.open(database_url, NETWORK, None)
        other.add("Ann Lee", other.anchors("bob")[0].embedding[None], ["1"], portrait=b"another")
        other.close()
        changed = {old.name for old, new in zip(people, tiny_gallery.people(), strict=True) if old != new}
        assert changed == {"Ann Lee"}

    def test_a_person_is_found_by_id_and_by_name(self, tiny_gallery):
        ann = tiny_gallery.find("Ann Lee")
        assert tiny_gallery.find(" ann LEE ") == tiny_gallery.find(ann.id) == ann
        assert tiny_gallery.find("Emile Zola") is tiny_gallery.find(99) is None

    def test_a_portrait_comes_with_its_hash(self, tiny_gallery):
        ann, bob = tiny_gallery.find("Ann Lee"), tiny_gallery.find("bob")
        assert tiny_gallery.portrait(ann.id) == b"portrait of Ann"
        assert ann.portrait_sha256 == hashlib.sha256(b"portrait of Ann").hexdigest()
        assert (bob.has_portrait, bob.portrait_sha256, tiny_gallery.portrait(bob.id)) == (False, None, None)
        assert tiny_gallery.portrait(99) is None


class TestSnapshot:
    def test_it_holds_everyone_with_anchors_in_order(self, tiny_gallery):
        tiny_gallery.add("Carla without photos", np.zeros((0, DIMS), np.float32), [])
        snapshot = tiny_gallery.snapshot()
        assert list(snapshot.names) == SORTED
        assert snapshot.ids == tuple(tiny_gallery.find(name).id for name in SORTED)
        assert snapshot.counts.tolist() == [PEOPLE[name] for name in SORTED]
        assert (snapshot.anchors.dtype, snapshot.anchors.shape) == (np.float32, (10, DIMS))
        assert snapshot.offsets.dtype == np.int64
        np.testing.assert_allclose(np.linalg.norm(snapshot.anchors, axis=1), 1, atol=1e-6)

    def test_anchors_come_back_as_they_went_in(self, empty_gallery, unit_vectors):
        first, second, third = unit_vectors(2), unit_vectors(1), unit_vectors(1)
        empty_gallery.add("B", first, ["1", "2"])
        empty_gallery.add("A", second, ["3"])
        empty_gallery.add("B", third * 5, ["4"])
        snapshot = empty_gallery.snapshot()
        np.testing.assert_allclose(snapshot.anchors, np.concatenate([second, first, third]), atol=1e-6)
        assert snapshot.offsets.tolist() == [0, 1, 4]

    def test_an_empty_gallery_has_an_empty_one(self, empty_gallery):
        snapshot = empty_gallery.snapshot()
        assert (len(snapshot), snapshot.offsets.tolist(), len(snapshot.anchors)) == (0, [0], 0)

    def test_it_is_the_same_object_until_something_changes(self, tiny_gallery, unit_vectors):
        before = tiny_gallery.snapshot()
        assert tiny_gallery.snapshot() is before
        tiny_gallery.add("bob", unit_vectors(1), ["new.jpg"])
        after = tiny_gallery.snapshot()
        assert (before.counts.tolist(), after.counts.tolist()) == ([4, 2, 1, 3], [4, 3, 1, 3])
        assert after.revision > before.revision

    def test_changes_of_another_process_are_seen(self, tiny_gallery, database_url):
        other = Gallery.open(database_url, NETWORK, None)
        assert len(other.snapshot()) == 4
        tiny_gallery.remove("bob")
        assert "bob" not in other.snapshot().names
        other.rename("Ann Lee", "Zz")
        assert tiny_gallery.snapshot().names[-1] == "Zz"
        other.close()

    def test_nobody_can_write_into_it(self, tiny_gallery):
        snapshot = tiny_gallery.snapshot()
        with pytest.raises(ValueError, match="read-only"):
            snapshot.anchors[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            snapshot.person(0)[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            snapshot.templates[0] = 0

    def test_threads_read_whole_snapshots_while_another_writes(self, tiny_gallery, unit_vectors):
        def read(_):
            snapshot = tiny_gallery.snapshot()
            return len(snapshot.anchors) == snapshot.offsets[-1] and len(snapshot.names) == len(snapshot.counts)

        with ThreadPoolExecutor(4) as pool:
            reads = pool.map(read, range(60))
            for number in range(10):
                tiny_gallery.add(f"Person {number}", unit_vectors(2), ["a", "b"])
            assert all(reads)
        assert len(tiny_gallery.snapshot()) == 14


class TestShiftedThresholds:
    def test_other_processes_see_shifts_until_they_are_taken_back(self, tiny_gallery, database_url):
        other = Gallery.open(database_url, NETWORK, None)
        other.snapshot()
        tiny_gallery.shift_thresholds([(0.01, -0.05), (0.003, 0.02)])
        assert sorted(other.snapshot().shifts) == [(0.003, 0.02), (0.01, -0.05)]
        tiny_gallery.shift_thresholds([(0.001, -0.1)])
        assert other.snapshot().shifts == ((0.001, -0.1),)
        other.add("bob", other.anchors("bob")[0].embedding[None], ["again.jpg"])
        assert other.snapshot().shifts == tiny_gallery.snapshot().shifts == ((0.001, -0.1),)
        tiny_gallery.shift_thresholds(())
        assert other.snapshot().shifts == ()
        other.close()

    def test_a_failed_write_keeps_the_old_shifts(self, tiny_gallery):
        tiny_gallery.shift_thresholds([(0.01, -0.05)])
        with pytest.raises(GalleryError):
            tiny_gallery.shift_thresholds([(0.01, 0.0), (0.01, 0.1)])
        assert tiny_gallery.snapshot().shifts == ((0.01, -0.05),)


class TestAdding:
    def test_a_new_person(self, tiny_gallery, unit_vectors, count):
        revisions = count(RevisionRow)
        person = tiny_gallery.add("  Carla ", unit_vectors(2), ["a.jpg", "b.jpg"], b"webp")
        assert person == tiny_gallery.find("Carla")
        assert (person.name, person.anchors, person.has_portrait) == ("Carla", 2, True)
        assert count(RevisionRow) == revisions + 1

    def test_more_of_a_known_person_in_another_spelling(self, tiny_gallery, unit_vectors):
        person = tiny_gallery.add("ANN LEE", unit_vectors(2), ["a", "b"])
        assert (person.name, person.anchors, person.has_portrait) == ("Ann Lee", 6, True)
        assert len(tiny_gallery.people()) == 4

    def test_a_portrait_takes_the_place_of_the_old_one(self, tiny_gallery, unit_vectors, count):
        person = tiny_gallery.add("Ann Lee", unit_vectors(1), ["a"], b"another")
        assert tiny_gallery.portrait(person.id) == b"another"
        assert count(PortraitRow) == 1

    @pytest.mark.parametrize(
        ("embeddings", "notes", "sentence"),
        [
            (np.ones((1, DIMS + 1)), ["a"], "of 8 dimensions, got 9"),
            (np.ones(DIMS), ["a"], r"got \(8,\)"),
            (np.zeros((1, DIMS)), ["a"], "zero or not finite"),
            (np.full((1, DIMS), np.nan), ["a"], "zero or not finite"),
            (np.ones((2, DIMS)), ["a"], "1 notes for 2 anchors"),
        ],
    )
    def test_embeddings_that_cannot_be_anchors_change_nothing(self, tiny_gallery, embeddings, notes, sentence):
        before = tiny_gallery.snapshot()
        with pytest.raises(InvalidEmbeddings, match=sentence):
            tiny_gallery.add("Carla", embeddings, notes)
        assert tiny_gallery.snapshot() is before
        assert tiny_gallery.find("Carla") is None

    def test_a_bad_name_is_refused(self, tiny_gallery, unit_vectors):
        with pytest.raises(GalleryError, match="name is empty"):
            tiny_gallery.add(" ", unit_vectors(1), ["a"])

    def test_file_names_that_are_no_text_can_be_notes_and_find_nobody(self, tiny_gallery, unit_vectors):
        assert tiny_gallery.add("Carla", unit_vectors(1), ["a\udce9.jpg"]).anchors == 1
        assert tiny_gallery.find("Carl\udce9") is None

    def test_threads_that_add_at_once_all_get_in(self, tiny_gallery, unit_vectors):
        rows = unit_vectors(20)
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda i: tiny_gallery.add("Carla", rows[i : i + 1], [str(i)]), range(20)))
        assert tiny_gallery.find("Carla").anchors == 20


class TestRemoving:
    def test_a_person_goes_with_everything(self, tiny_gallery, count):
        ann = tiny_gallery.find("Ann Lee")
        assert tiny_gallery.remove("ann lee") == ann
        assert tiny_gallery.find(ann.id) is tiny_gallery.portrait(ann.id) is tiny_gallery.find("Ann Lee") is None
        assert "Ann Lee" not in tiny_gallery.snapshot().names
        assert (count(AnchorRow), count(PortraitRow)) == (10, 1)

    def test_for_good_deletes_everything_at_once(self, tiny_gallery, count):
        ann = tiny_gallery.find("Ann Lee")
        assert tiny_gallery.rights.erase(["ann lee"]).people == (ann,)
        assert (count(AnchorRow), count(PortraitRow), tiny_gallery.removed_people()) == (6, 0, [])
        assert "Ann Lee" not in tiny_gallery.snapshot().names
        with pytest.raises(PersonNotFound, match="no removed person called 'Ann Lee'"):
            tiny_gallery.restore("Ann Lee")

    def test_for_good_takes_those_removed_before_along(self, tiny_gallery, unit_vectors, count):
        tiny_gallery.remove("Ann Lee")
        tiny_gallery.add("Ann Lee", unit_vectors(1), ["new.jpg"])
        tiny_gallery.rights.erase(["Ann Lee"])
        assert (count(AnchorRow), tiny_gallery.removed_people()) == (6, [])

    @pytest.mark.parametrize("purge", [False, True])
    def test_several_go_together_or_none(self, tiny_gallery, purge):
        remove = (lambda names: tiny_gallery.rights.erase(names).people) if purge else tiny_gallery.remove_people
        with pytest.raises(PersonNotFound, match=r"called 'Nobody'.* No person was (removed|erased)\.$"):
            remove(["bob", "Nobody"])
        assert tiny_gallery.find("bob") is not None
        gone = remove(["bob", "Ann Lee", "BOB"])
        assert [person.name for person in gone] == ["bob", "Ann Lee"]
        purged = "purged " + ", ".join(f"person {person.id}" for person in gone)
        assert tiny_gallery.history(1)[0].change == (purged if purge else "removed bob, Ann Lee")
        assert len(tiny_gallery.removed_people()) == (0 if purge else 2)

    def test_the_shipped_people_go_in_one_change(self, database_url, tmp_path, unit_vectors):
        people = [(f"Person {number}", unit_vectors(2), webp()) for number in range(60)]
        shipped.write(tmp_path / "anchors", NETWORK, people)
        gallery = Gallery.open(database_url, NETWORK, tmp_path / "anchors")
        gallery.add("Person 7", unit_vectors(1), ["mine.jpg"])
        gallery.add("Ann", unit_vectors(1), ["ann.jpg"])
        assert len(gallery.remove_shipped()) == 59
        assert gallery.history(1)[0].change == "removed 59 people"
        assert gallery.snapshot().names == ("Ann", "Person 7")
        gallery.undo()
        assert len(gallery.snapshot()) == 61
        gallery.remove_shipped()
        assert len(gallery.remove_shipped(purge=True)) == 59
        assert (gallery.remove_shipped(), gallery.removed_people(), len(gallery.people())) == ([], [], 2)
        gallery.close()

    def test_an_unknown_name_gets_a_suggestion(self, tiny_gallery):
        with pytest.raises(PersonNotFound, match=r"no person called 'Anne Lee'. Did you mean Ann Lee\?"):
            tiny_gallery.remove("Anne Lee")
        with pytest.raises(PersonNotFound, match="Check the list of people"):
            tiny_gallery.remove("Xqv")

    def test_an_id_is_never_used_again(self, tiny_gallery, unit_vectors):
        last = max(person.id for person in tiny_gallery.people())
        tiny_gallery.remove(tiny_gallery.find(last).name)
        assert tiny_gallery.add("Carla", unit_vectors(1), ["a"]).id > last


class TestRenaming:
    def test_a_person_keeps_everything_but_the_name(self, tiny_gallery, count):
        ann, revisions = tiny_gallery.find("Ann Lee"), count(RevisionRow)
        renamed = tiny_gallery.rename("ann lee", "Anna Lee")
        assert (renamed.id, renamed.name, renamed.anchors, renamed.has_portrait) == (ann.id, "Anna Lee", 4, True)
        assert tiny_gallery.find("Ann Lee") is None
        assert count(RevisionRow) == revisions + 1

    def test_capitals_can_be_corrected(self, tiny_gallery):
        assert tiny_gallery.rename("bob", "Bob").name == "Bob"

    def test_a_taken_name_is_refused(self, tiny_gallery):
        with pytest.raises(NameTaken, match="Another person is called Ann Lee"):
            tiny_gallery.rename("bob", "ANN LEE")

    def test_unknown_and_bad_names_are_refused(self, tiny_gallery):
        with pytest.raises(PersonNotFound, match=r"Did you mean bob\?"):
            tiny_gallery.rename("boob", "Robert")
        with pytest.raises(GalleryError, match="invisible or invalid character"):
            tiny_gallery.rename("bob", "Bo\tb")
        with pytest.raises(NameTaken, match=r"called Ann Lee\. Choose another name, or merge the two people\."):
            tiny_gallery.rename("bob", "ann lee")


def test_the_list_of_changes_holds_no_names(tiny_gallery, database_url):
    tiny_gallery.rename("bob", "Robert")
    tiny_gallery.remove("Robert")
    database = Database.connect(database_url)
    with database.reading() as connection:
        changes = " ".join(connection.scalars(select(RevisionRow.change)))
    database.close()
    assert "removed person" in changes
    assert "bob" not in changes
    assert "Robert" not in changes
