"""A gallery brought to another network."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import GalleryError
from app.gallery import shipped
from app.gallery.rebuild import RebuildReport, rebuild
from app.gallery.store import Gallery, ImportedPhotos
from tests.conftest import NETWORK
from tests.photos import webp

NEW = "another/crop"


def embed(crops) -> np.ndarray:
    """Another network, with longer embeddings: the first letter of a crop tells where it points."""
    return np.eye(12, dtype=np.float32)[[crop[0] - ord("a") for crop in crops]]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "anchors"
    shipped.write(place, NEW, [("Drake", np.eye(12)[5:8], None), ("Newcomer", np.eye(12)[:1], None)])
    return place


@pytest.fixture
def old(tmp_path, database_url, unit_vectors):
    """A gallery with a shipped person, one with crops, and, of both, nothing that would be lost."""
    place = tmp_path / "old anchors"
    shipped.write(place, NETWORK, [("Drake", unit_vectors(2), webp())])
    gallery = Gallery.open(database_url, NETWORK, place)
    gallery.add("Ann", unit_vectors(2), ["1", "2"], crops=[b"a", b"c"])
    yield gallery
    gallery.close()


def test_crops_are_embedded_and_shipped_anchors_replaced(old, database_url, folder):
    with pytest.raises(GalleryError, match="people rebuild"):
        Gallery.open(database_url, NEW, None)
    assert rebuild(database_url, NEW, folder, embed) == RebuildReport(embedded=2, shipped=3, lost=0)
    gallery = Gallery.open(database_url, NEW, None)
    snapshot = gallery.snapshot()
    assert snapshot.names == ("Ann", "Drake")
    assert snapshot.anchors.argmax(axis=1).tolist() == [0, 2, 5, 6, 7]
    assert gallery.find("Drake").has_portrait
    assert [one.note for one in gallery.anchors("Ann")] == ["1", "2"]
    gallery.close()
    assert rebuild(database_url, NEW, folder, embed) is None


@pytest.mark.parametrize("purge", [False, True])
def test_removed_shipped_people_stay_removed(old, database_url, folder, purge):
    remove = old.rights.erase if purge else old.remove_people
    remove(["Drake"])
    rebuild(database_url, NEW, folder, embed)
    gallery = Gallery.open(database_url, NEW, folder)
    assert [person.name for person in gallery.people()] == ["Ann"]
    assert len(gallery.removed_people()) == (0 if purge else 1)
    gallery.close()


def test_thresholds_calibrated_for_the_old_network_are_gone(old, database_url, folder):
    old.shift_thresholds([(0.01, -0.05)])
    rebuild(database_url, NEW, folder, embed)
    gallery = Gallery.open(database_url, NEW, None)
    assert gallery.snapshot().shifts == ()
    gallery.close()


def test_photos_of_lost_anchors_can_be_imported_again(old, database_url, folder, unit_vectors):
    old.record_import("Ann", ImportedPhotos("a" * 64, ("1" * 64,)))
    old.add("Bare", unit_vectors(1), ["1"], imported=ImportedPhotos("b" * 64, ("1" * 64,)))
    rebuild(database_url, NEW, folder, embed, drop=True)
    gallery = Gallery.open(database_url, NEW, None)
    assert [len(gallery.imported_photos(letter * 64)[1]) for letter in "ab"] == [1, 0]
    gallery.close()


def test_a_running_server_of_the_old_network_does_not_mix_them(old, database_url, folder):
    old.snapshot()
    rebuild(database_url, NEW, folder, embed)
    with pytest.raises(GalleryError, match=r"rebuilt for another network .* Restart"):
        old.snapshot()


def test_what_would_be_lost_is_told_first(old, database_url, folder, unit_vectors):
    old.add("Bob", unit_vectors(1), ["no crop"])
    old.reject_faces("Ann", unit_vectors(1), ["x"])
    before = old.snapshot()
    with pytest.raises(GalleryError, match=r": 1 anchor \(of Bob\), 1 rejected face, and 0 faces of"):
        rebuild(database_url, NEW, folder, embed)
    assert old.snapshot() is before
    assert rebuild(database_url, NEW, folder, embed, drop=True).lost == 1
    gallery = Gallery.open(database_url, NEW, None)
    assert [(one.name, one.anchors) for one in gallery.people()] == [("Ann", 2), ("Bob", 0), ("Drake", 3)]
    gallery.close()


def test_faces_of_the_opt_out_list_are_not_compared_with_another_network(old, database_url, folder, unit_vectors):
    for name in ("Bob", None):
        old.rights.add_opt_out(name, unit_vectors(1))
    with pytest.raises(GalleryError, match=r"and 2 faces of the opt-out list \(entries 1, 2\)"):
        rebuild(database_url, NEW, folder, embed)
    rebuild(database_url, NEW, folder, embed, drop=True)
    gallery = Gallery.open(database_url, NEW, None)
    assert [(entry.name, entry.has_face) for entry in gallery.rights.list_opt_outs()] == [("Bob", False)]
    assert gallery.snapshot().opted_out is None
    gallery.close()


def test_a_network_that_fails_in_the_middle_changes_nothing(old, database_url, folder):
    before = old.snapshot()

    def fail(crops):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rebuild(database_url, NEW, folder, fail)
    assert old.snapshot() is before


@pytest.mark.parametrize(("network", "expected"), [(NEW, b"Ac"), (f"other/{NETWORK.partition('/')[2]}", b"ac")])
def test_crops_of_another_alignment_are_aligned_again(old, database_url, network, expected):
    seen = []

    def note(crops):
        seen.extend(crops)
        return np.eye(12, dtype=np.float32)[: len(crops)]

    def realign(crop: bytes) -> bytes:
        return crop.replace(b"a", b"A")

    rebuild(database_url, network, None, note, drop=True, realign=realign)
    gallery = Gallery.open(database_url, network, None)
    assert b"".join(seen) == expected
    assert b"".join(gallery.crop(one.id) for one in gallery.anchors("Ann")) == expected
    gallery.close()
