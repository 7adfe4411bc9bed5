"""People in photos without a face."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from app.errors import LibraryError, PersonNotFound
from app.library import decisions, export, people, tags
from app.library.search import Criteria, search
from tests.library.conftest import face, fill, row


@pytest.fixture
def tagged(library):
    """Ann is tagged in a photo without a face, and beside a face of Bob."""
    fill(library, row("none.jpg", taken="2024-01-01T00:00:00"), row("bob.jpg", face(np.ones(8))))
    decisions.confirm(library, [1], "Bob")
    for photo in (1, 2):
        tags.tag(library, photo, "Ann")
    return library


def find(library, *names: str, **criteria) -> list[tuple]:
    return [
        (one.file, one.number, one.person, one.source) for one in search(library, Criteria(names=names, **criteria))
    ]


def test_searches_find_tagged_people(tagged):
    beside = ("bob.jpg", None, "Ann", "tagged")
    assert find(tagged, "ann") == [beside, ("none.jpg", None, "Ann", "tagged")]
    assert find(tagged, "Ann", "Bob") == [beside, ("bob.jpg", 1, "Bob", "confirmed")]
    assert find(tagged, since="2024") == [("none.jpg", None, "Ann", "tagged")]
    assert search(tagged, Criteria(names=["Ann"]), similar=[(1, 0.1)]) == []


def test_exports_have_a_row_for_each_tag(tagged, tmp_path):
    export.write_csv(tagged, tmp_path / "faces.csv")
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = [(line["file"], line["face"], line["person"], line["source"]) for line in csv.DictReader(file)]
    assert rows == [
        ("bob.jpg", "", "Ann", "tagged"),
        ("bob.jpg", "1", "Bob", "confirmed"),
        ("none.jpg", "", "Ann", "tagged"),
    ]


def test_a_face_of_the_person_replaces_the_tag(tagged):
    decisions.confirm(tagged, [1], "Ann")
    assert find(tagged, "Ann") == [("bob.jpg", 1, "Ann", "confirmed"), ("none.jpg", None, "Ann", "tagged")]
    # A face that is named automatically may lose its name again.
    decisions.take_back(tagged, [1])
    tags.tag(tagged, 2, "Ann")
    tagged.connection.execute(
        "UPDATE face SET verdict = 'match', person_id = (SELECT id FROM person WHERE name = 'Ann')"
    )
    assert tags.of_photo(tagged, 2) == []
    tagged.connection.execute("UPDATE face SET verdict = 'unknown', person_id = NULL")
    assert tags.of_photo(tagged, 2) == ["Ann"]


def test_tags_follow_merged_people(tagged):
    with tagged.writing() as connection:
        ids = dict(connection.execute("SELECT name, id FROM person").fetchall())
        people._merge(connection, ids["Ann"], ids["Bob"])
    assert find(tagged, "Bob") == [("bob.jpg", 1, "Bob", "confirmed"), ("none.jpg", None, "Bob", "tagged")]


def test_tags_are_checked(tagged):
    with pytest.raises(LibraryError, match="Ann is in this photo already"):
        tags.tag(tagged, 1, "Ann")
    with pytest.raises(LibraryError, match="Bob is in this photo already"):
        tags.tag(tagged, 2, "Bob")
    with pytest.raises(LibraryError, match="Bob is not tagged in this photo"):
        tags.untag(tagged, 1, "Bob")
    with pytest.raises(PersonNotFound, match=r"called 'Anne'\. Did you mean Ann\?"):
        tags.untag(tagged, 1, "Anne")
    assert tags.find_photo(tagged, "none.jpg") == 1
    with pytest.raises(LibraryError, match=r"gone\.jpg: The library has no such photo"):
        tags.find_photo(tagged, "gone.jpg")
    tags.untag(tagged, 1, "ann")
    assert find(tagged, "Ann") == [("bob.jpg", None, "Ann", "tagged")]
