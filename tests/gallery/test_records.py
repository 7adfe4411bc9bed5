"""Records of people: fields, undo, expiry, and the required basis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.errors import BasisRequired, InvalidRecord
from app.gallery import snapshot_loading
from app.gallery.record import NO_RECORD, Record
from app.gallery.store import Gallery
from app.gallery.tables import PersonRow
from tests.conftest import NETWORK

CONSENT = {"source": "Club album", "basis": "consent", "reference": "Form 12", "date": "2024-05-01"}


def day(offset: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


@pytest.fixture
def set_expiry(tiny_gallery):
    """Return a function that sets the date on which a record expires, also to a past one."""

    def change(name: str, date: str) -> None:
        with tiny_gallery._database.writing() as connection:
            connection.execute(update(PersonRow).where(PersonRow.name == name).values(expires=date))

    return change


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"basis": "because"}, "must be one of: consent, contract, public_interest, own_use"),
        ({"date": "1.5.2024"}, "Write it as 2026-12-31"),
        ({"expires": "20240501"}, "Write it as 2026-12-31"),
        ({"expires": day(0)}, "would have expired"),
        ({"date": day(9), "expires": day(9)}, "but is of"),
        ({"source": "x" * 201}, "The limit is 200"),
    ],
)
def test_invalid_fields_are_explained(values, problem):
    with pytest.raises(InvalidRecord, match=problem):
        NO_RECORD.change(values)


def test_a_record_is_changed_by_field_and_undone(tiny_gallery):
    assert tiny_gallery.change_record("bob", CONSENT).record == Record(**CONSENT)
    changed = tiny_gallery.change_record("bob", {"basis": "Own use", "reference": "", "source": None})
    assert changed.record == Record("Club album", "own_use", "", "2024-05-01")
    assert tiny_gallery.history(1)[0].change == "changed the record of bob"
    tiny_gallery.undo()
    assert tiny_gallery.find("bob").record == Record(**CONSENT)
    tiny_gallery.undo()
    assert tiny_gallery.find("bob").record == NO_RECORD
    before = tiny_gallery.history(1)
    tiny_gallery.change_record("bob", {"basis": ""})
    assert tiny_gallery.history(1) == before


def test_a_merged_person_gives_a_record_to_someone_without_one(tiny_gallery):
    tiny_gallery.change_record("bob", CONSENT)
    assert tiny_gallery.merge("bob", "Ann Lee").record == Record(**CONSENT)
    tiny_gallery.undo()
    tiny_gallery.change_record("Ann Lee", {"basis": "contract"})
    assert tiny_gallery.merge("bob", "Ann Lee").record == Record(basis="contract")


def test_a_required_basis_is_asked_for(tiny_gallery, database_url, unit_vectors):
    gallery = Gallery.open(database_url, NETWORK, None, require_basis=True)
    for name in ("bob", "New Person"):
        with pytest.raises(BasisRequired, match=f"{name} has no legal basis"):
            gallery.add(name, unit_vectors(1), ["a.jpg"])
    assert gallery.find("New Person") is None
    added = gallery.add("New Person", unit_vectors(1), ["a.jpg"], record=CONSENT)
    assert added.record == Record(**CONSENT)
    gallery.add("New Person", unit_vectors(1), ["b.jpg"])
    gallery.change_record("bob", {"basis": "own_use"})
    assert gallery.add("bob", unit_vectors(1), ["c.jpg"], record={"reference": "7"}).record.reference == "7"
    gallery.close()


def test_expired_people_are_hidden_and_then_erased(tiny_gallery, set_expiry, caplog):
    tiny_gallery.snapshot()
    tiny_gallery.change_record("Ann Lee", {"expires": day(1)})
    tiny_gallery.change_record("Zoë Ångström", {"expires": day(40)})
    assert [person.name for person in tiny_gallery.rights.list_expiry(30).upcoming] == ["Ann Lee"]
    assert tiny_gallery.rights.hide_expired() == []
    set_expiry("Ann Lee", day(0))
    assert [person.name for person in tiny_gallery.rights.list_expiry().due] == ["Ann Lee"]
    tiny_gallery._maintain(purge=False)
    assert "Ann Lee" not in tiny_gallery.snapshot().names
    assert tiny_gallery.find("Ann Lee") is None
    ((hidden, erased),) = tiny_gallery.rights.list_expiry().hidden
    assert (hidden.name, erased.isoformat()) == ("Ann Lee", day(30))
    assert "the record expired" in tiny_gallery.history(1)[0].change
    with pytest.raises(InvalidRecord, match="Give a new date"):
        tiny_gallery.restore("Ann Lee")
    assert tiny_gallery.restore("Ann Lee", day(2)).record.expires == day(2)
    set_expiry("Ann Lee", day(-1))
    tiny_gallery.recovery_days = 0
    tiny_gallery._maintain(purge=True)
    assert tiny_gallery.removed_people() == []
    assert len(tiny_gallery.rights.list_erasures()) == 1


def test_expired_people_are_not_named_from_midnight_on(tiny_gallery, set_expiry, monkeypatch, unit_vectors):
    set_expiry("Ann Lee", day(1))
    set_expiry("bob", day(2))
    before = tiny_gallery.snapshot()
    assert before.expires == day(1)
    assert tiny_gallery.snapshot() is before
    for days, names in ((1, ["bob", "Émile Zola", "Zoë Ångström"]), (2, ["Émile Zola", "Zoë Ångström"])):
        monkeypatch.setattr(snapshot_loading, "today", lambda days=days: day(days))
        snapshot = tiny_gallery.snapshot()
        assert list(snapshot.names) == names
        assert tiny_gallery.snapshot() is snapshot
        with tiny_gallery._database.reading() as connection:
            assert list(snapshot_loading.load(connection).names) == names
    assert snapshot.expires == ""
    tiny_gallery.add("Cid", unit_vectors(1), ["c.jpg"], record={"expires": day(5)})
    assert tiny_gallery.snapshot().expires == day(5)


def test_records_are_exported_and_imported(tiny_gallery, database_url, tmp_path):
    tiny_gallery.change_record("bob", CONSENT)
    tiny_gallery.change_record("Émile Zola", {"expires": day(3)})
    tiny_gallery.remove("Ann Lee")  # whose portrait is no picture
    tiny_gallery.export_bundle(tmp_path / "gallery.zip")
    other = Gallery.open(f"sqlite:///{tmp_path}/other.sqlite", NETWORK, None)
    other.import_bundle(tmp_path / "gallery.zip")
    assert other.find("bob").record == Record(**CONSENT)
    assert other.find("Émile Zola").record == Record(expires=day(3))
    other.close()
    strict = Gallery.open(f"sqlite:///{tmp_path}/strict.sqlite", NETWORK, None, require_basis=True)
    with pytest.raises(BasisRequired):
        strict.import_bundle(tmp_path / "gallery.zip")
    assert strict.people() == ()
    strict.close()
