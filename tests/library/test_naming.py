"""Naming with the shipped network's rules and embeddings around a few anchors of the shipped gallery."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import PersonNotFound
from app.library import decisions, groups, naming
from app.library.naming import Renaming, name_faces
from app.recognition.decision import decide, resolve_duplicate_matches
from app.recognition.scoring import rank
from app.vision.quality import Quality
from tests.library.conftest import face, fill, row
from tests.photos import OTHER, PERSON

URL = "sqlite:///gallery.sqlite"


@pytest.fixture
def card(recognizer):
    return recognizer.network.card


@pytest.fixture
def anchors(recognizer):
    """Return a function that returns unused anchors of a person of the shipped gallery."""
    shipped = recognizer.gallery.snapshot()
    return lambda name: shipped.person(shipped.names.index(name))[32:]


@pytest.fixture
def name_all(library, small_gallery, card):
    """Name all faces by the small gallery; return the report and the changes."""

    def run(gallery_url: str = URL):
        changes: list[Renaming] = []
        everyone, snapshot = small_gallery.people(), small_gallery.snapshot()
        report = name_faces(library, everyone, snapshot, card, card.rules, gallery_url, changes.append)
        return report, changes

    return run


def names(library) -> list[tuple]:
    return library.connection.execute(
        "SELECT verdict, person.name, source FROM face LEFT JOIN person ON person.id = person_id ORDER BY face.id"
    ).fetchall()


def test_verdicts_are_those_of_the_server(library, small_gallery, card, anchors, name_all, rng):
    between = anchors(PERSON)[12:16] + anchors(OTHER)[12:16]
    known = [*anchors(PERSON)[:12], *anchors(OTHER)[:12], *between, *rng.normal(size=(8, 128)).astype(np.float32)]
    rng.shuffle(known)
    faces = [face(embedding / np.linalg.norm(embedding), x) for x, embedding in enumerate(known)]
    faces[5] = face(None)
    faces[6] = replace(faces[6], quality=Quality(eye_distance=2.0, detail=1.0, norm=20.0))
    photos = [row(f"{start}.jpg", *faces[start : start + 4]) for start in range(0, 36, 4)]
    fill(library, *photos)
    report, _ = name_all()
    assert report.faces == 36
    snapshot = small_gallery.snapshot()
    expected = []
    for photo in photos:
        verdicts = []
        for one in photo.faces:
            ranking = () if one.embedding is None else rank(one.embedding, snapshot, card.rules.head)
            verdicts.append(decide(ranking, card.rules, card.quality.flaw(one.quality)))
        expected += resolve_duplicate_matches(verdicts, card.rules, len(snapshot))
    stored = library.connection.execute(
        "SELECT verdict, person.name, candidate.name, distance FROM face LEFT JOIN person ON person.id = person_id "
        "LEFT JOIN person AS candidate ON candidate.id = candidate_id ORDER BY face.id"
    ).fetchall()
    assert {verdict.kind for verdict in expected} == {"match", "ambiguous", "unknown", "low_quality"}
    for (kind, person, candidate, distance), verdict in zip(stored, expected, strict=True):
        assert (kind, person) == (verdict.kind, verdict.person)
        assert candidate == (verdict.candidates[0] if verdict.candidates else verdict.look_alike)
        assert distance == pytest.approx(verdict.class_distance, abs=1e-5)


def test_faces_of_the_opt_out_list_are_unknown_and_in_no_group(library, small_gallery, anchors, name_all):
    fill(library, row("a.jpg", *(face(one, x) for x, one in enumerate(anchors(PERSON)[:3]))))
    fill(library, row("b.jpg", face(anchors(OTHER)[0])))
    before = name_all()[0].named
    assert before > 1
    small_gallery.rights.add_opt_out(None, anchors(PERSON)[:3])
    assert name_all()[0].no_longer_named == before - 1
    assert names(library) == [*[("opted_out", None, "automatic")] * 3, ("match", OTHER, "automatic")]
    assert groups.group_faces(library) == groups.Grouping()
    small_gallery.rights.remove_opt_out(1)
    assert name_all()[0].faces == 4
    assert "opted_out" in {verdict for verdict, *_ in names(library)}


def test_only_new_faces_are_judged_while_the_gallery_is_the_same(library, anchors, name_all):
    fill(library, row("a.jpg", face(anchors(PERSON)[0])))
    assert name_all()[0].named == 1
    assert name_all()[0].faces == 0
    fill(library, row("b.jpg", face(anchors(OTHER)[0])))
    report, changes = name_all()
    assert (report.faces, report.named) == (1, 1)
    assert [change.face_id for change in changes] == [2]


def test_changes_of_the_gallery_are_reported(library, small_gallery, anchors, name_all):
    fill(library, *(row(f"{number}.jpg", face(anchors(PERSON)[number])) for number in range(3)))
    small_gallery.remove(PERSON)
    assert name_all()[0].named == 0
    small_gallery.restore(PERSON)
    report, changes = name_all()
    assert (report.faces, report.named) == (3, 3)
    assert [change.before for change in changes] == [None] * 3
    small_gallery.remove(PERSON)
    report, changes = name_all()
    assert (report.named, report.no_longer_named) == (0, 3)
    assert names(library) == [("unknown", None, "automatic")] * 3
    small_gallery.restore(PERSON)
    name_all()
    small_gallery.add("Double", anchors(PERSON)[:3], ["a"] * 3)
    small_gallery.remove(PERSON)
    assert name_all()[0].renamed == 3


def test_a_person_who_is_renamed_in_the_gallery_is_renamed(library, small_gallery, anchors, name_all):
    fill(library, row("a.jpg", face(anchors(PERSON)[0]), face(anchors(OTHER)[0], x=500)))
    name_all()
    decisions.confirm(library, [1], PERSON)
    small_gallery.rename(PERSON, "Someone")
    small_gallery.rename(OTHER, PERSON)
    small_gallery.rename("Someone", OTHER)
    report, _ = name_all()
    assert (report.named, report.renamed, report.no_longer_named) == (0, 0, 0)
    assert names(library) == [("match", OTHER, "confirmed"), ("match", PERSON, "automatic")]
    # Another gallery may have other people of the same IDs.
    small_gallery.rename(OTHER, "Nobody")
    name_all(gallery_url="sqlite:///another.sqlite")
    assert names(library)[0] == ("match", OTHER, "confirmed")


def test_a_person_who_is_merged_in_the_gallery_is_merged(library, small_gallery, anchors, name_all):
    fill(library, row("a.jpg", face(anchors(PERSON)[0])), row("b.jpg", face(anchors(OTHER)[0])))
    name_all()
    decisions.confirm(library, [1], PERSON)
    small_gallery.merge(PERSON, OTHER)
    name_all()
    assert names(library) == [("match", OTHER, "confirmed"), ("match", OTHER, "automatic")]


def test_decisions_are_kept(library, anchors, name_all):
    mine, other = anchors(PERSON)[:2], anchors(OTHER)
    fill(library, row("a.jpg", face(mine[0]), face(other[0], x=500)), row("b.jpg", face(mine[1])))
    name_all()
    decisions.confirm(library, [2], "My neighbor")
    decisions.reject(library, [3], PERSON)
    report, changes = name_all()
    assert (report.faces, changes) == (3, [])
    assert names(library) == [
        ("match", PERSON, "automatic"),
        ("match", "My neighbor", "confirmed"),
        ("unknown", None, "automatic"),
    ]
    with library.reading() as connection:
        distances = connection.execute("SELECT distance FROM face ORDER BY id").fetchall()
    # That of the closest person says nothing about a confirmed one.
    assert [distance is None for (distance,) in distances] == [False, True, False]
    with pytest.raises(PersonNotFound, match=f"Did you mean {PERSON}"):
        decisions.reject(library, [3], PERSON[:-1])
    decisions.take_back(library, [2, 3])
    assert name_all()[0].named == 2
    assert [name for _, name, _ in names(library)] == [PERSON, OTHER, PERSON]


def test_all_faces_are_judged_again_after_a_decision_or_an_interruption(library, small_gallery, card, anchors):
    fill(library, row("a.jpg", face(anchors(PERSON)[0])), row("b.jpg", face(anchors(OTHER)[0])))

    def run(on_progress=lambda _: None) -> int:
        everyone, snapshot = small_gallery.people(), small_gallery.snapshot()
        return name_faces(library, everyone, snapshot, card, card.rules, URL, on_progress=on_progress).faces

    def interrupt(_faces):
        raise KeyboardInterrupt

    assert run(lambda _: decisions.confirm(library, [1], "Ann")) == 2
    assert (run(), run()) == (2, 0)
    library.connection.execute("UPDATE face SET verdict = NULL WHERE id = 2")
    with pytest.raises(KeyboardInterrupt):
        run(interrupt)
    assert (run(), run()) == (2, 0)


def test_a_confirmed_person_is_not_matched_twice_in_a_photo(library, small_gallery, card, anchors, name_all):
    snapshot = small_gallery.snapshot()
    template = snapshot.templates[snapshot.names.index(PERSON)]
    mixed = (share * template + (1 - share) * np.roll(template, 7) for share in np.linspace(1, 0, 200))
    # The first face that is no strong match.
    strong = card.rules.strong_threshold(32, len(snapshot))
    units = ((row / np.linalg.norm(row)).astype(np.float32) for row in mixed)
    weak = next(row for row in units if rank(row, snapshot, card.rules.head)[0].class_distance > strong)
    fill(library, row("a.jpg", face(weak), face(anchors(OTHER)[0], x=500)))
    name_all()
    assert [name for _, name, _ in names(library)] == [PERSON, OTHER]
    decisions.confirm(library, [2], PERSON)
    name_all()
    assert names(library) == [("ambiguous", None, "automatic"), ("match", PERSON, "confirmed")]


def test_photos_are_never_split_between_blocks(library, small_gallery, card, anchors, monkeypatch):
    monkeypatch.setattr(naming, "_BLOCK_FACES", 3)
    mine = anchors(PERSON)
    fill(library, *(row(f"{number}.jpg", face(mine[number]), face(mine[number], x=500)) for number in range(5)))
    progress = []
    snapshot = small_gallery.snapshot()
    report = name_faces(library, small_gallery.people(), snapshot, card, card.rules, URL, on_progress=progress.append)
    assert (report.faces, progress) == (10, [2] * 5)


def test_a_naming_has_an_entry_in_the_audit_log_before_it_changes_names(library, name_all, anchors):
    entries = []
    fill(library, row("a.jpg", face(anchors(PERSON)[0]), face(anchors(OTHER)[0], 500)))

    def record(*entry):
        entries.append((*entry, library.connection.execute("SELECT count(person_id) FROM face").fetchone()[0]))

    library.audit = SimpleNamespace(record=record)
    name_all()
    name_all()
    assert entries == [("library_named", None, {"faces": 2}, 0)]
