"""`library search`, `name`, `export` and decisions, on a library of a few photos that all tests share."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from app.batch.embedder import BatchEmbedder
from app.batch.job import BatchJob
from app.batch.sources import PhotoSources
from app.gallery.record import Record
from app.library.indexing import IndexRun
from app.library.metadata.packet import Packet
from app.library.metadata.regions import Region, area_of
from app.library.metadata.schemas import MwgRegions
from app.library.store import Library
from app.vision.faces import Box
from tests.photos import OTHER, PERSON


@pytest.fixture(scope="session")
def indexed(settings, recognizer, pictures, tmp_path_factory):
    """A library of `pictures` whose faces have no names yet."""
    folder = tmp_path_factory.mktemp("indexed") / "library"
    job = BatchJob.prepare(settings, PhotoSources([str(pictures)]), thumbnails=True)
    with Library.create(folder) as library:
        library.check_origin(job.origin)
        run = IndexRun(library, job.digest)
        run.list_files(job.sources.photos())
        for rows in BatchEmbedder(job, recognizer).embed(run.pending()):
            run.add(rows)
        run.finish(lambda _path: False)
    return folder


@pytest.fixture
def folder(indexed, tmp_path, run):
    """A library with the names of the shipped gallery."""
    folder = shutil.copytree(indexed, tmp_path / "library")
    assert run("library", "name", folder).exit_code == 0
    return folder


def test_naming_reports_what_changed(run, indexed, tmp_path, pictures, recognizer):
    folder = shutil.copytree(indexed, tmp_path / "library")
    done = run("library", "name", folder, "-v")
    *changes, judged, named, renamed, gone = done.stdout.splitlines()
    assert sorted(changes) == [
        f'"{pictures / "a, both.jpg"}", 1, unknown_person, {PERSON}',
        f'"{pictures / "a, both.jpg"}", 2, unknown_person, {OTHER}',
        f"{pictures / 'inner' / 'one.png'}, 1, unknown_person, {PERSON}",
    ]
    assert judged == "3 faces judged."
    assert [line.split(maxsplit=1) for line in (named, renamed, gone)] == [
        ["3", "named"],
        ["0", "renamed"],
        ["0", "no longer named"],
    ]
    assert run("library", "name", folder).stdout == "Gallery and library have not changed since the last naming.\n"
    recognizer.gallery.remove(PERSON)
    try:
        done = run("library", "name", folder)
    finally:
        recognizer.gallery.undo()
    assert "           2 no longer named\n" in done.stdout


def test_a_library_without_faces_has_nothing_to_name(run, tmp_path):
    Library.create(tmp_path / "library").close()
    assert run("library", "name", tmp_path / "library").stdout == "The library has no faces to name.\n"


def test_thumbnails_are_kept_on_request(indexed):
    with Library.open(indexed) as library:
        sizes = [size for (size,) in library.connection.execute("SELECT length(webp) FROM thumbnail")]
    assert len(sizes) == 3
    assert max(sizes) < 6000


def test_rows_of_a_person(run, folder, pictures):
    done = run("library", "search", folder, "--person", PERSON.upper())
    assert done.exit_code == 0
    rows = [line.rsplit(", ", 4) for line in done.stdout.splitlines()]
    assert sorted((file.strip('"'), face, name) for file, face, name, *_ in rows) == [
        (str(pictures / "a, both.jpg"), "1", PERSON),
        (str(pictures / "inner" / "one.png"), "1", PERSON),
    ]
    assert done.stderr == "2 faces in 2 photos.\n"


def test_photos_of_two_people_as_json_and_csv(run, folder, pictures, tmp_path):
    people = ("--person", PERSON, "--person", OTHER)
    done = run("library", "search", folder, *people, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["file"], one["face"], one["person"]) for one in found] == [
        (str(pictures / "a, both.jpg"), 1, PERSON),
        (str(pictures / "a, both.jpg"), 2, OTHER),
    ]
    assert found[0]["verdict"] == "match"
    assert set(found[0]["box"]) == {"x", "y", "width", "height"}
    done = run("library", "search", folder, *people, "--csv", tmp_path / "found.csv")
    assert (done.stdout, done.stderr) == ("", "2 faces in 1 photo.\n")
    with (tmp_path / "found.csv").open(newline="") as file:
        assert [line["person"] for line in csv.DictReader(file)] == [PERSON, OTHER]


def test_faces_like_one_in_a_photo(run, folder, photo, tmp_path):
    (tmp_path / "who.jpg").write_bytes(photo(OTHER, PERSON))
    done = run("library", "search", folder, "--photo", tmp_path / "who.jpg", "--face", 2, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["person"] for one in found] == [PERSON, PERSON]
    assert found[0]["score"] <= found[1]["score"] < 0.2
    done = run("library", "search", folder, "--photo", tmp_path / "who.jpg", "--face", 2, "--limit", 1)
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Give at least one of --person, --unknown, --group, --photo, --since, --until and --undated."),
        (["--unknown", "--face", "2"], 2, "--face and --limit require --photo."),
        (["--person", "Nobody At All"], 2, "Error: The library has no person called 'Nobody At All'.\n"),
        (["--since", "2024", "--undated"], 2, "--undated without --since and --until."),
        (["--since", "May"], 2, "Error: 'May' is not a date."),
        (["--photo", "none.jpg"], 1, "Error: none.jpg: There is no such file."),
        (["--photo", "main.py"], 1, "Error: main.py: The file could not be read as a picture."),
    ],
)
def test_wrong_searches(run, folder, arguments, code, message):
    done = run("library", "search", folder, *arguments)
    assert done.exit_code == code
    assert message in done.stderr


def test_photos_without_a_date_are_counted(run, folder):
    done = run("library", "search", folder, "--since", "2000")
    message = "0 faces in 0 photos.\n2 photos without a date omitted. --undated finds them.\n"
    assert (done.stdout, done.stderr) == ("", message)
    assert run("library", "search", folder, "--undated").stderr == "3 faces in 2 photos.\n"


def test_found_photos_are_collected(run, folder, pictures, tmp_path):
    search = ("library", "search", folder, "--person", PERSON)
    done = run(*search, "--copy-to", tmp_path / "copies", "--link-to", tmp_path / "links")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[1:] == [
        f"2 photos copied to {tmp_path / 'copies'}.",
        f"2 photos linked to {tmp_path / 'links'}.",
    ]
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["a, both.jpg", "one.png"]
    assert (tmp_path / "links" / "one.png").resolve() == pictures / "inner" / "one.png"
    with Library.open(folder) as library:
        library.connection.execute("UPDATE file SET path = '/gone.png' WHERE path LIKE '%one.png'")
    done = run(*search, "--copy-to", tmp_path / "copies")
    assert done.exit_code == 1
    assert "/gone.png: The photo cannot be copied (No such file or directory).\n" in done.stderr


def test_decisions_about_a_face(run, folder, pictures, monkeypatch):
    monkeypatch.chdir(pictures)
    done = run("library", "confirm", folder, "a, both.jpg", "Aunt Mary", "--face", 2)
    assert done.stdout == "The face shows Aunt Mary.\n"
    assert run("library", "reject", folder, "inner/one.png", PERSON).exit_code == 0
    run("library", "name", folder)
    done = run("library", "search", folder, "--person", "aunt mary")
    assert ", 2, Aunt Mary, " in done.stdout
    assert done.stdout.endswith(", confirmed,\n")
    assert len(run("library", "search", folder, "--person", PERSON).stdout.splitlines()) == 1
    run("library", "forget", folder, "a, both.jpg", "--face", 2)
    run("library", "forget", folder, "inner/one.png")
    run("library", "name", folder)
    assert len(run("library", "search", folder, "--person", PERSON).stdout.splitlines()) == 2
    done = run("library", "undo", folder, 2)
    assert done.stdout == (
        f"Undone: Face 1 of {Path.cwd() / 'inner/one.png'} marked as not {PERSON}. "
        "1 later decision about the same faces or photos stays.\n"
    )
    rows = run("library", "changes", folder).stdout.splitlines()
    assert [row.split(", ")[0] for row in rows] == ["4", "3", "2", "1"]
    assert rows[2].endswith("(undone)")
    assert run("library", "undo", folder, 9).exit_code == 1
    done = run("library", "confirm", folder, "a, both.jpg", PERSON)
    assert (done.exit_code, "The photo has 2 faces. Choose one with --face." in done.stderr) == (1, True)


def test_names_are_written_into_sidecars(run, folder, pictures, tmp_path, recognizer):
    archive = shutil.copytree(pictures, tmp_path / "archive")
    with Library.open(folder) as library:
        library.connection.execute("UPDATE file SET path = replace(path, ?, ?)", (str(pictures), str(archive)))
    sidecar = archive / "inner" / "one.png.xmp"
    done = run("library", "write-metadata", folder, "--dry-run")
    assert done.stdout.splitlines() == [
        f'"{archive / "a, both.jpg.xmp"}", add {PERSON}, add {OTHER}',
        f"{sidecar}, add {PERSON}",
        "           2 would be changed",
        "           0 unchanged",
        "           0 failed",
    ]
    assert not sidecar.exists()
    assert recognizer.gallery.audit.entries(1)[0].action != "wrote_metadata"
    (archive / "a, both.jpg").unlink()
    done = run("library", "write-metadata", folder)
    assert done.exit_code == 1
    assert done.stderr == f"{archive / 'a, both.jpg'}: The names cannot be written (No such file or directory).\n"
    assert f"<mwg-rs:Name>{PERSON}</mwg-rs:Name>" in sidecar.read_text()
    (entry,) = recognizer.gallery.audit.entries(1)
    assert (entry.action, entry.details) == ("wrote_metadata", {"confirmed_only": False, "embedded": False})


def test_people_without_a_face(run, folder, pictures):
    photo = pictures / "inner" / "one.png"
    assert run("library", "tag", folder, photo, "aunt mary").stdout == "The photo shows aunt mary.\n"
    done = run("library", "search", folder, "--person", "Aunt Mary")
    assert (done.stdout, done.stderr) == (f"{photo}, , aunt mary, , tagged,\n", "1 face in 1 photo.\n")
    (found,) = run("library", "search", folder, "--person", "Aunt Mary", "--json").stdout.splitlines()
    assert {key: value for key, value in json.loads(found).items() if value} == {
        "file": str(photo),
        "person": "aunt mary",
        "source": "tagged",
    }
    done = run("library", "untag", folder, photo, "Aunt Mary")
    assert done.stdout == "Aunt Mary is no longer tagged in the photo.\n"
    assert run("library", "untag", folder, photo, "Aunt Mary").stderr.endswith("is not tagged in this photo.\n")


@pytest.fixture
def labeled(folder, pictures, tmp_path):
    """The library of a copy of `pictures`, in which another program gave names to the faces of two photos."""
    archive = shutil.copytree(pictures, tmp_path / "archive")
    with Library.open(folder) as library:
        library.connection.execute("UPDATE file SET path = replace(path, ?, ?)", (str(pictures), str(archive)))
        query = "SELECT path, number, x, y, f.width, f.height, p.width, p.height FROM face AS f JOIN photo AS p "
        for path, number, *box, width, height in library.connection.execute(
            query + "ON p.id = photo_id JOIN file USING (photo_id)"
        ).fetchall():
            packet = Packet()
            name = "Zoë Example" if number == 1 else OTHER.lower()
            MwgRegions(packet).add(Region(name, area_of(Box(*box), width, height)), (width, height))
            Path(f"{path}.xmp" if number == 1 else Path(path).with_suffix(".xmp")).write_bytes(packet.serialize())
    return archive


def test_names_of_other_programs_are_read_and_confirmed(run, folder, labeled, recognizer):
    both = labeled / "a, both.jpg"
    done = run("library", "read-metadata", folder, "--confirm")
    (entry,) = recognizer.gallery.audit.entries(1)
    assert (entry.action, entry.details["faces"]) == ("library_read_metadata", 3)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            f'"{both}", 1, Zoë Example, new, "a, both.jpg.xmp"',
            f'"{both}", 2, {OTHER}, in_gallery, "a, both.xmp"',
            f"{labeled / 'inner' / 'one.png'}, 1, Zoë Example, new, one.png.xmp",
        ],
    )
    assert done.stderr.splitlines() == [
        "3 names of 2 people: 3 at detected faces.",
        "3 faces confirmed, 0 were before.",
    ]
    run("library", "name", folder)
    assert len(run("library", "search", folder, "--person", "Zoë Example").stdout.splitlines()) == 2
    (labeled / "a, both.xmp").write_bytes(b"<x/>")
    done = run("library", "read-metadata", folder)
    assert done.exit_code == 1
    assert f"{labeled / 'a, both.xmp'}: The metadata cannot be read (it is not XMP" in done.stderr
    assert "--dry-run requires --confirm or --enroll." in run("library", "read-metadata", folder, "--dry-run").stderr


def test_names_of_other_programs_that_opted_out_are_left_out(run, folder, labeled, recognizer):
    entry = recognizer.gallery.rights.add_opt_out("zoë example")
    try:
        done = run("library", "read-metadata", folder, "--confirm", "--enroll", "--dry-run")
    finally:
        recognizer.gallery.rights.remove_opt_out(entry.id)
    assert done.exit_code == 0
    assert "2 names on the opt-out list left out." in done.stderr
    assert "1 face would be confirmed, 0 were before." in done.stderr


def test_people_are_enrolled_from_names_of_other_programs(run, folder, labeled, recognizer):
    done = run("library", "read-metadata", folder, "--enroll", "--dry-run")
    rows = done.stdout.splitlines()[3:]
    assert [row for row in rows if row.startswith("Zoë Example") and ", look_alike, " in row]
    assert recognizer.gallery.find("Zoë Example") is None
    recognizer.gallery.remove(PERSON)
    try:
        done = run("library", "read-metadata", folder, "--enroll")
        assert recognizer.gallery.find("Zoë Example") is not None
    finally:
        while recognizer.gallery.find(PERSON) is None:
            recognizer.gallery.undo()
    assert recognizer.gallery.find("Zoë Example") is None
    assert "Name the faces again: python main.py library name LIBRARY" in done.stderr


def test_people_of_other_programs_get_a_record(run, folder, labeled, recognizer, monkeypatch):
    assert "--basis requires --enroll." in run("library", "read-metadata", folder, "--basis", "consent").stderr
    monkeypatch.setattr(recognizer.gallery, "_require_basis", True)
    recognizer.gallery.remove(PERSON)
    try:
        done = run("library", "read-metadata", folder, "--enroll")
        assert "Zoë Example has no legal basis in the gallery" in done.stderr
        assert recognizer.gallery.find("Zoë Example") is None
        run("library", "read-metadata", folder, "--enroll", "--basis", "consent")
        assert recognizer.gallery.find("Zoë Example").record.basis == "consent"
    finally:
        while recognizer.gallery.find(PERSON) is None:
            recognizer.gallery.undo()


def test_exports(run, folder, tmp_path):
    parquet, table = tmp_path / "faces.parquet", tmp_path / "faces.csv"
    assert run("library", "export", folder, "--parquet", parquet, "--csv", table).exit_code == 0
    assert len(pd.read_parquet(parquet)) == len(table.read_text().splitlines()) - 1 == 5
    assert "Give --parquet FILE, --csv FILE, or both." in run("library", "export", folder).stderr


def test_the_contents_of_a_library(run, folder, tmp_path):
    done = run("library", "show", folder)
    assert done.stdout.splitlines()[:3] == [f"Library {folder}:", "           4 photos", "           3 faces"]
    assert "is not a library" in run("library", "show", tmp_path).stderr


def test_all_verdicts_are_counted(run, indexed, tmp_path):
    copied = shutil.copytree(indexed, tmp_path / "library")
    assert "           3 not named yet\n" in run("library", "show", copied).stdout
    with Library.open(copied) as library, library.writing() as connection:
        connection.execute("UPDATE face SET verdict = 'opted_out' WHERE id = (SELECT min(id) FROM face)")
    shown = run("library", "show", copied).stdout
    assert "           2 not named yet\n           1 opted out\n" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s3://bucket/library"], "s3://bucket/library: A library is a folder on this machine and cannot be at a URL."),
        (["library", "--address", "auto"], "--address requires --engine ray."),
    ],
)
def test_wrong_arguments_create_no_library(run, pictures, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = run("library", "index", pictures, *arguments)
    assert (done.exit_code, message in done.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_another_network_is_rejected(run, folder):
    with Library.open(folder) as library:
        library.write_property("origin", {"network": "other"})
    done = run("library", "name", folder)
    assert (done.exit_code, "were made with another network. Set FACES_MODEL to it" in done.stderr) == (1, True)


@pytest.fixture
def unknown(indexed, tmp_path, run, recognizer, monkeypatch):
    """A library with two faces of a person who is not in the gallery."""
    monkeypatch.setattr("app.library.groups.LEAST_FACES", 2)
    folder = shutil.copytree(indexed, tmp_path / "library")
    recognizer.gallery.remove(PERSON)
    run("library", "name", folder)
    yield folder
    recognizer.gallery.restore(PERSON)


def test_groups_of_unknown_faces(run, unknown, pictures, tmp_path):
    done = run("library", "groups", unknown)
    number, faces, taken, *_ = done.stdout.split(", ")
    assert (number, faces, taken) == ("1", "2", "2")
    assert f"{pictures / 'inner' / 'one.png'}=1" in done.stdout
    assert done.stderr == "1 new group. 0 faces joined earlier groups.\n"
    (group,) = map(json.loads, run("library", "groups", unknown, "--json").stdout.splitlines())
    assert {name: group[name] for name in ("group", "faces", "photos", "since")} == {
        "group": 1,
        "faces": 2,
        "photos": 2,
        "since": None,
    }
    assert set(group["examples"][0]) == {"file", "face", "box", "from", "to", "best"}
    run("library", "groups", unknown, "--csv", tmp_path / "groups.csv")
    with (tmp_path / "groups.csv").open(newline="") as file:
        assert [(line["group"], line["face"]) for line in csv.DictReader(file)] == [("1", "1"), ("1", "1")]
    assert run("library", "search", unknown, "--group", 1).stderr == "2 faces in 2 photos.\n"
    with Library.open(unknown) as library, library.lock():
        done = run("library", "groups", unknown)
    assert (done.exit_code, done.stdout.split(", ")[:3]) == (0, [number, faces, taken])
    assert done.stderr.startswith(f"Another run is writing to {unknown}. The groups are those of the last run")


def test_naming_a_group_enrolls_and_can_be_undone(run, unknown, recognizer):
    run("library", "groups", unknown)
    done = run("library", "name-group", unknown, 1, "New Name", "--review")
    outcomes = [line.split(", ")[-2] for line in done.stdout.splitlines()]
    assert recognizer.gallery.find("New Name") is None
    done = run("library", "name-group", unknown, 1, "New Name")
    assert done.exit_code == 0
    assert "2 faces named New Name, " in done.stdout
    person = recognizer.gallery.find("New Name")
    assert 1 <= person.anchors == outcomes.count("accepted") <= 2
    found = run("library", "search", unknown, "--person", "new name", "--json").stdout.splitlines()
    assert [json.loads(line)["source"] for line in found] == ["confirmed", "confirmed"]
    assert "has no group 1" in run("library", "name-group", unknown, 1, "Other").stderr
    assert run("library", "changes", unknown).stdout.endswith(", Group 1 named New Name: 2 faces\n")
    assert run("library", "undo", unknown).stdout == "Undone: Group 1 named New Name: 2 faces.\n"
    assert recognizer.gallery.find("New Name") is None
    assert len(run("library", "groups", unknown).stdout.splitlines()) == 1
    assert "There is no decision to undo." in run("library", "undo", unknown).stderr


def test_naming_a_group_takes_a_record_and_asks_for_a_required_basis(run, unknown, recognizer, monkeypatch):
    run("library", "groups", unknown)
    monkeypatch.setattr(recognizer.gallery, "_require_basis", True)
    name_group = ("library", "name-group", unknown, 1, "New Name")
    assert run(*name_group, "--review").exit_code == 0
    done = run(*name_group)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "New Name has no legal basis in the gallery" in done.stderr
    assert run(*name_group, "--date", "May").stderr == "Error: The date is 'May'. Write it as 2026-12-31.\n"
    done = run(*name_group, "--basis", "consent", "--source", "Album", "--date", "2024-05-01")
    assert done.exit_code == 0
    assert recognizer.gallery.find("New Name").record == Record("Album", "consent", "", "2024-05-01")
    entries = [(entry.action, entry.person) for entry in recognizer.gallery.audit.entries(3)]
    assert entries == [("library_named", None), ("library_name_group", "New Name"), ("added", "New Name")]
    run("library", "undo", unknown)
    assert recognizer.gallery.find("New Name") is None


def test_a_group_that_looks_like_another_person_is_not_enrolled(run, unknown, recognizer):
    run("library", "groups", unknown)
    recognizer.gallery.restore(PERSON)
    try:
        done = run("library", "name-group", unknown, 1, "New Name")
        assert done.exit_code == 1
        assert f"The face looks like {PERSON}, who is already in the gallery." in done.stdout
        assert "No face of group 1 can be enrolled for New Name, so nothing was changed." in done.stderr
        assert recognizer.gallery.find("New Name") is None
    finally:
        recognizer.gallery.remove(PERSON)


def test_a_group_whose_photos_are_gone_or_changed(run, unknown, recognizer, photo, tmp_path):
    run("library", "groups", unknown)
    (tmp_path / "other.jpg").write_bytes(photo(OTHER, OTHER))
    with Library.open(unknown) as library:
        library.connection.execute("UPDATE file SET path = '/gone.png' WHERE path LIKE '%one.png'")
        library.connection.execute(
            "UPDATE file SET path = ? WHERE path LIKE '%both.jpg'", (str(tmp_path / "other.jpg"),)
        )
    done = run("library", "name-group", unknown, 1, "New Name")
    assert '/gone.png, face 1", unreadable, There is no such file.' in done.stdout
    assert "The photo has changed since it was indexed. Index the archive again." in done.stdout
    assert done.exit_code == 1


def test_answers_about_groups(run, unknown):
    run("library", "groups", unknown)
    assert run("library", "groups", unknown, "--suggest").stderr == "0 suggestions.\n"
    assert run("library", "groups", unknown, "--suggest", "--csv", "x.csv").exit_code == 2
    done = run("library", "keep-apart", unknown, 1, OTHER)
    assert done.stdout == f"Group 1 and {OTHER} are different people.\n"
    assert f"Did you mean {OTHER}?" in run("library", "keep-apart", unknown, 1, OTHER[:-1]).stderr
    assert "has no group 2" in run("library", "keep-apart", unknown, 1, 2).stderr
    assert "has no group 2" in run("library", "merge-groups", unknown, 2, 1).stderr
