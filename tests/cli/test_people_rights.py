"""`people` commands about records and rights."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zipfile import ZipFile

import numpy as np
import pytest
from sqlalchemy import update

from app.gallery import bundle
from app.gallery.tables import PersonRow
from app.library import decisions
from app.library.store import Library
from tests.cli.test_people import ALLOW, NEWCOMER
from tests.library.conftest import face, fill, row


@pytest.fixture
def gallery(recognizer):
    """The shared gallery. People and opt-outs that a test adds are removed after it."""
    before = {person.name for person in recognizer.gallery.people()}
    yield recognizer.gallery
    for entry in recognizer.gallery.rights.list_opt_outs():
        recognizer.gallery.rights.remove_opt_out(entry.id)
    for person in [*recognizer.gallery.people(), *recognizer.gallery.removed_people()]:
        if person.name not in before:
            recognizer.gallery.rights.erase([person.id])


@pytest.fixture
def newcomer(run, gallery, pictures):
    """A new person with one photo and a record."""
    photo = pictures / "inner" / "one.png"
    assert run("people", "add", NEWCOMER, photo, *ALLOW, "--basis", "consent", "--date", "2024-05-01").exit_code == 0
    return NEWCOMER


@pytest.fixture
def library(tmp_path, rng):
    """A library in which a face is confirmed as the new person."""
    with Library.create(tmp_path / "library") as library:
        fill(library, row("a.jpg", face(rng.normal(size=128).astype(np.float32))))
        decisions.confirm(library, [1], NEWCOMER)
    return tmp_path / "library"


def test_a_record_is_printed_and_changed(run, newcomer):
    assert run("people", "record", newcomer).stdout == (
        "source,\nbasis, consent\nreference,\ndate, 2024-05-01\nexpires,\n"
    )
    done = run("people", "record", newcomer, "--basis", "", "--source", "Album")
    assert done.stdout.startswith("source, Album\nbasis,\n")
    done = run("people", "record", newcomer, "--date", "", "--expires", "2020-01-01")
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: The record would have expired on 2020-01-01. Give a day after today.\n",
    )


def test_expiring_people_are_listed(run, newcomer, gallery):
    today = datetime.now(UTC).date()
    run("people", "record", newcomer, "--expires", str(today + timedelta(days=3)))
    assert run("people", "expire").stdout == f'"{newcomer}", expires, {today + timedelta(days=3)}\n'
    assert run("people", "expire", "--within", 1).stderr == "No record has expired, or expires within 1 day.\n"
    with gallery._database.writing() as connection:
        connection.execute(update(PersonRow).where(PersonRow.name == newcomer).values(expires=str(today)))
    for _ in range(2):
        assert run("people", "expire", "--dry-run").stdout == f'"{newcomer}", hide, {today}\n'
    assert run("people", "expire").stdout == f'"{newcomer}", erase, {today + timedelta(days=30)}\n'
    assert gallery.find(newcomer) is None


def test_a_required_basis_is_asked_for(run, gallery, pictures, monkeypatch):
    monkeypatch.setattr(gallery, "_require_basis", True)
    done = run("people", "add", NEWCOMER, pictures / "inner" / "one.png", *ALLOW)
    assert done.exit_code == 1
    assert "has no legal basis in the gallery, and FACES_REQUIRE_BASIS requires one" in done.stderr
    assert gallery.find(NEWCOMER) is None


def test_everything_about_a_person_is_written_to_a_file(run, newcomer, library, tmp_path):
    file = tmp_path / "data.zip"
    done = run("people", "data", newcomer, file, "--library", library)
    assert done.stdout.endswith("data.zip: 1 picture, 2 embeddings.\n")
    assert file.stat().st_mode & 0o777 == 0o600
    with ZipFile(file) as archive:
        index = json.loads(archive.read("data.json"))
        names = archive.namelist()
    found = index["gallery"]
    assert (found["name"], found["record"]["basis"]) == (newcomer, "consent")
    assert [photo["note"] for photo in found["reference_photos"]] == ["one.png"]
    assert [change["change"] for change in found["changes"]] == [f"added 1 anchor of {newcomer}"]
    entries = found["audit_entries"]
    assert [entry["action"] for entry in entries] == ["added", "exported_data"]
    assert {entry["person"] for entry in entries} == {newcomer}
    assert [hit["file"] for hit in index["libraries"][0]["faces"]] == ["a.jpg"]
    assert len(names) == 4
    assert "Did you mean Drake?" in run("people", "data", "Darke", file).stderr


def test_erasing_prints_the_proof(run, newcomer, library):
    done = run("people", "erase", newcomer, "--library", library)
    assert done.exit_code == 0
    first, second, third, fourth, fifth = done.stdout.splitlines()
    assert first == f"{newcomer} was erased."
    assert second.startswith("Searched gallery.sqlite, gallery.sqlite-wal, gallery.sqlite-shm (")
    assert second.endswith(" MB) for 1 portrait and 1 embedding.")
    assert fourth == f"{library}: 1 face and 0 tags in 1 photo erased."
    assert (third, fifth) == ("Nothing remains.", "Nothing remains.")
    assert "library write-metadata" in done.stderr
    again = run("people", "erase", newcomer, "--library", library)
    assert (again.exit_code, again.stdout.splitlines()[0]) == (1, f"{library}: 0 faces and 0 tags in 0 photos erased.")
    assert run("people", "erase", newcomer).exit_code == 1


def test_people_of_a_library_alone_are_erased_beside_others(run, newcomer, library, gallery):
    with Library.open(library) as opened:
        decisions.confirm(opened, [1], "Zed")
    gallery.audit.record("library_confirm", "Zed")
    done = run("people", "erase", newcomer, "Zed", "--library", library)
    assert done.exit_code == 0
    assert f"{newcomer} was erased." in done.stdout
    assert f"{library}: 1 face and 0 tags in 1 photo erased." in done.stdout
    assert "Zed" in done.stderr
    assert gallery.find(newcomer) is None
    assert gallery.audit.entries(person_names=["Zed"]) == []
    assert [entry.action for entry in gallery.audit.entries(2)] == ["purged", "library_erased"]


def test_the_list_of_erased_people_is_applied(run, newcomer, gallery, tmp_path):
    uuid = gallery.rights.collect_data(newcomer).values["uuid"]
    file = tmp_path / "erased.csv"
    file.write_text(f"{uuid}, 2026-11-28T10:00:00+00:00\n")
    done = run("people", "erasures", "--apply", file)
    assert (done.stdout, done.stderr) == (f"{newcomer} was erased.\n", "1 person of 1 erased again.\n")
    assert uuid in run("people", "erasures").stdout
    file.write_text("x\n")
    assert "row 1: Expected an ID and a time" in run("people", "erasures", "--apply", file).stderr


def test_people_opt_out_by_photo_and_name(run, gallery, pictures):
    photo = pictures / "inner" / "one.png"
    before = run("identify", photo).stdout
    assert ", match" in before
    done = run("people", "opt-out", "add", "Zed", "--photo", photo, "--reference", "Letter 3")
    assert done.exit_code == 0
    number, *entry = run("people", "opt-out", "list").stdout.split(", ")
    assert entry[:2] == ["Zed", "face"]
    assert run("identify", photo).stdout.endswith("unknown_person, , unknown\n")
    review = run("people", "add", NEWCOMER, photo, *ALLOW)
    assert "opted_out, The face is on the opt-out list" in review.stdout
    refused = run("people", "add", "zed", pictures / "a, both.jpg")
    assert "zed is on the opt-out list and cannot be enrolled" in refused.stderr.lower()
    assert run("people", "opt-out", "remove", number).stdout == f"Opt-out {number} was removed.\n"
    assert run("identify", photo).stdout == before
    assert "No face" not in run("people", "opt-out", "add", "--photo", pictures / "nobody.webp").stdout
    assert run("people", "opt-out", "add").exit_code == 2


def test_records_are_imported_beside_the_folders(run, gallery, pictures, tmp_path):
    source = tmp_path / "people"
    (source / NEWCOMER).mkdir(parents=True)
    (source / NEWCOMER / "one.png").write_bytes((pictures / "inner" / "one.png").read_bytes())
    (source / "records.csv").write_text(f'person,basis,expires\n"{NEWCOMER}",consent,2999-01-01\nX,why,\n')
    done = run("people", "import", source, *ALLOW)
    assert done.exit_code == 1
    assert "records.csv, row 3: The basis is 'why'." in done.stderr
    assert (gallery.find(NEWCOMER).record.basis, gallery.find(NEWCOMER).record.expires) == ("consent", "2999-01-01")
    (source / "records.csv").write_text("name,basis\n")
    assert "The first line of records.csv must have columns of: person," in run("people", "import", source).stderr


def test_imports_refuse_photos_of_people_who_opted_out(run, gallery, pictures, tmp_path):
    photo = pictures / "inner" / "one.png"
    run("people", "opt-out", "add", "--photo", photo)
    (tmp_path / "people" / NEWCOMER).mkdir(parents=True)
    (tmp_path / "people" / NEWCOMER / "one.png").write_bytes(photo.read_bytes())
    done = run("people", "import", tmp_path / "people", *ALLOW)
    assert done.exit_code == 1
    assert "one.png: The face is on the opt-out list: this person asked not to be enrolled." in done.stderr
    assert "opted_out" in (tmp_path / "people.csv").read_text()
    faces = [bundle.BundledFace("one.png", face) for face in gallery.snapshot().opted_out]
    person = bundle.BundledPerson(NEWCOMER, faces, [], None, uuid=str(uuid4()))
    bundle.write(tmp_path / "gallery.faces", gallery.network_id, [person])
    done = run("people", "import", tmp_path / "gallery.faces")
    assert (done.exit_code, done.stdout.partition(".")[0]) == (1, "0 anchors imported")
    assert done.stderr.startswith(f'"{NEWCOMER}", one.png, opted_out, The face is on the opt-out list')
    assert gallery.find(NEWCOMER) is None


def test_the_library_of_the_settings_is_included(run, newcomer, library, monkeypatch, tmp_path):
    monkeypatch.setenv("FACES_LIBRARY", str(library))
    run("people", "data", newcomer, tmp_path / "data.zip")
    with ZipFile(tmp_path / "data.zip") as archive:
        index = json.loads(archive.read("data.json"))
    assert [len(hit["faces"]) for hit in index["libraries"]] == [1]
    assert index["gallery"]["opt_outs"] == []
    done = run("people", "erase", newcomer, "--library", library, "--sidecars")
    assert (done.exit_code, done.stdout.count(f"{library}: 1 face and 0 tags in 1 photo erased.")) == (0, 1)
    assert done.stdout.endswith("Nothing remains.\n0 sidecars changed.\n")
