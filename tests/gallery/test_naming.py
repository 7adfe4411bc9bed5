"""Names and aliases of people."""

import pytest

from app.errors import AliasNotFound, InvalidName, NameTaken, PersonNotFound
from app.gallery.tables import AliasRow


@pytest.fixture
def gallery(tiny_gallery):
    tiny_gallery.change_aliases("Ann Lee", ["Annie", " ANNIE ", "ann lee", "Lee,\u00a0A."])
    return tiny_gallery


def test_a_person_is_found_by_every_alias(gallery, unit_vectors):
    ann = gallery.find("annie")
    assert (ann.name, ann.aliases) == ("Ann Lee", ("ANNIE", "Lee, A."))
    assert gallery.search("annie").people == gallery.search("lee a").people[:1] == [ann]
    assert gallery.search("anny").close == [ann]
    assert gallery.add("Annie", unit_vectors(1), ["1"]).id == ann.id
    assert gallery.remove("annie").name == "Ann Lee"
    assert gallery.find("annie") is None
    assert gallery.restore("annie").aliases == ann.aliases
    with pytest.raises(PersonNotFound, match=r"called 'Anni'\. Did you mean Ann Lee\?"):
        gallery.remove("Anni")


def test_names_and_aliases_are_unique_together(gallery, unit_vectors):
    known = r"Another person is called Ann Lee, also known as ANNIE\. Choose another name"
    with pytest.raises(NameTaken, match=known):
        gallery.rename("bob", "annie")
    with pytest.raises(NameTaken, match=known):
        gallery.change_aliases("bob", ["Rob", "annie"])
    with pytest.raises(NameTaken, match=r"called bob\. Choose"):
        gallery.change_aliases("Ann Lee", ["BOB"])
    with pytest.raises(InvalidName, match="invisible"):
        gallery.change_aliases("bob", ["Ro\u200bb"])
    assert gallery.find("bob").aliases == ()
    gallery.remove("Ann Lee")
    gallery.add("Annie", unit_vectors(1), ["1"])
    with pytest.raises(NameTaken, match="Another person is called ANNIE now"):
        gallery.restore("Ann Lee")


def test_an_alias_of_letters_of_another_alphabet_gets_a_warning(gallery):
    assert "looks like ANNIE, another person" in gallery.name_warning("\u0410NNIE")
    gallery.change_aliases("Ann Lee", ["\u0410NNIE"])
    assert gallery.name_warning("\u0410NNIE") is None


def test_aliases_are_replaced_and_removed_and_come_back(gallery):
    assert gallery.replace_aliases("Ann Lee", ["Annie", "Anne"]).aliases == ("Anne", "Annie")
    changes = len(gallery.history())
    assert gallery.replace_aliases("Ann Lee", ["Annie", "Anne"]).aliases == ("Anne", "Annie")
    assert len(gallery.history()) == changes
    with pytest.raises(AliasNotFound, match=r"Ann Lee has no alias 'A'\. Their aliases are: Anne, Annie\."):
        gallery.change_aliases("Ann Lee", ["X"], remove=["Anne", "A"])
    assert gallery.change_aliases("Ann Lee", remove=["ANNE", "annie"]).aliases == ()
    assert gallery.undo() == "changed the aliases of Ann Lee"
    assert gallery.find("Ann Lee").aliases == ("Anne", "Annie")
    gallery.undo()
    assert gallery.find("Ann Lee").aliases == ("ANNIE", "Lee, A.")
    gallery.undo()
    assert gallery.find("Ann Lee").aliases == ()


def test_a_former_name_is_kept_on_request(gallery):
    assert gallery.rename("Ann Lee", "Annie").aliases == ("Lee, A.",)
    assert gallery.rename("Annie", "Ann Smith", keep_alias=True).aliases == ("Annie", "Lee, A.")
    gallery.undo()
    gallery.undo()
    assert gallery.find("annie").names == ("Ann Lee", "ANNIE", "Lee, A.")
    assert gallery.rename("Ann Lee", "ANN LEE", keep_alias=True).aliases == ("ANNIE", "Lee, A.")


def test_a_merged_persons_names_lead_to_the_other(gallery):
    assert gallery.merge("Ann Lee", "bob").aliases == ("Ann Lee", "ANNIE", "Lee, A.")
    assert gallery.find("Ann Lee").name == "bob"
    gallery.undo()
    assert gallery.find("annie").name == "Ann Lee"
    assert gallery.find("bob").aliases == ()


def test_undo_gives_no_name_to_two_people(gallery, unit_vectors, monkeypatch):
    gallery.change_aliases("Ann Lee", remove=["Annie"])
    gallery.add("Annie", unit_vectors(1), ["1"])
    latest, removal = gallery.history(2)
    with gallery._database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE revision SET reversible = (1 = 0) WHERE id = {latest.id}")
    with pytest.raises(NameTaken, match=f"Change {removal.id} cannot be undone: another person has the name now"):
        gallery.undo()


@pytest.mark.parametrize("name", ["Ann Lee", "bob"])
def test_aliases_are_erased_with_a_person(gallery, count, name):
    gallery.merge("Ann Lee", "bob")
    gallery.rights.erase([name])
    # The other aliases belong to bob since the merge, as the anchors do.
    remaining = {"Ann Lee": ("ANNIE", "Lee, A."), "bob": ()}[name]
    assert sum((person.aliases for person in gallery.people()), ()) == remaining
    assert count(AliasRow) == len(remaining)
