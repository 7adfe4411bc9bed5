"""Faces of videos in a library: they are there in a time span, and are never enrolled."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from app.batch.rows import FaceRow, PhotoRow
from app.errors import LibraryError
from app.library import decisions, export
from app.library.group_naming import name_group, review_group
from app.library.groups import group_faces, list_groups
from app.library.naming import name_faces
from app.library.search import Criteria, search
from app.library.suggestions import suggest
from app.library.summary import summarize
from app.recognition.scoring import rank
from app.vision.time_span import TimeSpan
from tests.library.conftest import face, fill, row
from tests.photos import OTHER, PERSON

DIMS = 128


def video_face(embedding: np.ndarray, start: float, end: float, x: int = 10) -> FaceRow:
    return replace(face(embedding, x), time=TimeSpan(start, end, (start + end) / 2))


def video(path: str, *faces: FaceRow, data: bytes | None = None) -> PhotoRow:
    return replace(row(path, *faces, data=data), duration=60.0)


def near(rng, center: np.ndarray, cosine: float = 0.84) -> np.ndarray:
    """Return a unit vector at a cosine to a unit vector."""
    other = rng.normal(size=len(center))
    other -= other @ center * center
    return cosine * center + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def mark_unknown(library) -> None:
    library.connection.execute("UPDATE face SET verdict = 'unknown'")


@pytest.mark.parametrize(
    ("times", "verdicts"), [([(0, 5), (4, 9)], ["ambiguous", "match"]), ([(0, 5), (6, 9)], ["match", "match"])]
)
def test_one_person_has_one_face_at_a_time(library, small_gallery, recognizer, times, verdicts):
    card, snapshot = recognizer.network.card, small_gallery.snapshot()
    template = snapshot.templates[snapshot.names.index(PERSON)]
    strong = card.rules.strong_threshold(32, len(snapshot))
    mixed = (share * template + (1 - share) * np.roll(template, 7) for share in np.linspace(1, 0, 200))
    units = ((mix / np.linalg.norm(mix)).astype(np.float32) for mix in mixed)
    weak = next(unit for unit in units if rank(unit, snapshot, card.rules.head)[0].class_distance > strong)
    fill(library, video("a.mp4", video_face(weak, *times[0]), video_face(template, *times[1])))
    name_faces(library, small_gallery.people(), snapshot, card, card.rules, "sqlite://")
    assert [verdict for (verdict,) in library.connection.execute("SELECT verdict FROM face ORDER BY id")] == verdicts


@pytest.mark.parametrize(("times", "count"), [([(0, 5), (10, 15), (20, 25)], 1), ([(0, 5), (4, 9), (3, 7)], 0)])
def test_faces_of_a_video_are_grouped_unless_they_are_there_at_the_same_time(library, rng, times, count):
    person = near(rng, np.eye(DIMS)[0], 0)
    fill(library, video("a.mp4", *(video_face(near(rng, person), *time, x=place) for place, time in enumerate(times))))
    mark_unknown(library)
    assert group_faces(library).groups == count


@pytest.mark.parametrize(("second", "count"), [((20, 30), 1), ((5, 15), 0)])
def test_groups_are_suggested_unless_they_are_there_at_the_same_time(library, rng, second, count):
    person = near(rng, np.eye(DIMS)[0], 0)
    sister = near(rng, person, 0.45)
    for number in range(4):
        faces = video_face(near(rng, person, 0.9), 0, 10), video_face(near(rng, sister, 0.9), *second)
        fill(library, video(f"{number}.mp4", *faces))
        mark_unknown(library)
    group_faces(library)
    assert len(list_groups(library)) == 2
    assert len(suggest(library)) == count


def test_times_are_found_and_exported(library, rng, tmp_path):
    fill(library, video("a.mp4", video_face(near(rng, np.eye(DIMS)[0]), 2, 5)), row("b.jpg", face(np.eye(DIMS)[1])))
    found, other = search(library, Criteria())
    assert (found.time, other.time) == (TimeSpan(2, 5, 3.5), None)
    times = {"from": 2.0, "to": 5.0, "best": 3.5}
    assert json.loads(json.dumps(export.found_face(found))).items() >= times.items()
    assert export.found_face(other)["best"] is None
    export.write_csv(library, tmp_path / "faces.csv")
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[line[name] for name in ("duration", "from", "to", "best")] for line in rows] == [
        ["60.0", "2.0", "5.0", "3.5"],
        ["", "", "", ""],
    ]
    export.write_parquet(library, tmp_path / "faces.parquet")
    assert pq.read_table(tmp_path / "faces.parquet").to_pylist()[0].items() >= (times | {"duration": 60.0}).items()
    assert (summarize(library).photos, summarize(library).videos) == (1, 1)


def test_decisions_about_a_changed_video_move_to_the_most_similar_face(library, rng):
    ann, bob = near(rng, np.eye(DIMS)[0], 0), near(rng, np.eye(DIMS)[1], 0)
    fill(library, video("a.mp4", video_face(ann, 0, 5), video_face(bob, 6, 9)))
    decisions.confirm(library, [1], "Ann Lee")
    fill(
        library, video("a.mp4", video_face(near(rng, bob), 0, 3), video_face(near(rng, ann), 20, 22, 500), data=b"new")
    )
    assert [(one.number, one.source) for one in search(library, Criteria(["Ann Lee"]))] == [(2, "confirmed")]


@pytest.fixture
def group(library, rng):
    """A group of faces that only videos show."""
    person = near(rng, np.eye(DIMS)[0], 0)
    for number in range(3):
        fill(library, video(f"{number}.mp4", video_face(near(rng, person), 0, 10)))
        mark_unknown(library)
    assert group_faces(library).groups == 1
    return 1


def test_a_group_that_only_videos_show_enrolls_nobody(library, recognizer, group):
    review = review_group(library, recognizer, group, "Ann Lee")
    assert review.enrollment.photos == ()
    with pytest.raises(
        LibraryError, match=r"^All faces of group 1 are from videos and cannot be enrolled\. Enroll Ann"
    ):
        name_group(library, recognizer, review)


def test_such_a_group_can_be_named_like_a_person_of_the_gallery(library, recognizer, group):
    before = recognizer.gallery.find(OTHER).anchors
    name_group(library, recognizer, review_group(library, recognizer, group, OTHER))
    assert len(search(library, Criteria([OTHER]))) == 3
    assert recognizer.gallery.find(OTHER).anchors == before
