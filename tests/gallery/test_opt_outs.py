"""The opt-out list: by name in every snapshot, by face in every verdict."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import InvalidRecord, OptedOut, PersonNotFound


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
