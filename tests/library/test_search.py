import numpy as np
import pytest

from app.errors import InvalidParameter, LibraryError, PersonNotFound
from app.library import decisions
from app.library.search import Criteria, FaceIndex, count_undated, search
from app.recognition.scoring import Head
from tests.library.conftest import face, fill, row

HEAD = Head(5.0, 1.2)


@pytest.fixture
def vectors(rng):
    rows = rng.normal(size=(6, 128)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def filled(library, vectors):
    """Ann in a.jpg and both.jpg, Zoë in both.jpg, an unknown face in both.jpg and c.jpg."""
    fill(
        library,
        row("a.jpg", face(vectors[0]), taken="2024-05-01T10:00:00"),
        row(
            "both.jpg", face(vectors[1]), face(vectors[2], x=300), face(vectors[3], x=600), taken="2023-12-31T23:59:59"
        ),
        row("c.jpg", face(vectors[4])),
    )
    decisions.confirm(library, [1, 2], "Ann Lee")
    decisions.confirm(library, [3], "Zoë")
    library.connection.execute("UPDATE face SET verdict = 'unknown' WHERE verdict IS NULL")
    return library


def find(library, **criteria) -> list[tuple[str, int]]:
    return [(one.file, one.number) for one in search(library, Criteria(**criteria))]


def test_faces_of_a_person(filled):
    assert find(filled, names=["ANN LEE"]) == [("both.jpg", 1), ("a.jpg", 1)]


def test_photos_with_several_people(filled):
    assert find(filled, names=["Ann Lee", "Zoë"]) == [("both.jpg", 1), ("both.jpg", 2)]
    assert find(filled, names=["Ann Lee"], unknown=True) == [("both.jpg", 1), ("both.jpg", 3)]


def test_unknown_faces(filled):
    assert find(filled, unknown=True) == [("c.jpg", 1), ("both.jpg", 3)]


@pytest.mark.parametrize(
    ("dates", "files"),
    [
        ({"since": "2024"}, ["a.jpg"]),
        ({"since": "2023-12-31", "until": "2023"}, ["both.jpg"]),
        ({"until": "2023-12-30"}, []),
        ({"since": "2024-05-01T10:00", "until": "2024-05-01"}, ["a.jpg"]),
    ],
)
def test_dates(filled, dates, files):
    assert list(dict.fromkeys(file for file, _ in find(filled, **dates))) == files


def test_photos_without_a_date(filled):
    assert find(filled, undated=True) == [("c.jpg", 1)]
    assert [count_undated(filled, Criteria(unknown=unknown, since="2024")) for unknown in (True, False)] == [1, 1]
    assert count_undated(filled, Criteria(names=["Zoë"], since="2024")) == 0
    assert count_undated(filled, Criteria(since="2024"), [(1, 0.1), (2, 0.2)]) == 0


@pytest.mark.parametrize(
    "date", ["yesterday", "2024-5", "24", "2024-05-01 10:00", "2024' OR 1", "2024-13", "2023-02-29"]
)
def test_other_dates_are_rejected(filled, date):
    with pytest.raises(InvalidParameter, match=r"is not a date\. Write it as 2024, 2024-05, 2024-05-31"):
        find(filled, since=date)


def test_a_group_that_never_was_is_reported(filled):
    with pytest.raises(InvalidParameter, match=r"^The library has no group 9\. List all: whopic library groups"):
        find(filled, group=9)


def test_a_misspelled_name_is_reported_with_similar_ones(filled):
    with pytest.raises(PersonNotFound, match=r"^The library has no person called 'Anne Lee'\. Did you mean Ann Lee\?$"):
        find(filled, names=["Anne Lee"])


def test_similar_faces_come_first(filled, vectors):
    index = FaceIndex.load(filled)
    assert len(index) == 5
    probe = vectors[1] + 0.5 * vectors[4]
    similar = index.similar(probe / np.linalg.norm(probe), HEAD, 0.4)
    found = search(filled, Criteria(), similar)
    assert [(one.file, one.number) for one in found] == [("both.jpg", 1), ("c.jpg", 1)]
    assert found[0].score < found[1].score < 0.4
    assert [one.file for one in search(filled, Criteria(unknown=True), similar)] == ["c.jpg"]


def test_an_empty_library(library, vectors):
    assert FaceIndex.load(library).similar(vectors[0], HEAD, 1) == []
    assert find(library, unknown=True) == []


def test_equal_files_are_all_found(filled):
    with filled.writing() as connection:
        connection.execute("INSERT INTO file VALUES ('copy.jpg', NULL, 1, 1, 1)")
    assert ("copy.jpg", 1) in find(filled, names=["Ann Lee"])


def test_a_face_is_chosen_by_its_number(filled):
    assert decisions.find_face(filled, "a.jpg", None) == 1
    assert decisions.find_face(filled, "both.jpg", 2) == 3
    with pytest.raises(LibraryError, match=r"both\.jpg: The photo has 3 faces\. Choose one with --face\."):
        decisions.find_face(filled, "both.jpg", None)
    with pytest.raises(LibraryError, match=r"both\.jpg: The photo has no face 4, but 3 faces\."):
        decisions.find_face(filled, "both.jpg", 4)
    fill(filled, row("empty.jpg"))
    with pytest.raises(LibraryError, match=r"empty\.jpg: The library has no face in this photo\."):
        decisions.find_face(filled, "empty.jpg", None)
    with pytest.raises(LibraryError, match=r"none\.jpg: The library has no such photo\."):
        decisions.find_face(filled, "none.jpg", None)
    with pytest.raises(LibraryError, match=r"no face with the ID 99"):
        decisions.confirm(filled, [99], "Ann Lee")
