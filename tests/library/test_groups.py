"""Groups of made-up faces: each person is a random direction, and their faces have a cosine of about 0.7."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import LibraryError
from app.library import decisions, groups
from app.library.clustering import Clusters, Linkage, find_pairs
from app.library.group_naming import confirm_group
from app.library.groups import Grouping, group_faces, keep_apart, list_groups, members, merge_groups
from app.library.search import Criteria, search
from app.library.suggestions import list_stored, store_suggestions, suggest
from tests.library.conftest import face, fill, row

DIMS = 128


def near(rng, center: np.ndarray, cosine: float) -> np.ndarray:
    """Return a unit vector at a cosine to a unit vector."""
    other = rng.normal(size=len(center))
    other -= other @ center * center
    return cosine * center + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def people(rng, count: int) -> np.ndarray:
    """Return unit vectors that are orthogonal."""
    return np.linalg.qr(rng.normal(size=(DIMS, count)))[0].T


@pytest.fixture
def add(library, rng):
    """Return a function that adds a photo of faces near some directions, all unknown."""
    added = []

    def add_photo(*centers: np.ndarray, cosine: float = 0.84) -> None:
        name = f"{len(added):03d}.jpg"
        faces = [face(near(rng, center, cosine), x=100 * place) for place, center in enumerate(centers)]
        fill(library, row(name, *faces, taken=f"2024-05-{len(added) % 28 + 1:02d}T10:00:00"))
        added.append(name)
        library.connection.execute("UPDATE face SET verdict = 'unknown' WHERE verdict IS NULL")

    return add_photo


def files_of(library, number: int) -> list[str]:
    return [found.file for found in search(library, Criteria(group=number))]


def test_each_person_is_a_group_the_largest_first(library, add, rng):
    ann, bob, cid, dan = people(rng, 4)
    for center, photos in ((bob, 3), (ann, 5), (cid, 2), (dan, 1)):
        for _ in range(photos):
            add(center)
    assert group_faces(library) == Grouping(groups=2)
    first, second = list_groups(library)
    assert (first.number, first.faces, first.photos, first.since, first.until) == (
        (1, 5, 5, "2024-05-04T10:00:00", "2024-05-08T10:00:00")
    )
    assert [example.file for example in first.examples] == ["003.jpg", "004.jpg", "005.jpg"]
    assert (second.number, files_of(library, 2)) == (2, ["000.jpg", "001.jpg", "002.jpg"])
    assert len(list_groups(library, limit=1)) == 1


def test_new_faces_join_groups_whose_numbers_stay(library, add, rng):
    ann, bob = people(rng, 2)
    for _ in range(3):
        add(ann)
    group_faces(library)
    add(ann)
    for _ in range(6):
        add(bob)
    assert group_faces(library) == Grouping(groups=1, joined=1)
    assert [(group.number, group.faces) for group in list_groups(library)] == [(2, 6), (1, 4)]
    assert group_faces(library) == Grouping()


def test_faces_that_were_alone_form_a_group_later(library, add, rng):
    (ann,) = people(rng, 1)
    add(ann)
    add(ann)
    assert group_faces(library) == Grouping()
    add(ann)
    assert group_faces(library) == Grouping(groups=1)


def test_groups_never_merge_without_the_user(library, add, rng):
    """Two groups of one person that were found apart, because the faces between them came later."""
    ann, other = people(rng, 2)
    young, old = 0.8 * ann + 0.6 * other, 0.8 * ann - 0.6 * other
    for _ in range(4):
        add(young, cosine=0.95)
        add(old, cosine=0.95)
    group_faces(library)
    for _ in range(10):
        add(ann, cosine=0.95)
    group_faces(library)
    sizes = [group.faces for group in list_groups(library)]
    assert len(sizes) > 1
    assert sum(sizes) == 18


def test_two_faces_of_a_photo_are_different_people(library, add, rng):
    """Twins who are always in one photo."""
    (ann,) = people(rng, 1)
    twin = near(rng, ann, 0.9)
    for _ in range(5):
        add(ann, twin)
    group_faces(library)
    photos = [files_of(library, group.number) for group in list_groups(library)]
    assert [len(files) for files in photos] == [len(set(files)) for files in photos]
    assert sum(map(len, photos)) >= 6


@pytest.mark.parametrize(("shared", "clusters"), [(1, 1), (3, 2)])
def test_large_clusters_may_share_a_collage(rng, shared, clusters):
    center = people(rng, 1)[0]
    halves = np.stack([sum(near(rng, center, 0.84) for _ in range(30)) for _ in range(2)]).astype(np.float32)
    conflicts = np.array([[0, 1]] * shared)
    merged = Clusters(halves, np.array([30, 30]), np.zeros(2, bool), conflicts).merge(Linkage())
    assert len(np.unique(merged)) == clusters


def test_cells_find_the_groups_of_a_large_library(rng, monkeypatch):
    monkeypatch.setattr("app.library.clustering._CELL", 50)
    person = np.repeat(np.arange(100), 6)
    centers = rng.normal(size=(100, DIMS))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    faces = np.stack([near(rng, centers[one], 0.9) for one in person]).astype(np.float32)
    for exact in (1000, 0):
        clusters = Clusters(faces.copy(), np.ones(600, np.int64), np.zeros(600, bool), np.zeros((0, 2), np.int64))
        found = clusters.merge(Linkage(exact=exact, probes=4))
        assert len(np.unique(found)) == 100
        assert len(np.unique(found * 1000 + person)) == 100


@pytest.mark.parametrize("exact", [1000, 0])
def test_only_new_faces_are_compared(rng, monkeypatch, exact):
    monkeypatch.setattr("app.library.clustering._CELL", 50)
    center = people(rng, 1)[0]
    faces = np.stack([near(rng, center, 0.9) for _ in range(120)]).astype(np.float32)
    ones, none = np.ones(120, np.int64), np.zeros(120, bool)
    first, second = find_pairs(faces, ones, Linkage(exact=exact, probes=1, neighbors=200), none, new=2)
    assert set(first.tolist()) == {0, 1}
    assert exact == 0 or len(second) == 119 + 118


def test_named_and_unclear_faces_are_in_no_group(library, add, rng):
    (ann,) = people(rng, 1)
    for _ in range(5):
        add(ann)
    decisions.confirm(library, [1], "Ann")
    library.connection.execute("UPDATE face SET verdict = 'low_quality' WHERE id = 2")
    group_faces(library)
    assert files_of(library, 1) == ["002.jpg", "003.jpg", "004.jpg"]
    decisions.confirm(library, [3], "Ann")
    assert [group.faces for group in list_groups(library)] == [2]
    decisions.take_back(library, [3])
    library.connection.execute("UPDATE face SET verdict = 'unknown' WHERE id = 3")
    assert [group.faces for group in list_groups(library)] == [3]


def test_removed_faces_do_not_join_the_group_again(library, add, rng):
    ann, bob = people(rng, 2)
    for center in (ann, ann, ann, ann, bob, bob, bob):
        add(center)
    group_faces(library)
    groups.remove_faces(library, 1, [4])
    with pytest.raises(LibraryError, match="The face is not in group 2"):
        groups.remove_faces(library, 2, [4])
    for _ in range(2):
        add(ann)
        group_faces(library)
    assert "003.jpg" not in files_of(library, 1)
    assert len(files_of(library, 1)) == 5
    merge_groups(library, 1, 2)
    add(ann)
    group_faces(library)
    assert "003.jpg" not in files_of(library, 2)


def test_removed_faces_do_not_get_the_name_of_the_group(library, add, rng):
    (ann,) = people(rng, 1)
    for _ in range(4):
        add(ann)
    group_faces(library)
    groups.remove_faces(library, 1, [4])
    assert confirm_group(library, 1, "Ann") == 3
    rows = library.connection.execute("SELECT source, person_id FROM face ORDER BY id").fetchall()
    assert rows == [("confirmed", 1)] * 3 + [("automatic", None)]
    assert library.connection.execute("SELECT * FROM rejection").fetchall() == [(4, 1)]
    # A face whose name is forgotten is grouped again.
    decisions.take_back(library, [1])
    library.connection.execute("UPDATE face SET verdict = 'unknown' WHERE id = 1")
    assert list_groups(library) == []


@pytest.fixture
def similar(library, add, rng):
    """Two similar groups, one of another person, and a person with a name who is like the first group."""
    ann, bob = people(rng, 2)
    older = near(rng, ann, 0.45)
    for _ in range(4):
        add(ann, cosine=0.9)
        add(bob, cosine=0.9)
    for _ in range(3):
        add(older, cosine=0.9)
    group_faces(library)
    named = near(rng, ann, 0.5)
    for _ in range(3):
        add(named, cosine=0.9)
    last = library.connection.execute("SELECT max(id) FROM face").fetchone()[0]
    decisions.confirm(library, [last - 2, last - 1, last], "Ann")
    assert [group.faces for group in list_groups(library)] == [4, 4, 3]
    return library


def pairs(library) -> set[tuple]:
    return {(one.group, one.other or one.person) for one in suggest(library)}


def test_similar_groups_and_people_are_suggested(similar):
    first = next(group.number for group in list_groups(similar) if "000.jpg" in files_of(similar, group.number))
    assert pairs(similar) == {(3, first), (first, "Ann")}
    assert [one.score for one in suggest(similar)] == sorted((one.score for one in suggest(similar)), reverse=True)
    assert len(suggest(similar, limit=1)) == 1
    assert list_stored(similar.connection) == []
    stored = store_suggestions(similar)
    assert stored == suggest(similar)
    assert [(one.group, one.other or one.person) for one in list_stored(similar.connection)] == [
        (one.group, one.other or one.person) for one in stored
    ]


def test_answers_are_remembered(similar):
    store_suggestions(similar)
    for number, other in pairs(similar):
        if other == "Ann":
            decisions.reject(similar, members(similar, number), "Ann")
        else:
            keep_apart(similar, number, other)
    assert pairs(similar) == set()
    assert list_stored(similar.connection) == []
    # The answer about a group is true for the merged one.
    ((first, third),) = similar.connection.execute("SELECT * FROM different_group").fetchall()
    merge_groups(similar, third, 3 - first)
    assert similar.connection.execute("SELECT * FROM different_group").fetchall() == [(1, 2)]


def test_merged_groups_have_one_number(similar):
    merge_groups(similar, 3, 1)
    assert [(group.number, group.faces) for group in list_groups(similar)] == [(1, 7), (2, 4)]
    with pytest.raises(LibraryError, match="The library has no group 3 with unknown faces"):
        merge_groups(similar, 3, 1)
    with pytest.raises(LibraryError, match="Give two different groups"):
        keep_apart(similar, 1, 1)
    with pytest.raises(LibraryError, match="no group 9"):
        groups.members(similar, 9)


def test_groups_that_share_photos_are_not_suggested(library, add, rng):
    (ann,) = people(rng, 1)
    sister = near(rng, ann, 0.6)
    for _ in range(4):
        add(ann, sister)
    group_faces(library)
    assert len(list_groups(library)) == 2
    assert suggest(library) == []


def test_an_empty_library_has_no_groups(library):
    assert group_faces(library) == Grouping()
    assert list_groups(library) == []
    assert suggest(library) == []
